"""Top-K cosine similarity between the columns of a sparse customer x item matrix: a Numba kernel.

Sums are of integers, so that they are exact in any order, and the rows of the result are independent: blocks of rows
are distributed over threads, and the result does not depend on their number. Imported while fitting only.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_pairs import MIN_LIFT
from smart_retail.training.kernels.jit import compiled, prefetch, quickselect

_BLOCKS = 64
"""Blocks of equal work; an idle thread takes the next one."""
_PREFETCH_DISTANCE = 4
"""Customers whose items are prefetched while others are counted."""
_PREFETCH_LINES = 4
"""Cache lines prefetched for each customer; the processor fetches those that follow."""
_PART_ENTRIES = 4_000_000
"""Entries of the matrix whose temporary arrays exist at a time."""
_MIN_SIMILARITY = 1e-30
_LAST_CODE = 2**31 - 1


@compiled
def _count_and_sum(start, customer, own, ptr, item, value, add, shift, i, sums, touched):  # type: ignore[no-untyped-def]
    """Count common customers and sum weight products of item i with all others, both in one integer for each item.

    Every entry costs one load, one sum and one store: a branch on whether an item is new would be mispredicted, and
    half of the time is spent waiting for the customers' items unless they are prefetched.

    Parameters
    ----------
    start, customer, own : uint64 (n_items + 1,), uint32 (nnz,), uint32 (nnz,) or empty
        The matrix by item: bounds, customers, weights.
    ptr, item, value : uint64 (n_customers + 1,), uint16 or uint32 (nnz,), uint32 (nnz,) or empty
        The matrix by customer: bounds, items, weights.
    add, shift : uint64
        See `_pack`.
    i : int64
    sums : uint64 (n_items,)
        Zeros; filled.
    touched : uint32 (n_items + 1,)
        Filled with the items that have a common customer.

    Returns
    -------
    int64
        Number of touched items.
    """
    n, last = 0, len(customer) - 1
    for a in range(start[i], start[i + 1]):
        ahead = ptr[customer[min(a + _PREFETCH_DISTANCE, last)]]
        for line in range(_PREFETCH_LINES):
            prefetch(item, ahead + np.uint64(line * (64 // item.itemsize)))
        c = customer[a]
        if len(value):
            for line in range(_PREFETCH_LINES):
                prefetch(value, ahead + np.uint64(line * (64 // value.itemsize)))
            weight = np.uint64(own[a])
            for b in range(ptr[c], ptr[c + 1]):
                j = item[b]
                before = sums[j]
                touched[n] = j
                n += before == 0
                sums[j] = before + ((weight * np.uint64(value[b]) + add) >> shift)
        else:
            for b in range(ptr[c], ptr[c + 1]):
                j = item[b]
                before = sums[j]
                touched[n] = j
                n += before == 0
                sums[j] = before + add
    return n


@compiled
def _fill_rows(first, last, by_item, by_customer, packing, scale, order, counting, out):  # type: ignore[no-untyped-def]
    """Fill the rows ``first:last`` of `out` with the keys of the K most similar items, unordered.

    Parameters
    ----------
    first, last : int64
    by_item, by_customer : tuples of arrays
        As in `_count_and_sum`.
    packing : (uint64, uint64, uint64)
        See `_pack`.
    scale : float64 (n_items,)
    order : int64 (n_items,)
        Item codes by position.
    counting : (float64, float64 (n_items,))
        Shrinkage in customers, and the smallest number of common customers of a pair, by item.
    out : int64 (n_items, k)
        Keys: the bits of the float32 similarity, then how low the item code is.
    """
    start, customer, own = by_item
    ptr, item, value = by_customer
    add, shift, fraction = packing
    shrink, support = counting
    unit = np.float64(np.uint64(1) << shift)
    rest = (np.uint64(1) << fraction) - np.uint64(1)
    n, k = len(scale), out.shape[1]
    sums, touched = np.zeros(n, np.uint64), np.empty(n + 1, np.uint32)
    keys = np.empty(4 * k, np.int64)
    score = np.empty(1, np.float32)
    bits = score.view(np.int32)
    for i in range(first, last):
        n_touched = _count_and_sum(start, customer, own, ptr, item, value, add, shift, i, sums, touched)
        size, least, least_common = np.int64(0), _MIN_SIMILARITY, support[i]
        for t in range(n_touched):
            j = touched[t]
            both = sums[j]
            sums[j] = 0
            common = np.float64(np.int64(both >> fraction))
            product = np.float64(np.int64(both & rest)) * (unit * scale[i]) * scale[j]
            # Most items are far below the K-th best: skipped without a division, with a margin for rounding.
            if j == i or common < least_common or product * common < least * (common + shrink) * 0.999:
                continue
            score[0] = product * (common / (common + shrink))
            if score[0] < least:
                continue
            # One key: the bits of a positive float ascend with its value; equal scores are ordered by code.
            keys[size] = (np.int64(bits[0]) << 32) | (_LAST_CODE - order[j])
            size += 1
            if size == len(keys):
                bits[0] = quickselect(keys, size, k) >> 32
                size, least = k, np.float64(score[0])
        if size > k:
            quickselect(keys, size, k)
        for s in range(min(size, k)):
            out[i, s] = keys[s]


def top_k_cosine(
    ptr: NDArray[np.int64],
    item: NDArray[np.integer],
    value: NDArray[np.float32] | None,
    n_items: int,
    *,
    k: int,
    shrink: float,
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the K largest ``cos_ij * c / (c + shrink)`` of each item i, with c the number of common customers.

    Parameters
    ----------
    ptr, item, value : int64 (n_customers + 1,), integer (nnz,), float32 (nnz,)
        The customer x item matrix in CSR form, all values above 0; `value` is None where all are 1.
    n_items : int
    k : int
    shrink : float
        Customers; 0 for plain cosine.
    threads : int

    Returns
    -------
    items, values : int32 (n_items, k), float32 (n_items, k)
        Best first, ties by item code; item -1 and value 0 where a row has fewer than K.
    """
    buyers = np.bincount(item, minlength=n_items)
    weight, packing, scale = _pack(item, value, buyers)
    return _top_k(ptr, item, buyers, (weight, packing, scale), k, (shrink, np.ones(n_items)), threads)


def top_k_lift(
    ptr: NDArray[np.int64],
    item: NDArray[np.integer],
    n_items: int,
    *,
    k: int,
    support: NDArray[np.float64],
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the K items of largest lift of each item, among those with a minimum number of common baskets.

    Lift is ``c_ij * n / (c_i * c_j)``, with c the numbers of baskets and n that of all baskets: how many times as
    often two items are together as they would be by chance. Pairs with a lift below `MIN_LIFT` are left out.

    Parameters
    ----------
    ptr, item : int64 (n_baskets + 1,), integer (nnz,)
        The items of each basket (an order, or all purchases of a customer), without repetition.
    n_items : int
    k : int
    support : float64 array, shape (n_items,)
        Common baskets that a pair of the item has at least, 1 and up.
    threads : int

    Returns
    -------
    items, counts : int32 (n_items, k), int64 (n_items, k)
        Largest lift first, ties by item code, and the number of common baskets; item -1 and count 0 where a row has
        fewer than K.
    """
    baskets = np.bincount(item, minlength=n_items)
    weight, packing, _ = _pack(item, None, baskets)
    scale = 1 / np.maximum(baskets, 1)
    items, value = _top_k(ptr, item, baskets, (weight, packing, scale), k, (0.0, support), threads)
    expected = baskets[:, None].astype(np.float64) * baskets[items]
    counts = np.rint(value * expected).astype(np.int64)
    is_above_chance = (items >= 0) & (counts * float(len(ptr) - 1) >= MIN_LIFT * expected)
    return np.where(is_above_chance, items, np.int32(-1)), np.where(is_above_chance, counts, 0)


def top_k_counts(
    ptr: NDArray[np.int64],
    item: NDArray[np.integer],
    n_items: int,
    *,
    k: int,
    support: NDArray[np.float64],
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the K items with the most common baskets of each item; parameters and result as in `top_k_lift`."""
    baskets = np.bincount(item, minlength=n_items)
    weight, packing, _ = _pack(item, None, baskets)
    items, value = _top_k(ptr, item, baskets, (weight, packing, np.ones(n_items)), k, (0.0, support), threads)
    return items, np.where(items >= 0, np.rint(value), 0).astype(np.int64)


@compiled
def _count_rows(first, last, by_item, by_customer, order, indptr, other, out):  # type: ignore[no-untyped-def]
    """Fill the common baskets of the pairs of the items ``first:last``.

    Parameters
    ----------
    first, last : int64
    by_item, by_customer : tuples of arrays
        As in `_count_and_sum`.
    order : int64 (n_items,)
        Item codes by position.
    indptr, other : int64 (n_codes + 1,), int64 (n_pairs,)
        The pairs by code of their first item: bounds, positions of the other items.
    out : int32 (n_pairs,)
    """
    start, customer, own = by_item
    ptr, item, value = by_customer
    n = len(order)
    sums, touched = np.zeros(n, np.uint64), np.empty(n + 1, np.uint32)
    for i in range(first, last):
        code = order[i]
        if indptr[code] == indptr[code + 1]:
            continue
        one = np.uint64(1)
        n_touched = _count_and_sum(start, customer, own, ptr, item, value, one, np.uint64(0), i, sums, touched)
        for pair in range(indptr[code], indptr[code + 1]):
            out[pair] = sums[other[pair]]
        for t in range(n_touched):
            sums[touched[t]] = 0


def count_pairs(
    ptr: NDArray[np.int64],
    item: NDArray[np.integer],
    indptr: NDArray[np.int64],
    other: NDArray[Any],
    *,
    threads: int,
) -> NDArray[np.int32]:
    """Count the baskets that contain both items of each pair.

    Parameters
    ----------
    ptr, item : int64 (n_baskets + 1,), integer (nnz,)
        The items of each basket, without repetition.
    indptr, other : int64 (n_items + 1,), integer (n_pairs,)
        The pairs by their first item: bounds, and the other item of each.
    threads : int

    Returns
    -------
    int32 array, shape (n_pairs,)
    """
    out = np.zeros(len(other), np.int32)
    buyers = np.bincount(item, minlength=len(indptr) - 1)
    order, position = _by_demand(buyers)
    n = int(np.count_nonzero(buyers))
    if not n:
        return out
    none = np.empty(0, np.uint32)
    by_item, by_customer, cuts = _both_ways(ptr, position[item], none, n)
    # An item that is in no basket has no sum: position 0 stands for it here, and its pairs are counted 0 below.
    known = position[other] < n
    wanted = np.where(known, position[other], 0).astype(np.int64)

    def block(first: int, last: int) -> None:
        _count_rows(first, last, by_item, by_customer, order[:n], indptr, wanted, out)

    _run_blocks(block, cuts, threads)
    return np.where(known, out, np.int32(0))


def _top_k(
    ptr: NDArray[np.int64],
    item: NDArray[np.integer],
    buyers: NDArray[np.int64],
    packed: tuple[NDArray[np.uint32], tuple[np.uint64, np.uint64, np.uint64], NDArray[np.float64]],
    k: int,
    counting: tuple[float, NDArray[np.float64]],
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the K items with the largest products of each item; see `top_k_cosine`."""
    n_items = len(buyers)
    k = max(1, min(k, n_items))
    order, position = _by_demand(buyers)
    keys = np.zeros((n_items, k), np.int64)
    n = int(np.count_nonzero(buyers))
    if n:
        weight, packing, scale = packed
        counting = counting[0], counting[1][order[:n]]
        _fill_all_rows(keys, ptr, position[item], weight, packing, scale[order[:n]], order[:n], counting, threads)
    best = keys[position, ::-1]
    items = np.where(best > 0, _LAST_CODE - (best & _LAST_CODE), -1).astype(np.int32)
    return items, (best >> 32).astype(np.int32).view(np.float32)


def _by_demand(buyers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return item codes by descending demand, and the position of each code in that order.

    In this order the most used sums are adjacent in memory, and the largest blocks start first.
    """
    order = np.argsort(-buyers, kind="stable")
    position = np.empty(len(buyers), np.uint16 if len(buyers) <= 2**16 else np.uint32)
    position[order] = np.arange(len(buyers))
    return order, position


def _pack(
    item: NDArray[np.integer], value: NDArray[np.float32] | None, buyers: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], tuple[np.uint64, np.uint64, np.uint64], NDArray[np.float64]]:
    """Convert weights to integers so that count and sum share 63 bits.

    The count has the upper bits, as many as the largest number of buyers needs; the sum has the others. By the
    Cauchy-Schwarz inequality a sum is at most the product of two norms, which scaling keeps below 2^61.

    Returns
    -------
    weight : uint32 array, shape (nnz,)
        Empty where all are 1.
    packing : (uint64, uint64, uint64)
        ``add, shift, fraction``: a customer adds ``(w_i * w_j + add) >> shift``, which is one above bit `fraction` and
        the rounded product below.
    scale : float64 array, shape (n_items,)
        Factor of a sum, by item.
    """
    fraction = min(63 - int(buyers.max(initial=0)).bit_length(), 60)
    if value is None:
        none = np.empty(0, np.uint32)
        return none, _unsigned((1 << fraction) + 1, 0, fraction), 1 / np.sqrt(np.maximum(buyers, 1))
    # In parts, because the arrays of float64 would take more memory than the matrix. Each sum runs in one order.
    parts = [slice(first, first + _PART_ENTRIES) for first in range(0, len(item), _PART_ENTRIES)]
    squares = np.zeros(len(buyers))
    for part in parts:
        np.add.at(squares, item[part], value[part].astype(np.float64) ** 2)
    norm = np.sqrt(squares)
    exponent = 30 - np.frexp(norm)[1]
    weight = np.empty(len(item), np.uint32)
    for part in parts:
        weight[part] = np.rint(np.ldexp(value[part].astype(np.float64), exponent[item[part]]))
    shift = 61 - fraction
    scale = np.divide(1.0, np.ldexp(norm, exponent), out=np.zeros(len(norm)), where=norm > 0)
    return weight, _unsigned((1 << 61) + (1 << (shift - 1)), shift, fraction), scale


def _unsigned(add: int, shift: int, fraction: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    return np.uint64(add), np.uint64(shift), np.uint64(fraction)


def _fill_all_rows(
    keys: NDArray[np.int64],
    ptr: NDArray[np.int64],
    item: NDArray[Any],
    weight: NDArray[np.uint32],
    packing: tuple[np.uint64, np.uint64, np.uint64],
    scale: NDArray[np.float64],
    order: NDArray[np.int64],
    counting: tuple[float, NDArray[np.float64]],
    threads: int,
) -> None:
    """Fill the keys of every row, ascending."""
    by_item, by_customer, cuts = _both_ways(ptr, item, weight, len(scale))

    def block(first: int, last: int) -> None:
        _fill_rows(first, last, by_item, by_customer, packing, scale, order, counting, keys)
        keys[first:last].sort(axis=1)

    _run_blocks(block, cuts, threads)


_Entries = tuple[NDArray[np.uint64], NDArray[Any], NDArray[np.uint32]]


def _both_ways(
    ptr: NDArray[np.int64], item: NDArray[Any], weight: NDArray[np.uint32], n_items: int
) -> tuple[_Entries, _Entries, NDArray[np.int64]]:
    """Return the matrix by item and by customer, as in `_count_and_sum`, and the bounds of blocks of equal work."""
    from scipy.sparse import csr_array

    data = weight if len(weight) else np.ones(len(item), np.uint8)
    columns = csr_array((data, item.astype(np.int32), ptr), shape=(len(ptr) - 1, n_items)).tocsc()
    start, customer = columns.indptr.astype(np.int64), columns.indices.astype(np.uint32)
    sizes = np.diff(ptr).astype(np.int32)
    work = np.cumsum(np.add.reduceat(sizes[customer], start[:-1], dtype=np.int64))
    cuts = np.unique(np.searchsorted(work, np.linspace(0, work[-1], _BLOCKS + 1), side="right"))
    by_item = start.astype(np.uint64), customer, columns.data if len(weight) else weight
    return by_item, (ptr.astype(np.uint64), item, weight), cuts


def _run_blocks(block: Callable[[int, int], None], cuts: NDArray[np.int64], threads: int) -> None:
    """Call `block` with the bounds of each block."""
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(block, cuts[:-1].tolist(), cuts[1:].tolist()))
