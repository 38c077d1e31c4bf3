"""The weighted blend: an item's score is the weighted sum of its components, each relative to its best.

In: `Candidates`. Out: evidence by component. The weights depend on how much is known of the shopper
and on whether repeats are allowed; they are fitted on held-out time slices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS
from smart_retail.recommenders.candidates import Candidates

AMOUNTS = ("none", "one order", "few", "many")
"""How much is known of a shopper: 0, 1, 2 to 4, 5 and more orders."""
_BOUNDS = (1, 2, 5)

#                      repurchase  cf  cluster segment popular trending content
DEFAULT_ANY = np.array([1.0, 0.30, 0.05, 0.05, 0.10, 0.10, 0.02])
DEFAULT_NEW = np.array([0.0, 1.00, 0.05, 0.05, 0.10, 0.20, 0.05])
DEFAULT_NONE = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])


def default_weights() -> NDArray[np.float64]:
    """Weights where nothing could be learnt, shape ``(2, len(AMOUNTS), len(COMPONENTS))``: any, new."""
    return np.stack([np.stack([DEFAULT_NONE, *[row] * (len(AMOUNTS) - 1)]) for row in (DEFAULT_ANY, DEFAULT_NEW)])


def amount_of(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into `AMOUNTS` by the number of orders."""
    return np.searchsorted(_BOUNDS, orders, side="right")


def normalised(candidates: Candidates) -> NDArray[np.float64]:
    """Each component divided by its largest value among the shopper's candidates, shape as `part`."""
    out = np.zeros_like(candidates.part)
    if not len(candidates.item):
        return out
    filled = candidates.indptr[:-1][candidates.indptr[1:] > candidates.indptr[:-1]]
    sizes = np.diff(np.concatenate((filled, [len(candidates.item)])))
    for c in range(len(COMPONENTS)):
        best = np.repeat(np.maximum.reduceat(candidates.part[c], filled), sizes)
        np.divide(candidates.part[c], best, out=out[c], where=best > 0)
    return out


def evidence(candidates: Candidates, amount: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight times normalised score by component, shape ``(len(COMPONENTS), n)``.

    Parameters
    ----------
    amount : shape (n_shoppers,)
    weights : shape (len(AMOUNTS), len(COMPONENTS))
    """
    return normalised(candidates) * weights[amount[candidates.shopper]].T


def total(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over components, in their order."""
    out = np.zeros(parts.shape[1])
    for row in parts:
        out += row
    return out
