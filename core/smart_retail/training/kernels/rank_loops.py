"""The compiled loops that find the first of each shopper's candidates, their places and what they gain.

In: scores by shopper, as plain arrays. Out: arrays filled in place. `compiled` calls them.
"""

from __future__ import annotations

import numpy as np

from smart_retail.recommenders.candidates import LEEWAY
from smart_retail.training.kernels.jit import compiled, quickselect


@compiled
def fill_foremost(indptr, score, length, out):  # type: ignore[no-untyped-def]
    """Copy the scores above 0 that can be among the first `length` of their shopper once they are rounded."""
    some = np.empty(4 * length)
    for s in range(len(indptr) - 1):
        m, bound = 0, 0.0
        for t in range(indptr[s], indptr[s + 1]):
            if score[t] > bound:
                some[m] = score[t]
                m += 1
                if m == len(some):
                    m, bound = length, quickselect(some, m, length)
        bound = quickselect(some, m, length) * (1.0 - LEEWAY) if m >= length else 0.0
        for t in range(indptr[s], indptr[s + 1]):
            if score[t] > 0.0 and score[t] >= bound:
                out[t] = score[t]


@compiled
def fill_places(indptr, score, chosen_ptr, chosen, out):  # type: ignore[no-untyped-def]
    """One more than the rows of the shopper that score higher, or the same and stand before."""
    for s in range(len(indptr) - 1):
        for c in range(chosen_ptr[s], chosen_ptr[s + 1]):
            at = chosen[c]
            own = score[at]
            if own <= 0.0:
                continue
            place = 1
            for t in range(indptr[s], at):
                place += score[t] >= own
            for t in range(at + 1, indptr[s + 1]):
                place += score[t] > own
            out[c] = place


@compiled
def fill_gains(blend, relative, change, hit, discount, out):  # type: ignore[no-untyped-def]
    """Discounted gain of the first places of each row ordered by ``blend + change * relative``; ties: the earlier."""
    k = len(discount)
    top, place = np.empty(k, np.float32), np.empty(k, np.int64)
    for row in range(blend.shape[0]):
        size = 0
        for c in range(blend.shape[1]):
            score = blend[row, c] + change * relative[row, c]
            if size == k and score <= top[k - 1]:
                continue
            at = min(size, k - 1)
            while at > 0 and top[at - 1] < score:
                top[at], place[at] = top[at - 1], place[at - 1]
                at -= 1
            top[at], place[at] = score, c
            size = min(size + 1, k)
        gain = 0.0
        for at in range(size):
            if hit[row, place[at]]:
                gain += discount[at]
        out[row] = gain
