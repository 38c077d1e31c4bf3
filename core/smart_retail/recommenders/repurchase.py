"""Buy again: scores of purchased items by frequency and recency.

A purchase counts ``2 ** (-age / half life)`` with its age in days, times the same with its age in the shopper's own
later orders, which suits frequent and rare buyers alike. TIFU-KNN (Hu et al. 2020) decays over orders; the decay over
days adds the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.presentation import labels
from smart_retail.recommenders.shopper_items import ShopperStats, UserItemMatrix, sum_by_entry
from smart_retail.recommenders.source import DefaultWeight, Source, SourceInput, SourceScores


@dataclass(frozen=True, slots=True)
class DecaySettings:
    """Decay of the weight of a purchase."""

    half_life_days: float
    half_life_orders: float
    floor: float
    """Weight of a purchase however old it is."""


SLOW = DecaySettings(half_life_days=120.0, half_life_orders=30.0, floor=0.2)
"""Within 1 % of the best setting on four earlier windows of two shops."""
FAST = DecaySettings(half_life_days=30.0, half_life_orders=6.0, floor=0.0)
RECENCY_HALF_LIFE_DAYS = 90.0


def score_repurchase(
    history: PurchaseHistory, matrix: UserItemMatrix, stats: ShopperStats, decay: DecaySettings
) -> NDArray[np.float64]:
    """Score each matrix entry by the sum of its decayed purchases.

    Parameters
    ----------
    history : PurchaseHistory
    matrix : UserItemMatrix
        Of `history`.
    stats : ShopperStats
        Of `history`.
    decay : DecaySettings

    Returns
    -------
    float64 array, shape (len(matrix),)
        Above 0.
    """
    age_days = (history.last_day - history.day).astype(np.float64)
    by_day = np.exp2(-age_days / decay.half_life_days)
    by_order = np.exp2(-stats.later_orders / decay.half_life_orders)
    return sum_by_entry(matrix, decay.floor + by_day * by_order)


def compute_recency_weights(history: PurchaseHistory, matrix: UserItemMatrix) -> NDArray[np.float64]:
    """Compute how much each matrix entry counts in a shopper's profile: 0.3 for an old purchase, 1 for a recent one.

    Item-kNN and EASE use these weights. Compared with a weight of 1 for every purchase they raised NDCG@10 of new
    items by 2 to 8 % on earlier windows of two shops; counting the number of purchases did not help.
    """
    recent = sum_by_entry(matrix, np.exp2(-(history.last_day - history.day) / RECENCY_HALF_LIFE_DAYS))
    return 0.3 + 0.7 * np.minimum(recent, 1.0)


def _by_item(source: SourceInput, score: NDArray[np.float64]) -> SourceScores:
    """Spread the scores of the shopper's matrix entries over the catalogue."""
    dense = np.zeros(source.components.n_items)
    dense[source.purchased] = score[source.entries]
    return SourceScores(dense)


def _score_slow(source: SourceInput) -> SourceScores:
    return _by_item(source, source.context.repurchase_slow)


def _score_fast(source: SourceInput) -> SourceScores:
    return _by_item(source, source.context.repurchase_fast)


SLOW_SOURCE = Source(
    name="repurchase_slow",
    component="repurchase",
    label=labels.HYBRID_SOURCES["repurchase_slow"],
    reason_kind="buy_again",
    reason_method="repurchase",
    score=_score_slow,
    max_candidates=0,
    default_weight=DefaultWeight(repeats=1.0),
    ablation_groups=("repurchase",),
)
FAST_SOURCE = Source(
    name="repurchase_fast",
    component="repurchase",
    label=labels.HYBRID_SOURCES["repurchase_fast"],
    reason_kind="buy_again",
    reason_method="repurchase",
    score=_score_fast,
    max_candidates=0,
    ablation_groups=("repurchase",),
)
