"""The user-item matrix of a purchase history, and statistics of each shopper.

Sums run over a shopper's own rows in one fixed order, so that a shopper's numbers do not depend on the other shoppers
of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.rounding import sum_by_group
from smart_retail.utils.csr import indptr_from_lengths
from smart_retail.utils.fixed_point import MILLION


@dataclass(frozen=True, slots=True)
class UserItemMatrix:
    """One entry for each (shopper, item) ever bought, in CSR form, sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    """Bounds of each shopper's entries, shape ``(n_shoppers + 1,)``."""
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    orders: NDArray[np.float64]
    """Number of orders that contain the item."""
    first_day: NDArray[np.int64]
    """Day of the first purchase, days since 1970-01-01."""
    last_day: NDArray[np.int64]
    quantity: NDArray[np.float64]
    """Units bought in total."""
    amount: NDArray[np.float64]
    """Net amount in total, in the shop's currency."""
    history_row: NDArray[np.int64]
    """Positions of the history's rows, grouped by entry and ordered by day within an entry."""
    history_entry: NDArray[np.int64]
    """The entry of each element of `history_row`."""

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_shoppers(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, slots=True)
class ShopperStats:
    """Statistics by shopper, shape ``(n_shoppers,)`` unless stated otherwise."""

    orders: NDArray[np.int64]
    """Distinct orders."""
    items: NDArray[np.int64]
    """Distinct items."""
    lines: NDArray[np.int64]
    """Distinct (order, item) rows."""
    first_day: NDArray[np.int64]
    """Day of the first order; the end of the history for a shopper without purchases."""
    last_day: NDArray[np.int64]
    """Day of the last order; the end of the history for a shopper without purchases."""
    later_orders: NDArray[np.int64]
    """By history row: the number of later orders of the same shopper."""


def build_user_item_matrix(history: PurchaseHistory) -> UserItemMatrix:
    """Aggregate a history to one entry for each (shopper, item)."""
    key = history.customer.astype(np.int64) * history.n_items + history.item
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.concatenate((np.ones(min(len(key), 1), bool), key[1:] != key[:-1])))
    sizes = np.diff(np.concatenate((start, [len(key)])))
    entry = np.repeat(np.arange(len(start)), sizes)
    shopper, item = np.divmod(key[start], max(history.n_items, 1))
    day = history.day[order].astype(np.int64)
    return UserItemMatrix(
        indptr=indptr_from_lengths(np.bincount(shopper, minlength=history.n_customers)),
        shopper=shopper,
        item=item,
        orders=sizes.astype(np.float64),
        first_day=day[start],
        last_day=day[start + sizes - 1],
        quantity=sum_by_group(entry, history.quantity[order] / MILLION, len(start)),
        amount=sum_by_group(entry, history.amount[order] / MILLION, len(start)),
        history_row=order,
        history_entry=entry,
    )


def compute_shopper_stats(history: PurchaseHistory, matrix: UserItemMatrix) -> ShopperStats:
    """Compute the statistics of each shopper; `matrix` is the user-item matrix of `history`."""
    n = history.n_customers
    customer = history.customer.astype(np.int64)
    starts_order = np.ones(len(history), bool)
    starts_order[1:] = (customer[1:] != customer[:-1]) | (history.order[1:] != history.order[:-1])
    orders = np.bincount(customer[starts_order], minlength=n)
    nth = np.cumsum(starts_order) - 1 - (np.cumsum(orders) - orders)[customer] if len(history) else customer
    first_day = np.full(n, history.last_day, np.int64)
    last_day = first_day.copy()
    indptr = history.indptr
    has_rows = indptr[1:] > indptr[:-1]
    first_day[has_rows] = history.day[indptr[:-1][has_rows]]
    last_day[has_rows] = history.day[indptr[1:][has_rows] - 1]
    return ShopperStats(
        orders=orders,
        items=np.diff(matrix.indptr),
        lines=np.diff(indptr),
        first_day=first_day,
        last_day=last_day,
        later_orders=orders[customer] - 1 - nth,
    )


def sum_by_entry(matrix: UserItemMatrix, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum weights given by history row over the rows of each matrix entry, float64 array, shape ``(len(matrix),)``."""
    return sum_by_group(matrix.history_entry, weight[matrix.history_row], len(matrix))
