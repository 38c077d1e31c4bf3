"""Metrics of customer value forecasts: errors of orders and spend, ranking, probabilities and next order dates.

All functions take arrays with one entry per customer. They do not depend on the order of the customers: customers with
equal predictions share their actual value evenly, so that a constant prediction scores chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bias_percent(actual: Floats, predicted: Floats) -> float:
    """Return the error of the predicted total in percent of the actual total; 0 if both are 0."""
    total = float(actual.sum())
    if total <= 0:
        return 0.0 if float(predicted.sum()) == 0 else 100.0
    return 100.0 * (float(predicted.sum()) - total) / total


def pearson(actual: Floats, predicted: Floats) -> float:
    """Return the Pearson correlation; 0 if either is constant."""
    if np.ptp(actual) == 0 or np.ptp(predicted) == 0:
        return 0.0
    a, p = actual - actual.mean(), predicted - predicted.mean()
    return float((a * p).sum() / np.sqrt((a * a).sum() * (p * p).sum()))


def gini(actual: Floats, predicted: Floats) -> float:
    """Return the Gini coefficient of the gain curve of the prediction, relative to that of the best ranking."""
    if actual.sum() <= 0:
        return 0.0
    best = _gain_area(actual, actual)
    return _gain_area(actual, predicted) / best if best > 1e-12 else 0.0


def top_decile_share(actual: Floats, predicted: Floats) -> float:
    """Return the actual value of the predicted top tenth, as a share of the value of the actual top tenth."""
    n = max(1, round(len(actual) / 10))
    best = float(np.sort(actual)[::-1][:n].sum())
    return float(_share_ties(actual, predicted)[1][:n].sum()) / best if best > 0 else 0.0


def auroc(actual: NDArray[np.bool_], predicted: Floats) -> float:
    """Return the area under the ROC curve; 0.5 if all customers have the same outcome."""
    n = int(actual.sum())
    if n in (0, len(actual)):
        return 0.5
    _, group, size = np.unique(predicted, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2.0)[group]
    return float((rank[actual].sum() - n * (n + 1) / 2) / (n * (len(actual) - n)))


def log_loss(actual: NDArray[np.bool_], predicted: Floats) -> float:
    """Return the mean negative log-likelihood of probabilities."""
    p = np.clip(predicted, 1e-6, 1 - 1e-6)
    return float(-np.where(actual, np.log(p), np.log(1 - p)).mean())


def calibration_bins(actual: NDArray[np.bool_], predicted: Floats, bins: int = 10) -> list[tuple[float, float, int]]:
    """Return mean prediction, actual share and size of `bins` groups of customers of equal size, lowest first."""
    order, shared = _share_ties(actual.astype(np.float64), predicted)
    parts = zip(np.array_split(predicted[order], bins), np.array_split(shared, bins), strict=True)
    return [(float(p.mean()), float(a.mean()), len(p)) for p, a in parts if len(p)][::-1]


def calibration_error(actual: NDArray[np.bool_], predicted: Floats, bins: int = 10) -> float:
    """Return the mean distance of predicted probability and actual share over groups of equal size."""
    found = calibration_bins(actual, predicted, bins)
    return sum(n * abs(p - a) for p, a, n in found) / max(len(predicted), 1)


def interval_score(actual: Floats, low: Floats, high: Floats, level: float) -> float:
    """Return the mean interval score (Gneiting and Raftery 2007): width plus a penalty for values outside."""
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    return float((high - low + 2 / (1 - level) * outside).mean())


def _share_ties(actual: Floats, predicted: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Order of falling predictions, and the actual values in it with ties sharing their mean."""
    _, group = np.unique(predicted, return_inverse=True)
    mean = np.bincount(group, actual) / np.bincount(group)
    order = np.argsort(-predicted, kind="stable")
    return order, mean[group][order]


def _gain_area(actual: Floats, by: Floats) -> float:
    gain = np.cumsum(_share_ties(actual, by)[1]) / actual.sum()
    return float((gain - np.arange(1, len(actual) + 1) / len(actual)).sum())
