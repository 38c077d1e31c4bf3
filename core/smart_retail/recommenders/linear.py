"""A linear item model: each item's purchase predicted from all others at once (EASE, Steck 2019).

In: condensed purchases. Out: `Similarity` with the K weights of largest size a row, negative ones too: they say
what an item is bought instead of. Solved densely for the most bought items, which is where the
counts carry a linear model; other items have their neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.purchases import Pairs
from smart_retail.recommenders.similarity import Similarity

KINDS = {"steady": 1000.0, "lately": 300.0}
"""Ridge penalty by kind: steady counts every purchase alike, lately counts fresh ones more. Which is better
differs from shop to shop; the penalties were chosen on earlier windows of two."""


def linear_of(
    pairs: Pairs, taste: NDArray[np.float64], n_items: int, kind: str, *, limit: int, neighbours: int
) -> Similarity:
    """The linear model of a kind in `KINDS`; `taste` is that of `taste_of`."""
    weight = np.ones(len(pairs)) if kind == "steady" else taste
    return linear_similarity(pairs, weight, n_items, limit=limit, neighbours=neighbours, penalty=KINDS[kind])


def linear_similarity(
    pairs: Pairs,
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
    from scipy.linalg import lapack

    from smart_retail.recommenders.kernel import gram

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
    factor, failed = lapack.spotrf(products.T, lower=0, overwrite_a=1, clean=0)
    inverse, _ = lapack.spotri(factor, lower=0, overwrite_c=1)
    if failed:
        return Similarity.from_table(np.full((n_items, 1), -1, np.int32), np.zeros((n_items, 1), np.float32))
    return _strongest(inverse, chosen, n_items, neighbours)


def _strongest(upper: NDArray[np.float32], chosen: NDArray[np.int64], n_items: int, neighbours: int) -> Similarity:
    """The K weights of largest size of each row of ``-P / diag(P)``, P given by its upper triangle."""
    n = len(chosen)
    k = min(neighbours, n - 1)
    diagonal = np.diagonal(upper).copy()
    item = np.full((n_items, k), -1, np.int32)
    value = np.zeros((n_items, k), np.float32)
    for i in range(n):
        row = np.concatenate((upper[:i, i], upper[i, i:])) / -diagonal
        row[i] = 0.0
        size = np.abs(row)
        best = np.argpartition(-size, k - 1)[:k] if k < n else np.arange(n)
        best = best[np.lexsort((chosen[best], -row[best]))]
        item[chosen[i]], value[chosen[i]] = chosen[best], row[best]
    return Similarity.from_table(item, value)
