"""Counts that the reasons of recommendations state: pairs of items, and buyers in each segment and cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.guest_orders import GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.settings import RecommendSettings
from smart_retail.training.models.item_baskets import ItemBaskets, collect_order_items
from smart_retail.training.models.item_pairs import count_item_pairs
from smart_retail.training.outputs.shop_tables import RECENT_DAYS
from smart_retail.utils.csr import row_blocks


def count_for_reasons(
    history: PurchaseHistory,
    customers: ItemBaskets,
    guests: GuestOrders,
    item_knn: Similarity,
    groups: dict[str, tuple[NDArray[np.int16], int]],
    settings: RecommendSettings,
    threads: int,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of the bundle below ``pairs/``, by name.

    Parameters
    ----------
    history : PurchaseHistory
        The whole history.
    customers : ItemBaskets
        The items of its customers.
    guests : GuestOrders
        They count for the pairs of items in one order.
    item_knn : Similarity
        Of the same history.
    groups : dict
        ``segments`` and ``clusters`` -> group of each customer (-1 for none), and number of groups.
    settings : RecommendSettings
    threads : int
        The result does not depend on it.
    """
    orders = collect_order_items(history, guests)
    pairs = count_item_pairs(customers, orders, item_knn, min_support=settings.min_support, threads=threads)
    arrays = pairs.arrays()
    if len(guests):
        arrays["orders.totals"] = pairs.orders.totals
    first_recent = history.last_day - RECENT_DAYS + 1
    recent = sum(_count_orders(block.order[block.day >= first_recent]) for _, block in history.blocks())
    if settings.guest_orders_in_popularity:
        counted = guests.until(history.last_day)
        recent += _count_orders(counted.order[counted.day >= first_recent])
    arrays["sizes"] = np.append(arrays["sizes"], (recent, settings.min_support)).astype(np.int64)
    for name, (group, n_groups) in groups.items():
        counts = count_buyers(customers, history.n_items, group, n_groups)
        arrays |= {f"{name}.{column}": values for column, values in counts.items()}
    return arrays


def _count_orders(order: NDArray[np.int32]) -> int:
    """Return the number of distinct orders; `order` ascends."""
    return int(np.count_nonzero(np.diff(order, prepend=-1)))


def count_buyers(
    customers: ItemBaskets, n_items: int, group: NDArray[np.int16], n_groups: int
) -> dict[str, NDArray[Any]]:
    """Count the customers of each group who bought each item.

    Parameters
    ----------
    customers : ItemBaskets
        The items of all customers.
    n_items : int
    group : int16 array, shape (n_customers,)
        Group of each customer, -1 for none.
    n_groups : int

    Returns
    -------
    dict
        ``customers``, int32 of shape (n_groups, n_items), and ``size``, int64 of shape (n_groups,).
    """
    counts = np.zeros(n_groups * n_items, np.int32)
    for rows, entries in row_blocks(customers.indptr):
        bought = np.repeat(group[rows].astype(np.int64), np.diff(customers.indptr[rows.start : rows.stop + 1]))
        cell = bought[bought >= 0] * n_items + customers.item[entries][bought >= 0]
        counts += np.bincount(cell, minlength=len(counts)).astype(np.int32)
    has_purchases = np.diff(customers.indptr) > 0
    members = group[has_purchases & (group >= 0)]
    return {
        "customers": counts.reshape(n_groups, n_items),
        "size": np.bincount(members, minlength=n_groups).astype(np.int64),
    }
