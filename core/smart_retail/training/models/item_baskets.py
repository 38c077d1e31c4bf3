"""The items of baskets in compact form: what similarity models and counts of pairs are fitted on.

A basket is what a customer bought ever, or what is in one order. The arrays take 4 bytes (for customers 12) an entry;
they are made from blocks of customers, so that the larger arrays of `UserItemMatrix` never exist for a whole history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.popularity import Demand, DemandCounter
from smart_retail.recommenders.repurchase import compute_recency_weights
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.utils.csr import indptr_from_lengths


@dataclass(frozen=True, slots=True)
class ItemBaskets:
    """Distinct items of each basket in CSR form, ascending."""

    indptr: NDArray[np.int64]
    """Shape ``(n_baskets + 1,)``."""
    item: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CustomerItems(ItemBaskets):
    """Distinct items of each customer, with how often and how recently they were bought."""

    orders: NDArray[np.int32]
    """Orders that contain the item, by entry."""
    recency: NDArray[np.float32]
    """Result of `compute_recency_weights`, by entry."""


def collect_customer_items(history: PurchaseHistory) -> tuple[CustomerItems, Demand]:
    """Return the items of all customers, and the demand of the items, in one pass over the history."""
    counter = DemandCounter(history.n_items, history.last_day)
    lengths: list[NDArray[np.int64]] = []
    item: list[NDArray[np.int32]] = []
    orders: list[NDArray[np.int32]] = []
    recency: list[NDArray[np.float32]] = []
    for _, block in history.blocks():
        matrix = build_user_item_matrix(block)
        counter.add(block, matrix)
        lengths.append(np.diff(matrix.indptr))
        item.append(matrix.item.astype(np.int32))
        orders.append(matrix.orders.astype(np.int32))
        recency.append(compute_recency_weights(block, matrix).astype(np.float32))
    indptr = indptr_from_lengths(np.concatenate(lengths))
    items = CustomerItems(indptr, np.concatenate(item), np.concatenate(orders), np.concatenate(recency))
    return items, counter.result()


def collect_order_items(history: PurchaseHistory, guests: GuestOrders = NO_GUESTS) -> ItemBaskets:
    """Return the items of all orders; those of guests are the last."""
    sizes = [_order_sizes(block.order) for _, block in history.blocks()]
    item = history.item
    if len(guests):
        sizes.append(_order_sizes(guests.order))
        item = np.concatenate((item, guests.item))
    return ItemBaskets(indptr_from_lengths(np.concatenate(sizes)), item)


def _order_sizes(order: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the rows of each order that has any; `order` ascends."""
    return np.diff(np.flatnonzero(np.diff(order, prepend=-1)), append=len(order))
