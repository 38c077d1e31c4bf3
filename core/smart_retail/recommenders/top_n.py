"""From scores to lists: rounding, order, and the fill from popularity.

In: scored items by shopper. Out: `Ranked`. Scores are rounded to 6 significant digits, then ordered,
ties by item code; what is missing to the length asked for is filled from popularity, below every
scored item, so that the beginning of a list never depends on its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS, POPULAR, Ranked
from smart_retail.recommenders.popularity import Popularity
from smart_retail.recommenders.rounding import power_below, significant


def top_n(
    indptr: NDArray[np.int64], score: NDArray[np.float64], length: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the best `length` entries above 0 of each shopper, best first, and their bounds.

    A shopper's items ascend, so that sorts which keep the order of equals settle ties by item code.
    """
    sizes = np.diff(indptr)
    shopper = np.repeat(np.arange(len(sizes)), sizes)
    kept = np.flatnonzero(score > 0)
    order = kept[np.argsort(-score[kept], kind="stable")]
    if len(sizes) > 1:
        # NumPy sorts short integers by radix.
        code = np.uint16 if len(sizes) <= np.iinfo(np.uint16).max else np.int64
        order = order[np.argsort(shopper[order].astype(code), kind="stable")]
    counts = np.bincount(shopper[kept], minlength=len(sizes))
    start = np.cumsum(counts) - counts
    if length is not None:
        within = np.arange(len(order)) - np.repeat(start, counts) < length
        order, counts = order[within], np.minimum(counts, length)
    return order, np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def without(order: NDArray[np.int32], hidden: Sequence[NDArray[Any]], length: int) -> list[NDArray[np.int32]]:
    """The first `length` of `order` for each shopper, without the shopper's hidden items."""
    blocked = np.zeros(int(order.max(initial=-1)) + 1, bool)
    out = []
    for own in hidden:
        reach = order[: length + len(own)]
        blocked[own] = True
        out.append(reach[~blocked[reach]][:length])
        blocked[own] = False
    return out


def fill_from_popularity(
    lists: Ranked,
    popular: Popularity,
    hidden: list[NDArray[np.int64]],
    length: int | None,
) -> Ranked:
    """`lists` filled up to `length` (None: the whole catalogue) from popularity.

    Parameters
    ----------
    hidden : one array of item codes a shopper
        What must not be filled in.
    """
    n = len(popular.order)
    length = n if length is None else min(length, n)
    sizes = np.diff(lists.indptr)
    if (sizes >= length).all():
        return lists
    blocked = np.zeros(n, bool)
    fills, floors = [], []
    for s, size in enumerate(sizes.tolist()):
        missing = length - size
        if missing <= 0:
            fills.append(np.empty(0, np.int32))
            floors.append(1.0)
            continue
        there = lists.item[lists.indptr[s] : lists.indptr[s + 1]]
        blocked[there] = True
        blocked[hidden[s]] = True
        reach = popular.order[: length + len(hidden[s])]
        fills.append(reach[~blocked[reach]][:missing])
        blocked[there] = False
        blocked[hidden[s]] = False
        # A power of ten keeps the digits, and so the order and the ties, of the popularity score.
        floors.append(power_below(lists.score[lists.indptr[s + 1] - 1]) if size else 1.0)
    return _joined(lists, popular, fills, np.array(floors))


def _joined(
    lists: Ranked,
    popular: Popularity,
    fills: list[NDArray[np.int32]],
    floors: NDArray[np.float64],
) -> Ranked:
    """Each list followed by its fill."""
    sizes, extra = np.diff(lists.indptr), np.array([len(f) for f in fills], np.int64)
    indptr = np.concatenate(([0], np.cumsum(sizes + extra))).astype(np.int64)
    old = np.arange(len(lists.item)) + np.repeat(indptr[:-1] - lists.indptr[:-1], sizes)
    new = np.repeat(indptr[:-1] + sizes, extra) + np.arange(extra.sum()) - np.repeat(np.cumsum(extra) - extra, extra)
    fill = np.concatenate([np.empty(0, np.int32), *fills])
    size = int(indptr[-1])
    item = np.empty(size, np.int32)
    item[old], item[new] = lists.item, fill
    score = np.empty(size)
    score[old], score[new] = (
        lists.score,
        significant(np.repeat(floors, extra) * popular.score[fill]),
    )
    share = np.zeros((size, len(COMPONENTS)))
    share[old], share[new, POPULAR] = lists.share, 1.0
    rank = np.zeros((size, len(COMPONENTS)), np.int32)
    rank[old], rank[new, POPULAR] = lists.rank, popular.place[fill]
    because = np.full(size, -1, np.int32)
    because[old] = lists.because
    fallback = np.ones(size, bool)
    fallback[old] = lists.fallback
    return Ranked(indptr, item, score, share, rank, because, fallback)
