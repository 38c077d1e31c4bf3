"""The weighted blend: the score of an item is the weighted sum of its source scores, each relative to its maximum.

The weights depend on how many orders a shopper has and on whether purchased items are allowed; they are fitted on
backtest windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.source_registry import SOURCES

HISTORY_BUCKETS = ("none", "one order", "few", "many")
"""Buckets of shoppers by their number of orders: 0, 1, 2 to 4, 5 and more."""
_BUCKET_BOUNDS = (1, 2, 5)


def default_weights() -> NDArray[np.float64]:
    """Return the weights that are used where none could be fitted.

    Returns
    -------
    float64 array, shape (2, len(HISTORY_BUCKETS), n_sources)
        With purchased items, then new items only.
    """
    none, repeats, new = (
        np.array([getattr(source.default_weight, case) for source in SOURCES])
        for case in ("no_history", "repeats", "new_items")
    )
    return np.stack([np.stack([none, *[row] * (len(HISTORY_BUCKETS) - 1)]) for row in (repeats, new)])


def bucket_by_orders(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index into `HISTORY_BUCKETS` for numbers of orders."""
    return np.searchsorted(_BUCKET_BOUNDS, orders, side="right")


def normalize(candidates: Candidates, sources: Iterable[int] | None = None) -> NDArray[np.float64]:
    """Divide the scores of sources by their maximum among the shopper's candidates.

    Parameters
    ----------
    candidates : Candidates
    sources : iterable of int, optional
        Positions of the sources to normalize; by default all. The rows of the others are 0.

    Returns
    -------
    float64 array, shape (n_sources, n)
        From 0 to 1.
    """
    out = np.zeros_like(candidates.source_scores)
    if not len(candidates.item):
        return out
    starts = candidates.indptr[:-1][candidates.indptr[1:] > candidates.indptr[:-1]]
    sizes = np.diff(np.concatenate((starts, [len(candidates.item)])))
    for source in range(len(SOURCES)) if sources is None else sources:
        maximum = np.repeat(np.maximum.reduceat(candidates.source_scores[source], starts), sizes)
        np.divide(candidates.source_scores[source], maximum, out=out[source], where=maximum > 0)
    return out


def weighted_scores(
    candidates: Candidates, bucket: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute weight times normalized score by source.

    Parameters
    ----------
    candidates : Candidates
    bucket : int64 array, shape (n_shoppers,)
        Index into `HISTORY_BUCKETS`.
    weights : float64 array, shape (len(HISTORY_BUCKETS), n_sources)

    Returns
    -------
    float64 array, shape (n_sources, n)
    """
    used = np.flatnonzero(weights.any(axis=0)).tolist()
    out = normalize(candidates, used)
    row_bucket = bucket[candidates.shopper]
    for source in used:
        out[source] *= weights[row_bucket, source]
    return out


def sum_rows(rows: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum arrays element by element in a fixed order: row by row."""
    out = np.zeros(len(rows[0]))
    for row in rows:
        out += row
    return out


def sum_by_component(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum scores by source, shape ``(n_sources, n)``, to scores by component, shape ``(n_components, n)``."""
    out = np.zeros((len(SOURCES.components), scores.shape[1]))
    for source, component in enumerate(SOURCES.component_index):
        out[component] += scores[source]
    return out
