"""Item-item products of a sparse customer x item matrix, the best K of each row: a Numba kernel.

In: the matrix by customer and by item. Out: for each item its K best partners. The rows of the
result are independent of each other, so blocks of them go to threads and the result does not
depend on how many there are. Imported while fitting only.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.compiling import compiled, offer

_BLOCK = 64


@compiled
def _rows(
    first: int,
    last: int,
    by_item_ptr: NDArray[np.int64],
    by_item_customer: NDArray[np.int32],
    by_item_value: NDArray[np.float32],
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: NDArray[np.float32],
    scale: NDArray[np.float64],
    shrink: float,
    k: int,
    out_item: NDArray[np.int32],
    out_value: NDArray[np.float32],
) -> None:
    n = len(by_item_ptr) - 1
    # Sum and count side by side: a partner costs one cache line, not two.
    found = np.zeros((n, 2), np.float64)
    touched = np.empty(n, np.int32)
    best_value = np.empty(k, np.float64)
    best_item = np.empty(k, np.int64)
    for i in range(first, last):
        n_touched = 0
        for a in range(by_item_ptr[i], by_item_ptr[i + 1]):
            customer = by_item_customer[a]
            weight = by_item_value[a]
            for b in range(ptr[customer], ptr[customer + 1]):
                j = item[b]
                if found[j, 1] == 0.0:
                    touched[n_touched] = j
                    n_touched += 1
                found[j, 0] += weight * value[b]
                found[j, 1] += 1.0
        size = 0
        for t in range(n_touched):
            j = touched[t]
            total, common = found[j, 0], found[j, 1]
            found[j, 0] = 0.0
            found[j, 1] = 0.0
            product = total * scale[i] * scale[j]
            # Most partners are far below the worst that is kept: seen without a division, with room for rounding.
            if j == i or product <= 0.0 or (size == k and product * common < best_value[0] * (common + shrink) * 0.999):
                continue
            score = product * (common / (common + shrink))
            size = offer(best_value, best_item, size, k, score, j)
        for s in range(size):
            out_item[i, s] = best_item[s]
            out_value[i, s] = best_value[s]


@compiled
def gram(
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the lower triangle of X'X to `out`; the items of a customer ascend."""
    for customer in range(len(ptr) - 1):
        for a in range(ptr[customer], ptr[customer + 1]):
            i, weight = item[a], value[a]
            for b in range(ptr[customer], a + 1):
                out[i, item[b]] += weight * value[b]


def top_products(
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: NDArray[np.float32],
    by_item: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    scale: NDArray[np.float64],
    *,
    k: int,
    shrink: float,
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The K largest ``scale_i * scale_j * (X'X)_ij * c / (c + shrink)`` of each row i, c common customers.

    Parameters
    ----------
    ptr, item, value
        X in CSR form.
    by_item
        X in CSC form: pointers, customers, values.
    scale : shape (n_items,)

    Returns
    -------
    items, values : shape (n_items, k)
        Best first, ties by item code; item -1 and value 0 where a row has fewer than K.
    """
    n = len(by_item[0]) - 1
    k = max(1, min(k, n))
    out_item = np.full((n, k), -1, np.int32)
    out_value = np.zeros((n, k), np.float32)

    # Rows of much sought items cost the most: small blocks keep the threads equally busy.
    def block(at: int) -> None:
        _rows(at, min(at + _BLOCK, n), *by_item, ptr, item, value, scale, shrink, k, out_item, out_value)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(block, range(0, n, _BLOCK)))
    best = np.lexsort((out_item, -out_value), axis=1)
    return np.take_along_axis(out_item, best, 1), np.take_along_axis(out_value, best, 1)
