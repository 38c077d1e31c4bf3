"""MBG/NBD model: purchases while a customer is active, and the chance to become inactive after each purchase.

An active customer buys at rate lambda ~ Gamma(r, alpha) per day. After every purchase, the first one included, the
customer becomes inactive with probability p ~ Beta(a, b). Time is in days, purchases are purchase days.

References: Batislam, Denizel and Filiztekin (2007); Wagner and Hoppe (2008). The expectation uses Euler's
transformation of the hypergeometric series of Fader, Hardie and Lee (2005), which converges for every customer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

from smart_retail.value.customer_statistics import CustomerStatistics

MAX_TERMS = 4000
"""Bound of the hypergeometric series; terms shrink at least like ``z ** k`` with z < 1."""


@dataclass(frozen=True, slots=True)
class MbgNbd:
    """Parameters of a fitted MBG/NBD model, all above 0."""

    r: float
    """Shape of the purchase rate."""
    alpha: float
    """Rate of the purchase rate's gamma distribution, in days."""
    a: float
    """First shape of the probability to become inactive."""
    b: float
    """Second shape of the probability to become inactive."""

    def probability_active(self, s: CustomerStatistics) -> NDArray[np.float64]:
        """Probability that each customer is still active at the end of the history, shape ``(n_customers,)``."""
        log_odds = (self.r + s.frequency) * np.log((self.alpha + s.age) / (self.alpha + s.recency))
        odds_inactive = self.a / (self.b + s.frequency) * np.exp(np.minimum(log_odds, 700.0))
        return 1.0 / (1.0 + odds_inactive)

    def expected_purchases(self, s: CustomerStatistics, days: float) -> NDArray[np.float64]:
        """Expected purchase days of each customer in the next `days` days, shape ``(n_customers,)``."""
        found: NDArray[np.float64] = self.expected_purchases_at(s, np.array([days], np.float64))[0]
        return found

    def expected_purchases_at(self, s: CustomerStatistics, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected purchase days of each customer for several horizons, shape ``(n_horizons, n_customers)``."""
        a = self.a if abs(self.a - 1.0) > 1e-6 else 1.0 + 1e-6
        z = days[:, None] / (self.alpha + s.age + days[:, None])
        c = a + self.b + s.frequency
        series = _hypergeometric(a + self.b - self.r, a - 1.0, c, z)
        active = c / (a - 1.0) * (1.0 - (1.0 - z) ** (a - 1.0) * series)
        return self.probability_active(s) * np.maximum(active, 0.0)

    def return_probability(self, s: CustomerStatistics, days: float) -> NDArray[np.float64]:
        """Probability of at least one order in the next `days` days, shape ``(n_customers,)``."""
        return self.probability_active(s) * -np.expm1(-self._log_growth(s, days))

    def next_purchase_quantile(self, s: CustomerStatistics, days: float, level: float) -> NDArray[np.float64]:
        """Quantile of the days to the next purchase, given that it falls into the next `days` days.

        Parameters
        ----------
        s : CustomerStatistics
        days : float
            Horizon in days.
        level : float
            Quantile level, 0 to 1.

        Returns
        -------
        ndarray of float64, shape (n_customers,)
            Days from the end of the history, 0 to `days`.
        """
        within = -np.expm1(-self._log_growth(s, days))
        scale = np.expm1(-np.log1p(-level * within) / (self.r + s.frequency))
        return np.minimum((self.alpha + s.age) * scale, days)

    def _log_growth(self, s: CustomerStatistics, days: float) -> NDArray[np.float64]:
        return (self.r + s.frequency) * np.log1p(days / (self.alpha + s.age))


def _hypergeometric(a: float, b: float, c: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gauss' 2F1(a, b; c; z) for 0 <= z < 1 and c > 0, elementwise over c and z."""
    found: NDArray[np.float64] = hyp2f1(a, b, c, z)
    lost = ~np.isfinite(found)
    if lost.any():
        found[lost] = _series(a, b, np.broadcast_to(c, z.shape)[lost], z[lost])
    return found


def _series(a: float, b: float, c: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hypergeometric series, term by term."""
    total = np.ones_like(z)
    term = np.ones_like(z)
    for k in range(MAX_TERMS):
        term = term * ((a + k) * (b + k) / (k + 1.0)) * z / (c + k)
        total += term
        if not np.any(np.abs(term) > 1e-12 * np.abs(total)):
            break
    return total
