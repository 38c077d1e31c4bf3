"""Item sets and substitutes equal those counted with plain sets, when fitted and for one item."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_pairs import MIN_LIFT
from smart_retail.recommenders.item_sets import NO_ITEM, ItemSets, PurchaseLines, count_sets_of_item
from smart_retail.recommenders.substitutes import count_substitutes
from smart_retail.training.models.item_sets import count_item_sets

N_ITEMS = 25


@pytest.fixture(scope="module")
def history() -> PurchaseHistory:
    """600 orders of 60 customers; items 0 to 2 are often together."""
    rng = np.random.default_rng(5)
    rows = []
    for order in range(600):
        basket = {int(i) for i in rng.zipf(1.5, rng.integers(1, 9)) % N_ITEMS}
        basket |= {0, 1, 2} if rng.random() < 0.1 else set()
        rows += [(order // 10, order, item, order) for item in sorted(basket)]
    customer, order, item, day = np.array(rows, np.int32).T
    amount = rng.integers(1, 10_000, len(rows)) * 10_000
    return PurchaseHistory(customer, order, item, day, amount, amount, 60, N_ITEMS, 599)


def as_rows(sets: ItemSets) -> dict[tuple[int, ...], tuple[int, int, int]]:
    """Return antecedent support, support and revenue by items."""
    columns = sets.support.tolist(), sets.antecedent.tolist(), sets.revenue.tolist()
    return {
        tuple(i for i in items if i != NO_ITEM): counts
        for items, counts in zip(sets.items.tolist(), zip(*columns, strict=True), strict=True)
    }


def recounted(history: PurchaseHistory, least: int) -> dict[tuple[int, ...], tuple[int, int, int]]:
    """Count all pairs and triples with plain sets."""
    baskets: dict[int, dict[int, int]] = {}
    for order, item, amount in zip(history.order.tolist(), history.item.tolist(), history.amount.tolist(), strict=True):
        baskets.setdefault(order, {})[item] = amount
    support: Counter[tuple[int, ...]] = Counter()
    revenue: Counter[tuple[int, ...]] = Counter()
    for basket in baskets.values():
        for size in (1, 2, 3):
            for items in combinations(sorted(basket), size):
                support[items] += 1
                revenue[items] += sum(basket[item] for item in items)

    def together(pair: tuple[int, ...]) -> bool:
        expected = support[pair[:1]] * support[pair[1:]] / len(baskets)
        return support[pair] >= MIN_LIFT * expected

    out = {}
    for items, count in support.items():
        if len(items) == 1 or count < least or not all(together(pair) for pair in combinations(items, 2)):
            continue
        rarest = min(combinations(items, len(items) - 1), key=lambda part: (support[part], part))
        consequent = next(item for item in items if item not in rarest)
        out[*rarest, consequent] = (count, support[rarest], revenue[items])
    return out


def test_all_sets_are_those_of_plain_sets(history: PurchaseHistory) -> None:
    found = count_item_sets(history, min_support=8)
    assert as_rows(found) == recounted(history, 8)
    assert {2, 3} == set(found.size.tolist())
    assert found.support.tolist() == sorted(found.support.tolist(), reverse=True)
    assert (found.confidence > 0).all()
    assert (found.confidence <= 1).all()


def test_more_sets_than_the_limit_raise_the_smallest_support(history: PurchaseHistory) -> None:
    whole = recounted(history, 5)
    found = count_item_sets(history, min_support=5, max_pairs=12)
    pairs = {items: counts for items, counts in whole.items() if len(items) == 2}
    assert found.min_support > 5
    assert 0 < int((found.size == 2).sum()) <= 12 < sum(counts[0] >= found.min_support - 1 for counts in pairs.values())
    kept = {items: counts for items, counts in pairs.items() if counts[0] >= found.min_support}
    assert {items: c for items, c in as_rows(found).items() if len(items) == 2} == kept


def test_the_sets_of_an_item_are_those_of_the_shop(history: PurchaseHistory) -> None:
    totals = np.bincount(history.item, minlength=N_ITEMS).astype(np.int32)
    lines = PurchaseLines(history.order, history.item, history.amount, totals, 600)
    whole = recounted(history, 5)
    for item in range(N_ITEMS):
        expected = {items: counts for items, counts in whole.items() if item in items}
        assert as_rows(count_sets_of_item(lines, item, 5)) == expected


def test_lift_is_the_ratio_to_independent_items(history: PurchaseHistory) -> None:
    found = count_item_sets(history, min_support=8)
    totals = np.bincount(history.item, minlength=N_ITEMS).astype(np.int32)
    lift = found.lift(totals, 600)
    for items, support, value in zip(found.items.tolist(), found.support.tolist(), lift.tolist(), strict=True):
        expected = 600 * np.prod([totals[i] / 600 for i in items if i != NO_ITEM])
        assert value == pytest.approx(support / expected)


def test_a_history_without_frequent_sets_has_none() -> None:
    one = np.zeros(1, np.int32)
    lines = PurchaseHistory(one, one, one, one, np.ones(1, np.int64), np.ones(1, np.int64), 1, 2, 0)
    assert len(count_item_sets(lines, min_support=5)) == 0


def test_items_that_the_same_customers_alternate_are_substitutes() -> None:
    # Ten customers buy item 0 or 1 in turn, each 6 times in 12 orders: 3 common orders to expect of each, none exists.
    # Item 2 is always with item 0, item 3 is bought once by other customers.
    rows = []
    for customer in range(10):
        for k in range(12):
            order = customer * 12 + k
            rows += [(customer, order, i) for i in ((0, 2) if k % 2 else (1,))]
    rows += [(10 + k, 120 + k, 3) for k in range(10)]
    customer, order, item = np.array(rows, np.int32).T
    orders = np.array([12] * 10 + [1] * 10, np.int64)
    buyers = np.array([10, 10, 10, 10], np.int32)
    found = count_substitutes((customer, order, item), orders, 0, np.ones(4, np.bool_), buyers, 5)
    assert found.item.tolist() == [1]
    assert (found.customers.tolist(), found.together.tolist()) == ([10], [0])
    assert found.expected.tolist() == pytest.approx([30.0])
    assert found.similarity.tolist() == pytest.approx([1.0])
    only_own = np.array([True, False, True, True])
    assert len(count_substitutes((customer, order, item), orders, 0, only_own, buyers, 5).item) == 0
