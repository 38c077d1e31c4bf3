"""Shoppers with what follows from their purchases: the start of every method that knows a shopper.

In: `Shoppers`. Out: `Context`, and from it the items that say most of a shopper's taste.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.repurchase import FAST, SLOW, repurchase_scores, taste_of
from smart_retail.recommenders.shopper_items import Habits, Pairs, habits_of, pairs_of

TASTE = 250
"""Purchases whose partners are looked up: bounds the time of a shopper who has bought everything."""


@dataclass(frozen=True)
class Context:
    """Shoppers with what follows from their purchases; what not every method needs is made when it is asked for."""

    shoppers: Shoppers
    pairs: Pairs
    taste: NDArray[np.float64]
    """What the pair says of the shopper's taste, by pair."""

    @cached_property
    def habits(self) -> Habits:
        return habits_of(self.shoppers.history, self.pairs)

    @cached_property
    def again(self) -> NDArray[np.float64]:
        """Repurchase score by pair, habits fading slowly."""
        return repurchase_scores(self.shoppers.history, self.pairs, self.habits, SLOW)

    @cached_property
    def lately(self) -> NDArray[np.float64]:
        """The same, fading fast."""
        return repurchase_scores(self.shoppers.history, self.pairs, self.habits, FAST)


def context_of(shoppers: Shoppers) -> Context:
    """Condense the shoppers' purchases."""
    pairs = pairs_of(shoppers.history)
    return Context(shoppers, pairs, taste_of(shoppers.history, pairs))


def profile(context: Context, shopper: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The items that say most of a shopper's taste, at most `TASTE`, and how much each says."""
    rows = slice(int(context.pairs.indptr[shopper]), int(context.pairs.indptr[shopper + 1]))
    item, taste = context.pairs.item[rows], context.taste[rows]
    if len(item) > TASTE:
        most = highest(taste, TASTE)
        item, taste = item[most], taste[most]
    return item, taste


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
