"""The past window on which the clusters of the lists are chosen."""

from __future__ import annotations

from dataclasses import replace

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.temporal_split import (
    draw_customers,
    extract_ground_truth,
    rolling_windows,
    sample_customers,
)
from smart_retail.segmentation.rfm import compute_rfm
from smart_retail.training.clusters.feature_fit import CustomerData
from smart_retail.training.clusters.fit_clusters import ClusterTrial

MAX_TRIAL_CUSTOMERS = 20_000
"""Customers with purchases in the window on which a trial is made; a larger shop is represented by a sample."""


def build_trial(history: PurchaseHistory, first_day: int, n_windows: int, seed: int = 0) -> ClusterTrial | None:
    """Return the customers before the second last window and their purchases in it.

    The last window is left to the scorecard, so that neither the choice nor the clusters of the backtests know of it.

    Parameters
    ----------
    history : PurchaseHistory
        The whole history, after returns.
    first_day : int
        First day of the history, days since 1970-01-01.
    n_windows : int
        Windows on which the merge is learned.
    seed : int

    Returns
    -------
    ClusterTrial or None
        None if the history is too short.
    """
    windows = rolling_windows(first_day, history.last_day, n_windows + 2)
    if len(windows) < 2:
        return None
    window = windows[-2]
    drawn = draw_customers(history, seed)
    history = history if drawn is None else history.between(customers=drawn)
    before = replace(history.take(history.day < window.cut), last_day=window.cut - 1)
    after = history.take((history.day >= window.cut) & (history.day < window.end))
    truth = sample_customers(extract_ground_truth(before, after)["any"], MAX_TRIAL_CUSTOMERS, seed)
    return ClusterTrial(CustomerData(before, compute_rfm(before)), truth)
