"""Candidates: for each shopper the items worth scoring, with the score of every component.

In: `Parts` and `Shoppers`. Out: `Candidates`, one row per (shopper, item). Everything a shopper's
rows hold is computed from that shopper alone, in a fixed order of sums, so that one live request
and a batch of thousands get the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    CONTENT,
    POPULAR,
    REPURCHASE,
    SEGMENT,
    TRENDING,
)
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.shopper_context import ShopperContext, highest, profile_items
from smart_retail.recommenders.top_n import top_n
from smart_retail.recommenders.tree_ensemble import TreeEnsemble

SOURCES = (
    "again",
    "again lately",
    "neighbours",
    "neighbours x trend",
    "linear",
    "linear x trend",
    "cluster",
    "segment",
    "popular",
    "trending",
    "content",
)
"""What proposes candidates. How fast habits fade and how much the trend counts differs from shop to shop: both are
there with and without, and the blend's weights settle it."""
(
    AGAIN,
    LATELY,
    NEAR,
    NEAR_NOW,
    LINEAR,
    LINEAR_NOW,
    BY_CLUSTER,
    BY_SEGMENT,
    BY_ALL,
    BY_TREND,
    BY_CONTENT,
) = range(len(SOURCES))
COMPONENT_OF = (REPURCHASE, REPURCHASE, CF, CF, CF, CF, CLUSTER, SEGMENT, POPULAR, TRENDING, CONTENT)
"""The component that stands for each source in `Ranked`."""

FROM_SIMILAR = 150
FROM_LISTS = 100
"""Candidates taken from each similarity, with and without trend, and from each popularity list."""
FROM_CONTENT = 20
LEEWAY = 1.1e-5
"""Two scores that round to the same 6 digits differ by less than this share of them."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """One row per (shopper, item), sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    source_scores: NDArray[np.float64]
    """Score by source, at least 0, shape ``(len(SOURCES), n)``."""
    pair: NDArray[np.int64]
    """Row of the pair in `Context.pairs`, -1 where the shopper never bought the item."""

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """Some of the rows, given in ascending order."""
        counts = np.bincount(self.shopper[rows], minlength=len(self.indptr) - 1)
        return Candidates(
            indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            shopper=self.shopper[rows],
            item=self.item[rows],
            source_scores=self.source_scores[:, rows],
            pair=self.pair[rows],
        )


class CandidateScorer(Protocol):
    """The inner loops over shoppers: this module with NumPy alone, or `compiled`. Both give the same bits."""

    def candidates_of(
        self, parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool
    ) -> Candidates: ...

    def neighbours_of(
        self, parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
    ) -> Leading: ...

    def explaining_items(
        self, parts: FittedComponents, context: ShopperContext, indptr: NDArray[np.int64], listed: NDArray[np.int64]
    ) -> NDArray[np.int32]: ...

    def prune_below_top_n(
        self, indptr: NDArray[np.int64], score: NDArray[np.float64], length: int
    ) -> NDArray[np.float64]: ...

    def ranks_of(
        self,
        indptr: NDArray[np.int64],
        score: NDArray[np.float64],
        chosen_ptr: NDArray[np.int64],
        chosen: NDArray[np.int64],
    ) -> NDArray[np.int32]: ...

    def tree_scores(self, trees: TreeEnsemble, signals: NDArray[Any]) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class Leading:
    """The leading items of a single score, not yet rounded nor ordered: shopper, then item."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int64]
    score: NDArray[np.float64]


def similar_scores(
    parts: FittedComponents, own: NDArray[np.int64], taste: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What goes with the items `own`, by neighbours and by the linear model, shape ``(n_items,)`` each."""
    linear = parts.ease.score(own, taste, parts.n_items)
    return parts.item_knn.score(own, taste, parts.n_items), np.maximum(linear, 0.0)


def neighbours_of(
    parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool, length: int | None
) -> Leading:
    """What each shopper's purchases call for by neighbours and linear model, each relative to its best."""
    bounds, found = context.pairs.indptr, []
    for s in range(len(context.shoppers)):
        near, linear = (score * parts.items.trend_weight for score in similar_scores(parts, *profile_items(context, s)))
        score = _relative(near) + _relative(linear)
        if exclude_purchased:
            score[context.pairs.item[bounds[s] : bounds[s + 1]]] = 0.0
        found.append(score)
    return leading(found, length)


def explaining_items(
    parts: FittedComponents, context: ShopperContext, indptr: NDArray[np.int64], listed: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The purchase that each listed item follows from, -1 where it follows from none.

    The most similar of the shopper's items, not the one that adds most to the score: a staple that somebody buys
    every week adds most to everything and explains nothing.

    Parameters
    ----------
    indptr, listed
        Items by shopper.
    """
    out = np.full(len(listed), -1, np.int32)
    tables = [table for table in (parts.item_knn, parts.ease, parts.content_back) if len(table.item)]
    for s in range(len(indptr) - 1):
        bounds = slice(int(indptr[s]), int(indptr[s + 1]))
        own, _ = profile_items(context, s)
        for table in tables:
            cause = table.explained_by(own, listed[bounds], parts.n_items)
            out[bounds] = np.where(out[bounds] < 0, cause, out[bounds])
    return out


def prune_below_top_n(indptr: NDArray[np.int64], score: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """The scores, or 0 for those that cannot be among a shopper's first `length`; here it is all one to look."""
    return score


def ranks_of(
    indptr: NDArray[np.int64], score: NDArray[np.float64], chosen_ptr: NDArray[np.int64], chosen: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Place of each chosen row among its shopper's by a score, ties by row, 0 without score.

    Parameters
    ----------
    indptr, score
        Rows by shopper.
    chosen_ptr, chosen
        Some of the rows by shopper, in any order.
    """
    order, bounds = top_n(indptr, score, None)
    places = np.zeros(len(score), np.int32)
    places[order] = np.arange(len(order)) - np.repeat(bounds[:-1], np.diff(bounds)) + 1
    return places[chosen]


def tree_scores(trees: TreeEnsemble, signals: NDArray[Any]) -> NDArray[np.float64]:
    """What a ranker says of each row of signals."""
    return trees.score(signals)


def candidates_of(parts: FittedComponents, context: ShopperContext, *, exclude_purchased: bool) -> Candidates:
    """Candidates of all sources with the scores of all sources."""
    pairs, shoppers = context.pairs, context.shoppers
    pair_at = np.full(parts.n_items, -1, np.int64)
    rows = [_one(parts, context, s, pair_at, exclude_purchased) for s in range(len(shoppers))]
    sizes = np.array([len(item) for item, _, _ in rows], np.int64)
    return Candidates(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        shopper=np.repeat(np.arange(len(sizes)), sizes),
        item=np.concatenate([pairs.item[:0], *(item for item, _, _ in rows)]),
        source_scores=np.concatenate([np.empty((len(SOURCES), 0)), *(part for _, part, _ in rows)], axis=1),
        pair=np.concatenate([pairs.item[:0], *(pair for _, _, pair in rows)]),
    )


def _one(
    parts: FittedComponents,
    context: ShopperContext,
    shopper: int,
    pair_at: NDArray[np.int64],
    exclude_purchased: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Items, scores and pair rows of one shopper; `pair_at` is scratch space, -1 before and after."""
    first, last = (
        int(context.pairs.indptr[shopper]),
        int(context.pairs.indptr[shopper + 1]),
    )
    own = context.pairs.item[first:last]
    liked, taste = profile_items(context, shopper)
    lists: list[tuple[int, NDArray[np.float64], NDArray[np.int32]]] = [
        (BY_ALL, parts.popular.score, parts.popular.order),
        (BY_TREND, parts.trending.score, parts.trending.order),
    ]
    for source, groups, group in (
        (BY_SEGMENT, parts.segment, int(context.shoppers.segment[shopper])),
        (BY_CLUSTER, parts.cluster, int(context.shoppers.cluster[shopper])),
    ):
        if 0 <= group < groups.n_groups:
            lists.append((source, groups.score[group], groups.order[group]))
    near, linear = similar_scores(parts, liked, taste)
    dense = [
        (NEAR, near, FROM_SIMILAR),
        (NEAR_NOW, near * parts.items.trend_weight, FROM_SIMILAR),
        (LINEAR, linear, FROM_SIMILAR),
        (LINEAR_NOW, linear * parts.items.trend_weight, FROM_SIMILAR),
    ]
    if len(parts.content_back.item):
        dense.append(
            (
                BY_CONTENT,
                parts.content_back.score(liked, taste, parts.n_items),
                FROM_CONTENT,
            )
        )
    wanted = np.zeros(parts.n_items, bool)
    for _, _, order in lists:
        wanted[order[:FROM_LISTS]] = True
    for _, score, count in dense:
        score[own] *= not exclude_purchased
        wanted[highest(score, count)] = True
    wanted[own] = not exclude_purchased
    item = np.flatnonzero(wanted)
    pair_at[own] = np.arange(first, last)
    pair = pair_at[item]
    pair_at[own] = -1
    part = np.zeros((len(SOURCES), len(item)))
    bought = pair >= 0
    part[AGAIN, bought] = context.repurchase_slow[pair[bought]]
    part[LATELY, bought] = context.repurchase_fast[pair[bought]]
    for source, score, _ in [*lists, *dense]:
        part[source] = score[item]
    return item, part, pair


def leading(dense: Sequence[NDArray[np.float64]], length: int | None) -> Leading:
    """The items with a score that can be among the first `length` once scores are rounded and ties ordered."""
    found = []
    for score in dense:
        some = np.flatnonzero(score > 0)
        if length is not None and len(some) > length:
            values = score[some]
            some = some[values >= np.partition(values, -length)[-length] * (1 - LEEWAY)]
        found.append(some)
    sizes = np.array([len(item) for item in found], np.int64)
    return Leading(
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        np.concatenate([np.empty(0, np.int64), *found]),
        np.concatenate([np.empty(0), *(score[item] for score, item in zip(dense, found, strict=True))]),
    )


def _relative(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores divided by the best."""
    best = float(score.max(initial=0.0))
    return score / best if best > 0 else score
