"""Distributions of recency, frequency and monetary value over the customers, as plain data for charts and tables.

In: an `RfmTable`. Out: histograms, moments and rank correlations as JSON data.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.utils.fixed_point import MILLION

BINS: Final = 30
MEASURES: Final = ("recency", "frequency", "monetary")


def describe_rfm(table: RfmTable) -> dict[str, Any]:
    """Return histograms, moments and Spearman correlations over the customers with a kept order.

    Returns
    -------
    dict
        ``histograms``: measure -> ``edges`` (one more than bins, each bin includes its lower edge, the
        last both) and ``customers``. ``moments``: measure -> mean, median, skewness and excess kurtosis,
        the latter two None where all are equal. ``correlations``: rows and columns in the order of
        `MEASURES`, None where not defined.
    """
    known = table.frequency > 0
    values = {
        "recency": table.recency[known].astype(np.float64),
        "frequency": table.frequency[known].astype(np.float64),
        "monetary": table.monetary[known] / MILLION,
    }
    edges = {
        "recency": _even_edges(values["recency"]),
        "frequency": _growing_edges(values["frequency"]).round(),
        "monetary": _growing_edges(values["monetary"]),
    }
    return {
        "histograms": {m: _histogram(values[m], np.unique(edges[m])) for m in MEASURES},
        "moments": {m: _moments(values[m]) for m in MEASURES},
        "correlations": [[_correlation(values[a], values[b]) for b in MEASURES] for a in MEASURES],
    }


def _even_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return bin edges in whole days, all bins equally wide."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = values.min(), values.max() + 1
    return np.append(np.arange(low, high, max(1.0, np.ceil((high - low) / BINS))), high)


def _growing_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return edges of bins that grow by a constant factor, with one more bin for values that are not positive."""
    positive = values[values > 0]
    if not len(positive):
        return np.array([min(values.min(initial=0.0), -1.0), 0.0])
    edges = np.geomspace(positive.min(), positive.max() * 1.001, BINS + 1)
    return np.append(values.min(), edges) if values.min() <= 0 else edges


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> dict[str, list[float] | list[int]]:
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0] + 1])
    edges[-1] = max(edges[-1], values.max(initial=edges[-1]))
    return {"edges": edges.tolist(), "customers": np.histogram(values, edges)[0].tolist()}


def _moments(values: NDArray[np.float64]) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(("mean", "median", "skewness", "kurtosis"))
    from scipy import stats  # takes half a second to import, and only a fit needs it

    varies = bool(np.ptp(values) > 0)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "skewness": float(stats.skew(values)) if varies else None,
        "kurtosis": float(stats.kurtosis(values)) if varies else None,
    }


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    from scipy import stats

    return float(stats.spearmanr(a, b).statistic)
