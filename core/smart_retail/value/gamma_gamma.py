"""Gamma-Gamma model of the amount per order: noisy orders around a mean that differs between customers.

An order's amount is Gamma(p, nu) with nu ~ Gamma(q, gamma) per customer; the amount is independent of the number of
orders. Reference: Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Parameters of a fitted Gamma-Gamma model; p and gamma above 0, q above 1."""

    p: float
    q: float
    gamma: float
    """In shop currency."""

    @property
    def population_mean(self) -> float:
        """Expected amount per order of a customer without orders, in shop currency."""
        return self.p * self.gamma / (self.q - 1.0)

    def expected_amount(self, orders: NDArray[np.float64], amount: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected amount per order of each customer.

        Parameters
        ----------
        orders : ndarray of float64, shape (n_customers,)
            Orders with a positive amount, or 0.
        amount : ndarray of float64, shape (n_customers,)
            Their total in shop currency.

        Returns
        -------
        ndarray of float64, shape (n_customers,)
            Weighted mean of the customer's own mean and the population's.
        """
        return self.p * (self.gamma + np.maximum(amount, 0.0)) / (self.p * orders + self.q - 1.0)
