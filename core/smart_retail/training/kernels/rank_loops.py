"""Compiled loops over the candidates of each shopper: pruning, ranks and discounted gains."""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.candidates import ROUNDING_TOLERANCE
from smart_retail.training.kernels.jit import compiled, quickselect


@compiled
def prune_below_top_n(indptr, score, length, out):  # type: ignore[no-untyped-def]
    """Copy the scores above 0 that can be among the first `length` of their shopper once they are rounded.

    Parameters
    ----------
    indptr : int64 (n_shoppers + 1,)
    score : float64 (n,)
    length : int64
    out : float64 (n,)
        Zeros; filled.
    """
    top = np.empty(4 * length)
    for s in range(len(indptr) - 1):
        m, bound = 0, 0.0
        for t in range(indptr[s], indptr[s + 1]):
            if score[t] > bound:
                top[m] = score[t]
                m += 1
                if m == len(top):
                    m, bound = length, quickselect(top, m, length)
        bound = quickselect(top, m, length) * (1.0 - ROUNDING_TOLERANCE) if m >= length else 0.0
        for t in range(indptr[s], indptr[s + 1]):
            if score[t] > 0.0 and score[t] >= bound:
                out[t] = score[t]


@compiled
def compute_ranks(indptr, score, selected_ptr, selected, out):  # type: ignore[no-untyped-def]
    """Compute the rank of selected rows within their shopper, ties by row; 0 stays for a row without score.

    Parameters
    ----------
    indptr : int64 (n_shoppers + 1,)
    score : float64 (n,)
    selected_ptr : int64 (n_shoppers + 1,)
    selected : int64 (m,)
        Positions of the rows.
    out : int32 (m,)
        Zeros; filled with ranks from 1.
    """
    for s in range(len(indptr) - 1):
        for c in range(selected_ptr[s], selected_ptr[s + 1]):
            at = selected[c]
            value = score[at]
            if value <= 0.0:
                continue
            rank = 1
            for t in range(indptr[s], at):
                rank += score[t] >= value
            for t in range(at + 1, indptr[s + 1]):
                rank += score[t] > value
            out[c] = rank


@compiled
def discounted_gains(blend, relative, change, hit, discount, out):  # type: ignore[no-untyped-def]
    """Compute the discounted gain of each row ordered by ``blend + change * relative``; ties: the earlier column.

    Parameters
    ----------
    blend, relative : float32 (n_shoppers, width)
    change : float32
    hit : bool (n_shoppers, width)
        Which candidates were bought.
    discount : float64 (k,)
        By rank.
    out : float64 (n_shoppers,)
        Filled.
    """
    k = len(discount)
    top, column = np.empty(k, np.float32), np.empty(k, np.int64)
    for row in range(blend.shape[0]):
        size = 0
        for c in range(blend.shape[1]):
            score = blend[row, c] + change * relative[row, c]
            if size == k and score <= top[k - 1]:
                continue
            at = min(size, k - 1)
            while at > 0 and top[at - 1] < score:
                top[at], column[at] = top[at - 1], column[at - 1]
                at -= 1
            top[at], column[at] = score, c
            size = min(size + 1, k)
        gain = 0.0
        for at in range(size):
            if hit[row, column[at]]:
                gain += discount[at]
        out[row] = gain
