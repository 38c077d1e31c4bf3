"""Item-item products of a sparse customer x item matrix, the best K of each row: a Numba kernel.

In: what each customer bought, weighted or not. Out: for each item its K best partners. Sums are of integers, so that
they are exact in any order, and the rows of the result are independent of each other: blocks of them go to threads,
and the result does not depend on how many there are. Imported while fitting only.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.training.kernels.jit import compiled, prefetch, quickselect

_BLOCKS = 64
"""Pieces of equal work: a thread that is done takes the next."""
_AHEAD = 4
"""Customers whose items are fetched while others are counted."""
_LINES = 4
"""Cache lines fetched of each; what follows them the processor fetches itself."""
_LEAST = 1e-30
_LAST_CODE = 2**31 - 1


@compiled
def _common(start, customer, own, ptr, item, value, add, shift, i, found, touched):  # type: ignore[no-untyped-def]
    """Count the partners of item i and sum the products with them, both in one number; which they are, and how many.

    Every partner costs one load, one sum and one store, whichever it is: a branch on whether it is new would be
    mispredicted, and half of the time goes into waiting for the customers' items, unless they are asked for early.
    """
    n, last = 0, len(customer) - 1
    for a in range(start[i], start[i + 1]):
        ahead = ptr[customer[min(a + _AHEAD, last)]]
        for line in range(_LINES):
            prefetch(item, ahead + np.uint64(line * (64 // item.itemsize)))
        c = customer[a]
        if len(value):
            for line in range(_LINES):
                prefetch(value, ahead + np.uint64(line * (64 // value.itemsize)))
            weight = np.uint64(own[a])
            for b in range(ptr[c], ptr[c + 1]):
                j = item[b]
                before = found[j]
                touched[n] = j
                n += before == 0
                found[j] = before + ((weight * np.uint64(value[b]) + add) >> shift)
        else:
            for b in range(ptr[c], ptr[c + 1]):
                j = item[b]
                before = found[j]
                touched[n] = j
                n += before == 0
                found[j] = before + add
    return n


@compiled
def _rows(first, last, by_item, by_customer, packing, scale, order, shrink, out):  # type: ignore[no-untyped-def]
    start, customer, own = by_item
    ptr, item, value = by_customer
    add, shift, fraction = packing
    unit = np.float64(np.uint64(1) << shift)
    rest = (np.uint64(1) << fraction) - np.uint64(1)
    n, k = len(scale), out.shape[1]
    found, touched = np.zeros(n, np.uint64), np.empty(n + 1, np.uint32)
    keys = np.empty(4 * k, np.int64)
    score = np.empty(1, np.float32)
    bits = score.view(np.int32)
    for i in range(first, last):
        n_touched = _common(start, customer, own, ptr, item, value, add, shift, i, found, touched)
        size, least = np.int64(0), _LEAST
        for t in range(n_touched):
            j = touched[t]
            both = found[j]
            found[j] = 0
            common = np.float64(np.int64(both >> fraction))
            product = np.float64(np.int64(both & rest)) * (unit * scale[i]) * scale[j]
            # Most partners are far below the worst that is kept: seen without a division, with room for rounding.
            if j == i or product * common < least * (common + shrink) * 0.999:
                continue
            score[0] = product * (common / (common + shrink))
            if score[0] < least:
                continue
            # One number to compare by: the bits of a positive float ascend as it does, and equal scores go by code.
            keys[size] = (np.int64(bits[0]) << 32) | (_LAST_CODE - order[j])
            size += 1
            if size == len(keys):
                bits[0] = quickselect(keys, size, k) >> 32
                size, least = k, np.float64(score[0])
        if size > k:
            quickselect(keys, size, k)
        for s in range(min(size, k)):
            out[i, s] = keys[s]


def top_cosines(
    ptr: NDArray[np.int64],
    item: NDArray[np.int64],
    value: NDArray[np.float32] | None,
    n_items: int,
    *,
    k: int,
    shrink: float,
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The K largest ``cos_ij * c / (c + shrink)`` of each item i, c customers in common.

    Parameters
    ----------
    ptr, item, value
        The customer x item matrix in CSR form, all values above 0; None where they are all 1.

    Returns
    -------
    items, values : shape (n_items, k)
        Best first, ties by item code; item -1 and value 0 where a row has fewer than K.
    """
    k = max(1, min(k, n_items))
    buyers = np.bincount(item, minlength=n_items)
    # By falling demand the sums that are wanted most lie side by side, and the largest pieces of work begin.
    order = np.argsort(-buyers, kind="stable")
    place = np.empty(n_items, np.uint16 if n_items <= 2**16 else np.uint32)
    place[order] = np.arange(n_items)
    keys = np.zeros((n_items, k), np.int64)
    n = int(np.count_nonzero(buyers))
    if n:
        weight, packing, scale = _packed(item, value, buyers)
        _fill(keys, ptr, place[item], weight, packing, scale[order[:n]], order[:n], shrink, threads)
    best = keys[place, ::-1]
    items = np.where(best > 0, _LAST_CODE - (best & _LAST_CODE), -1).astype(np.int32)
    return items, (best >> 32).astype(np.int32).view(np.float32)


def _packed(
    item: NDArray[np.int64], value: NDArray[np.float32] | None, buyers: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], tuple[np.uint64, np.uint64, np.uint64], NDArray[np.float64]]:
    """Weights as integers, and how count and sum share 63 bits.

    The count has the upper bits, as many as the most buyers need; the sum has the others. By the inequality of
    Cauchy and Schwarz a sum is at most the product of two norms, which the weights' powers of two bring below 2^61.

    Returns
    -------
    weight : shape (nnz,)
        Empty where all are 1.
    packing : add, shift, fraction
        ``(w_i * w_j + add) >> shift`` is what a customer adds: one above bit `fraction`, the rounded product below.
    scale : shape (n_items,)
        What a sum is multiplied with, by item.
    """
    fraction = min(63 - int(buyers.max()).bit_length(), 60)
    if value is None:
        none = np.empty(0, np.uint32)
        return none, _unsigned((1 << fraction) + 1, 0, fraction), 1 / np.sqrt(np.maximum(buyers, 1))
    norm = np.sqrt(np.bincount(item, value.astype(np.float64) ** 2, len(buyers)))
    exponent = 30 - np.frexp(norm)[1]
    weight = np.rint(np.ldexp(value.astype(np.float64), exponent[item])).astype(np.uint32)
    shift = 61 - fraction
    scale = np.divide(1.0, np.ldexp(norm, exponent), out=np.zeros(len(norm)), where=norm > 0)
    return weight, _unsigned((1 << 61) + (1 << (shift - 1)), shift, fraction), scale


def _unsigned(add: int, shift: int, fraction: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    return np.uint64(add), np.uint64(shift), np.uint64(fraction)


def _fill(
    keys: NDArray[np.int64],
    ptr: NDArray[np.int64],
    item: NDArray[Any],
    weight: NDArray[np.uint32],
    packing: tuple[np.uint64, np.uint64, np.uint64],
    scale: NDArray[np.float64],
    order: NDArray[np.int64],
    shrink: float,
    threads: int,
) -> None:
    """The keys of every row, ascending."""
    from scipy.sparse import csr_array

    n = len(scale)
    data = weight if len(weight) else np.ones(len(item), np.uint8)
    columns = csr_array((data, item.astype(np.int32), ptr), shape=(len(ptr) - 1, n)).tocsc()
    start, customer = columns.indptr.astype(np.int64), columns.indices.astype(np.uint32)
    work = np.cumsum(np.add.reduceat(np.diff(ptr)[customer], start[:-1]))
    cuts = np.unique(np.searchsorted(work, np.linspace(0, work[-1], _BLOCKS + 1), side="right"))
    by_item = start.astype(np.uint64), customer, columns.data if len(weight) else weight
    by_customer = ptr.astype(np.uint64), item, weight

    def block(first: int, last: int) -> None:
        _rows(first, last, by_item, by_customer, packing, scale, order, shrink, keys)
        keys[first:last].sort(axis=1)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(block, cuts[:-1].tolist(), cuts[1:].tolist()))
