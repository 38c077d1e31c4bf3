"""What each shopper bought: a history condensed to one row per (shopper, item).

In: `History`. Out: `Pairs`, in the order of shopper and item code, from which repurchase, neighbours
and signals are computed. Sums run over a shopper's own rows in one fixed order, so that a shopper's
numbers do not depend on who else is in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.rounding import sums
from smart_retail.utils.fixed_point import MILLION


@dataclass(frozen=True, slots=True)
class UserItemMatrix:
    """One row per (shopper, item) ever bought, sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    """Row bounds by shopper, shape ``(n_shoppers + 1,)``."""
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    orders: NDArray[np.float64]
    """Orders that hold the item."""
    first_day: NDArray[np.int64]
    last_day: NDArray[np.int64]
    quantity: NDArray[np.float64]
    amount: NDArray[np.float64]
    row_order: NDArray[np.int64]
    """Positions of the history's rows, grouped by pair and by day inside a pair."""
    row_pair: NDArray[np.int64]
    """The pair of each entry of `row_order`."""

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_shoppers(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, slots=True)
class ShopperStats:
    """How each shopper buys, by shopper, shape ``(n_shoppers,)``."""

    orders: NDArray[np.int64]
    """Distinct orders."""
    items: NDArray[np.int64]
    """Distinct items."""
    lines: NDArray[np.int64]
    """Distinct (order, item) rows."""
    first_day: NDArray[np.int64]
    last_day: NDArray[np.int64]
    """Both equal the history's own end for a shopper without purchases."""
    later_orders: NDArray[np.int64]
    """Per history row: how many orders of the shopper came after this one."""


def user_item_matrix(history: PurchaseHistory) -> UserItemMatrix:
    """Condense `history` to one row per (shopper, item)."""
    key = history.customer.astype(np.int64) * history.n_items + history.item
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.concatenate((np.ones(min(len(key), 1), bool), key[1:] != key[:-1])))
    sizes = np.diff(np.concatenate((start, [len(key)])))
    pair = np.repeat(np.arange(len(start)), sizes)
    shopper, item = np.divmod(key[start], max(history.n_items, 1))
    counts = np.bincount(shopper, minlength=history.n_customers)
    day = history.day[order].astype(np.int64)
    return UserItemMatrix(
        indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        shopper=shopper,
        item=item,
        orders=sizes.astype(np.float64),
        first_day=day[start],
        last_day=day[start + sizes - 1],
        quantity=sums(pair, history.quantity[order] / MILLION, len(start)),
        amount=sums(pair, history.amount[order] / MILLION, len(start)),
        row_order=order,
        row_pair=pair,
    )


def shopper_stats(history: PurchaseHistory, pairs: UserItemMatrix) -> ShopperStats:
    """How each shopper buys."""
    n = history.n_customers
    customer = history.customer.astype(np.int64)
    new_order = np.ones(len(history), bool)
    new_order[1:] = (customer[1:] != customer[:-1]) | (history.order[1:] != history.order[:-1])
    orders = np.bincount(customer[new_order], minlength=n)
    nth = np.cumsum(new_order) - 1 - (np.cumsum(orders) - orders)[customer] if len(history) else customer
    first = np.full(n, history.last_day, np.int64)
    last = first.copy()
    indptr = history.indptr
    some = indptr[1:] > indptr[:-1]
    first[some] = history.day[indptr[:-1][some]]
    last[some] = history.day[indptr[1:][some] - 1]
    return ShopperStats(
        orders=orders,
        items=np.diff(pairs.indptr),
        lines=np.diff(indptr),
        first_day=first,
        last_day=last,
        later_orders=orders[customer] - 1 - nth,
    )


def by_pair(pairs: UserItemMatrix, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over each pair of a weight given per history row."""
    return sums(pairs.row_pair, weight[pairs.row_order], len(pairs))
