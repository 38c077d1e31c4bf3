"""Purchase days: the order-level view of a purchase history that all value models work on.

In: kept order lines. Out: `PurchaseDays`, one row per customer and day with at least one order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

AMOUNT_UNIT = 1e-6
"""Amounts of a purchase history are integer millionths of the shop currency."""


class OrderLines(Protocol):
    """The columns of a purchase history that value models read; rows are sorted by customer, day and order."""

    @property
    def customer(self) -> NDArray[np.int32]: ...
    @property
    def order(self) -> NDArray[np.int32]: ...
    @property
    def day(self) -> NDArray[np.int32]: ...
    @property
    def amount(self) -> NDArray[np.int64]: ...
    @property
    def n_customers(self) -> int: ...
    @property
    def last_day(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PurchaseDays:
    """Days with orders, one row per (customer, day), sorted by customer and day."""

    customer: NDArray[np.int32]
    """Customer code, shape ``(n_rows,)``."""
    day: NDArray[np.int32]
    """Days since 1970-01-01, shape ``(n_rows,)``."""
    orders: NDArray[np.int32]
    """Distinct orders of the day, at least 1, shape ``(n_rows,)``."""
    amount: NDArray[np.float64]
    """Kept amount of the day in shop currency, returns netted, shape ``(n_rows,)``."""
    n_customers: int
    end_day: int
    """First day after the history (days since 1970-01-01): forecasts begin on this day."""

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def from_lines(cls, lines: OrderLines, end_day: int | None = None) -> PurchaseDays:
        """Aggregate order lines by customer and day.

        Parameters
        ----------
        lines : OrderLines
            Kept lines, sorted by customer, day and order.
        end_day : int, optional
            First day after the history; by default the day after the last line.

        Returns
        -------
        PurchaseDays
        """
        end = int(lines.last_day) + 1 if end_day is None else end_day
        if not len(lines.customer):
            none = np.zeros(0, np.int32)
            return cls(none, none, none, np.zeros(0), lines.n_customers, end)
        new_day = np.ones(len(lines.customer), bool)
        new_day[1:] = (lines.customer[1:] != lines.customer[:-1]) | (lines.day[1:] != lines.day[:-1])
        new_order = new_day.copy()
        new_order[1:] |= lines.order[1:] != lines.order[:-1]
        start = np.flatnonzero(new_day)
        return cls(
            customer=lines.customer[start],
            day=lines.day[start],
            orders=np.add.reduceat(new_order.astype(np.int32), start),
            amount=np.add.reduceat(lines.amount, start) * AMOUNT_UNIT,
            n_customers=lines.n_customers,
            end_day=end,
        )

    @classmethod
    def from_blocks(cls, blocks: Iterable[tuple[int, OrderLines]], n_customers: int) -> PurchaseDays:
        """Aggregate order lines that are given in blocks of customers.

        Parameters
        ----------
        blocks : iterable of (int, OrderLines)
            First customer of each block, and its lines with customers recoded from 0.
        n_customers : int
            Number of customers of all blocks.
        """
        parts = [(first, cls.from_lines(lines)) for first, lines in blocks]
        return cls(
            customer=np.concatenate([part.customer + np.int32(first) for first, part in parts]),
            day=np.concatenate([part.day for _, part in parts]),
            orders=np.concatenate([part.orders for _, part in parts]),
            amount=np.concatenate([part.amount for _, part in parts]),
            n_customers=n_customers,
            end_day=parts[-1][1].end_day,
        )

    @property
    def first_day(self) -> int:
        """Day of the first order of the shop (days since 1970-01-01); `end_day` if there is none."""
        return int(self.day.min(initial=self.end_day))

    def until(self, end_day: int) -> PurchaseDays:
        """Return the rows before `end_day`; forecasts of the result begin on `end_day`."""
        return self._rows(self.day < end_day, end_day)

    def select(self, customers: NDArray[np.integer]) -> PurchaseDays:
        """Return the rows of some customers, recoded 0, 1, ... in the order given (ascending, no duplicates)."""
        code = np.full(self.n_customers, -1, np.int32)
        code[customers] = np.arange(len(customers), dtype=np.int32)
        rows = np.flatnonzero(code[self.customer] >= 0)
        return PurchaseDays(
            code[self.customer[rows]],
            self.day[rows],
            self.orders[rows],
            self.amount[rows],
            len(customers),
            self.end_day,
        )

    def customer_range(self, start: int, stop: int) -> PurchaseDays:
        """Return the rows of the customers with codes `start` to `stop` - 1, recoded from 0."""
        a, b = np.searchsorted(self.customer, [start, stop])
        return PurchaseDays(
            self.customer[a:b] - np.int32(start),
            self.day[a:b],
            self.orders[a:b],
            self.amount[a:b],
            stop - start,
            self.end_day,
        )

    def outcome(self, start_day: int, days: int) -> Outcome:
        """Return what each customer did in the `days` days from `start_day` on."""
        rows = np.flatnonzero((self.day >= start_day) & (self.day < start_day + days))
        customer, n = self.customer[rows], self.n_customers
        first = np.full(n, -1, np.int32)
        first[customer[::-1]] = self.day[rows][::-1] - start_day
        return Outcome(
            orders=np.bincount(customer, self.orders[rows], n).astype(np.float64),
            purchase_days=np.bincount(customer, minlength=n).astype(np.float64),
            spend=np.bincount(customer, self.amount[rows], n).astype(np.float64),
            first=first,
        )

    def _rows(self, keep: NDArray[np.bool_], end_day: int) -> PurchaseDays:
        rows = np.flatnonzero(keep)
        return PurchaseDays(
            self.customer[rows], self.day[rows], self.orders[rows], self.amount[rows], self.n_customers, end_day
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Actual behaviour of each customer in a window, shape ``(n_customers,)`` each."""

    orders: NDArray[np.float64]
    """Distinct orders."""
    purchase_days: NDArray[np.float64]
    """Days with at least one order."""
    spend: NDArray[np.float64]
    """Kept amount in shop currency."""
    first: NDArray[np.int32]
    """Days from the start of the window to the first order, 0 = its first day; -1 without an order."""

    @property
    def returned(self) -> NDArray[np.bool_]:
        """Whether the customer ordered in the window."""
        return self.first >= 0
