"""Counted pairs equal those of plain sets, and variants of a product are recognised by name."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.recommenders.item_pairs import CUSTOMERS, MIN_LIFT, ORDERS, ItemPairs, PairTable
from smart_retail.recommenders.variants import group_variants
from smart_retail.training.kernels.top_k_cosine import count_pairs, top_k_lift
from smart_retail.training.models.item_baskets import collect_order_items
from smart_retail.training.models.item_pairs import MIN_ORDER_SHARE, count_order_pairs


@pytest.fixture
def baskets():
    rng = np.random.default_rng(3)
    return [sorted({int(i) for i in rng.zipf(1.4, rng.integers(1, 12)) % 40}) for _ in range(400)]


def _csr(baskets):
    ptr = np.concatenate(([0], np.cumsum([len(b) for b in baskets]))).astype(np.int64)
    return ptr, np.array([i for b in baskets for i in b], np.int64)


def _together(baskets, i, j):
    return sum(i in b and j in b for b in baskets)


@pytest.mark.parametrize("threads", [1, 2])
def test_pairs_with_the_largest_lift_equal_those_of_plain_sets(baskets, threads):
    ptr, item = _csr(baskets)
    support = np.full(40, 3.0)
    items, counts = top_k_lift(ptr, item, 40, k=6, support=support, threads=threads)
    total = np.bincount(item, minlength=40)
    for i in range(40):
        lifts = {
            j: together * len(baskets) / (total[i] * total[j])
            for j in range(40)
            if j != i and (together := _together(baskets, i, j)) >= 3
        }
        above = {j: lift for j, lift in lifts.items() if lift >= MIN_LIFT}
        best = sorted(above.values(), reverse=True)[:6]
        found = items[i][items[i] >= 0].tolist()
        assert [lifts[j] for j in found] == pytest.approx(best, rel=1e-6)
        assert counts[i][: len(found)].tolist() == [_together(baskets, i, j) for j in found]


@pytest.mark.parametrize("threads", [1, 2])
def test_common_baskets_of_given_pairs(baskets, threads):
    ptr, item = _csr(baskets)
    first, second = np.divmod(np.arange(45 * 45), 45)  # the items from 40 on are in no basket
    found = count_pairs(ptr, item, np.arange(46) * 45, second, threads=threads)
    assert found.tolist() == [_together(baskets, i, j) for i, j in zip(first.tolist(), second.tolist(), strict=True)]


def test_pairs_of_a_history_are_those_in_the_same_order(make_shop):
    # Items 0 and 1 are in one order of ten customers; 2 and 3 are bought by the same customers on different days.
    rows = [(c, 10, i) for c in range(10) for i in (0, 1)] + [
        (c, day, 2 + day) for c in range(10, 30) for day in (0, 1)
    ]
    orders = collect_order_items(make_shop(rows, 30, 4).history_between())
    pairs = count_order_pairs(orders, 4, min_support=5, threads=1)
    assert [pairs.neighbours(i)[0].tolist() for i in range(4)] == [[1], [0], [], []]
    assert pairs.neighbours(0)[1].tolist() == [10]
    assert pairs.n == 50
    assert pairs.pair(0, 1, 10).lift == pytest.approx(10 * 50 / (10 * 10))


def test_an_item_bought_often_needs_more_common_orders(make_shop):
    often = int(6 / MIN_ORDER_SHARE)
    rows = [(c, 0, 0) for c in range(often)] + [(c, 0, 1) for c in range(5)]
    orders = collect_order_items(make_shop(rows, often, 2).history_between())
    pairs = count_order_pairs(orders, 2, min_support=5, threads=1)
    assert len(pairs.neighbours(0)[0]) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Milk 500 g", "MILK, 1 l", True),
        ("Red Retrospot Cake Stand", "Blue Retrospot Cake Stand", True),
        ("T-Shirt XL", "T-shirt M, navy", True),
        ("Eggs - X-Large, 1 DZ", "Eggs - Large, 18 CT", True),
        ("Pack of 12 pink tissues", "Pack of 20 tissues", True),
        ("Xerox 1891", "Xerox 1952", False),
        ("Orange juice", "Peach juice", False),
        ("Red", "Blue", False),
        ("", "", False),
    ],
)
def test_variants_have_one_name_but_for_size_and_colour(one, other, same):
    first, second = group_variants([one, other]).tolist()
    assert (first == second) is same


def _random_table(rng, n_items):
    lengths = rng.integers(0, 12, n_items)
    item = np.concatenate([rng.permutation(n_items)[:k] for k in lengths]).astype(np.int32)
    counts = rng.integers(1, 9, len(item)).astype(np.int32)
    totals = rng.integers(9, 99, n_items).astype(np.int32)
    return PairTable(np.concatenate(([0], lengths.cumsum())), item, counts, totals, 1000)


@pytest.mark.parametrize("bought_share", [0.0, 0.1, 0.5, 1.0])
def test_the_best_pair_of_each_item_is_its_first_usable_one_of_another_product(bought_share):
    rng = np.random.default_rng(7)
    tables = [_random_table(rng, 40) for _ in range(2)]
    usable, variant = rng.random(40) < bought_share, rng.integers(0, 20, 40).astype(np.int32)

    def first(table, item):
        others, counts = (values.tolist() for values in table.neighbours(item))
        for other, count in zip(others, counts, strict=True):
            if usable[other] and variant[other] != variant[item]:
                return table.pair(other, item, count)
        return None

    items = [*range(39, -1, -1), 5, 5]
    expected = [[first(table, item) for item in items] for table in tables]
    for table, pairs in zip(tables, expected, strict=True):
        assert table.best_of_each(np.array(items), usable, variant) == pairs
        assert [table.best(item, usable, variant) for item in items] == pairs
    related = ItemPairs(*tables, np.empty(0, np.int32)).most_related(items, usable, variant)
    for found, by_orders, by_customers in zip(related, *expected, strict=True):
        pairs = [p for p in ((ORDERS, by_orders), (CUSTOMERS, by_customers)) if p[1] is not None]
        assert found == max(pairs, key=lambda pair: pair[1].lift, default=None)
    assert ItemPairs(*tables, np.empty(0, np.int32)).most_related([], usable, variant) == []
