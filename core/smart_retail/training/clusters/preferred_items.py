"""Items that are a larger part of the purchases of a cluster than of those of the other customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_BUYERS: Final = 5
MIN_SHARE: Final = 0.02
"""Buyers among the customers of the cluster, number and share, from which an item counts."""


@dataclass(frozen=True, slots=True)
class PreferredItems:
    """Items of one cluster, largest lift first."""

    item: NDArray[np.int32]
    lift: NDArray[np.float64]
    """Share of the item in what the cluster buys, over its share in what the others buy; above 1."""


def find_preferred_items(
    buyers: NDArray[np.int32], size: NDArray[np.int64], parent: NDArray[np.int16], n_clusters: int
) -> tuple[PreferredItems, ...]:
    """Return the items that each coarse cluster buys more of than the others.

    What a cluster buys counts each item once for each customer, so that clusters of active customers do not prefer
    everything.

    Parameters
    ----------
    buyers : int32 array, shape (fine, n_items)
        Customers of each fine cluster who bought the item.
    size : int64 array, shape (fine,)
        Customers of each fine cluster.
    parent : int16 array, shape (fine,)
        Coarse cluster of each fine one.
    n_clusters : int

    Returns
    -------
    tuple of PreferredItems
        By coarse cluster. Items with few buyers in the cluster are left out, see `MIN_BUYERS` and `MIN_SHARE`.
    """
    all_buyers = buyers.sum(axis=0, dtype=np.int64)
    out = []
    for cluster in range(n_clusters):
        own = parent == cluster
        bought, members = buyers[own].sum(axis=0, dtype=np.int64), int(size[own].sum())
        others = all_buyers - bought
        # One more buyer among the others: an item that only this cluster buys has a finite lift.
        lift = (bought / max(int(bought.sum()), 1)) / ((others + 1) / (int(others.sum()) + 1))
        counted = np.flatnonzero((bought >= max(MIN_BUYERS, MIN_SHARE * members)) & (lift > 1))
        best = counted[np.argsort(-lift[counted], kind="stable")]
        out.append(PreferredItems(best.astype(np.int32), lift[best]))
    return tuple(out)
