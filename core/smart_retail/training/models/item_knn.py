"""Item-based collaborative filtering: items that the same customers buy.

In: `History`. Out: `Similarity`, the K most similar items of each. Variants differ in how a
customer's purchase of an item is weighted before the rows are compared:

- cosine: bought or not (Sarwar et al. 2001);
- tfidf: bought or not, a customer who buys everything counts less, by the inverse frequency
  log(items / items of the customer);
- bm25: number of orders, saturated and normalised by how much the customer buys
  (Robertson and Walker 1994), k1 = 1.2, b = 0.75, then compared by cosine.

Shrinkage multiplies a similarity by c / (c + shrink), c the common customers, so that two items
with one buyer in common are not twins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import UserItemMatrix, user_item_matrix

VARIANTS = ("cosine", "tfidf", "bm25")
SHRINK = 10.0


def item_similarity(
    history: PurchaseHistory,
    variant: str,
    *,
    neighbours: int,
    threads: int,
    shrink: float = SHRINK,
) -> Similarity:
    """The most similar items of each item."""
    return similarity_of(user_item_matrix(history), history.n_items, variant, neighbours, threads, shrink)


def similarity_of(
    pairs: UserItemMatrix,
    n_items: int,
    variant: str,
    neighbours: int,
    threads: int,
    shrink: float = SHRINK,
) -> Similarity:
    """`item_similarity` of purchases that are condensed already."""
    from smart_retail.training.kernels.top_k_cosine import top_cosines  # Numba: only where something is fitted

    # Bought or not needs no weights, and no products.
    value = None if variant == "cosine" else weights(pairs, n_items, variant)
    table = top_cosines(pairs.indptr, pairs.item, value, n_items, k=neighbours, shrink=shrink, threads=threads)
    return Similarity.from_table(*table)


def weights(pairs: UserItemMatrix, n_items: int, variant: str) -> NDArray[np.float32]:
    """Weight of each (customer, item), by variant."""
    if variant == "cosine":
        return np.ones(len(pairs), np.float32)
    items = np.diff(pairs.indptr).astype(np.float64)
    if variant == "tfidf":
        rarity = np.log((1 + n_items) / (1 + items)) + 0.1
        return rarity[pairs.shopper].astype(np.float32)
    length = np.bincount(pairs.shopper, pairs.orders, pairs.n_shoppers)
    relative = length / max(float(length.mean()), 1e-12)
    saturation = 1.2 * (0.25 + 0.75 * relative[pairs.shopper])
    rarity = np.log((1 + n_items) / (1 + items)) + 0.1
    return (rarity[pairs.shopper] * pairs.orders * 2.2 / (pairs.orders + saturation)).astype(np.float32)
