"""Popularity: demand by item, all time and recent, and the ranking that follows from it.

A recent window follows demand, the whole history remembers what can return. A list that takes its items from both in
turn keeps most of the better one, whichever that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.presentation import labels
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_items import UserItemMatrix
from smart_retail.recommenders.source import DefaultWeight, Source, SourceInput, SourceScores

WINDOWS = (7, 14, 28, 56, 91)
"""Lengths of the recent windows, in days."""
YEAR, SEASON = 364, 56
"""Days: whole weeks, so that weekdays are compared with the same weekdays."""
ALL_TIME = 0
"""Window length that means the whole history."""
_DAY_BITS = 20
"""Bits of the days in an integer that also has the item code."""
MAX_INTERLEAVED_ITEMS = 1000
"""Positions that are filled in turn; the items after them are ordered by their best turn."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders and buyers by item code, shape ``(n_items,)`` unless stated otherwise."""

    ever: NDArray[np.float64]
    """Orders that contain the item."""
    buyers: NDArray[np.float64]
    """Distinct customers."""
    recent: NDArray[np.float64]
    """Orders in the last `WINDOWS` days, shape ``(len(WINDOWS), n_items)``."""
    first_day: NDArray[np.int64]
    """Day of the first purchase; the end of the history for an item that was never bought."""

    season: NDArray[np.float64]
    """Orders in the eight weeks that followed this day a year ago."""
    interval: NDArray[np.float64]
    """Median days between two orders of the item by one customer; NaN where no customer bought it twice."""

    def window(self, days: int) -> NDArray[np.float64]:
        """Return the orders in the last `days` days (one of `WINDOWS`), or of all time for `ALL_TIME`."""
        return self.ever if days == ALL_TIME else self.recent[WINDOWS.index(days)]


@dataclass(frozen=True, slots=True)
class Popularity:
    """One ranking of the whole catalogue."""

    score: NDArray[np.float64]
    """By item code, above 0, at most 1."""
    order: NDArray[np.int32]
    """Item codes, best first."""
    rank: NDArray[np.int32]
    """Rank by item code, 1 and up."""


class DemandCounter:
    """Counts the demand of a history that is given in blocks of customers."""

    def __init__(self, n_items: int, last_day: int) -> None:
        self._n_items, self._last_day = n_items, last_day
        self._ever, self._buyers, self._season = (np.zeros(n_items) for _ in range(3))
        self._recent = np.zeros((len(WINDOWS), n_items))
        self._first_day = np.full(n_items, last_day, np.int64)
        self._intervals = _IntervalCounts(n_items)

    def add(self, block: PurchaseHistory, matrix: UserItemMatrix) -> None:
        """Add the purchases of customers; `matrix` is the user-item matrix of `block`."""
        n, item = self._n_items, block.item
        age = self._last_day - block.day
        self._ever += np.bincount(item, minlength=n)
        self._buyers += np.bincount(matrix.item, minlength=n)
        for row, days in zip(self._recent, WINDOWS, strict=True):
            row += np.bincount(item[age < days], minlength=n)
        self._season += count_season(item, block.day, self._last_day, n)
        np.minimum.at(self._first_day, matrix.item, matrix.first_day)
        day = block.day[matrix.history_row].astype(np.int64)
        repeat = np.flatnonzero(matrix.history_entry[1:] == matrix.history_entry[:-1])
        self._intervals.add(matrix.item[matrix.history_entry[repeat]], day[repeat + 1] - day[repeat])

    def result(self) -> Demand:
        """Return the demand of all blocks."""
        return Demand(
            self._ever, self._buyers, self._recent, self._first_day, self._season, self._intervals.lower_medians()
        )


def count_demand(history: PurchaseHistory, matrix: UserItemMatrix) -> Demand:
    """Count orders and buyers of each item; `matrix` is the user-item matrix of `history`."""
    counter = DemandCounter(history.n_items, history.last_day)
    counter.add(history, matrix)
    return counter.result()


def add_orders(demand: Demand, item: NDArray[np.int32], age: NDArray[np.int32]) -> Demand:
    """Return the demand with more orders of all time and of the recent windows, such as those without a customer.

    Parameters
    ----------
    demand : Demand
    item : int32 array, shape (n,)
        One row for each order and item.
    age : int32 array, shape (n,)
        Days from each order to the end of the history.
    """
    n = len(demand.ever)
    recent = np.stack([np.bincount(item[age < days], minlength=n) for days in WINDOWS])
    return replace(demand, ever=demand.ever + np.bincount(item, minlength=n), recent=demand.recent + recent)


def count_season(item: NDArray[np.int32], day: NDArray[np.int32], last_day: int, n_items: int) -> NDArray[np.float64]:
    """Count the orders of each item in the eight weeks that followed `last_day` a year before.

    Parameters
    ----------
    item, day : int32 arrays, shape (n,)
        One row for each order and item; days since 1970-01-01.
    last_day : int
        The day before the date of the lists.
    n_items : int

    Returns
    -------
    float64 array, shape (n_items,)
    """
    age = last_day - day
    return np.bincount(item[(age < YEAR) & (age >= YEAR - SEASON)], minlength=n_items).astype(np.float64)


def compute_popularity(demand: Demand, days: int, all_time_share: float = 0.0) -> Popularity:
    """Rank items by recent orders, and by orders of all time in some of the positions.

    Parameters
    ----------
    demand : Demand
    days : int
        Recent days that count, one of `WINDOWS`; `ALL_TIME` for the whole history alone.
    all_time_share : float
        Share of the positions, 0 to 1, that go to the leaders of the whole history.

    Returns
    -------
    Popularity
    """
    tie = demand.ever / (demand.ever.max(initial=0) + 1) / 2
    recent = rank_items(demand.window(days) + tie)
    if days == ALL_TIME or not all_time_share:
        return recent
    return interleave([recent, rank_items(demand.ever + tie)], (1 - all_time_share, all_time_share))


def interleave(rankings: Sequence[Popularity], shares: Sequence[float]) -> Popularity:
    """Merge rankings: each places its best item that is not placed yet, as often as its share says.

    The k-th turn of a ranking comes at the time ``k / share``; at equal times the larger share comes first. The score
    of the item at position p is the mean of the rankings' p-th best scores, weighted by the shares.

    Parameters
    ----------
    rankings : sequence of Popularity
        Of the same items.
    shares : sequence of float
        Share of the positions for each ranking, above 0; they sum to 1.

    Returns
    -------
    Popularity
    """
    best_turn = np.min([ranking.rank / share for ranking, share in zip(rankings, shares, strict=True)], axis=0)
    placed = np.zeros(len(best_turn), bool)
    length = min(MAX_INTERLEAVED_ITEMS, len(best_turn))
    leading = take_turns([ranking.order.tolist() for ranking in rankings], shares, length)
    placed[leading] = True
    rest = np.flatnonzero(~placed)
    order = np.concatenate((leading, rest[np.argsort(best_turn[rest], kind="stable")]))
    score = np.empty(len(order))
    score[order] = sum(share * ranking.score[ranking.order] for ranking, share in zip(rankings, shares, strict=True))
    return rank_items(score)


def take_turns(orders: Sequence[Sequence[int]], shares: Sequence[float], length: int) -> NDArray[np.int64]:
    """Return the first items of `interleave`.

    Parameters
    ----------
    orders : sequence of sequences of int
        Item codes of each ranking, best first, at least `length` of the same items.
    shares : sequence of float
    length : int
        Items to return.

    Returns
    -------
    int64 array, shape (length,)
    """
    by_share = sorted(range(len(shares)), key=lambda k: -shares[k])
    placed: dict[int, None] = {}
    turn, position = [1 / share for share in shares], [0] * len(orders)
    while len(placed) < length:
        k = min(by_share, key=turn.__getitem__)
        turn[k] += 1 / shares[k]
        order, at = orders[k], position[k]
        while order[at] in placed:
            at += 1
        placed[order[at]] = None
        position[k] = at + 1
    return np.fromiter(placed, np.int64, length)


def compute_trending(demand: Demand, power: float) -> Popularity:
    """Rank items by recent orders times the trend to a power: high for what sells more than usual."""
    return rank_items(demand.window(28) * compute_trend(demand) ** power)


def compute_trend(demand: Demand) -> NDArray[np.float64]:
    """Compute ``(orders of the last 28 days + 1) / (orders ever + 5)``: the recent part of an item's demand."""
    return (demand.window(28) + 1) / (demand.ever + 5)


def rank_items(weight: NDArray[np.float64]) -> Popularity:
    """Rank all items by a weight of at least 0; items without weight come last, by code."""
    score = significant((weight + 1e-6) / (weight.max(initial=0) + 1e-6))
    order = np.argsort(-score, kind="stable").astype(np.int32)
    rank = np.empty(len(score), np.int32)
    rank[order] = np.arange(1, len(score) + 1, dtype=np.int32)
    return Popularity(score, order, rank)


class _IntervalCounts:
    """Numbers of intervals between two orders of an item, by item and days."""

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._key = self._count = np.empty(0, np.int64)

    def add(self, item: NDArray[np.int64], days: NDArray[np.int64]) -> None:
        """Add intervals; both arrays have shape ``(n,)``."""
        key = np.concatenate((self._key, item << _DAY_BITS | days))
        count = np.concatenate((self._count, np.ones(len(item), np.int64)))
        ascending = np.argsort(key, kind="stable")
        key, count = key[ascending], count[ascending]
        start = np.flatnonzero(np.diff(key, prepend=-1))
        self._key, self._count = key[start], np.add.reduceat(count, start) if len(start) else count

    def lower_medians(self) -> NDArray[np.float64]:
        """Return the median interval of each item (the lower one of two), NaN for an item without intervals."""
        item = self._key >> _DAY_BITS
        total = np.bincount(item, self._count, self._n_items).astype(np.int64)
        present = np.flatnonzero(total)
        middle = (np.cumsum(total) - total + (total - 1) // 2)[present]
        position = np.searchsorted(np.cumsum(self._count), middle, side="right")
        out = np.full(self._n_items, np.nan)
        out[present] = self._key[position] & ((1 << _DAY_BITS) - 1)
        return out


def _score_popular(source: SourceInput) -> SourceScores:
    popular = source.components.popular
    return SourceScores(popular.score, popular.order)


def _score_trending(source: SourceInput) -> SourceScores:
    trending = source.components.trending
    return SourceScores(trending.score, trending.order)


POPULAR_SOURCE = Source(
    name="popular",
    component="popular",
    label=labels.HYBRID_SOURCES["popular"],
    reason_kind="popular",
    reason_method="popular",
    score=_score_popular,
    default_weight=DefaultWeight(repeats=0.1, new_items=0.2, no_history=1.0),
    ablation_groups=("popularity",),
)
TRENDING_SOURCE = Source(
    name="trending",
    component="trending",
    label=labels.HYBRID_SOURCES["trending"],
    reason_kind="trending",
    reason_method="popular",
    score=_score_trending,
    default_weight=DefaultWeight(repeats=0.05, new_items=0.2),
    ablation_groups=("trend", "popularity"),
)
