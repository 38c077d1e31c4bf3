"""Candidates: for each shopper the items worth scoring, with the score of every component.

In: `Parts` and `Shoppers`. Out: `Candidates`, one row per (shopper, item). Everything a shopper's
rows hold is computed from that shopper alone, in a fixed order of sums, so that one live request
and a batch of thousands get the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS, Shoppers
from smart_retail.recommenders.parts import Parts
from smart_retail.recommenders.popularity import trend
from smart_retail.recommenders.purchases import Habits, Pairs, habits_of, pairs_of
from smart_retail.recommenders.repurchase import repurchase_scores

FROM_NEIGHBOURS = 300
FROM_LISTS = 150
"""Candidates taken from the neighbours and from each popularity list."""
FROM_CONTENT = 20

REPURCHASE, CF, CLUSTER, SEGMENT, POPULAR, TRENDING, CONTENT = range(len(COMPONENTS))


@dataclass(frozen=True, slots=True)
class Context:
    """Shoppers with what follows from their purchases."""

    shoppers: Shoppers
    pairs: Pairs
    habits: Habits
    again: NDArray[np.float64]
    """Repurchase score by pair."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """One row per (shopper, item), sorted by shopper, then item."""

    indptr: NDArray[np.int64]
    shopper: NDArray[np.int64]
    item: NDArray[np.int64]
    part: NDArray[np.float64]
    """Score by component, at least 0, shape ``(len(COMPONENTS), n)``."""
    pair: NDArray[np.int64]
    """Row of the pair in `Context.pairs`, -1 where the shopper never bought the item."""


def context_of(parts: Parts, shoppers: Shoppers) -> Context:
    """Condense the shoppers' purchases."""
    pairs = pairs_of(shoppers.history)
    habits = habits_of(shoppers.history, pairs)
    return Context(shoppers, pairs, habits, repurchase_scores(shoppers.history, pairs, habits, parts.repurchase))


def profile(context: Context, shopper: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A shopper's items and what each says of their taste."""
    rows = slice(int(context.pairs.indptr[shopper]), int(context.pairs.indptr[shopper + 1]))
    return context.pairs.item[rows], np.log1p(context.again[rows])


def neighbour_scores(parts: Parts, context: Context, shopper: int, lift: NDArray[np.float64]) -> NDArray[np.float64]:
    """What goes with a shopper's purchases, times the trend; dense, shape ``(n_items,)``."""
    own, weight = profile(context, shopper)
    return np.maximum(parts.cf.score(own, weight, parts.n_items), 0.0) * lift


def trend_lift(parts: Parts) -> NDArray[np.float64]:
    """By item, what neighbours' scores are multiplied with."""
    return trend(parts.demand) ** parts.cf_trend


def candidates_of(parts: Parts, context: Context, *, exclude_purchased: bool) -> Candidates:
    """Candidates of all methods with the scores of all components."""
    shoppers, pairs, n = context.shoppers, context.pairs, parts.n_items
    lift = trend_lift(parts)
    has_content = len(parts.content_back.item) > 0
    items, scores = [], []
    pair_at = np.full(n, -1, np.int64)
    pair_rows = []
    for s in range(len(shoppers)):
        rows = slice(int(pairs.indptr[s]), int(pairs.indptr[s + 1]))
        own = pairs.item[rows]
        near = neighbour_scores(parts, context, s, lift)
        alike = parts.content_back.score(own, np.ones(len(own)), n) if has_content else None
        segment, cluster = int(shoppers.segment[s]), int(shoppers.cluster[s])
        wanted = np.zeros(n, bool)
        wanted[highest(near, FROM_NEIGHBOURS)] = True
        wanted[parts.popular.order[:FROM_LISTS]] = True
        wanted[parts.trending.order[:FROM_LISTS]] = True
        if 0 <= segment < parts.segment.n_groups:
            wanted[parts.segment.order[segment, :FROM_LISTS]] = True
        if 0 <= cluster < parts.cluster.n_groups:
            wanted[parts.cluster.order[cluster, :FROM_LISTS]] = True
        if alike is not None:
            wanted[highest(alike, FROM_CONTENT)] = True
        wanted[own] = not exclude_purchased
        item = np.flatnonzero(wanted)
        part = np.zeros((len(COMPONENTS), len(item)))
        pair_at[own] = np.arange(rows.start, rows.stop)
        pair = pair_at[item]
        pair_at[own] = -1
        part[REPURCHASE, pair >= 0] = context.again[pair[pair >= 0]]
        part[CF] = near[item]
        part[POPULAR] = parts.popular.score[item]
        part[TRENDING] = parts.trending.score[item]
        if 0 <= segment < parts.segment.n_groups:
            part[SEGMENT] = parts.segment.score[segment, item]
        if 0 <= cluster < parts.cluster.n_groups:
            part[CLUSTER] = parts.cluster.score[cluster, item]
        if alike is not None:
            part[CONTENT] = alike[item]
        items.append(item)
        scores.append(part)
        pair_rows.append(pair)
    sizes = np.array([len(item) for item in items], np.int64)
    return Candidates(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        shopper=np.repeat(np.arange(len(sizes)), sizes),
        item=np.concatenate([np.empty(0, np.int64), *items]),
        part=np.concatenate([np.empty((len(COMPONENTS), 0)), *scores], axis=1),
        pair=np.concatenate([np.empty(0, np.int64), *pair_rows]),
    )


def highest(score: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Positions of the `count` largest scores above 0, ascending; equal scores: the lower position."""
    # Only what is above 0 is partitioned: among many equal zeros NumPy's selection is seventy times slower.
    found = np.flatnonzero(score > 0)
    if count >= len(found):
        return found
    value = score[found]
    bound = np.partition(value, len(value) - count)[len(value) - count]
    above = found[value > bound]
    return np.sort(np.concatenate((above, found[value == bound][: count - len(above)])))
