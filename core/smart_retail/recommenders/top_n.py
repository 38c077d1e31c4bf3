"""From scores to lists: rounding, order, and filling up from popularity.

Scores are rounded to 6 significant digits, then ordered, ties by item code. Lists that are shorter than requested are
filled from popularity, below every scored item, so that the beginning of a list never depends on its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import POPULAR, Ranked
from smart_retail.recommenders.popularity import Popularity
from smart_retail.recommenders.rounding import power_below, significant
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.utils.csr import indptr_from_lengths, row_indices


def top_n(
    indptr: NDArray[np.int64], score: NDArray[np.float64], length: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Select the best `length` entries above 0 of each shopper.

    Parameters
    ----------
    indptr : int64 array, shape (n_shoppers + 1,)
    score : float64 array, shape (n,)
        A shopper's items ascend, so that stable sorts order ties by item code.
    length : int or None
        None selects all entries above 0.

    Returns
    -------
    selected : int64 array
        Positions, best first within each shopper.
    indptr : int64 array, shape (n_shoppers + 1,)
        Bounds of each shopper in `selected`.
    """
    sizes = np.diff(indptr)
    shopper = row_indices(indptr)
    positive = np.flatnonzero(score > 0)
    order = positive[np.argsort(-score[positive], kind="stable")]
    if len(sizes) > 1:
        # NumPy sorts short integers by radix.
        code = np.uint16 if len(sizes) <= np.iinfo(np.uint16).max else np.int64
        order = order[np.argsort(shopper[order].astype(code), kind="stable")]
    counts = np.bincount(shopper[positive], minlength=len(sizes))
    start = np.cumsum(counts) - counts
    if length is not None:
        within = np.arange(len(order)) - np.repeat(start, counts) < length
        order, counts = order[within], np.minimum(counts, length)
    return order, indptr_from_lengths(counts)


def drop_hidden(order: NDArray[np.int32], hidden: Sequence[NDArray[Any]], length: int) -> list[NDArray[np.int32]]:
    """Return the first `length` items of a ranking for each shopper, without the shopper's hidden items.

    Parameters
    ----------
    order : int32 array
        Item codes, best first.
    hidden : sequence of integer arrays
        Hidden item codes of each shopper.
    length : int

    Returns
    -------
    list of int32 arrays
        Item codes of each shopper's list.
    """
    is_hidden = np.zeros(1 + max(int(items.max(initial=-1)) for items in (order, *hidden)), bool)
    out = []
    for items in hidden:
        prefix = order[: length + len(items)]
        is_hidden[items] = True
        out.append(prefix[~is_hidden[prefix]][:length])
        is_hidden[items] = False
    return out


def lowest_scores(indptr: NDArray[np.int64], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lowest score above 0 of each shopper, 0 for a shopper without one.

    Parameters
    ----------
    indptr : int64 array, shape (n_shoppers + 1,)
    score : float64 array, shape (n,)

    Returns
    -------
    float64 array, shape (n_shoppers,)
    """
    out = np.full(len(indptr) - 1, np.inf)
    positive = np.flatnonzero(score > 0)
    np.minimum.at(out, row_indices(indptr)[positive], score[positive])
    return np.where(np.isinf(out), 0.0, out)


def fill_from_popularity(
    lists: Ranked,
    popular: Popularity,
    hidden: list[NDArray[np.int64]],
    length: int | None,
    *,
    allowed: NDArray[np.bool_] | None = None,
    lowest: NDArray[np.float64] | None = None,
) -> Ranked:
    """Fill lists up to `length` items from popularity.

    Parameters
    ----------
    lists : Ranked
    popular : Popularity
    hidden : list of int64 arrays
        For each shopper the item codes that must not be filled in.
    length : int or None
        None fills up to the whole catalogue.
    allowed : bool array, shape (n_items,), optional
        Items that can be filled in; None allows all.
    lowest : float64 array, shape (n_shoppers,), optional
        Lowest score of each list before any item was left out, 0 for an empty list, so that filled-in items have the
        same scores whatever is left out; by default the last score of each list.

    Returns
    -------
    Ranked
    """
    order = popular.order if allowed is None else popular.order[allowed[popular.order]]
    n = len(popular.order)
    length = n if length is None else min(length, n)
    if lowest is None:
        lowest = lowest_scores(lists.indptr, lists.score)
    sizes = np.diff(lists.indptr)
    if (sizes >= length).all():
        return lists
    is_blocked = np.zeros(n, bool)
    fills, scales = [], []
    for s, size in enumerate(sizes.tolist()):
        missing = length - size
        if missing <= 0:
            fills.append(np.empty(0, np.int32))
            scales.append(1.0)
            continue
        listed = lists.item[lists.indptr[s] : lists.indptr[s + 1]]
        is_blocked[listed] = True
        is_blocked[hidden[s]] = True
        prefix = order[: length + len(hidden[s])]
        fills.append(prefix[~is_blocked[prefix]][:missing])
        is_blocked[listed] = False
        is_blocked[hidden[s]] = False
        # A power of ten preserves the digits, and so the order and the ties, of the popularity score.
        scales.append(power_below(lowest[s]) if lowest[s] > 0 else 1.0)
    return _append(lists, popular, fills, np.array(scales))


def _append(lists: Ranked, popular: Popularity, fills: list[NDArray[np.int32]], scales: NDArray[np.float64]) -> Ranked:
    """Append to each list its fill, with popularity scores multiplied by the scale of the list."""
    sizes, extra = np.diff(lists.indptr), np.array([len(f) for f in fills], np.int64)
    indptr = indptr_from_lengths(sizes + extra)
    old = np.arange(len(lists.item)) + np.repeat(indptr[:-1] - lists.indptr[:-1], sizes)
    new = np.repeat(indptr[:-1] + sizes, extra) + np.arange(extra.sum()) - np.repeat(np.cumsum(extra) - extra, extra)
    fill = np.concatenate([np.empty(0, np.int32), *fills])
    size, n_components = int(indptr[-1]), len(SOURCES.components)
    item = np.empty(size, np.int32)
    item[old], item[new] = lists.item, fill
    score = np.empty(size)
    score[old], score[new] = lists.score, significant(np.repeat(scales, extra) * popular.score[fill])
    share = np.zeros((size, n_components))
    share[old], share[new, POPULAR] = lists.share, 1.0
    rank = np.zeros((size, n_components), np.int32)
    rank[old], rank[new, POPULAR] = lists.rank, popular.rank[fill]
    explaining_item = np.full(size, -1, np.int32)
    explaining_item[old] = lists.explaining_item
    fallback = np.ones(size, bool)
    fallback[old] = lists.fallback
    return Ranked(indptr, item, score, share, rank, explaining_item, fallback)
