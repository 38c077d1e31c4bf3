"""Shoppers with what follows from their purchases: the start of every method that knows a shopper.

In: `Shoppers`. Out: `Context`, and from it the items that say most of a shopper's taste.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.repurchase import FAST, SLOW, recency_weights, repurchase_scores
from smart_retail.recommenders.shopper_items import ShopperStats, UserItemMatrix, shopper_stats, user_item_matrix

TASTE = 250
"""Purchases whose partners are looked up: bounds the time of a shopper who has bought everything."""


@dataclass(frozen=True)
class ShopperContext:
    """Shoppers with what follows from their purchases; what not every method needs is made when it is asked for."""

    shoppers: Shoppers
    pairs: UserItemMatrix
    recency_weight: NDArray[np.float64]
    """What the pair says of the shopper's taste, by pair."""

    @cached_property
    def stats(self) -> ShopperStats:
        return shopper_stats(self.shoppers.history, self.pairs)

    @cached_property
    def repurchase_slow(self) -> NDArray[np.float64]:
        """Repurchase score by pair, habits fading slowly."""
        return repurchase_scores(self.shoppers.history, self.pairs, self.stats, SLOW)

    @cached_property
    def repurchase_fast(self) -> NDArray[np.float64]:
        """The same, fading fast."""
        return repurchase_scores(self.shoppers.history, self.pairs, self.stats, FAST)


def shopper_context(shoppers: Shoppers) -> ShopperContext:
    """Condense the shoppers' purchases."""
    pairs = user_item_matrix(shoppers.history)
    return ShopperContext(shoppers, pairs, recency_weights(shoppers.history, pairs))


def profile_items(context: ShopperContext, shopper: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The items that say most of a shopper's taste, at most `TASTE`, and how much each says."""
    rows = slice(int(context.pairs.indptr[shopper]), int(context.pairs.indptr[shopper + 1]))
    item, taste = context.pairs.item[rows], context.recency_weight[rows]
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
