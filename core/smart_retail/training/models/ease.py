"""A linear item model: each item's purchase predicted from all others at once (EASE, Steck 2019).

In: condensed purchases. Out: `Similarity` with the K weights of largest size a row, negative ones too: they say
what an item is bought instead of. Solved densely for the most bought items, which is where the
counts carry a linear model; other items have their neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_items import UserItemMatrix

KINDS = {"steady": 1000.0, "lately": 300.0}
"""Ridge penalty by kind: steady counts every purchase alike, lately counts fresh ones more. Which is better
differs from shop to shop; the penalties were chosen on earlier windows of two."""


def linear_of(
    pairs: UserItemMatrix, taste: NDArray[np.float64], n_items: int, kind: str, *, limit: int, neighbours: int
) -> Similarity:
    """The linear model of a kind in `KINDS`; `taste` is that of `taste_of`."""
    weight = np.ones(len(pairs)) if kind == "steady" else taste
    return linear_similarity(pairs, weight, n_items, limit=limit, neighbours=neighbours, penalty=KINDS[kind])


def linear_similarity(
    pairs: UserItemMatrix,
    weight: NDArray[np.float64],
    n_items: int,
    *,
    limit: int,
    neighbours: int,
    penalty: float,
) -> Similarity:
    """The linear model of the `limit` most bought items.

    Parameters
    ----------
    weight : shape (len(pairs),)
        What each purchase counts.
    limit : int
        Size of the dense problem: `limit` squared numbers of 4 bytes, twice.
    """
    from smart_retail.training.kernels.ease_solver import gram, invert, top_k_weights  # Numba: only while fitting

    buyers = np.bincount(pairs.item, minlength=n_items)
    chosen = np.sort(np.argsort(-buyers, kind="stable")[:limit])
    chosen = chosen[buyers[chosen] > 1]
    if len(chosen) < 2:
        return Similarity.from_table(np.full((n_items, 1), -1, np.int32), np.zeros((n_items, 1), np.float32))
    dense = np.full(n_items, -1, np.int32)
    dense[chosen] = np.arange(len(chosen), dtype=np.int32)
    kept = dense[pairs.item] >= 0
    counts = np.bincount(pairs.shopper[kept], minlength=pairs.n_shoppers)
    ptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    products = np.zeros((len(chosen), len(chosen)), np.float32)
    gram(ptr, dense[pairs.item[kept]], weight[kept].astype(np.float32), products)
    products[np.diag_indices(len(chosen))] += np.float32(penalty)
    # Items of a shopper ascend, so the lower triangle is filled; transposed it is Fortran's upper one.
    inverse = products.T
    if not invert(inverse):
        return Similarity.from_table(np.full((n_items, 1), -1, np.int32), np.zeros((n_items, 1), np.float32))
    k = min(neighbours, len(chosen) - 1)
    item, value = np.full((n_items, k), -1, np.int32), np.zeros((n_items, k), np.float32)
    top_k_weights(inverse, -np.diagonal(inverse), chosen, item, value)
    return Similarity.from_table(item, value)
