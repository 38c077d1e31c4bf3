"""Count pairs of items: in the same order, and bought by the same customers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_pairs import ItemPairs, PairTable
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import build_user_item_matrix
from smart_retail.utils.csr import indptr_from_lengths, row_indices

MAX_PAIRS = 200
"""Pairs kept for each item, those with the largest lift."""
MIN_ORDER_SHARE = 0.02
"""Share of the orders of an item that a pair has at least: the five orders of an item with thousands say little."""
MIN_CUSTOMER_SHARE = 0.1
"""Share of the customers of an item that a pair has at least."""


def count_item_pairs(
    history: PurchaseHistory,
    item_knn: Similarity,
    *,
    orders: PurchaseHistory,
    min_support: int,
    threads: int,
) -> ItemPairs:
    """Count the pairs of one history.

    Parameters
    ----------
    history : PurchaseHistory
    item_knn : Similarity
        The item-kNN similarity of the same history, for whose entries the common customers are counted.
    orders : PurchaseHistory
        The history with the guest orders, whose pairs in one order are counted.
    min_support : int
        Common orders, or customers, that a pair has at least; for an item that is bought often, also at least
        `MIN_ORDER_SHARE` of its orders or `MIN_CUSTOMER_SHARE` of its customers.
    threads : int
        The result does not depend on it.
    """
    from smart_retail.training.kernels.top_k_cosine import count_pairs  # imports Numba: only while fitting

    matrix = build_user_item_matrix(history)
    first = row_indices(item_knn.indptr)
    similar = count_pairs(matrix.shopper, matrix.item, history.n_items, first, item_knn.item)
    customers = PairTable(
        *_top_pairs(matrix.indptr, matrix.item, history.n_items, (min_support, MIN_CUSTOMER_SHARE), threads),
        np.bincount(matrix.item, minlength=history.n_items).astype(np.int32),
        int(np.count_nonzero(np.diff(matrix.indptr))),
    )
    return ItemPairs(count_order_pairs(orders, min_support=min_support, threads=threads), customers, similar)


def count_order_pairs(history: PurchaseHistory, *, min_support: int, threads: int) -> PairTable:
    """Count the pairs of items in the same order; parameters as in `count_item_pairs`."""
    sizes = np.bincount(history.order)
    sizes = sizes[sizes > 0]  # a slice of a history does not have every order code
    item = history.item.astype(np.int64)
    return PairTable(
        *_top_pairs(indptr_from_lengths(sizes), item, history.n_items, (min_support, MIN_ORDER_SHARE), threads),
        np.bincount(item, minlength=history.n_items).astype(np.int32),
        len(sizes),
    )


def _top_pairs(
    ptr: NDArray[np.int64], item: NDArray[np.int64], n_items: int, support: tuple[int, float], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return the pairs of each item as CSR arrays: bounds, items and common baskets.

    Parameters
    ----------
    ptr, item : int64 arrays
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
    kept = np.bincount(row_indices(ptr)[is_frequent], minlength=len(sizes))[sizes > 0]
    code = np.zeros(n_items, np.int64)
    code[frequent] = np.arange(len(frequent))
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
