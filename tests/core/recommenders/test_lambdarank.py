"""The ranker's two halves, how it leans on the blend, and the time over which a group's orders count."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from smart_retail.recommenders.group_popularity import compute_group_popularity
from smart_retail.recommenders.hybrid import combine_with_blend
from smart_retail.recommenders.popularity import compute_popularity, count_demand
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.training.hybrid.lambdarank import N_TREES, OBJECTIVES, fit_ranker


@pytest.fixture(scope="module")
def examples() -> SimpleNamespace:
    rng = np.random.default_rng(5)
    table = rng.normal(size=(6000, len(feature_names()))).astype(np.float32)
    hit = table[:, 0] + table[:, 1] + rng.normal(size=6000) > 1.5
    return SimpleNamespace(candidates=SimpleNamespace(indptr=np.arange(0, 6001, 50)), features=table, hit=hit)


def spread(score: np.ndarray) -> float:
    """Standard deviation within lists of 50."""
    return float(np.sqrt(np.mean(score.reshape(-1, 50).var(axis=1))))


def test_both_objectives_have_equal_weight(examples):
    pytest.importorskip("lightgbm")
    trees = fit_ranker([examples], seed=1)
    assert trees.n_trees == len(OBJECTIVES) * N_TREES
    halves = []
    for half in range(len(OBJECTIVES)):
        leaf = np.zeros_like(trees.leaf)
        own = slice(half * N_TREES, (half + 1) * N_TREES)
        leaf[own] = trees.leaf[own]
        halves.append(type(trees)(trees.cut_ptr, trees.cut, trees.mask, leaf).score(examples.features))
    assert [spread(score) for score in halves] == pytest.approx([1.0, 1.0])
    assert not np.array_equal(*halves)
    np.testing.assert_allclose(sum(halves), trees.score(examples.features))


def test_without_purchases_no_ranker_is_fitted(examples):
    pytest.importorskip("lightgbm")
    nothing = SimpleNamespace(**{**vars(examples), "hit": np.zeros_like(examples.hit)})
    assert fit_ranker([nothing], seed=1) is None


def test_the_order_combines_ranker_and_blend():
    rng = np.random.default_rng(2)
    shopper = np.repeat(np.arange(3), 40)
    ranker, blend, flat = rng.normal(size=120), rng.random(120), np.full(120, 0.3)
    for s in range(3):
        own = slice(40 * s, 40 * s + 40)
        assert np.array_equal(np.argsort(combine_with_blend(ranker, flat, shopper)[own]), np.argsort(ranker[own]))
        assert np.array_equal(np.argsort(combine_with_blend(flat, blend, shopper)[own]), np.argsort(blend[own]))
        # A shopper scores the same alone and among others, and whatever the scale of either.
        alone = combine_with_blend(ranker[own], blend[own], np.zeros(40, np.int64))
        np.testing.assert_array_equal(alone, combine_with_blend(ranker, blend, shopper)[own])
        np.testing.assert_allclose(
            combine_with_blend(8 * ranker[own] + 3, blend[own] / 7, np.zeros(40, np.int64)), alone
        )
    assert np.array_equal(combine_with_blend(flat[:1], flat[:1], np.zeros(1, np.int64)), [0.0])
    both = combine_with_blend(ranker, blend, shopper)
    assert np.corrcoef(both, ranker)[0, 1] > np.corrcoef(both, blend)[0, 1] > 0.05


@pytest.mark.parametrize(("age", "days", "counts"), [(13, 7, True), (14, 7, False), (27, 28, True), (28, 28, False)])
def test_a_group_counts_orders_as_long_as_the_shop_but_at_least_two_weeks(make_shop, age, days, counts):
    """Four of group 0 bought item 1 some time ago, two of the other group bought item 0 today."""
    rows = [(customer, 99 - age, 1) for customer in range(4)] + [(4, 99, 0), (5, 99, 0)]
    history = make_shop(rows, 6, 3).history_between()
    whole = compute_popularity(count_demand(history, build_user_item_matrix(history)), 7)
    groups = np.array([0, 0, 0, 0, 1, 1], np.int16)
    assert (compute_group_popularity(history, groups, whole, days).order[0, 0] == 1) == counts
    assert compute_group_popularity(history, groups, whole, 0).order[0, 0] == 1
