"""The purchase history that recommenders and evaluation work on: kept purchase lines as integer arrays.

Rows are in one canonical order, so that no result depends on the order of input rows, threads or back end. The columns
of a large history are maps of files; `PurchaseHistory.blocks` goes through it without holding it in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.utils.column_files import release_pages
from smart_retail.utils.csr import concat_ranges

COLUMNS: Final = ("customer", "order", "item", "day", "quantity", "amount")
BLOCK_ROWS: Final = 2_000_000
"""Rows of a block, whose derived arrays then take about 400 MB."""


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """Kept purchases, one row per (customer, order, item), sorted by customer, day, order, item.

    Customers, items and orders are dense codes. Codes of customers and items are those of the whole
    fit, also in a slice of it: a customer without a purchase in the slice has no rows. Order codes
    ascend with (customer, day) and only mean something within one history.
    """

    customer: NDArray[np.int32]
    order: NDArray[np.int32]
    item: NDArray[np.int32]
    day: NDArray[np.int32]
    """Days since 1970-01-01 of the order's first line."""
    quantity: NDArray[np.int64]
    """Millionths."""
    amount: NDArray[np.int64]
    """Net revenue of the row, millionths."""
    n_customers: int
    n_items: int
    last_day: int
    """The history's own end (days since 1970-01-01): recency, decay and trend count back from here."""
    block_rows: int = BLOCK_ROWS
    """Largest number of rows of a block, if they are not of one customer. Changes no result."""

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def indptr(self) -> NDArray[np.int64]:
        """Row bounds by customer, shape ``(n_customers + 1,)``."""
        # The codes have the type of the column: NumPy would copy the whole column to compare it with another type.
        return np.searchsorted(self.customer, np.arange(self.n_customers + 1, dtype=self.customer.dtype))

    def blocks(self) -> Iterator[tuple[int, PurchaseHistory]]:
        """Go through the history by blocks of consecutive customers.

        Yields
        ------
        first : int
            Code of the first customer of the block.
        block : PurchaseHistory
            Purchases of the customers, recoded from 0; orders keep their codes.
        """
        if len(self) <= self.block_rows:
            yield 0, self
            return
        indptr, first = self.indptr, 0
        while first < self.n_customers:
            last = int(np.searchsorted(indptr, indptr[first] + self.block_rows, side="right")) - 1
            last = min(max(last, first + 1), self.n_customers)
            rows = slice(int(indptr[first]), int(indptr[last]))
            yield first, self.take(rows, self.customer[rows] - self.customer.dtype.type(first), last - first)
            first = last
        release_pages(*(getattr(self, name) for name in COLUMNS))

    def take(
        self, rows: NDArray[Any] | slice, customer: NDArray[np.int32] | None = None, n_customers: int | None = None
    ) -> PurchaseHistory:
        """Return some rows as a history with the same items and last day.

        Parameters
        ----------
        rows : slice, or array of positions or bools
            Rows to keep, in canonical order.
        customer : int32 array, optional
            New customer codes of the kept rows; by default the codes stay.
        n_customers : int, optional
            Number of customers of the result; by default that of this history.
        """
        columns = {name: getattr(self, name)[rows] for name in COLUMNS if name != "customer" or customer is None}
        if customer is not None:
            columns["customer"] = customer
        return replace(self, **columns, n_customers=self.n_customers if n_customers is None else n_customers)

    def between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        """Return the rows with ``first <= day < end`` of some customers; customers and orders keep their codes.

        Parameters
        ----------
        first, end : int, optional
            Days since 1970-01-01; None means no limit.
        customers : bool array, shape (n_customers,), optional
            Selected customers; None selects all.
        """
        parts = []
        for start, block in self.blocks():
            rows = np.ones(len(block), bool) if customers is None else customers[start + block.customer]
            if first is not None:
                rows &= block.day >= first
            if end is not None:
                rows &= block.day < end
            kept = np.flatnonzero(rows)
            parts.append({name: getattr(block, name)[kept] for name in COLUMNS})
            parts[-1]["customer"] += block.customer.dtype.type(start)
        columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
        return replace(self, **columns)

    def select(self, customers: NDArray[np.int32]) -> PurchaseHistory:
        """Return the rows of some customers, recoded 0.. in the order given (duplicates allowed)."""
        indptr = self.indptr
        starts, lengths = indptr[customers], indptr[customers + 1] - indptr[customers]
        codes = np.repeat(np.arange(len(customers), dtype=np.int32), lengths)
        return self.take(concat_ranges(starts, lengths), codes, len(customers))

    @classmethod
    def concat(cls, histories: Sequence[PurchaseHistory]) -> PurchaseHistory:
        """Return histories of one customer each as one history; history i becomes customer i."""
        first = histories[0]
        return cls(
            customer=np.repeat(np.arange(len(histories), dtype=np.int32), [len(h) for h in histories]),
            order=np.concatenate([h.order for h in histories]),
            item=np.concatenate([h.item for h in histories]),
            day=np.concatenate([h.day for h in histories]),
            quantity=np.concatenate([h.quantity for h in histories]),
            amount=np.concatenate([h.amount for h in histories]),
            n_customers=len(histories),
            n_items=first.n_items,
            last_day=first.last_day,
        )
