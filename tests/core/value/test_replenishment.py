"""The replenishment calendar: intervals, due days, order, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.value.replenishment import (
    ITEM_PRIOR_GAPS,
    ItemIntervals,
    ItemPurchases,
    due_purchases,
)

START = 20_000


def purchases(rows: list[tuple[int, int, int]]) -> ItemPurchases:
    """Pairs of (customer, item, day before the calendar)."""
    table = np.array(rows, np.int32).reshape(-1, 3)
    return ItemPurchases.from_lines(table[:, 0], table[:, 1], (START - table[:, 2]).astype(np.int32))


def test_two_lines_of_one_day_are_one_purchase() -> None:
    pairs = purchases([(0, 0, 20), (0, 0, 20), (0, 0, 10)])
    assert pairs.purchases.tolist() == [2]
    assert (pairs.last - pairs.first).tolist() == [10]


def test_the_interval_lies_between_the_customers_own_and_the_items() -> None:
    others = [(c, 0, 5 + 10 * k) for c in range(1, 40) for k in range(4)]
    pairs = purchases([(0, 0, 45), (0, 0, 25), (0, 0, 5), *others])
    items = ItemIntervals.from_pairs(pairs, 1)
    assert items.days[0] == pytest.approx(10, abs=0.5)
    due = due_purchases(pairs, items, START, 30)
    own = due.interval[due.pairs.customer[due.rows] == 0]
    assert own[0] == pytest.approx((40 + ITEM_PRIOR_GAPS * items.days[0]) / (2 + ITEM_PRIOR_GAPS))


def test_a_regular_buyer_is_due_one_interval_after_the_last_purchase() -> None:
    pairs = purchases([(0, 0, k) for k in (30, 23, 16, 9, 2)])
    due = due_purchases(pairs, ItemIntervals.from_pairs(pairs, 1), START, 7)
    assert due.due.tolist() == [START - 2 + 7]
    assert len(due_purchases(pairs, ItemIntervals.from_pairs(pairs, 1), START, 5)) == 0


def test_single_purchases_and_overdue_items_are_not_due() -> None:
    pairs = purchases([(0, 0, 5), (1, 1, 35), (1, 1, 25)])
    assert len(due_purchases(pairs, ItemIntervals.from_pairs(pairs, 2), START, 365)) == 0


def test_calendars_of_consecutive_weeks_have_no_entry_in_common_and_none_is_left_out() -> None:
    rng = np.random.default_rng(4)
    rows = [(int(c), int(i), int(d)) for c, i, d in rng.integers(0, [50, 5, 60], (2000, 3))]
    items = ItemIntervals.from_pairs(pairs := purchases(rows), 5)
    weeks = [set(due_purchases(pairs, items, START + 7 * k, 7).rows.tolist()) for k in range(4)]
    assert set.union(*weeks) == set(due_purchases(pairs, items, START, 28).rows.tolist())
    assert sum(map(len, weeks)) == len(set.union(*weeks)) > 0


def test_entries_are_sorted_by_day_customer_and_item() -> None:
    rng = np.random.default_rng(3)
    rows = [(int(c), int(i), int(d)) for c, i, d in rng.integers(0, [30, 10, 40], (2000, 3))]
    due = due_purchases(pairs := purchases(rows), ItemIntervals.from_pairs(pairs, 10), START, 20)
    keys = list(zip(due.due.tolist(), pairs.customer[due.rows].tolist(), pairs.item[due.rows].tolist(), strict=True))
    assert keys == sorted(keys)
    assert len(keys) > 20


def test_no_purchase_gives_an_empty_calendar() -> None:
    pairs = purchases([])
    assert len(due_purchases(pairs, ItemIntervals.from_pairs(pairs, 3), START, 7)) == 0
