"""The sequence model: examples, training, the NumPy model, and its use as an optional source of the hybrid."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from smart_retail.recommenders import candidates
from smart_retail.recommenders.base import Ranked, Shoppers
from smart_retail.recommenders.blend import HISTORY_BUCKETS, default_weights
from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.sequence_model import MAX_PURCHASES, N_AGE_FEATURES, NAME, SequenceModel, age_features
from smart_retail.recommenders.source_registry import BUILT_IN, SOURCE_EASE, SOURCES
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid import sequence_trial
from smart_retail.training.hybrid.training_examples import TASKS, TrainingExamples
from smart_retail.training.hybrid.variant_selection import VariantSelection
from smart_retail.training.kernels import batch_scorer
from smart_retail.training.models import sequence_model
from smart_retail.training.models.components import ComponentVariants, fit_components
from smart_retail.training.models.sequence_model import build_order_examples, fit_sequence_model

N_ITEMS = 30


def cycle_rows(customers: int = 400, days: int = 200, seed: int = 0) -> list[tuple[int, int, int]]:
    """Return rows of customers who buy the items in one fixed cycle, one each 5 to 9 days, from a random start."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        item, day = int(rng.integers(N_ITEMS)), int(rng.integers(60))
        while day < days:
            rows.append((customer, day, item))
            item, day = (item + 1) % N_ITEMS, day + int(rng.integers(5, 10))
    return rows


@pytest.fixture(scope="module")
def cycle_shop(make_shop):
    return make_shop(cycle_rows(), 400, N_ITEMS)


def test_examples_are_the_orders_with_the_purchases_before_them(make_shop):
    rows = [(0, 10, 5), (0, 10, 7), (0, 14, 5), (0, 20, 9), (0, 20, 7), (1, 3, 9), (2, 5, 8), (2, 9, 7)]
    history = make_shop(rows, 3, 10).history_between()
    item = np.array(
        [5, 7, 9], np.int32
    )  # item 8 is not in the model, so the second order of customer 2 has none before
    found = build_order_examples(history, item, np.random.default_rng(0))
    assert len(found) == 2
    assert found.day.tolist() == [14, 20]
    assert found.item.shape == (2, MAX_PURCHASES)
    assert found.item[:, -4:].tolist() == [[3, 3, 0, 1], [3, 0, 1, 0]]
    assert found.age_days[:, -3:].tolist() == [[0, 4, 4], [10, 10, 6]]
    targets = [found.target[a:b].tolist() for a, b in zip(found.indptr, found.indptr[1:], strict=False)]
    assert targets == [[0], [1, 2]]


def random_model(m: int, d: int, h: int) -> SequenceModel:
    """Return a model of the first m items with random weights."""
    rng = np.random.default_rng(0)
    shapes = ((m, d), (N_AGE_FEATURES, d), (d + 1, d), (d, h), (h * d + 1, d), (m, d + 1))
    return SequenceModel(np.arange(m, dtype=np.int32), *(rng.normal(size=s).astype(np.float32) for s in shapes))


def test_the_score_is_that_of_the_formula():
    h, model = 2, random_model(m=4, d=3, h=2)
    item, age = np.array([2, 0]), np.array([30, 1])
    vectors = [model.purchased[i] + age_features(np.array([a]))[0] @ model.age for i, a in zip(item, age, strict=True)]
    pools = []
    for q in range(h):
        weight = np.exp([np.tanh(v @ model.hidden[:3] + model.hidden[3]) @ model.query[:, q] for v in vectors])
        pools.append(sum(w * v for w, v in zip(weight / weight.sum(), vectors, strict=True)))
    customer = np.concatenate(pools) @ model.dense[:-1] + model.dense[-1]
    logits = model.predicted[:, :3] @ customer + model.predicted[:, 3]
    np.testing.assert_allclose(model.score(item, age), np.exp(logits - logits.max()), rtol=1e-5)


@pytest.mark.slow
def test_a_model_without_it_has_the_same_arrays_as_before(repeat_shop, fit):
    model, card = fit(repeat_shop, "blend")
    assert model.arrays()["merge.weights"].shape[-1] == len(BUILT_IN)
    assert "sources" not in model.meta()
    assert not any(name.startswith("source.") for name in model.arrays())
    assert "sequence" not in card["choice"]
    for task in ("any", "new"):
        assert NAME not in card["ablation"][task]["blend"]
    again = RecommenderModel.from_arrays(model.arrays(), model.meta())
    np.testing.assert_array_equal(again.hybrid.weights, model.hybrid.weights)


@pytest.mark.slow
def test_numpy_and_keras_give_the_same_scores(cycle_shop, monkeypatch):
    networks = []
    to_arrays = sequence_model._to_arrays
    monkeypatch.setattr(
        sequence_model, "_to_arrays", lambda network, item: networks.append(network) or to_arrays(network, item)
    )
    history = cycle_shop.history_between()
    model = fit_sequence_model(history)
    examples = build_order_examples(history, model.item, np.random.default_rng(0))
    rows = slice(0, len(examples), 500)
    logits = networks[0].predict([examples.item[rows], age_features(examples.age_days[rows])], verbose=0)
    for logit, item, age in zip(logits, examples.item[rows], examples.age_days[rows], strict=True):
        known = item < len(model.item)
        np.testing.assert_allclose(model.score(item[known], age[known]), np.exp(logit - logit.max()), atol=1e-5)


@pytest.mark.slow
def test_the_model_learns_what_follows_what(cycle_shop):
    model = fit_sequence_model(cycle_shop.history_between())
    for last in range(N_ITEMS):
        item = (last - np.arange(5)[::-1]) % N_ITEMS
        assert model.score(item, np.array([35, 28, 21, 14, 7])).argmax() == (last + 1) % N_ITEMS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fit_uses_the_model_where_a_past_window_is_better_with_it(cycle_shop, fit):
    plain, without = fit(cycle_shop, "blend")
    model, card = fit(cycle_shop, "blend", sequence_model="auto")
    assert "The sequence model is used" in card["choice"]
    hybrid, before = (c["tasks"]["new"]["hybrid"]["ndcg@10"] for c in (card, without))
    assert hybrid > before + 0.1
    assert NAME not in plain.components.extensions
    assert model.arrays()["merge.weights"].shape[-1] == len(BUILT_IN) + 1
    assert card["ablation"]["new"]["blend"][NAME]["low"] > 0


@pytest.mark.parametrize("exclude", [True, False])
def test_numpy_compiled_and_stored_models_give_the_same_lists_with_it(
    repeat_shop, make_catalogue, assign_groups, exclude
):
    history, groups = repeat_shop.history_between(), assign_groups(repeat_shop.rfm())
    sequence = random_model(m=40, d=8, h=2).arrays()
    variants = ComponentVariants(item_knn_weighting="cosine", neighbours=10)
    parts = fit_components(history, groups, make_catalogue(60), variants, threads=1, sequence=sequence)
    weights = default_weights()
    weights[:, 1:, SOURCES.index(NAME)] = 2.0
    model = RecommenderModel(parts, HybridModel(weights))
    again = RecommenderModel.from_arrays(model.arrays(), model.meta())
    shoppers = Shoppers(history, *groups)
    lists = [
        m.rank("hybrid", shoppers, exclude_purchased=exclude, length=10, scorer=scorer)
        for m in (model, again)
        for scorer in (candidates, batch_scorer)
    ]
    for other in lists[1:]:
        for column in fields(Ranked):
            np.testing.assert_array_equal(getattr(lists[0], column.name), getattr(other, column.name), column.name)
    weights[:, 1:, SOURCES.index(NAME)] = 0.0
    without = model.rank("hybrid", shoppers, exclude_purchased=exclude, length=10)
    assert (without.item != lists[0].item).mean() > 0.1


def examples(informed: bool, seed: int) -> TrainingExamples:
    """Return shoppers who each bought one item; the sequence model knows it, or guesses."""
    rng, n_shoppers = np.random.default_rng(seed), 250
    n = n_shoppers * N_ITEMS
    hit = (np.arange(N_ITEMS) == rng.integers(N_ITEMS, size=n_shoppers)[:, None]).ravel()
    normalized = np.zeros((len(SOURCES), n))
    normalized[SOURCE_EASE] = rng.random(n) + 0.2 * hit
    normalized[SOURCES.index(NAME)] = rng.random(n) + informed * hit
    shopper, item = np.repeat(np.arange(n_shoppers), N_ITEMS), np.tile(np.arange(N_ITEMS), n_shoppers)
    return TrainingExamples(
        candidates=Candidates(np.arange(n_shoppers + 1) * N_ITEMS, shopper, item, normalized, np.full(n, -1)),
        normalized=normalized,
        features=np.zeros((n, len(feature_names([NAME]))), np.float32),
        hit=hit,
        bucket=np.full(n_shoppers, len(HISTORY_BUCKETS) - 1),
        n_bought=np.ones(n_shoppers, np.int64),
        optional=(NAME,),
    )


@pytest.mark.parametrize("informed", [True, False])
def test_the_model_is_used_only_where_the_newest_of_the_earlier_windows_is_better_with_it(informed, monkeypatch):
    monkeypatch.setattr(sequence_trial, "fit_sequence_model", lambda history, seed: SimpleNamespace(arrays=dict))
    windows = [SimpleNamespace(window=SimpleNamespace(cut=cut), before=None) for cut in range(4)]
    selection = VariantSelection(None, windows, ComponentVariants(), ComponentVariants(), [], [])
    built = []

    def build(window, arrays):
        built.append(window.window.cut)
        return {task: examples(informed, window.window.cut) for task in TASKS}

    trial = sequence_trial.try_sequence_model(selection, windows, build, "blend", FitContext())
    assert built == [0, 1, 2], "the last window is for the scorecard"
    assert trial.selection.variants.sequence_model == trial.selection.published.sequence_model == informed
    assert list(trial.trained) == ([0, 1, 2] if informed else [])
    assert ("is used" in trial.selection.notes[0].text) == informed
    assert "all purchases" in trial.selection.notes[0].details
    short = sequence_trial.try_sequence_model(selection, windows[:3], build, "blend", FitContext())
    assert not short.selection.variants.sequence_model
