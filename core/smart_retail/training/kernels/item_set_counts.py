"""Counts of pairs and triples of items in the same order: Numba kernels. Imported while fitting only.

Items are numbered by descending demand, and the items of each order ascend, so that each pair is counted once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_pairs import MIN_LIFT
from smart_retail.training.kernels.jit import compiled


def group_lines(item: NDArray[np.int32], start: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the positions of the lines of each item, ascending.

    Parameters
    ----------
    item : int32 (nnz,)
    start : int64 (n_items + 1,)
        Bounds of each item in the result.
    """
    out = np.empty(len(item), np.uint32)
    _group_lines(item, start[:-1].copy(), out)
    return out


@compiled
def _group_lines(item, at, out):  # type: ignore[no-untyped-def]
    for line in range(len(item)):
        out[at[item[line]]] = line
        at[item[line]] += 1


@compiled
def count_frequent_pairs(start, line, ptr, order, item, amount, least, histogram, out, revenue):  # type: ignore[no-untyped-def]
    """Count the orders of each pair of items that are together more often than by chance.

    Parameters
    ----------
    start, line : int64 (n_items + 1,), uint32 (nnz,)
        The lines by item: bounds, positions in `item`.
    ptr, order, item, amount : int64 (n_orders + 1,), int32 (nnz,), int32 (nnz,), int64 (nnz,)
        The lines by order: bounds, the order of each line, items ascending within an order, amounts.
    least : int64
        Orders of a pair, at least.
    histogram : int64 (n,)
        Counts of the pairs by their orders are added; an empty array for none.
    out, revenue : int32 (m, 3), int64 (m,)
        Filled with the items of the pairs, their orders and their amount in these; empty arrays to only count.
    """
    n_items, n_orders, n = len(start) - 1, np.float64(len(ptr) - 1), 0
    sums, touched = np.zeros(n_items, np.int64), np.empty(n_items, np.int64)
    amounts = np.zeros(n_items, np.int64)
    for i in range(n_items):
        own, n_touched = start[i + 1] - start[i], 0
        if own < least:
            break  # the following items have even fewer orders
        for a in range(start[i], start[i + 1]):
            at = line[a]
            for b in range(at + 1, ptr[order[at] + 1]):
                j = item[b]
                if sums[j] == 0:
                    touched[n_touched] = j
                    n_touched += 1
                sums[j] += 1
                amounts[j] += amount[at] + amount[b]
        for t in range(n_touched):
            j = touched[t]
            count, total = sums[j], amounts[j]
            sums[j], amounts[j] = 0, 0
            expected = MIN_LIFT * np.float64(own) * np.float64(start[j + 1] - start[j])
            if count >= least and np.float64(count) * n_orders >= expected:
                if len(histogram):
                    histogram[count] += 1
                if len(out):
                    out[n, 0], out[n, 1], out[n, 2], revenue[n] = i, j, count, total
                n += 1


@compiled
def count_triples(start, line, ptr, order, item, amount, edges, neighbours, least, out, revenue):  # type: ignore[no-untyped-def]
    """Count the orders of the triples whose three pairs are all among the given ones.

    Parameters
    ----------
    start, line, ptr, order, item, amount
        As in `count_frequent_pairs`.
    edges : int32 (n_pairs, 2)
        Pairs, the smaller item first, sorted.
    neighbours : int64 (n_items + 1,)
        Bounds of the pairs of each smaller item.
    least : int64
        Orders of a triple, at least.
    out, revenue : int32 (m, 4), int64 (m,)
        Filled with the items of the triples, their orders and their amount in these.

    Returns
    -------
    int64
        Number of triples.
    """
    n_items, n = len(start) - 1, 0
    sums, amounts = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)
    is_third = np.zeros(n_items, np.uint8)
    own_line = np.full(len(ptr) - 1, -1, np.int64)
    for i in range(n_items):
        if neighbours[i] == neighbours[i + 1]:
            continue
        for a in range(start[i], start[i + 1]):
            own_line[order[line[a]]] = line[a]
        for e in range(neighbours[i], neighbours[i + 1]):
            is_third[edges[e, 1]] = 1
        for e in range(neighbours[i], neighbours[i + 1]):
            j, found = edges[e, 1], False
            for b in range(neighbours[j], neighbours[j + 1]):
                k = edges[b, 1]
                is_third[k] *= 2
                found |= is_third[k] == 2
            for b in range(start[j], start[j + 1] if found else start[j]):
                at = line[b]
                own = own_line[order[at]]
                if own >= 0:
                    for c in range(at + 1, ptr[order[at] + 1]):
                        if is_third[item[c]] == 2:
                            sums[item[c]] += 1
                            amounts[item[c]] += amount[own] + amount[at] + amount[c]
            for b in range(neighbours[j], neighbours[j + 1]):
                k = edges[b, 1]
                if sums[k] >= least:
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3], revenue[n] = i, j, k, sums[k], amounts[k]
                    n += 1
                sums[k], amounts[k] = 0, 0
                is_third[k] //= 2
        for e in range(neighbours[i], neighbours[i + 1]):
            is_third[edges[e, 1]] = 0
        for a in range(start[i], start[i + 1]):
            own_line[order[line[a]]] = -1
    return n


def smallest_support(histogram: NDArray[np.int64], least: int, most: int) -> int:
    """Return the smallest support, `least` or more, that at most `most` sets have.

    Parameters
    ----------
    histogram : int64 array
        Number of sets by support.
    least, most : int
    """
    at_least = np.cumsum(histogram[::-1])[::-1]
    enough = np.flatnonzero(at_least[least:] <= most)
    return least + int(enough[0]) if len(enough) else len(histogram)
