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

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import UserItemMatrix

WEIGHTINGS = ("cosine", "tfidf", "bm25")
SHRINK = 10.0


def fit_item_knn(
    matrix: UserItemMatrix,
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
    matrix : UserItemMatrix
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


def weight_purchases(matrix: UserItemMatrix, n_items: int, weighting: str) -> NDArray[np.float32]:
    """Compute the weight of each matrix entry by a weighting, float32 array, shape ``(len(matrix),)``."""
    if weighting == "cosine":
        return np.ones(len(matrix), np.float32)
    items = np.diff(matrix.indptr).astype(np.float64)
    inverse_frequency = np.log((1 + n_items) / (1 + items)) + 0.1
    if weighting == "tfidf":
        return inverse_frequency[matrix.shopper].astype(np.float32)
    length = np.bincount(matrix.shopper, matrix.orders, matrix.n_shoppers)
    relative = length / max(float(length.mean()), 1e-12)
    saturation = 1.2 * (0.25 + 0.75 * relative[matrix.shopper])
    weight = inverse_frequency[matrix.shopper] * matrix.orders * 2.2 / (matrix.orders + saturation)
    return weight.astype(np.float32)
