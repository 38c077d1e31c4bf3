"""Buy again: what a shopper has bought, by how often and how lately.

In: `Pairs` and `Habits`. Out: one score per (shopper, item). A purchase counts
``2 ** (-age / half life)`` with its age in days, and once more with its age in the shopper's own
later orders, so that frequent and rare buyers are both told apart (Hu et al. 2020, TIFU-KNN, decays
over orders; days add what the shop's own clock knows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.shopper_items import ShopperStats, UserItemMatrix, by_pair


@dataclass(frozen=True, slots=True)
class DecaySettings:
    """How fast a purchase fades."""

    half_life_days: float
    half_life_orders: float
    floor: float
    """What an old purchase still counts."""


SLOW = DecaySettings(half_life_days=120.0, half_life_orders=30.0, floor=0.2)
"""Within 1 % of the best setting on four earlier windows of two shops."""
FAST = DecaySettings(half_life_days=30.0, half_life_orders=6.0, floor=0.0)
TASTE_HALF_LIFE = 90.0
"""Days."""


def repurchase_scores(
    history: PurchaseHistory, pairs: UserItemMatrix, habits: ShopperStats, fading: DecaySettings
) -> NDArray[np.float64]:
    """Score of each pair: the sum of its faded purchases, above 0."""
    age = (history.last_day - history.day).astype(np.float64)
    by_day = np.exp2(-age / fading.half_life_days)
    by_order = np.exp2(-habits.later_orders / fading.half_life_orders)
    return by_pair(pairs, fading.floor + by_day * by_order)


def recency_weights(history: PurchaseHistory, pairs: UserItemMatrix) -> NDArray[np.float64]:
    """What each pair says of a shopper's taste, 0.3 for an old purchase to 1 for a fresh one.

    Neighbours and the linear model start from it. Against counting every purchase as 1 it gained 2 to 8 % in
    NDCG@10 of new items on earlier windows of two shops; counting how often adds nothing.
    """
    fresh = by_pair(pairs, np.exp2(-(history.last_day - history.day) / TASTE_HALF_LIFE))
    return 0.3 + 0.7 * np.minimum(fresh, 1.0)
