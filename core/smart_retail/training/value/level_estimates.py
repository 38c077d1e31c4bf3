"""Estimates of the coming window's level: by the same season a year before, or by the latest windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.training.value.windows import CutOffs, Window
from smart_retail.value.linear_model import sigmoid
from smart_retail.value.model import shift_to_mean

SEASON_WEIGHT = 0.9
"""Weight of the season a year before against the latest windows."""
DRIFT_WEIGHT = 0.3
"""Share of the change against the year before, seen in the latest windows, that is carried on. A steadily growing shop
would favour 1, a seasonal one without growth 0."""
RECENT_WEIGHT = 0.5
"""Share of the latest windows' mean level that is carried on where no year before is covered."""
RECENT_WINDOWS = 3
TRUSTED_HISTORY_DAYS = 180
"""Days of history before a year-ago window from which its level is used in full; after `MIN_YEAR_AGO_DAYS` in part."""
MIN_YEAR_AGO_DAYS = 60


def estimate_level(cut_offs: CutOffs, end_day: int, horizon: int, windows: Sequence[Window]) -> NDArray[np.float64]:
    """Return the level to expect of the `horizon` days from `end_day` on.

    Parameters
    ----------
    cut_offs : CutOffs
    end_day : int
        First day of the coming window; only orders before it are used.
    horizon : int
        Days.
    windows : sequence of Window
        Windows of this horizon whose outcome ends by `end_day`, the latest first.

    Returns
    -------
    ndarray of float64, shape (3,)
        Corrections of the base scores of orders, spend (log) and return (logit).
    """
    recent = [w for w in windows if w.horizon == horizon and w.end_day <= end_day][:RECENT_WINDOWS]
    latest = np.mean([w.level for w in recent], axis=0) if recent else np.zeros(3)
    year_ago = cut_offs.year_before(end_day, horizon)
    if year_ago is None or year_ago.end_day > end_day:
        return RECENT_WEIGHT * latest
    changes = []
    for window in recent:
        before = cut_offs.year_before(window.start_day, horizon)
        if before is not None and _history_days(cut_offs, before) >= TRUSTED_HISTORY_DAYS:
            changes.append(window.level - before.level)
    drift = DRIFT_WEIGHT * np.mean(changes, axis=0) if changes else np.zeros(3)
    trust = (_history_days(cut_offs, year_ago) - MIN_YEAR_AGO_DAYS) / (TRUSTED_HISTORY_DAYS - MIN_YEAR_AGO_DAYS)
    trust = min(max(trust, 0.0), 1.0)
    seasonal: NDArray[np.float64] = SEASON_WEIGHT * (year_ago.level + drift) + (1.0 - SEASON_WEIGHT) * latest
    level: NDArray[np.float64] = trust * seasonal + (1.0 - trust) * RECENT_WEIGHT * latest
    return level


def total_shift(
    base: NDArray[np.float64], combined: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Corrections after which combined scores have the totals that the base scores have at `level`, shape ``(3,)``."""
    wanted = np.log(np.exp(base[:, :2] + level[:2]).sum(axis=0))
    reached = np.log(np.exp(combined[:, :2]).sum(axis=0))
    return np.append(wanted - reached, shift_to_mean(combined[:, 2], float(sigmoid(base[:, 2] + level[2]).mean())))


def _history_days(cut_offs: CutOffs, window: Window) -> int:
    return window.start_day - cut_offs.first_day
