"""Shoppers with what is derived from their purchases: the common input of all personal sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.repurchase import (
    FAST,
    SLOW,
    DecaySettings,
    compute_due_factors,
    compute_recency_weights,
    score_repurchase,
)
from smart_retail.recommenders.shopper_items import (
    ShopperStats,
    UserItemMatrix,
    build_user_item_matrix,
    compute_shopper_stats,
)

MAX_PROFILE_ITEMS = 250
"""Purchased items whose similar items are looked up: bounds the time for a shopper who has bought everything."""


@dataclass(frozen=True)
class ShopperContext:
    """Shoppers with what is derived from their purchases; values that not every method needs are computed on demand."""

    shoppers: Shoppers
    matrix: UserItemMatrix
    recency_weight: NDArray[np.float64]
    """By matrix entry, see `compute_recency_weights`."""

    @cached_property
    def stats(self) -> ShopperStats:
        return compute_shopper_stats(self.shoppers.history, self.matrix)

    @cached_property
    def repurchase_slow(self) -> NDArray[np.float64]:
        """Repurchase score by matrix entry, with slow decay."""
        return self._repurchase(SLOW)

    @cached_property
    def repurchase_fast(self) -> NDArray[np.float64]:
        """Repurchase score by matrix entry, with fast decay."""
        return self._repurchase(FAST)

    def _repurchase(self, decay: DecaySettings) -> NDArray[np.float64]:
        history, later = self.shoppers.history, self.shoppers.later
        score = score_repurchase(history, self.matrix, self.stats, decay)
        return score if later is None else score * compute_due_factors(self.matrix, history.last_day, later.days)

    def profile_items(self, shopper: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the purchased items with the largest recency weights, at most `MAX_PROFILE_ITEMS`, and the weights."""
        rows = slice(int(self.matrix.indptr[shopper]), int(self.matrix.indptr[shopper + 1]))
        item, weight = self.matrix.item[rows], self.recency_weight[rows]
        if len(item) > MAX_PROFILE_ITEMS:
            most = top_k_positions(weight, MAX_PROFILE_ITEMS)
            item, weight = item[most], weight[most]
        return item, weight


def build_context(shoppers: Shoppers) -> ShopperContext:
    """Aggregate the shoppers' purchases."""
    matrix = build_user_item_matrix(shoppers.history)
    return ShopperContext(shoppers, matrix, compute_recency_weights(shoppers.history, matrix))


def top_k_positions(score: NDArray[np.float64], k: int, excluded: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return the positions of the `k` largest scores above 0, ascending; of equal scores the lower positions.

    Positions where `excluded` is true are left out.
    """
    positive = np.flatnonzero(score > 0)
    if excluded is not None:
        positive = positive[~excluded[positive]]
    if k >= len(positive):
        return positive
    values = score[positive]
    bound = np.partition(values, len(values) - k)[len(values) - k]
    above = np.flatnonzero(values > bound)
    equal = np.flatnonzero(values == bound)[: k - len(above)]
    return np.sort(positive[np.concatenate((above, equal))])
