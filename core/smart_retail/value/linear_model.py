"""Linear heads on transformed features: the log-linear part of the feature model.

In: the feature table. Out: one additive score per head (orders, spend, return) on the log or logit scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.features import FEATURES

HEADS = ("orders", "spend", "return")
"""Scores in this order; orders and spend on the log scale, return on the logit scale."""
MAX_DEVIATIONS = 5.0
"""Standardised inputs are clipped to this many standard deviations, so that no customer is extrapolated."""
MIN_ORDERS = 2e-3
MIN_PROBABILITY = 1e-3
_AS_IS = ("active", "year_ago_covered")
_LOG = ("expected_days", "expected_orders", "expected_spend")
_EXTRA = 7


def base_scores(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the base model's predictions as scores, shape ``(n_customers, 3)``, the columns `HEADS`."""
    at = FEATURES.index
    amount = table[:, at("expected_amount")]
    least = MIN_ORDERS / 2 * np.where(amount > 0, amount, 1.0)
    return np.column_stack(
        [
            np.log(np.maximum(table[:, at("expected_orders")], MIN_ORDERS)),
            np.log(np.maximum(table[:, at("expected_spend")], least)),
            logit(table[:, at("model_return")]),
        ]
    )


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds of probabilities, clipped to `MIN_PROBABILITY` from 0 and 1."""
    p = np.clip(probability, MIN_PROBABILITY, 1.0 - MIN_PROBABILITY)
    return np.log(p / (1.0 - p))


def sigmoid(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(score, -40.0, 40.0)))


def design_matrix(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform features for a linear model: logarithms, and squares where the effect bends."""
    at = FEATURES.index
    log1p = np.log1p(np.maximum(table[:, : len(FEATURES)], 0.0))
    out = np.empty((len(table), len(FEATURES) + _EXTRA))
    out[:, : len(FEATURES)] = log1p
    for name in _AS_IS:
        out[:, at(name)] = table[:, at(name)]
    for name in _LOG:
        out[:, at(name)] = np.log(np.maximum(table[:, at(name)], 1e-3))
    odds = logit(table[:, at("model_return")])
    out[:, at("model_return")] = odds
    purchase_days = table[:, at("purchase_days")]
    extra = [
        purchase_days <= 1,
        purchase_days == 2,
        log1p[:, at("overdue")] ** 2,
        log1p[:, at("since_last")] ** 2,
        odds**2,
        log1p[:, at("age")] ** 2,
        np.log(table[:, len(FEATURES)] / 90.0),
    ]
    out[:, len(FEATURES) :] = np.column_stack(extra)
    return out


@dataclass(frozen=True, slots=True)
class LinearHeads:
    """Fitted linear heads."""

    mean: NDArray[np.float64]
    """Of each column of the design matrix, shape ``(n_columns,)``."""
    scale: NDArray[np.float64]
    """Standard deviation of each column, shape ``(n_columns,)``."""
    weight: NDArray[np.float64]
    """Shape ``(n_columns + 1, 3)``; the last row is the intercept."""

    def standardise(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the clipped, standardised design matrix with a column of ones."""
        z = np.clip((design_matrix(table) - self.mean) / self.scale, -MAX_DEVIATIONS, MAX_DEVIATIONS)
        return np.column_stack([z, np.ones(len(z))])

    def score(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores to add to the base model's, shape ``(n_customers, 3)``."""
        out: NDArray[np.float64] = self.standardise(table) @ self.weight
        return out
