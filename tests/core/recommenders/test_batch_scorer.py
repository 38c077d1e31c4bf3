"""The compiled loops return the same bits as NumPy, so that cached and live lists are equal."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_retail.recommenders.base import Ranked, Shoppers
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.hybrid import HybridModel
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.model import METHODS, RecommenderModel
from smart_retail.recommenders.shopper_context import MAX_PROFILE_ITEMS, top_k_positions
from smart_retail.training.kernels import batch_scorer
from smart_retail.training.kernels.candidate_loops import BINS, find_explaining_items, select_top_k
from smart_retail.training.kernels.jit import bitset_drain, bitset_set, quickselect, sort_ascending
from smart_retail.training.kernels.rank_loops import discounted_gains
from smart_retail.training.models.components import ComponentVariants, fit_components


@pytest.fixture(scope="module")
def shop(make_shop):
    """Sixty customers, one of whom has more items than the limit of a profile, with many ties."""
    rng = np.random.default_rng(7)
    rows = [(c, int(d), int(i)) for c in range(60) for d in range(0, 120, 20) for i in rng.integers(0, 320, 6)]
    rows += [(0, i % 90, i) for i in range(MAX_PROFILE_ITEMS + 40)]
    return make_shop(rows, 61, 330)


@pytest.fixture(scope="module")
def model(shop, assign_groups, make_catalogue):
    parts = fit_components(
        shop.history_between(),
        assign_groups(shop.rfm()),
        make_catalogue(shop.n_items),
        ComponentVariants(item_knn_weighting="cosine", neighbours=15),
        threads=1,
    )
    assert len(parts.content_back.item), "items without purchases must be covered too"
    weights = default_weights()
    weights[:, 1:] += 0.05
    return RecommenderModel(parts, HybridModel(weights))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [1, 10, None])
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_the_compiled_scorer_gives_the_bits_of_numpy(shop, model, assign_groups, method, exclude, length, threads):
    segment, cluster = assign_groups(shop.rfm())
    all_shoppers = Shoppers(shop.history_between(), segment, cluster)
    options = {"exclude_purchased": exclude, "length": length}
    compiled = model.rank(method, all_shoppers, **options, scorer=batch_scorer, threads=threads)
    plain = model.rank(method, all_shoppers, exclude_purchased=exclude, length=length)
    for field in fields(Ranked):
        np.testing.assert_array_equal(getattr(compiled, field.name), getattr(plain, field.name), field.name)


def test_the_explaining_item_is_the_most_similar_purchase_not_a_staple(make_shop, assign_groups, make_catalogue):
    # All customers buy item 0 each week; items 1 and 2 go together. Customer 19 has 0 and 1: item 2 is explained by 1.
    rows = [(c, d, 0) for c in range(20) for d in range(0, 70, 7)]
    rows += [(c, 30 + c % 3, i) for c in range(8) for i in (1, 2)] + [(c, 40, 3) for c in range(8, 20)] + [(19, 41, 1)]
    shop = make_shop(rows, 20, 4)
    groups = assign_groups(shop.rfm())
    parts = fit_components(
        shop.history_between(),
        groups,
        make_catalogue(4),
        ComponentVariants(item_knn_weighting="cosine", neighbours=3),
        threads=1,
    )
    model = RecommenderModel(parts, HybridModel(default_weights()))
    one = Shoppers(shop.history_between().select(np.array([19], np.int32)), groups[0][[19]], groups[1][[19]])
    ranked = model.rank("cf", one, exclude_purchased=True, length=1)
    assert (ranked.item.tolist(), ranked.explaining_item.tolist()) == ([2], [1])


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_quickselect_moves_the_largest_to_the_front(numbers, k):
    k = min(k, len(numbers))
    values = np.array([*numbers, 99.0])  # the last is beyond the given size
    least = quickselect(values, len(numbers), k)
    wanted = sorted(numbers, reverse=True)
    assert sorted(values[:k], reverse=True) == wanted[:k]
    assert (least, values[-1]) == (wanted[k - 1], 99.0)
    assert sorted(values[:-1], reverse=True) == wanted


@given(st.lists(st.integers(-1000, 1000), max_size=200))
@settings(deadline=None, max_examples=40)
def test_sort_ascending_sorts(numbers):
    values = np.array(numbers, np.int64)
    sort_ascending(values, len(values))
    assert values.tolist() == sorted(numbers)


@given(st.lists(st.tuples(st.integers(0, 199), st.booleans()), max_size=120))
@settings(deadline=None)
def test_a_bitset_has_the_items_that_were_set_last(changes):
    some, out = np.zeros(4, np.uint64), np.empty(200, np.uint32)
    wanted = set()
    for item, there in changes:
        bitset_set(some, item, there)
        (wanted.add if there else wanted.discard)(item)
    assert out[: bitset_drain(some, out)].tolist() == sorted(wanted)
    assert not some.any(), "what is taken is no longer in the set"


SCORES = st.one_of(
    st.integers(-2, 6).map(float),  # many are equal
    st.floats(1.0, 1.1),  # close to each other
    st.floats(-1e9, 1e9),
    st.sampled_from([5e-324, 1e-300, 1e300]),  # beyond every bin
)


@given(st.lists(SCORES, min_size=1, max_size=150), st.integers(1, 160), st.randoms())
@settings(deadline=None)
def test_top_k_are_the_highest_scores(scores, count, random):
    dense, n = np.array(scores), len(scores)
    touched = np.array(random.sample(range(n), n), np.uint32)
    values, some, out = np.empty(n + 1), np.zeros(3, np.uint64), np.empty(n + 1, np.uint32)
    scratch = values, values.view(np.uint64), np.empty(n + 1, np.uint32), np.empty(n), np.empty(BINS, np.int32)
    select_top_k(touched, np.int64(n), dense, np.ones(n), np.int64(count), some, scratch)
    assert out[: bitset_drain(some, out)].tolist() == top_k_positions(dense, count).tolist()


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2, st.integers(-2, 3)), max_size=40), st.sets(st.integers(0, 9)))
@settings(deadline=None)
def test_explaining_items_equal_those_of_the_similarity_table(entries, own):
    """Many values are equal, and some are 0 or below, which explain nothing."""
    once = {(row, item): value for row, item, value in entries}
    rows = np.array([row for row, _ in once], np.int64)
    order = np.argsort(rows, kind="stable")
    table = Similarity(
        np.searchsorted(rows[order], np.arange(11)),
        np.array([item for _, item in once], np.int32)[order],
        np.array([*once.values()], np.float32)[order],
    )
    liked, listed = np.array(sorted(own), np.int64), np.arange(10)
    out = np.full(10, -1, np.int32)
    bounds = np.array([0, len(liked)]), np.array([0, 10])
    find_explaining_items(bounds[0], liked, (table.indptr, table.item, table.value), 10, bounds[1], listed, out)
    assert out.tolist() == table.explained_by(liked, listed, 10).tolist()


def test_gains_count_hits_by_rank():
    blend = np.array([[3, 1, 2, 0], [1, 1, 1, 1]], np.float32)
    relative = np.array([[0, 5, 0, 0], [0, 0, 0, 1]], np.float32)
    hit = np.array([[True, False, True, False], [False, True, False, True]])
    discount = np.array([1.0, 0.5])
    out = np.empty(2)
    discounted_gains(blend, relative, np.float32(0), hit, discount, out)
    assert out.tolist() == [1.5, 0.5], "row 1: of equal scores the first two places"
    discounted_gains(blend, relative, np.float32(1), hit, discount, out)
    assert out.tolist() == [0.5, 1.0]


def test_the_trend_weight_changes_the_lists(shop, model, assign_groups):
    segment, cluster = assign_groups(shop.rfm())
    who = Shoppers(shop.history_between(), segment, cluster)
    flat = replace(model.components, items=replace(model.components.items, trend_weight=np.ones(shop.n_items)))
    one, other = (
        m.rank("cf", who, exclude_purchased=True, length=10, scorer=batch_scorer)
        for m in (model, RecommenderModel(flat, model.hybrid))
    )
    assert not np.array_equal(one.item, other.item)
