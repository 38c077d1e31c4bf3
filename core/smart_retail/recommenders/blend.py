"""The weighted blend: an item's score is the weighted sum of its components, each relative to its best.

In: `Candidates`. Out: evidence by component. The weights depend on how much is known of the shopper
and on whether repeats are allowed; they are fitted on held-out time slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS
from smart_retail.recommenders.candidates import COMPONENT_OF, SOURCES, Candidates

HISTORY_BUCKETS = ("none", "one order", "few", "many")
"""How much is known of a shopper: 0, 1, 2 to 4, 5 and more orders."""
_BOUNDS = (1, 2, 5)

_ANY = {
    "again": 1.0,
    "neighbours x trend": 0.1,
    "linear x trend": 0.2,
    "popular": 0.1,
    "trending": 0.05,
}
_NEW = {
    "neighbours x trend": 0.4,
    "linear x trend": 1.0,
    "popular": 0.2,
    "trending": 0.2,
    "content": 0.05,
}
_NONE = {"popular": 1.0}
"""Default weights, by source; those not named weigh 0."""


def default_weights() -> NDArray[np.float64]:
    """Weights where nothing could be learnt, shape ``(2, len(AMOUNTS), len(SOURCES))``: any, new."""
    none, repeats, new = (np.array([row.get(source, 0.0) for source in SOURCES]) for row in (_NONE, _ANY, _NEW))
    return np.stack([np.stack([none, *[row] * (len(HISTORY_BUCKETS) - 1)]) for row in (repeats, new)])


def history_bucket(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into `AMOUNTS` by the number of orders."""
    return np.searchsorted(_BOUNDS, orders, side="right")


def normalised(candidates: Candidates, sources: Iterable[int] = range(len(SOURCES))) -> NDArray[np.float64]:
    """Each of the components divided by its largest value among the shopper's candidates, shape as `part`; others 0."""
    out = np.zeros_like(candidates.source_scores)
    if not len(candidates.item):
        return out
    filled = candidates.indptr[:-1][candidates.indptr[1:] > candidates.indptr[:-1]]
    sizes = np.diff(np.concatenate((filled, [len(candidates.item)])))
    for c in sources:
        best = np.repeat(np.maximum.reduceat(candidates.source_scores[c], filled), sizes)
        np.divide(candidates.source_scores[c], best, out=out[c], where=best > 0)
    return out


def evidence(candidates: Candidates, amount: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight times normalised score by component, shape ``(len(SOURCES), n)``.

    Parameters
    ----------
    amount : shape (n_shoppers,)
    weights : shape (len(AMOUNTS), len(SOURCES))
    """
    used = np.flatnonzero(weights.any(axis=0)).tolist()
    out = normalised(candidates, used)
    of_row = amount[candidates.shopper]
    for c in used:
        out[c] *= weights[of_row, c]
    return out


def total(parts: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over components, in their order."""
    out = np.zeros(len(parts[0]))
    for row in parts:
        out += row
    return out


def by_component(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evidence by source summed to evidence by component."""
    out = np.zeros((len(COMPONENTS), parts.shape[1]))
    for source, component in enumerate(COMPONENT_OF):
        out[component] += parts[source]
    return out
