"""The merge is compared on many windows, by average and worst result, and gets more popularity where that helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smart_retail.evaluation.metrics import mean_and_worst
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.blend import HISTORY_BUCKETS, default_weights
from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.source_registry import SOURCE_EASE, SOURCE_POPULAR, SOURCES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid import merge_selection
from smart_retail.training.hybrid.training_examples import TrainingExamples
from smart_retail.training.hybrid.window_checks import WindowChecks, hedged_weights
from smart_retail.training.kernels import batch_scorer
from smart_retail.training.models.components import ComponentVariants, fit_components

N_SHOPPERS, N_ITEMS = 30, 30


def window(bought: int) -> TrainingExamples:
    """All shoppers buy one item; EASE ranks the items ascending, popularity descending."""
    n = N_SHOPPERS * N_ITEMS
    item = np.tile(np.arange(N_ITEMS), N_SHOPPERS)
    normalized = np.zeros((len(SOURCES), n))
    normalized[SOURCE_EASE] = 1 / (1 + item)
    normalized[SOURCE_POPULAR] = np.where(item == N_ITEMS - 1, 1.0, item / N_ITEMS / 2)
    return TrainingExamples(
        candidates=Candidates(
            indptr=np.arange(N_SHOPPERS + 1) * N_ITEMS,
            shopper=np.repeat(np.arange(N_SHOPPERS), N_ITEMS),
            item=item,
            source_scores=normalized,
            entry=np.full(n, -1),
        ),
        normalized=normalized,
        features=np.zeros((n, len(feature_names())), np.float32),
        hit=item == bought,
        bucket=np.full(N_SHOPPERS, len(HISTORY_BUCKETS) - 1),
        n_bought=np.ones(N_SHOPPERS, np.int64),
    )


@pytest.fixture
def weights():
    out = np.zeros((len(HISTORY_BUCKETS), len(SOURCES)))
    out[:, SOURCE_EASE] = 1.0
    return out


def test_the_worst_quarter_of_the_windows_counts_as_much_as_all():
    assert mean_and_worst(np.array([1.0, 1.0, 1.0, 0.2])) == pytest.approx((0.8 + 0.2) / 2)
    assert mean_and_worst(np.array([[1.0, 0.5]] * 12)).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(("bought", "hedged"), [([0, 0, 0, 0, 0], False), ([0, 0, 29, 0, 0], True)])
def test_popularity_gets_more_weight_where_it_saves_a_past_window(weights, bought, hedged):
    checks = WindowChecks([window(item) for item in bought])
    decision = merge_selection._choose_hedge(merge_selection.MergeDecision("New products."), checks, weights, None)
    assert (decision.hedge > 0) == hedged
    assert "5 past periods" in decision.text
    figures = decision.figures["hedging"]
    assert figures["worst"][0] == pytest.approx(0.0 if hedged else 1.0)
    assert ("instead of 0.0 %" in decision.text) == hedged


def test_a_hedge_that_costs_much_in_the_newest_window_is_not_used(weights):
    checks = WindowChecks([window(item) for item in (29, 29, 29, 29, 8)])
    decision = merge_selection._choose_hedge(merge_selection.MergeDecision("New products."), checks, weights, None)
    assert decision.figures["hedging"]["mean"][-1] > decision.figures["hedging"]["mean"][0]
    assert decision.hedge == 0


def test_added_weight_spares_shoppers_without_purchases(weights):
    hedged = hedged_weights(weights, 0.5)
    assert hedged[0].tolist() == weights[0].tolist()
    assert hedged[1:, SOURCE_POPULAR].tolist() == [0.5] * (len(HISTORY_BUCKETS) - 1)
    assert hedged_weights(weights, 2.0)[1:, SOURCE_EASE] == pytest.approx(0.5)


@pytest.fixture
def fitted(make_shop, assign_groups, make_catalogue):
    """A model of which a flat ranker sets the order, and its shoppers."""
    rng = np.random.default_rng(3)
    rows = [(c, int(d), int(i)) for c in range(40) for d in range(0, 60, 20) for i in rng.integers(0, 40, 4)]
    shop = make_shop([*rows, *((c, 59, 39) for c in range(30))], 40, 40)
    groups, history = assign_groups(shop.rfm()), shop.history_between()
    variants = ComponentVariants(item_knn_weighting="cosine", neighbours=10)
    parts = fit_components(history, groups, make_catalogue(40), variants, threads=1)
    leaf = {"leaf_value": 0.0}
    split = {"split_feature": 0, "threshold": 0.5, "decision_type": "<=", "left_child": leaf, "right_child": leaf}
    trees = TreeEnsemble.from_structures([split], len(feature_names()))
    return RecommenderModel(parts, HybridModel(default_weights(), (trees, trees))), Shoppers(history, *groups)


def test_a_hedged_ranker_puts_the_most_popular_item_first_in_both_scorers_and_after_loading(fitted):
    model, shoppers = fitted
    hedged = replace(model, hybrid=replace(model.hybrid, hedges=(50.0, 0.0)))
    loaded = RecommenderModel.from_arrays(hedged.arrays(), hedged.meta())
    plain = loaded.rank("hybrid", shoppers, exclude_purchased=False, length=5)
    compiled = hedged.rank("hybrid", shoppers, exclude_purchased=False, length=5, scorer=batch_scorer)
    assert set(plain.item[plain.indptr[:-1]].tolist()) == {39}
    assert plain.item.tolist() == compiled.item.tolist()
    assert plain.score.tolist() == compiled.score.tolist()
    unhedged = model.rank("hybrid", shoppers, exclude_purchased=False, length=5)
    assert set(unhedged.item[unhedged.indptr[:-1]].tolist()) != {39}
