"""Backtest windows: the history before a cut, the customers' groups at the cut, and the purchases after it.

A very large history is represented by a sample of its customers: weights and selections need thousands of them, not
hundreds of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable, TemporalDataset
from smart_retail.evaluation.temporal_split import GroundTruth, Window, draw_customers, extract_ground_truth
from smart_retail.training.fit_context import FitContext
from smart_retail.utils.parallel import parallel_map

Groups = tuple[NDArray[np.int16], NDArray[np.int16]]
"""Segment and fine cluster by customer code."""
GroupAssignment = Callable[[PurchaseHistory, RfmTable], Groups]
"""Assigns every customer to a segment and a fine cluster by the purchases and the RFM table before a day."""


@dataclass(frozen=True, slots=True)
class BacktestWindow:
    """One window."""

    window: Window
    before: PurchaseHistory
    after: PurchaseHistory
    ground_truth: Mapping[str, GroundTruth]
    """By task: what its customers bought in the window."""


@dataclass(frozen=True, slots=True)
class GroupedWindow(BacktestWindow):
    """One window with the customers' groups."""

    groups: Groups
    """As of the cut."""


def build_windows(
    dataset: TemporalDataset, windows: list[Window], history: PurchaseHistory, context: FitContext
) -> list[BacktestWindow]:
    """Build the windows that have purchases before and after the cut.

    Parameters
    ----------
    dataset : TemporalDataset
    windows : list of Window
        Oldest first.
    history : PurchaseHistory
        The whole history.
    context : FitContext
    """
    sampled = draw_customers(history, context.seed)
    out = []
    for window in windows:
        context.progress.check()
        before, after = (
            dataset.history_between(end=window.cut, customers=sampled),
            dataset.history_between(first=window.cut, end=window.end, customers=sampled),
        )
        if len(before) and len(after):
            # Lists are made on the day before the cut, also where nothing was bought on that day.
            before = replace(before, last_day=window.cut - 1)
            out.append(BacktestWindow(window, before, after, extract_ground_truth(before, after)))
    return out


def add_groups(
    windows: Sequence[BacktestWindow], dataset: TemporalDataset, assign_groups: GroupAssignment, context: FitContext
) -> list[GroupedWindow]:
    """Add the groups of the customers as of the day before each cut."""

    def add(window: BacktestWindow) -> GroupedWindow:
        groups = assign_groups(window.before, dataset.rfm(window.window.cut))
        return GroupedWindow(window.window, window.before, window.after, window.ground_truth, groups)

    return parallel_map(add, windows, context.n_threads)
