"""Counts that the reasons of recommendations state: pairs of items, and buyers in each segment and cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.guest_orders import GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.settings import RecommendSettings
from smart_retail.training.models.item_pairs import count_item_pairs
from smart_retail.training.outputs.shop_tables import RECENT_DAYS


def count_for_reasons(
    history: PurchaseHistory,
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
    orders = guests.append_to(history)
    pairs = count_item_pairs(history, item_knn, orders=orders, min_support=settings.min_support, threads=threads)
    arrays = pairs.arrays()
    if len(guests):
        arrays["orders.totals"] = pairs.orders.totals
    popular = guests.until(history.last_day).append_to(history) if settings.guest_orders_in_popularity else history
    recent = np.unique(popular.order[popular.day > history.last_day - RECENT_DAYS])
    arrays["sizes"] = np.append(arrays["sizes"], (len(recent), settings.min_support)).astype(np.int64)
    for name, (group, n_groups) in groups.items():
        arrays |= {f"{name}.{column}": values for column, values in count_buyers(history, group, n_groups).items()}
    return arrays


def count_buyers(history: PurchaseHistory, group: NDArray[np.int16], n_groups: int) -> dict[str, NDArray[Any]]:
    """Count the customers of each group who bought each item.

    Parameters
    ----------
    history : PurchaseHistory
    group : int16 array, shape (n_customers,)
        Group of each customer, -1 for none.
    n_groups : int

    Returns
    -------
    dict
        ``customers``, int32 of shape (n_groups, n_items), and ``size``, int64 of shape (n_groups,).
    """
    matrix = build_user_item_matrix(history)
    bought = group[matrix.shopper].astype(np.int64)
    cell = bought[bought >= 0] * history.n_items + matrix.item[bought >= 0]
    counts = np.bincount(cell, minlength=n_groups * history.n_items).astype(np.int32)
    has_purchases = np.diff(matrix.indptr) > 0
    members = group[has_purchases & (group >= 0)]
    return {
        "customers": counts.reshape(n_groups, history.n_items),
        "size": np.bincount(members, minlength=n_groups).astype(np.int64),
    }
