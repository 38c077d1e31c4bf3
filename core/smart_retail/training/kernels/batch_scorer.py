"""Candidates and scores of many shoppers at once, with loops compiled by Numba.

The functions are those of `recommenders.candidates`, with results that are equal to the last bit, because sums run in
the same order. Built-in sources are compiled; added sources are scored by their own `score` function. Imported while
fitting only: a server scores one shopper with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.candidates import Candidates, ScoredItems, excluded_items, propose_items
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.shopper_context import MAX_PROFILE_ITEMS, ShopperContext, top_k_positions
from smart_retail.recommenders.source import (
    MAX_CONTENT_CANDIDATES,
    MAX_LISTED_CANDIDATES,
    MAX_SIMILAR_CANDIDATES,
    Source,
    SourceInput,
)
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.tree_ensemble import ALL_LEAVES, TreeEnsemble
from smart_retail.training.kernels import candidate_loops, rank_loops, tree_loops
from smart_retail.utils.csr import indptr_from_lengths

Array = NDArray[Any]


def generate_candidates(
    components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool
) -> Candidates:
    """See `recommenders.candidates.generate_candidates`."""
    matrix, shoppers = context.matrix, context.shoppers
    rankings = (
        (components.popular.score[None], components.popular.order[None, :MAX_LISTED_CANDIDATES]),
        (components.trending.score[None], components.trending.order[None, :MAX_LISTED_CANDIDATES]),
        (components.segment.score, components.segment.order[:, :MAX_LISTED_CANDIDATES]),
        (components.cluster.score, components.cluster.order[:, :MAX_LISTED_CANDIDATES]),
    )
    added_ptr, added_item = _propose_added(components, context, exclude_purchased)
    proposed = 4 * (MAX_LISTED_CANDIDATES + MAX_SIMILAR_CANDIDATES) + MAX_CONTENT_CANDIDATES
    capacity = np.minimum(proposed + np.diff(matrix.indptr) + np.diff(added_ptr), components.n_items).sum()
    counts = np.zeros(len(shoppers), np.int64)
    item, entry = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    scores = np.empty((len(SOURCES), capacity))
    size = candidate_loops.generate_candidates(
        matrix.indptr,
        matrix.item,
        np.stack((context.repurchase_slow, context.repurchase_fast)),
        _profiles(context),
        _arrays(components.item_knn),
        _arrays(components.ease),
        _arrays(components.content_back),
        components.items.trend_weight,
        (np.concatenate([score for score, _ in rankings]), np.concatenate([order for _, order in rankings])),
        _ranking_rows(components, context),
        (added_ptr, added_item),
        exclude_purchased,
        (counts, item, entry, scores),
    )
    candidates = Candidates(
        indptr=indptr_from_lengths(counts),
        shopper=np.repeat(np.arange(len(counts)), counts),
        item=item[:size],
        source_scores=scores[:, :size],
        entry=entry[:size],
    )
    _score_added(components, context, candidates)
    return candidates


def score_neighbours(
    components: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
) -> ScoredItems:
    """See `recommenders.candidates.score_neighbours`."""
    matrix = context.matrix
    needed = components.n_items if length is None else min(length, components.n_items)
    n = len(matrix.indptr) - 1
    # Few scores are equal but for rounding; if they do not fit, the lists are computed again with more capacity.
    capacity = min(needed + 64, components.n_items)
    while True:
        counts = np.zeros(n, np.int64)
        item, score = np.empty((n, capacity), np.int64), np.empty((n, capacity))
        fits = candidate_loops.score_neighbours(
            matrix.indptr,
            matrix.item,
            _profiles(context),
            _arrays(components.item_knn),
            _arrays(components.ease),
            components.items.trend_weight,
            exclude_purchased,
            needed,
            (counts, item, score),
        )
        if fits:
            used = np.arange(capacity) < counts[:, None]
            return ScoredItems(indptr_from_lengths(counts), item[used], score[used])
        capacity = components.n_items


def find_explaining_items(
    components: FittedComponents, context: ShopperContext, indptr: NDArray[np.int64], listed: NDArray[np.int64]
) -> NDArray[np.int32]:
    """See `recommenders.candidates.find_explaining_items`."""
    out = np.full(len(listed), -1, np.int32)
    profile_ptr, profile_item, _ = _profiles(context)
    for table in (components.item_knn, components.ease, components.content_back):
        if len(table.item):
            candidate_loops.find_explaining_items(
                profile_ptr, profile_item, _arrays(table), components.n_items, indptr, listed, out
            )
    return out


def prune_below_top_n(indptr: NDArray[np.int64], score: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Zero out scores that cannot reach the top `length` of their shopper once scores are rounded."""
    out = np.zeros(len(score))
    rank_loops.prune_below_top_n(indptr, score, length, out)
    return out


def compute_ranks(
    indptr: NDArray[np.int64], score: NDArray[np.float64], selected_ptr: NDArray[np.int64], selected: NDArray[np.int64]
) -> NDArray[np.int32]:
    """See `recommenders.candidates.compute_ranks`."""
    out = np.zeros(len(selected), np.int32)
    rank_loops.compute_ranks(indptr, score, selected_ptr, selected, out)
    return out


def score_trees(trees: TreeEnsemble, features: Array) -> NDArray[np.float64]:
    """See `TreeEnsemble.score`."""
    every_column = np.arange(features.shape[1])
    # The replaced group has no features; all its leaves are reachable.
    replacement = np.full((1, trees.n_trees), ALL_LEAVES)
    score: NDArray[np.float64] = _score_replaced(trees, features, ([], every_column), replacement)[0]
    return score


def score_with_groups_at_median(
    trees: TreeEnsemble, features: Array, groups: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Score rows with the features of one group at a time replaced by their median.

    Parameters
    ----------
    trees : TreeEnsemble
    features : float array, shape (n, n_features)
    groups : sequence of sequences of int
        Disjoint groups of columns that contain every feature. The leaves that the other groups leave reachable are
        the intersection of those of the groups before and after, so that each feature is looked up once.

    Returns
    -------
    float64 array, shape (len(groups), n)
    """
    median = np.median(features, axis=0)[None].astype(features.dtype)
    replacement = np.concatenate([trees.reachable_leaves(median, group) for group in groups])
    return _score_replaced(trees, features, groups, replacement)


def _score_replaced(
    trees: TreeEnsemble, features: Array, groups: Sequence[Sequence[int] | Array], replacement: NDArray[np.uint32]
) -> NDArray[np.float64]:
    out = np.empty((len(replacement), len(features)))
    bounds = indptr_from_lengths([len(group) for group in groups])
    members = np.concatenate([np.asarray(group, np.int64) for group in groups])
    table = np.ascontiguousarray(features)
    tree_loops.score_trees(
        (trees.cut_ptr, trees.cut, trees.mask, trees.leaf), table, (bounds, members), replacement, out
    )
    return out


def _propose_added(
    components: FittedComponents, context: ShopperContext, exclude_purchased: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the items that added sources propose for each shopper: bounds and item codes."""
    n = len(context.shoppers)
    uncompiled = _fitted_sources(components)
    if not uncompiled:
        return np.zeros(n + 1, np.int64), np.empty(0, np.int64)
    proposed: list[Array] = []
    for shopper in range(n):
        source = SourceInput(components, context, shopper)
        excluded = excluded_items(source, exclude_purchased)
        items = [
            propose_items(scores, added.max_candidates, excluded)
            for _, added in uncompiled
            if (scores := added.score(source)) is not None
        ]
        proposed.append(np.concatenate([np.empty(0, np.int64), *items]).astype(np.int64))
    return indptr_from_lengths([len(items) for items in proposed]), np.concatenate([np.empty(0, np.int64), *proposed])


def _fitted_sources(components: FittedComponents) -> list[tuple[int, Source]]:
    """Return the sources without compiled loops, optional ones only where they are fitted."""
    left_out = {source.name for _, source in SOURCES.optional} - set(components.extensions)
    return [(position, source) for position, source in SOURCES.uncompiled if source.name not in left_out]


def _score_added(components: FittedComponents, context: ShopperContext, candidates: Candidates) -> None:
    """Fill the rows of added and optional sources in `candidates.source_scores`."""
    fitted = _fitted_sources(components)
    for position, _ in SOURCES.uncompiled:
        candidates.source_scores[position] = 0.0
    for position, added in fitted:
        for shopper in range(len(context.shoppers)):
            rows = slice(int(candidates.indptr[shopper]), int(candidates.indptr[shopper + 1]))
            scores = added.score(SourceInput(components, context, shopper))
            if scores is not None:
                candidates.source_scores[position, rows] = scores.score[candidates.item[rows]]


def _profiles(context: ShopperContext) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return `ShopperContext.profile_items` of all shoppers: bounds, item codes, recency weights."""
    bounds = context.matrix.indptr
    large = np.flatnonzero(np.diff(bounds) > MAX_PROFILE_ITEMS).tolist()
    if not large:
        return bounds, context.matrix.item, context.recency_weight
    included = np.ones(len(context.matrix), bool)
    for shopper in large:
        rows = slice(int(bounds[shopper]), int(bounds[shopper + 1]))
        included[rows] = False
        included[rows.start + top_k_positions(context.recency_weight[rows], MAX_PROFILE_ITEMS)] = True
    return indptr_from_lengths(included)[bounds], context.matrix.item[included], context.recency_weight[included]


def _ranking_rows(components: FittedComponents, context: ShopperContext) -> NDArray[np.int64]:
    """Return the row of each shopper's rankings in the concatenated table, shape ``(4, n_shoppers)``, -1 for none."""
    rows = np.full((4, len(context.shoppers)), -1, np.int64)
    rows[0], rows[1] = 0, 1
    first = 2
    for source, groups, group in (
        (2, components.segment, context.shoppers.segment),
        (3, components.cluster, context.shoppers.cluster),
    ):
        known = (group >= 0) & (group < groups.n_groups)
        rows[source, known] = first + group[known]
        first += groups.n_groups
    return rows


def _arrays(table: Similarity) -> tuple[Array, Array, Array]:
    return table.indptr, table.item, table.value
