"""Sums and rounding that do not depend on the batch: sums in a fixed order, scores rounded to 6 significant digits.

Only exact comparisons and products are used, so that a score does not depend on the vector width with which a machine
computes logarithms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

POWERS_OF_TEN = np.array([float(f"1e{e}") for e in range(-300, 300)])
_DIGITS = 6


def significant(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round positive numbers to 6 significant digits."""
    exponent = np.searchsorted(POWERS_OF_TEN, x, side="right") - 1
    # Scaling by powers of ten that are exact where possible keeps 0.1 at 0.1.
    scale = POWERS_OF_TEN[np.clip(300 + (_DIGITS - 1) - (exponent - 300), 0, len(POWERS_OF_TEN) - 1)]
    rounded: NDArray[np.float64] = np.round(x * scale) / scale
    return rounded


def power_below(x: float) -> float:
    """Return the largest power of ten that is at most half of `x`."""
    return float(POWERS_OF_TEN[max(int(np.searchsorted(POWERS_OF_TEN, x / 2, side="right")) - 1, 0)])


def sum_by_group(group: NDArray[Any], value: NDArray[np.float64], n_groups: int) -> NDArray[np.float64]:
    """Sum values by group, in the order given.

    Parameters
    ----------
    group : integer array, shape (n,)
        Group of each value, 0 to `n_groups` - 1.
    value : float64 array, shape (n,)
    n_groups : int

    Returns
    -------
    float64 array, shape (n_groups,)
    """
    # np.bincount returns integers for an empty array.
    return np.bincount(group, value, n_groups).astype(np.float64, copy=False)
