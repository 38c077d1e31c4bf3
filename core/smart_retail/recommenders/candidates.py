"""Candidates: for each shopper the items worth scoring, with the score of every component.

In: `Parts` and `Shoppers`. Out: `Candidates`, one row per (shopper, item). Everything a shopper's
rows hold is computed from that shopper alone, in a fixed order of sums, so that one live request
and a batch of thousands get the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    Shoppers,
)
from smart_retail.recommenders.parts import Parts
from smart_retail.recommenders.purchases import Habits, Pairs, habits_of, pairs_of
from smart_retail.recommenders.repurchase import FAST, SLOW, repurchase_scores, taste_of

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
COMPONENT_OF = (
    REPURCHASE,
    REPURCHASE,
    CF,
    CF,
    CF,
    CF,
    CLUSTER,
    SEGMENT,
    POPULAR,
    TRENDING,
    CONTENT,
)
"""The component that stands for each source in `Ranked`."""

FROM_SIMILAR = 150
FROM_LISTS = 100
"""Candidates taken from each similarity, with and without trend, and from each popularity list."""
FROM_CONTENT = 20
TASTE = 250
"""Purchases whose partners are looked up: bounds the time of a shopper who has bought everything."""


@dataclass(frozen=True, slots=True)
class Context:
    """Shoppers with what follows from their purchases."""

    shoppers: Shoppers
    pairs: Pairs
    habits: Habits
    again: NDArray[np.float64]
    """Repurchase score by pair, habits fading slowly."""
    lately: NDArray[np.float64]
    """The same, fading fast."""
    taste: NDArray[np.float64]
    """What the pair says of the shopper's taste, by pair."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """One row per (shopper, item), sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    part: NDArray[np.float64]
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
            part=self.part[:, rows],
            pair=self.pair[rows],
        )


def context_of(shoppers: Shoppers) -> Context:
    """Condense the shoppers' purchases."""
    pairs = pairs_of(shoppers.history)
    habits = habits_of(shoppers.history, pairs)
    slow, fast = (repurchase_scores(shoppers.history, pairs, habits, fading) for fading in (SLOW, FAST))
    return Context(shoppers, pairs, habits, slow, fast, taste_of(shoppers.history, pairs))


def profile(context: Context, shopper: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The items that say most of a shopper's taste, at most `TASTE`, and how much each says."""
    rows = slice(int(context.pairs.indptr[shopper]), int(context.pairs.indptr[shopper + 1]))
    item, taste = context.pairs.item[rows], context.taste[rows]
    if len(item) > TASTE:
        most = highest(taste, TASTE)
        item, taste = item[most], taste[most]
    return item, taste


def because(
    parts: Parts,
    own: NDArray[np.int64],
    taste: NDArray[np.float64],
    listed: NDArray[np.int64],
) -> NDArray[np.int32]:
    """The own purchase from which each listed item follows most, -1 where it follows from none."""
    near = parts.near.because(own, taste, listed, parts.n_items)
    return np.where(near < 0, parts.linear.because(own, taste, listed, parts.n_items), near)


def similar_scores(
    parts: Parts, own: NDArray[np.int64], taste: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What goes with the items `own`, by neighbours and by the linear model, shape ``(n_items,)`` each."""
    linear = parts.linear.score(own, taste, parts.n_items)
    return parts.near.score(own, taste, parts.n_items), np.maximum(linear, 0.0)


def candidates_of(parts: Parts, context: Context, *, exclude_purchased: bool) -> Candidates:
    """Candidates of all sources with the scores of all sources."""
    pairs, shoppers = context.pairs, context.shoppers
    pair_at = np.full(parts.n_items, -1, np.int64)
    rows = [_one(parts, context, s, pair_at, exclude_purchased) for s in range(len(shoppers))]
    sizes = np.array([len(item) for item, _, _ in rows], np.int64)
    return Candidates(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        shopper=np.repeat(np.arange(len(sizes)), sizes),
        item=np.concatenate([pairs.item[:0], *(item for item, _, _ in rows)]),
        part=np.concatenate([np.empty((len(SOURCES), 0)), *(part for _, part, _ in rows)], axis=1),
        pair=np.concatenate([pairs.item[:0], *(pair for _, _, pair in rows)]),
    )


def _one(
    parts: Parts,
    context: Context,
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
    liked, taste = profile(context, shopper)
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
        (NEAR_NOW, near * parts.items.lift, FROM_SIMILAR),
        (LINEAR, linear, FROM_SIMILAR),
        (LINEAR_NOW, linear * parts.items.lift, FROM_SIMILAR),
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
    part[AGAIN, bought] = context.again[pair[bought]]
    part[LATELY, bought] = context.lately[pair[bought]]
    for source, score, _ in [*lists, *dense]:
        part[source] = score[item]
    return item, part, pair


def highest(score: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Positions of the `count` largest scores above 0, ascending; equal scores: the lower position."""
    there = np.flatnonzero(score > 0)
    if count >= len(there):
        return there
    found = score[there]
    bound = np.partition(found, len(found) - count)[len(found) - count]
    above = np.flatnonzero(found > bound)
    level = np.flatnonzero(found == bound)[: count - len(above)]
    return np.sort(there[np.concatenate((above, level))])
