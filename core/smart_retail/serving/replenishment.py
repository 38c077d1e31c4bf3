"""Replenishment calendar of a bundle: items that customers are due to buy again, by date.

In: the purchases of the bundle with the live ones. Out: `ReplenishmentCalendar`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_retail.protocol import check_horizon, check_page
from smart_retail.results import DueItem, ReplenishmentCalendar
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerLookup
from smart_retail.utils.dates import iso
from smart_retail.value.replenishment import DuePurchases, ItemIntervals, ItemPurchases, due_purchases


class _Entry(NamedTuple):
    """One due purchase, in the order of the calendar."""

    due: int
    customer_id: str
    item: int
    interval: float
    last: int
    purchases: int


class Replenishment:
    """Replenishment calendars of one bundle; safe for several threads."""

    def __init__(self, store: BundleTables, customers: CustomerLookup) -> None:
        self._store = store
        self._customers = customers
        self._latest: tuple[int, DuePurchases] | None = None

    def calendar(self, days: int, customer_id: str | None, n: int, offset: int) -> ReplenishmentCalendar:
        """Return a page of what all customers, or one of them, are due to buy again within `days` days."""
        check_horizon(days)
        check_page(n, offset)
        start = self._store.last_day + 1
        if customer_id is not None:
            history = self._customers.resolve(customer_id).history
            start = max(start, history.last_day + 1)
            entries = self._of_customer(customer_id, start, days)
            return self._page(start, days, len(entries), entries[offset : offset + n])
        due = self._due(start, days)
        live = sorted(self._customers.customers_with_events())
        if not live:
            return self._page(start, days, len(due), self._entries(due, slice(offset, offset + n)))
        codes = self._store.customers.codes(live)
        stored = np.flatnonzero(~np.isin(due.pairs.customer[due.rows], codes[codes >= 0]))
        later = sorted(entry for c in live for entry in self._of_customer(c, start, days))
        rest = DuePurchases(due.pairs, due.rows[stored], due.interval[stored], due.due[stored])
        merged = heapq.merge(self._entries(rest, slice(None)), later)
        return self._page(start, days, len(rest) + len(later), list(islice(merged, offset, offset + n)))

    def due_customers(self, days: int) -> NDArray[np.int32]:
        """Return the codes of the customers who are due to buy something again within `days` days, as of the fit."""
        due = self._due(self._store.last_day + 1, days)
        return np.unique(due.pairs.customer[due.rows])

    def _of_customer(self, customer_id: str, start: int, days: int) -> list[_Entry]:
        history = self._customers.resolve(customer_id).history
        pairs = ItemPurchases.from_lines(history.customer, history.item, history.day)
        due = due_purchases(pairs, self._intervals, start, days)
        return [entry._replace(customer_id=customer_id) for entry in self._entries(due, slice(None))]

    def _due(self, start: int, days: int) -> DuePurchases:
        """What the customers of the bundle are due to buy; the latest calendar is cached."""
        latest = self._latest
        if latest is None or latest[0] != days:
            latest = self._latest = days, due_purchases(self._pairs.repeated(), self._intervals, start, days)
        return latest[1]

    def _entries(self, due: DuePurchases, part: slice) -> Iterator[_Entry]:
        rows, pairs = due.rows[part], due.pairs
        columns = (due.due[part], pairs.customer[rows], pairs.item[rows], due.interval[part], pairs.last[rows])
        ids = self._store.customers
        for day, customer, item, interval, last, purchases in zip(
            *(column.tolist() for column in columns), pairs.purchases[rows].tolist(), strict=True
        ):
            yield _Entry(day, ids.id(customer), item, interval, last, purchases)

    def _page(
        self, start: int, days: int, total: int, entries: Iterator[_Entry] | list[_Entry]
    ) -> ReplenishmentCalendar:
        return ReplenishmentCalendar(
            start=iso(start),
            days=days,
            total=total,
            entries=tuple(map(self._item, entries)),
            model_version=self._store.bundle.version,
        )

    def _item(self, entry: _Entry) -> DueItem:
        store = self._store
        code = store.customers.code(entry.customer_id)
        item_id, item_name, category = store.label(entry.item)
        return DueItem(
            customer_id=entry.customer_id,
            customer_name=store.texts("customers/names")[code] if code >= 0 else "",
            item_id=item_id,
            item_name=item_name,
            category=category,
            due_date=iso(entry.due),
            interval_days=round(entry.interval, 1),
            last_date=iso(entry.last),
            purchases=entry.purchases,
        )

    @cached_property
    def _pairs(self) -> ItemPurchases:
        p = self._store.bundle.arrays("history")
        customer = np.repeat(np.arange(len(self._store.customers.ids), dtype=np.int32), np.diff(p["indptr"]))
        return ItemPurchases.from_lines(customer, p["item"], p["day"])

    @cached_property
    def _intervals(self) -> ItemIntervals:
        return ItemIntervals.from_pairs(self._pairs, self._store.n_fitted_items)
