"""Count pairs of items: in the same order, and bought by the same customers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_pairs import ItemPairs, PairTable
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.training.models.item_baskets import ItemBaskets
from smart_retail.utils.csr import indptr_from_lengths

MAX_PAIRS = 200
"""Pairs kept for each item, those with the largest lift."""
MIN_ORDER_SHARE = 0.02
"""Share of the orders of an item that a pair has at least: the five orders of an item with thousands say little."""
MIN_CUSTOMER_SHARE = 0.1
"""Share of the customers of an item that a pair has at least."""


def count_item_pairs(
    customers: ItemBaskets,
    orders: ItemBaskets,
    item_knn: Similarity,
    *,
    min_support: int,
    threads: int,
) -> ItemPairs:
    """Count the pairs of one history.

    Parameters
    ----------
    customers, orders : ItemBaskets
        The items of the customers, and of the orders, those of guests included.
    item_knn : Similarity
        The item-kNN similarity of the same history, for whose entries the common customers are counted.
    min_support : int
        Common orders, or customers, that a pair has at least; for an item that is bought often, also at least
        `MIN_ORDER_SHARE` of its orders or `MIN_CUSTOMER_SHARE` of its customers.
    threads : int
        The result does not depend on it.
    """
    from smart_retail.training.kernels.top_k_cosine import count_pairs  # imports Numba: only while fitting

    similar = count_pairs(customers.indptr, customers.item, item_knn.indptr, item_knn.item, threads=threads)
    n_items = len(item_knn.indptr) - 1
    return ItemPairs(
        count_order_pairs(orders, n_items, min_support=min_support, threads=threads),
        _count_table(customers, n_items, (min_support, MIN_CUSTOMER_SHARE), threads),
        similar,
    )


def count_order_pairs(orders: ItemBaskets, n_items: int, *, min_support: int, threads: int) -> PairTable:
    """Count the pairs of items in the same order; parameters as in `count_item_pairs`."""
    return _count_table(orders, n_items, (min_support, MIN_ORDER_SHARE), threads)


def _count_table(baskets: ItemBaskets, n_items: int, support: tuple[int, float], threads: int) -> PairTable:
    return PairTable(
        *_top_pairs(baskets.indptr, baskets.item, n_items, support, threads),
        np.bincount(baskets.item, minlength=n_items).astype(np.int32),
        int(np.count_nonzero(np.diff(baskets.indptr))),
    )


def _top_pairs(
    ptr: NDArray[np.int64], item: NDArray[np.int32], n_items: int, support: tuple[int, float], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return the pairs of each item as CSR arrays: bounds, items and common baskets.

    Parameters
    ----------
    ptr, item : int64 array, int32 array
        The items of each basket; customers without purchases do not count.
    n_items : int
    support : (int, float)
        Baskets that a pair has at least, and as a share of the baskets of the item.
    threads : int
    """
    from smart_retail.training.kernels.top_k_cosine import top_k_lift  # imports Numba: only while fitting

    minimum, share = support
    sizes = np.diff(ptr)
    baskets = np.bincount(item, minlength=n_items)
    frequent = np.flatnonzero(baskets >= minimum)  # the others have no pairs, and need no memory
    is_frequent = baskets[item] >= minimum
    filled = sizes > 0
    kept = np.add.reduceat(is_frequent, ptr[:-1][filled], dtype=np.int64) if filled.any() else sizes[:0]
    code = np.zeros(n_items, np.int32)
    code[frequent] = np.arange(len(frequent), dtype=np.int32)
    least = np.maximum(float(minimum), np.ceil(share * baskets[frequent]))
    others, count = top_k_lift(
        indptr_from_lengths(kept),
        code[item[is_frequent]],
        len(frequent),
        k=MAX_PAIRS,
        support=least,
        threads=threads,
    )
    present = others >= 0
    lengths = np.zeros(n_items, np.int64)
    lengths[frequent] = present.sum(axis=1)
    return indptr_from_lengths(lengths), frequent[others[present]].astype(np.int32), count[present].astype(np.int32)
