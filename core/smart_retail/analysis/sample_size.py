"""Sample size of a campaign: the smallest effect that its two groups are likely to show.

In: the expected share of buyers and the sizes of the groups. Out: a relative uplift.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

LEVEL: Final = 0.05
"""Probability to report an effect where there is none (two-sided)."""
POWER: Final = 0.8
"""Probability to report an effect of the returned size."""
_Z: Final = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)


def smallest_detectable_uplift(share: float, treated: int, holdout: int) -> float | None:
    """Return the smallest relative uplift of the share of buyers that two groups show with a power of 80 %.

    The treated share q solves ``q - p = z sqrt(q (1 - q) / treated + p (1 - p) / holdout)`` with ``z = z(0.975) +
    z(0.8)``, a quadratic equation: the comparison of two proportions with unpooled variances at a two-sided level of
    5 % (Fleiss, Statistical Methods for Rates and Proportions, chapter 4).

    Parameters
    ----------
    share : float
        Expected share of buyers without the campaign, p, 0 to 1.
    treated, holdout : int
        Numbers of customers, 1 and up.

    Returns
    -------
    float or None
        ``q / p - 1``, above 0; None if p is 0 or even ``q = 1`` would not be shown.
    """
    if not 0 < share < 1:
        return None
    a = 1 + _Z**2 / treated
    b = 2 * share + _Z**2 / treated
    c = share**2 - _Z**2 * share * (1 - share) / holdout
    q = (b + math.sqrt(b**2 - 4 * a * c)) / (2 * a)
    return q / share - 1 if q <= 1 else None
