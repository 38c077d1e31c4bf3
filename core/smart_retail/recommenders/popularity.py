"""What everybody buys: demand by item, all time and recent, and the list that follows from it.

In: `History`. Out: `Demand` (counts by item) and `Popularity` (scores and their order). A recent
window follows demand, the all-time count settles what the window does not tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_items import UserItemMatrix

WINDOWS = (7, 14, 28, 56, 91)
"""Days of recent demand that are counted."""
YEAR, SEASON = 364, 56
"""Days: whole weeks, so that weekdays fall on weekdays."""
ALL_TIME = 0
"""Stands for the whole history among the windows."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders and buyers by item code, shape ``(n_items,)`` unless said."""

    ever: NDArray[np.float64]
    """Orders that hold the item."""
    buyers: NDArray[np.float64]
    """Distinct customers."""
    recent: NDArray[np.float64]
    """Orders in the last `WINDOWS` days, shape ``(len(WINDOWS), n_items)``."""
    first_day: NDArray[np.int64]
    """Day of the first purchase; the history's end for an item never bought."""

    season: NDArray[np.float64]
    """Orders in the eight weeks that followed this day a year ago."""
    interval: NDArray[np.float64]
    """Median days between two orders of the item by one customer; NaN where nobody bought it twice."""

    def window(self, days: int) -> NDArray[np.float64]:
        """Orders in the last `days` days, or ever."""
        return self.ever if days == ALL_TIME else self.recent[WINDOWS.index(days)]


@dataclass(frozen=True, slots=True)
class Popularity:
    """One list of the whole catalogue."""

    score: NDArray[np.float64]
    """By item code, above 0, at most 1."""
    order: NDArray[np.int32]
    """Item codes, best first."""
    place: NDArray[np.int32]
    """Place in the list by item code, 1 and up."""


def demand_of(history: PurchaseHistory, pairs: UserItemMatrix) -> Demand:
    """Count orders and buyers of each item; `pairs` are those of the history."""
    n, item = history.n_items, history.item
    day = history.day[pairs.row_order].astype(np.int64)
    again = np.flatnonzero(pairs.row_pair[1:] == pairs.row_pair[:-1])
    first = np.full(n, history.last_day, np.int64)
    np.minimum.at(first, pairs.item, pairs.first_day)
    age = history.last_day - history.day
    return Demand(
        ever=np.bincount(item, minlength=n).astype(np.float64),
        buyers=np.bincount(pairs.item, minlength=n).astype(np.float64),
        recent=np.stack([np.bincount(item[age < days], minlength=n).astype(np.float64) for days in WINDOWS]),
        first_day=first,
        season=np.bincount(item[(age < YEAR) & (age >= YEAR - SEASON)], minlength=n).astype(np.float64),
        interval=_medians(pairs.item[pairs.row_pair[again]], day[again + 1] - day[again], n),
    )


def popularity_of(demand: Demand, days: int) -> Popularity:
    """The most bought items of the last `days` days (0: ever), ties by the all-time count."""
    return listed(demand.window(days) + demand.ever / (demand.ever.max(initial=0) + 1) / 2)


def trending_of(demand: Demand, power: float) -> Popularity:
    """Items whose recent demand is high for what they usually sell."""
    return listed(demand.window(28) * trend(demand) ** power)


def trend(demand: Demand) -> NDArray[np.float64]:
    """(orders of the last 28 days + 1) / (orders ever + 5): how much of an item's demand is of now."""
    return (demand.window(28) + 1) / (demand.ever + 5)


def listed(weight: NDArray[np.float64]) -> Popularity:
    """The list that a weight at or above 0 gives; items without weight come last, by code."""
    score = significant((weight + 1e-6) / (weight.max(initial=0) + 1e-6))
    order = np.argsort(-score, kind="stable").astype(np.int32)
    place = np.empty(len(score), np.int32)
    place[order] = np.arange(1, len(score) + 1, dtype=np.int32)
    return Popularity(score, order, place)


def _medians(item: NDArray[np.int64], gap: NDArray[np.int64], n_items: int) -> NDArray[np.float64]:
    """Median gap of each item (of two middle ones the smaller), NaN for an item without."""
    width = int(gap.max(initial=0)) + 1
    ascending = np.sort(item * width + gap)
    counts = np.bincount(item, minlength=n_items)
    start = np.cumsum(counts) - counts
    out = np.full(n_items, np.nan)
    some = np.flatnonzero(counts)
    out[some] = ascending[start[some] + (counts[some] - 1) // 2] % width
    return out
