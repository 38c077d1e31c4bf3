"""EASE, a linear item model: each item's purchase predicted from all others at once (Steck 2019).

Keeps the K weights of largest absolute value for each item, negative ones too: those mean that an item is bought
instead of another. Solved densely for the most bought items, which have enough purchases for a linear model; other
items rely on item-kNN.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.utils.csr import indptr_from_lengths, row_blocks, row_indices

PENALTIES = {"uniform": 1000.0, "recency": 300.0}
"""Ridge penalty by weighting: uniform counts every purchase alike, recency counts recent ones more. The better one
differs between shops; the penalties were selected on earlier windows of two."""


class ItemRows(Protocol):
    """The items of each customer or order in CSR form."""

    @property
    def indptr(self) -> NDArray[np.int64]: ...
    @property
    def item(self) -> NDArray[np.integer]: ...


def fit_weighted_ease(
    matrix: ItemRows,
    recency_weight: NDArray[np.floating],
    n_items: int,
    weighting: str,
    *,
    max_items: int,
    neighbours: int,
) -> Similarity:
    """Fit EASE with one of the weightings in `PENALTIES`.

    Parameters
    ----------
    matrix : UserItemMatrix or CustomerItems
    recency_weight : float array of the length of ``matrix.item``
        See `compute_recency_weights`.
    n_items : int
    weighting : {"uniform", "recency"}
    max_items, neighbours : int
        See `fit_ease`.
    """
    weight = None if weighting == "uniform" else recency_weight
    return fit_ease(matrix, weight, n_items, max_items=max_items, neighbours=neighbours, penalty=PENALTIES[weighting])


def fit_ease(
    matrix: ItemRows,
    weight: NDArray[np.floating] | None,
    n_items: int,
    *,
    max_items: int,
    neighbours: int,
    penalty: float,
) -> Similarity:
    """Fit EASE on the most bought items.

    Parameters
    ----------
    matrix : UserItemMatrix or ItemBaskets
    weight : float array of the length of ``matrix.item``, or None
        Weight of each purchase; None for 1.
    n_items : int
    max_items : int
        Size of the dense problem, which takes 8 bytes times its square.
    neighbours : int
        Weights kept for each item.
    penalty : float
        Ridge penalty.
    """
    from smart_retail.training.kernels.ease_solver import (  # imports Numba: only while fitting
        add_gram_matrix,
        invert_positive_definite,
        top_k_weights,
    )

    buyers = np.bincount(matrix.item, minlength=n_items)
    codes = np.sort(np.argsort(-buyers, kind="stable")[:max_items])
    codes = codes[buyers[codes] > 1]
    if len(codes) < 2:
        return _no_neighbours(n_items)
    row_of_item = np.full(n_items, -1, np.int32)
    row_of_item[codes] = np.arange(len(codes), dtype=np.int32)
    products = np.zeros((len(codes), len(codes)), np.float32)
    for rows, entries in row_blocks(matrix.indptr):
        row = row_of_item[matrix.item[entries]]
        included = row >= 0
        shopper = row_indices(matrix.indptr[rows.start : rows.stop + 1])[included]
        ptr = indptr_from_lengths(np.bincount(shopper, minlength=rows.stop - rows.start))
        ones = np.ones(len(shopper), np.float32)
        value = ones if weight is None else weight[entries][included].astype(np.float32)
        add_gram_matrix(ptr, row[included], value, products)
    products[np.diag_indices(len(codes))] += np.float32(penalty)
    # The items of a shopper ascend, so the lower triangle is filled; its transpose is the upper one in Fortran order.
    inverse = products.T
    if not invert_positive_definite(inverse):
        return _no_neighbours(n_items)
    k = min(neighbours, len(codes) - 1)
    item, value = np.full((n_items, k), -1, np.int32), np.zeros((n_items, k), np.float32)
    top_k_weights(inverse, -np.diagonal(inverse), codes, item, value)
    return Similarity.from_table(item, value)


def _no_neighbours(n_items: int) -> Similarity:
    return Similarity.from_table(np.full((n_items, 1), -1, np.int32), np.zeros((n_items, 1), np.float32))
