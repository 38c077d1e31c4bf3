"""Selection of the popularity list: which recent window, and how many positions for the leaders of the whole history.

The list is chosen for its average and its worst result over many past windows. Both parts always keep some positions:
the newest window alone does not show that demand can return after months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.metrics import mean_and_worst
from smart_retail.evaluation.temporal_split import (
    WINDOW_FRACTION,
    GroundTruth,
    Window,
    extract_ground_truth,
    sample_customers,
)
from smart_retail.presentation.formatting import format_percent
from smart_retail.recommenders.popularity import ALL_TIME, take_turns
from smart_retail.training.hybrid.selection_note import SelectionNote
from smart_retail.training.models.components import ComponentVariants
from smart_retail.utils.csr import row_indices

K = 10
_DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))
RECENT_DAYS = (7, 28, 91)
ALL_TIME_SHARES = (0.125, 0.25, 0.5, 0.75, 0.875)
"""Shares of the positions for the whole history: neither part is ever left out."""
MAX_WINDOWS = 12
TOLERANCE = 0.01
"""Relative NDCG given up for more even shares of the two parts: past windows show only part of what can change."""
MAX_DRAWN_CUSTOMERS = 2000
"""Customers of the whole history whose purchases the lists are compared with."""
MAX_TASK_CUSTOMERS = 400
"""Customers of each task and window."""
MIN_TASK_CUSTOMERS = 30
"""With fewer customers, the task is left out of a window."""
_LIST_LENGTH = 400
"""Positions of a list that are computed: ten, and more for customers who already own the leading items."""

Mix = tuple[int, float]
"""Recent days, and share of the positions for the whole history."""
MIXES: tuple[Mix, ...] = tuple((days, share) for days in RECENT_DAYS for share in ALL_TIME_SHARES)


@dataclass(frozen=True, slots=True)
class MixComparison:
    """NDCG@10 of each mix relative to the best one of the same window, 0 to 1, averaged over the tasks."""

    mixes: tuple[Mix, ...]
    relative: NDArray[np.float64]
    """Shape ``(n_windows, n_mixes)``."""

    def best(self) -> int:
        """Return the mix with the most even shares among those whose utility is within `TOLERANCE` of the best."""
        utility = mean_and_worst(self.relative)
        good = np.flatnonzero(utility >= utility.max() - TOLERANCE)
        return int(min(good, key=lambda mix: (abs(self.mixes[mix][1] - 0.5), -utility[mix])))


def overlapping_windows(
    first_day: int, last_day: int, count: int = MAX_WINDOWS, *, with_last: bool = False
) -> list[Window]:
    """Return at most `count` windows of a tenth of the history, each half a window after the one before, oldest first.

    The last one ends a tenth before `last_day`, because that tenth is for the scorecard, or with `last_day`.

    Parameters
    ----------
    first_day, last_day : int
        Days since 1970-01-01.
    count : int
    with_last : bool
        Whether the last tenth is included, for the published model.
    """
    length = max(int((last_day - first_day) * WINDOW_FRACTION), 1)
    step = max(length // 2, 1)
    last_end = last_day + 1 - (0 if with_last else length)
    ends = [last_end - k * step for k in range(count)]
    return [Window(end - length, end) for end in reversed(ends) if end - length - first_day >= 2 * length]


def select_popularity(
    history: PurchaseHistory, windows: Sequence[Window], variants: ComponentVariants, seed: int
) -> tuple[ComponentVariants, SelectionNote]:
    """Select the recent window and the share of the whole history with the best mean of average and worst window.

    Parameters
    ----------
    history : PurchaseHistory
        Purchases of which none is left out, apart from returns.
    windows : sequence of Window
        Past windows, as of `overlapping_windows`.
    variants : ComponentVariants
    seed : int
    """
    comparison = compare_mixes(history, windows, seed)
    if not len(comparison.relative):
        text = (
            f'"Popular" means products by the last {variants.popularity_days} days and by the whole history in turn: '
            "the history is too short to compare other lists."
        )
        return variants, SelectionNote(text)
    best = comparison.best()
    days, share = comparison.mixes[best]
    return replace(variants, popularity_days=days, all_time_share=share), _describe(comparison, best)


def compare_mixes(history: PurchaseHistory, windows: Sequence[Window], seed: int) -> MixComparison:
    """Compare the lists of all mixes on past windows.

    Parameters
    ----------
    history : PurchaseHistory
    windows : sequence of Window
    seed : int
    """
    drawn = _draw_customers(history, seed)
    rows = [row for window in windows if (row := _relative_ndcg(history, drawn, window, seed)) is not None]
    return MixComparison(MIXES, np.array(rows).reshape(len(rows), len(MIXES)))


def _draw_customers(history: PurchaseHistory, seed: int) -> PurchaseHistory:
    """Return the purchases of at most `MAX_DRAWN_CUSTOMERS` customers."""
    if history.n_customers <= MAX_DRAWN_CUSTOMERS:
        return history
    share = MAX_DRAWN_CUSTOMERS / history.n_customers
    return history.between(customers=np.less(np.random.default_rng(seed).random(history.n_customers), share))


def _relative_ndcg(
    history: PurchaseHistory, drawn: PurchaseHistory, window: Window, seed: int
) -> NDArray[np.float64] | None:
    """Return the relative NDCG@10 of each mix in one window; None where too few customers bought."""
    before = drawn.take(drawn.day < window.cut)
    after = drawn.take((drawn.day >= window.cut) & (drawn.day < window.end))
    if not len(before) or not len(after):
        return None
    lists = _rank_mixes(history, window.cut)
    relative = []
    for task, truth in extract_ground_truth(before, after).items():
        if len(truth) < MIN_TASK_CUSTOMERS:
            continue
        sampled = sample_customers(truth, MAX_TASK_CUSTOMERS, seed)
        values = _ndcg_of_lists(lists, sampled, before.select(sampled.customer) if task == "new" else None)
        if values.max() > 0:
            relative.append(values / values.max())
    return np.mean(relative, axis=0) if relative else None


def _rank_mixes(history: PurchaseHistory, cut: int) -> list[NDArray[np.int64]]:
    """Return the leading items of each mix by the purchases before a day."""
    counts = {days: np.zeros(history.n_items, np.int64) for days in (ALL_TIME, *RECENT_DAYS)}
    for _, block in history.blocks():
        for days, count in counts.items():
            counted = (block.day < cut) & (block.day >= cut - days) if days != ALL_TIME else block.day < cut
            count += np.bincount(block.item[counted], minlength=history.n_items)
    ever = counts[ALL_TIME].astype(np.float64)
    tie = ever / (ever.max(initial=0) + 1) / 2
    orders = {ALL_TIME: np.argsort(-ever, kind="stable")}
    for days in RECENT_DAYS:
        orders[days] = np.argsort(-(counts[days] + tie), kind="stable")
    length = min(_LIST_LENGTH, history.n_items)
    leading = {days: order[:length].tolist() for days, order in orders.items()}
    return [take_turns([leading[days], leading[ALL_TIME]], (1 - share, share), length) for days, share in MIXES]


def _ndcg_of_lists(
    lists: Sequence[NDArray[np.int64]], truth: GroundTruth, owned: PurchaseHistory | None
) -> NDArray[np.float64]:
    """Return the mean NDCG@10 of each list, the same for all customers.

    Parameters
    ----------
    lists : sequence of int64 arrays
        Item codes, best first.
    truth : GroundTruth
    owned : PurchaseHistory, optional
        Purchases of the customers of `truth`, row by row, whose items are left out of their lists.
    """
    listed = np.unique(np.concatenate(lists))
    shape = (len(truth), len(listed))
    bought = _membership(row_indices(truth.indptr), truth.item, listed, shape)
    hidden = _membership(owned.customer, owned.item, listed, shape) if owned is not None else None
    ideal = np.cumsum(_DISCOUNT)[np.minimum(truth.sizes, K) - 1]
    out = []
    for order in lists:
        columns = np.searchsorted(listed, order if hidden is not None else order[:K])
        visible = np.ones((1, len(columns)), bool) if hidden is None else ~hidden[:, columns]
        rank = np.cumsum(visible, axis=1)
        discount = np.where(visible & (rank <= K), _DISCOUNT[np.minimum(rank, K) - 1], 0.0)
        out.append(float(((bought[:, columns] * discount).sum(axis=1) / ideal).mean()))
    return np.array(out)


def _membership(
    row: NDArray[Any], item: NDArray[Any], listed: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which of the listed items each row has; listed is ascending."""
    column = np.minimum(np.searchsorted(listed, item), len(listed) - 1)
    found = listed[column] == item
    out = np.zeros(shape, bool)
    out[row[found], column[found]] = True
    return out


def _describe(comparison: MixComparison, best: int) -> SelectionNote:
    days, share = comparison.mixes[best]
    of_eight = round(8 * share)
    mean, worst = comparison.relative.mean(axis=0), comparison.relative.min(axis=0)
    cost = 1 - mean[best] / mean.max()
    text = (
        f'"Popular" means {8 - of_eight} of 8 products by the last {days} days and {of_eight} by the whole history: so '
        f"it stays useful if demand changes or returns. In {len(comparison.relative)} past periods this cost "
        f"{format_percent(cost)} of the quality of the list with the best average."
    )
    figures = ", ".join(
        f"{d} days with {format_percent(s)} of all time {m:.4f}"
        for (d, s), m in zip(comparison.mixes, mean, strict=True)
    )
    details = (
        f"Popularity, NDCG@{K} relative to the best list, mean of {len(comparison.relative)} windows: "
        f"{figures}. Worst window of the selected list {worst[best]:.4f}."
    )
    return SelectionNote(text, details)
