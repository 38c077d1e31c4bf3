"""Building blocks of `Ranked`: lists of one component, slices of a batch, and batches joined to one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import CF, POPULAR, Ranked, Shoppers
from smart_retail.recommenders.candidates import ScoredItems
from smart_retail.recommenders.group_popularity import GroupPopularity
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.top_n import drop_hidden, top_n
from smart_retail.utils.csr import indptr_from_lengths, positions_in_row, row_indices


def rank_group_items(
    groups: GroupPopularity,
    group: NDArray[np.int16],
    component: int,
    hidden: list[NDArray[np.int64]],
    length: int | None,
    allowed: NDArray[np.bool_] | None = None,
) -> Ranked:
    """Return each shopper's group list without hidden items; empty lists for shoppers without a group.

    Parameters
    ----------
    groups : GroupPopularity
    group : int16 array, shape (n_shoppers,)
    component : int
        Column of the component in `Ranked`.
    hidden : list of int64 arrays
        Hidden item codes of each shopper.
    length : int or None
        None lists the whole catalogue.
    allowed : bool array, shape (n_items,), optional
        Items that can be listed; None allows all.

    Returns
    -------
    Ranked
    """
    length = groups.score.shape[1] if length is None else length
    items = [np.empty(0, np.int32)] * len(group)
    for code in range(groups.n_groups):
        members = np.flatnonzero(group == code).tolist()
        if not members:
            continue
        order = groups.order[code] if allowed is None else groups.order[code][allowed[groups.order[code]]]
        lists = drop_hidden(order, [hidden[member] for member in members], length)
        for member, listed in zip(members, lists, strict=True):
            items[member] = listed
    sizes = np.array([len(listed) for listed in items], np.int64)
    item = np.concatenate([np.empty(0, np.int32), *items])
    row = np.repeat(group, sizes)
    return build_lists(sizes, item, groups.score[row, item], groups.rank[row, item], component)


def rank_scored_items(
    scored: ScoredItems, component: int, length: int | None, allowed: NDArray[np.bool_] | None = None
) -> Ranked:
    """Return lists ordered by the score of one component; items without a score are not listed.

    Parameters
    ----------
    scored : ScoredItems
    component : int
        Column of the component in `Ranked`.
    length : int or None
        Items of each list at most; None for all with a score.
    allowed : bool array, shape (n_items,), optional
        Items that can be listed, with their rank among all; None allows all.

    Returns
    -------
    Ranked
    """
    score = significant(scored.score)
    order, indptr = top_n(scored.indptr, score, length if allowed is None else None)
    rank, sizes = positions_in_row(indptr) + 1, np.diff(indptr)
    if allowed is not None:
        listed = np.flatnonzero(allowed[scored.item[order]])
        sizes = np.bincount(row_indices(indptr)[listed], minlength=len(sizes))
        length = len(allowed) if length is None else length
        listed = listed[positions_in_row(indptr_from_lengths(sizes)) < length]
        order, rank, sizes = order[listed], rank[listed], np.minimum(sizes, length)
    return build_lists(sizes, scored.item[order].astype(np.int32), score[order], rank, component)


def rank_related_items(item: NDArray[np.int32], score: NDArray[np.float64], component: int = CF) -> Ranked:
    """Return one list of items that are related to an item, ordered by score, ties by item code.

    Parameters
    ----------
    item : int32 array, shape (n,)
        Distinct item codes, in any order.
    score : float64 array, shape (n,)
    component : int
        Column of the component in `Ranked`.

    Returns
    -------
    Ranked
    """
    order = np.argsort(item)
    bounds = np.array([0, len(item)], np.int64)
    return rank_scored_items(ScoredItems(bounds, item[order].astype(np.int64), score[order]), component, None)


def build_lists(
    sizes: NDArray[np.int64],
    item: NDArray[np.int32],
    score: NDArray[np.float64],
    rank: NDArray[Any],
    component: int,
) -> Ranked:
    """Build lists whose items all come from one component.

    Parameters
    ----------
    sizes : int64 array, shape (n_shoppers,)
    item, score, rank : arrays, shape (sizes.sum(),)
    component : int
        Column of the component in `Ranked`.

    Returns
    -------
    Ranked
    """
    n_components = len(SOURCES.components)
    shares = np.zeros((len(item), n_components))
    shares[:, component] = 1.0
    ranks = np.zeros((len(item), n_components), np.int32)
    ranks[:, component] = rank
    return Ranked(
        indptr=indptr_from_lengths(sizes),
        item=item,
        score=score,
        share=shares,
        rank=ranks,
        explaining_item=np.full(len(item), -1, np.int32),
        fallback=np.zeros(len(item), bool),
    )


def empty_lists(n: int) -> Ranked:
    """Return `n` empty lists."""
    return build_lists(
        np.zeros(n, np.int64), np.empty(0, np.int32), np.empty(0), np.empty(0, np.int32), component=POPULAR
    )


def filter_lists(lists: Ranked, included: NDArray[np.bool_]) -> Ranked:
    """Return a single list with some of its entries."""
    return Ranked(
        indptr=np.array([0, int(included.sum())], np.int64),
        item=lists.item[included],
        score=lists.score[included],
        share=lists.share[included],
        rank=lists.rank[included],
        explaining_item=lists.explaining_item[included],
        fallback=lists.fallback[included],
    )


def slice_shoppers(shoppers: Shoppers, first: int, last: int) -> Shoppers:
    """Return the shoppers ``first:last``."""
    if first == 0 and last >= len(shoppers):
        return shoppers
    history = shoppers.history
    # The bounds have the type of the column: NumPy would copy the whole column to compare it with another type.
    low, high = np.searchsorted(history.customer, np.array((first, last), history.customer.dtype))
    rows = slice(int(low), int(high))
    part = history.take(rows, history.customer[rows] - np.int32(first), last - first)
    return Shoppers(part, shoppers.segment[first:last], shoppers.cluster[first:last], shoppers.later)


def concat_lists(chunks: list[Ranked]) -> Ranked:
    """Concatenate the lists of several chunks of shoppers."""
    return Ranked(
        indptr_from_lengths(np.concatenate([np.diff(chunk.indptr) for chunk in chunks])),
        *(
            np.concatenate([getattr(chunk, name) for chunk in chunks])
            for name in ("item", "score", "share", "rank", "explaining_item", "fallback")
        ),
    )
