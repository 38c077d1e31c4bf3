"""Levels: how the shop's total in the coming window compares with what the base model expects.

A level is kept per horizon at which it was measured and interpolated between them on the log scale of the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Levels:
    """Additive corrections of the scores of orders, spend and return by horizon."""

    horizon: NDArray[np.float64]
    """Horizons in days at which levels were measured, ascending, shape ``(n_horizons,)``; may be empty."""
    shift: NDArray[np.float64]
    """Shape ``(n_horizons, 3)``: log factor of orders, log factor of spend, shift of the return's log odds."""
    total_error: NDArray[np.float64]
    """Standard deviation of the log error of the shop's totals of orders and spend, shape ``(n_horizons, 2)``."""

    def at(self, days: float) -> NDArray[np.float64]:
        """Corrections for a horizon of `days` days, shape ``(3,)``; beyond the measured ones the nearest is used."""
        return self._interpolate(self.shift, 3, days, 0.0)

    def error_at(self, days: float) -> NDArray[np.float64]:
        """Standard deviation of the log error of the shop's totals (orders, spend), shape ``(2,)``."""
        return self._interpolate(self.total_error, 2, days, 0.3)

    def _interpolate(self, table: NDArray[np.float64], width: int, days: float, empty: float) -> NDArray[np.float64]:
        if not len(self.horizon):
            return np.full(width, empty)
        where = np.log(self.horizon)
        return np.array([np.interp(np.log(days), where, table[:, j]) for j in range(width)])
