"""The inner loops over many shoppers, compiled by Numba: what `candidates` does one shopper at a time.

In and out: as the functions of the same names in `candidates`, to the last bit, because sums run in the same order.
Imported while fitting only; a server answers one shopper with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.candidates import (
    FROM_CONTENT,
    FROM_LISTS,
    FROM_SIMILAR,
    SOURCES,
    Candidates,
    Leading,
)
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_context import TASTE, ShopperContext, highest
from smart_retail.recommenders.tree_ensemble import ALL_LEAVES, TreeEnsemble
from smart_retail.training.kernels.candidate_loops import fill_candidates, fill_causes, fill_neighbours
from smart_retail.training.kernels.rank_loops import fill_foremost, fill_places
from smart_retail.training.kernels.tree_loops import fill_scores

Array = NDArray[Any]


def candidates_of(parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool) -> Candidates:
    """See `candidates.candidates_of`."""
    own, shoppers = context.pairs, context.shoppers
    liked_ptr, liked, taste = _profiles(context)
    lists = (
        (parts.popular.score[None], parts.popular.order[None, :FROM_LISTS]),
        (parts.trending.score[None], parts.trending.order[None, :FROM_LISTS]),
        (parts.segment.score, parts.segment.order[:, :FROM_LISTS]),
        (parts.cluster.score, parts.cluster.order[:, :FROM_LISTS]),
    )
    scores = np.concatenate([score for score, _ in lists])
    orders = np.concatenate([order for _, order in lists])
    most = np.minimum(4 * (FROM_LISTS + FROM_SIMILAR) + FROM_CONTENT + np.diff(own.indptr), parts.n_items).sum()
    counts = np.zeros(len(shoppers), np.int64)
    item, pair = np.empty(most, np.int64), np.empty(most, np.int64)
    part = np.empty((len(SOURCES), most))
    size = fill_candidates(
        own.indptr,
        own.item,
        np.stack((context.repurchase_slow, context.repurchase_fast)),
        (liked_ptr, liked, taste),
        _plain(parts.item_knn),
        _plain(parts.ease),
        _plain(parts.content_back),
        parts.items.trend_weight,
        (scores, orders),
        _list_rows(parts, context),
        exclude_purchased,
        (counts, item, pair, part),
    )
    return Candidates(
        indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        shopper=np.repeat(np.arange(len(counts)), counts),
        item=item[:size],
        source_scores=part[:, :size],
        pair=pair[:size],
    )


def neighbours_of(
    parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
) -> Leading:
    """See `candidates.neighbours_of`."""
    own = context.pairs
    most = parts.n_items if length is None else min(length, parts.n_items)
    n = len(own.indptr) - 1
    # Scores that are equal but for rounding are few; should they be more, the lists are made again with more room.
    room = min(most + 64, parts.n_items)
    while True:
        counts = np.zeros(n, np.int64)
        item, score = np.empty((n, room), np.int64), np.empty((n, room))
        fits = fill_neighbours(
            own.indptr,
            own.item,
            _profiles(context),
            _plain(parts.item_knn),
            _plain(parts.ease),
            parts.items.trend_weight,
            exclude_purchased,
            most,
            (counts, item, score),
        )
        if fits:
            there = np.arange(room) < counts[:, None]
            return Leading(np.concatenate(([0], np.cumsum(counts))).astype(np.int64), item[there], score[there])
        room = parts.n_items


def explaining_items(
    parts: FittedComponents, context: ShopperContext, indptr: NDArray[np.int64], listed: NDArray[np.int64]
) -> NDArray[np.int32]:
    """See `candidates.causes_of`."""
    out = np.full(len(listed), -1, np.int32)
    liked_ptr, liked, _ = _profiles(context)
    for table in (parts.item_knn, parts.ease, parts.content_back):
        if len(table.item):
            fill_causes(liked_ptr, liked, _plain(table), parts.n_items, indptr, listed, out)
    return out


def prune_below_top_n(indptr: NDArray[np.int64], score: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """The scores, or 0 for those that cannot be among a shopper's first `length` once scores are rounded."""
    out = np.zeros(len(score))
    fill_foremost(indptr, score, length, out)
    return out


def ranks_of(
    indptr: NDArray[np.int64], score: NDArray[np.float64], chosen_ptr: NDArray[np.int64], chosen: NDArray[np.int64]
) -> NDArray[np.int32]:
    """See `candidates.places_of`."""
    out = np.zeros(len(chosen), np.int32)
    fill_places(indptr, score, chosen_ptr, chosen, out)
    return out


def tree_scores(trees: TreeEnsemble, signals: Array) -> NDArray[np.float64]:
    """See `Trees.score`."""
    everything = np.arange(signals.shape[1])
    # What is replaced is a group of no signals, by leaves that are all possible.
    score: NDArray[np.float64] = _scores(trees, signals, ([], everything), np.full((1, trees.n_trees), ALL_LEAVES))[0]
    return score


def scores_held(trees: TreeEnsemble, signals: Array, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Scores with the signals of one group after the other held at their median, shape ``(len(groups), n)``.

    `groups` are disjoint and hold every signal. The leaves that the other groups leave possible are those that the
    groups before and the groups behind leave possible, so each signal is looked up once.
    """
    middle = np.median(signals, axis=0)[None].astype(signals.dtype)
    return _scores(trees, signals, groups, np.concatenate([trees.reachable_leaves(middle, group) for group in groups]))


def _scores(
    trees: TreeEnsemble, signals: Array, groups: Sequence[Sequence[int] | Array], held: NDArray[np.uint32]
) -> NDArray[np.float64]:
    out = np.empty((len(held), len(signals)))
    bounds = np.concatenate(([0], np.cumsum([len(group) for group in groups]))).astype(np.int64)
    members = np.concatenate([np.asarray(group, np.int64) for group in groups])
    table = np.ascontiguousarray(signals)
    fill_scores((trees.cut_ptr, trees.cut, trees.mask, trees.leaf), table, (bounds, members), held, out)
    return out


def _profiles(context: ShopperContext) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """`candidates.profile` of all shoppers: bounds, items, taste."""
    bounds = context.pairs.indptr
    large = np.flatnonzero(np.diff(bounds) > TASTE).tolist()
    if not large:
        return bounds, context.pairs.item, context.recency_weight
    kept = np.ones(len(context.pairs), bool)
    for shopper in large:
        rows = slice(int(bounds[shopper]), int(bounds[shopper + 1]))
        kept[rows] = False
        kept[rows.start + highest(context.recency_weight[rows], TASTE)] = True
    ptr = np.concatenate(([0], np.cumsum(kept)))[bounds]
    return ptr, context.pairs.item[kept], context.recency_weight[kept]


def _list_rows(parts: FittedComponents, context: ShopperContext) -> NDArray[np.int64]:
    """Row of each shopper's popularity lists, by source, -1 for a group without a list."""
    rows = np.full((4, len(context.shoppers)), -1, np.int64)
    rows[0], rows[1] = 0, 1
    first = 2
    for at, groups, group in (
        (2, parts.segment, context.shoppers.segment),
        (3, parts.cluster, context.shoppers.cluster),
    ):
        known = (group >= 0) & (group < groups.n_groups)
        rows[at, known] = first + group[known]
        first += groups.n_groups
    return rows


def _plain(table: Similarity) -> tuple[Array, Array, Array]:
    return table.indptr, table.item, table.value
