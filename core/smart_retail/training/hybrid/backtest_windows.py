"""Past windows: what was known before a cut, who the customers were then, and what they bought after it.

In: a `Timeline` and the windows. Out: `Past`s, oldest first, and `Placed` ones once the groups are known. A very
large history is represented by a sample of its customers: weights and choices need thousands of them, not hundreds
of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable, TemporalDataset
from smart_retail.evaluation.temporal_split import Truth, Window, truths
from smart_retail.progress import Progress

MANY_ROWS = 2_000_000
"""Rows of a window's history beyond which its customers are sampled."""

Groups = tuple[NDArray[np.int16], NDArray[np.int16]]
"""Segment and cluster by customer code."""
GroupAssignment = Callable[[RfmTable], Groups]


@dataclass(frozen=True, slots=True)
class BacktestWindow:
    """One window."""

    window: Window
    before: PurchaseHistory
    after: PurchaseHistory
    truths: Mapping[str, Truth]
    """What every task's customers bought after the cut."""


@dataclass(frozen=True, slots=True)
class GroupedWindow(BacktestWindow):
    """One window with the customers' groups."""

    groups: Groups
    """As of the cut."""


def backtest_windows(
    timeline: TemporalDataset,
    windows: list[Window],
    *,
    rows: int,
    n_customers: int,
    seed: int,
    progress: Progress,
) -> list[BacktestWindow]:
    """The windows in which somebody bought, before and after the cut.

    Parameters
    ----------
    rows, n_customers : int
        Of the whole history.
    """
    kept: NDArray[np.bool_] | None = None
    if rows > MANY_ROWS:
        kept = np.less(np.random.default_rng(seed).random(n_customers), MANY_ROWS / rows)
    out = []
    for window in windows:
        progress.check()
        before, after = (
            timeline.history_between(end=window.cut, customers=kept),
            timeline.history_between(first=window.cut, end=window.end, customers=kept),
        )
        if len(before) and len(after):
            # The list is made on the cut's eve, also where nobody bought on that day.
            before = replace(before, last_day=window.cut - 1)
            out.append(BacktestWindow(window, before, after, truths(before, after)))
    return out


def assign_groups(
    pasts: Sequence[BacktestWindow], timeline: TemporalDataset, place: GroupAssignment
) -> list[GroupedWindow]:
    """The windows with the groups that the customers were in on each cut's eve."""
    return [GroupedWindow(p.window, p.before, p.after, p.truths, place(timeline.rfm(p.window.cut))) for p in pasts]
