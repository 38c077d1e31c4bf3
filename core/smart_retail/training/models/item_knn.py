"""Item-based collaborative filtering (item-kNN): items that the same customers buy.

Weightings of a customer's purchase of an item, before items are compared by cosine:

- cosine: 1 if bought (Sarwar et al. 2001);
- tfidf: 1 if bought, times the inverse frequency log(items / items of the customer), so that customers who buy
  everything count less;
- bm25: number of orders, saturated and normalized by how much the customer buys (Robertson and Walker 1994), with
  k1 = 1.2 and b = 0.75.

Shrinkage multiplies a similarity by c / (c + shrink), with c the number of common customers, so that two items with one
buyer in common are not rated as nearly equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.training.models.ease import ItemRows
from smart_retail.utils.csr import row_blocks, row_indices

WEIGHTINGS = ("cosine", "tfidf", "bm25")
SHRINK = 10.0


class PurchasedItems(ItemRows, Protocol):
    """The items of each customer in CSR form, as in `UserItemMatrix` and `CustomerItems`."""

    @property
    def orders(self) -> NDArray[np.number]: ...


def fit_item_knn(
    matrix: PurchasedItems,
    n_items: int,
    weighting: str,
    *,
    neighbours: int,
    threads: int,
    shrink: float = SHRINK,
) -> Similarity:
    """Find the most similar items of each item.

    Parameters
    ----------
    matrix : UserItemMatrix or CustomerItems
    n_items : int
    weighting : {"cosine", "tfidf", "bm25"}
    neighbours : int
        Similar items kept for each item.
    threads : int
        The result does not depend on it.
    shrink : float
        Customers; 0 for plain cosine.
    """
    from smart_retail.training.kernels.top_k_cosine import top_k_cosine  # imports Numba: only while fitting

    # Unweighted purchases need no products.
    value = None if weighting == "cosine" else weight_purchases(matrix, n_items, weighting)
    table = top_k_cosine(matrix.indptr, matrix.item, value, n_items, k=neighbours, shrink=shrink, threads=threads)
    return Similarity.from_table(*table)


def weight_purchases(matrix: PurchasedItems, n_items: int, weighting: str) -> NDArray[np.float32]:
    """Compute the weight of each matrix entry by a weighting, float32 array of the length of ``matrix.item``."""
    weight = np.ones(len(matrix.item), np.float32)
    if weighting == "cosine":
        return weight
    items = np.diff(matrix.indptr).astype(np.float64)
    inverse_frequency = np.log((1 + n_items) / (1 + items)) + 0.1
    if weighting == "tfidf":
        for rows, entries, shopper in _row_blocks(matrix.indptr):
            weight[entries] = inverse_frequency[rows][shopper]
        return weight
    length = np.zeros(len(items))
    for rows, entries, shopper in _row_blocks(matrix.indptr):
        length[rows] = np.bincount(shopper, matrix.orders[entries], len(length[rows]))
    relative = length / max(float(length.mean()), 1e-12)
    for rows, entries, shopper in _row_blocks(matrix.indptr):
        orders = matrix.orders[entries]
        saturation = 1.2 * (0.25 + 0.75 * relative[rows][shopper])
        weight[entries] = inverse_frequency[rows][shopper] * orders * 2.2 / (orders + saturation)
    return weight


def _row_blocks(indptr: NDArray[np.int64]) -> Iterator[tuple[slice, slice, NDArray[np.int64]]]:
    """Yield the rows of each block, their entries, and the row of each entry within the block."""
    for rows, entries in row_blocks(indptr):
        yield rows, entries, row_indices(indptr[rows.start : rows.stop + 1])
