"""Numbers that do not depend on the batch: sums in a fixed order, scores rounded to 6 significant digits.

Only exact comparisons and products are used, so that a score does not depend on the vector width
with which a machine computes logarithms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

POWERS = np.array([float(f"1e{e}") for e in range(-300, 300)])
_DIGITS = 6


def significant(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`x`, all above 0, rounded to 6 significant digits."""
    at = np.searchsorted(POWERS, x, side="right") - 1
    # Multiplied and divided by powers of ten that are exact where they can be, so that 0.1 stays 0.1.
    up = POWERS[np.clip(300 + (_DIGITS - 1) - (at - 300), 0, len(POWERS) - 1)]
    rounded: NDArray[np.float64] = np.round(x * up) / up
    return rounded


def power_below(x: float) -> float:
    """The largest power of ten that is at most half of `x`."""
    return float(POWERS[max(int(np.searchsorted(POWERS, x / 2, side="right")) - 1, 0)])


def sums(group: NDArray[Any], value: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Sum of `value` by group, added one after the other in the order given, shape ``(n,)``."""
    # Without a value, bincount counts in integers.
    return np.bincount(group, value, n).astype(np.float64, copy=False)
