"""Metrics of recommendation lists: accuracy by customer, and properties of all lists together.

Only the first k entries count; an item that is listed twice counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.temporal_split import GroundTruth
from smart_retail.utils.csr import positions_in_row, row_indices
from smart_retail.utils.set_ops import in_sorted, sorted_unique

DRAWS: Final = 2000
"""Bootstrap draws."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Recommendation lists: row i has ``item[indptr[i]:indptr[i + 1]]``, best first."""

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def top(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return row, position (from 0) and item of the first k entries of every list."""
        row, position = row_indices(self.indptr), positions_in_row(self.indptr)
        included = position < k
        return row[included], position[included], self.item[included].astype(np.int64)


def compute_accuracy(lists: Lists, truth: GroundTruth, k: int = 10) -> dict[str, NDArray[np.float64]]:
    """Compute NDCG, recall, precision, hit rate and reciprocal rank at k of each customer.

    NDCG has gain 1 for every bought item and discount ``1 / log2(rank + 1)``, divided by the gain of the ideal list of
    k (Järvelin and Kekäläinen 2002). Recall is divided by all bought items, precision by k.

    Parameters
    ----------
    lists : Lists
        Row by row those of the customers of `truth`.
    truth : GroundTruth
    k : int

    Returns
    -------
    dict of str to float64 array, shape (len(truth),)
        From 0 to 1.
    """
    n = len(truth)
    row, position, item = lists.top(k)
    width = int(max(item.max(initial=0), truth.item.max(initial=0))) + 1
    bought = np.repeat(np.arange(n), truth.sizes) * width + truth.item
    listed = row * width + item
    is_first = np.ones(len(listed), bool)
    if len(sorted_unique(listed)) < len(listed):
        is_first[:] = False
        is_first[np.unique(listed, return_index=True)[1]] = True
    hit = (in_sorted(listed, bought) & is_first).astype(np.float64)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    hits = np.bincount(row, hit, n).astype(np.float64)
    ideal = np.cumsum(discount)[np.minimum(truth.sizes, k) - 1]
    reciprocal = np.zeros(n)
    np.maximum.at(reciprocal, row, hit / (position + 1))
    return {
        f"ndcg@{k}": np.bincount(row, hit * discount[position], n) / ideal,
        f"recall@{k}": hits / truth.sizes,
        f"precision@{k}": hits / k,
        f"hit_rate@{k}": (hits > 0).astype(np.float64),
        f"mrr@{k}": reciprocal,
    }


def compute_coverage(lists: Lists, catalogue_size: int, k: int = 10) -> float:
    """Return the share of the catalogue that is in at least one list, 0 to 1.

    Parameters
    ----------
    lists : Lists
    catalogue_size : int
        Number of items.
    k : int
        Entries of a list that count.

    Returns
    -------
    float
    """
    return len(sorted_unique(lists.top(k)[2])) / catalogue_size if catalogue_size else 0.0


def compute_novelty(lists: Lists, buyers: NDArray[np.float64], customers: int, k: int = 10) -> float:
    """Return the mean self-information ``-log2(buyers / customers)`` of the listed items, in bits.

    Parameters
    ----------
    lists : Lists
    buyers : float64 array, shape (n_items,)
        Distinct customers of each item.
    customers : int
        All customers.
    k : int

    Returns
    -------
    float
        0 and up; 0 without listed items.
    """
    item = lists.top(k)[2]
    share = np.maximum(buyers[item], 1.0) / max(customers, 1)
    return float(-np.log2(share).mean()) if len(item) else 0.0


def compute_diversity(lists: Lists, category: NDArray[np.int32], k: int = 10) -> float | None:
    """Return the mean share of pairs in a list that differ in category, 0 to 1; None where no item has one.

    Parameters
    ----------
    lists : Lists
    category : int32 array, shape (n_items,)
        Category code, -1 for none.
    k : int

    Returns
    -------
    float or None
    """
    row, _, item = lists.top(k)
    if not (category[item] >= 0).any():
        return None
    size = np.bincount(row, minlength=len(lists)).astype(np.float64)
    width = int(category.max()) + 2
    cells, counts = np.unique(row * width + category[item] + 1, return_counts=True)
    equal_pairs = np.bincount(cells // width, counts * (counts - 1) / 2, len(lists))
    pairs = size * (size - 1) / 2
    has_pairs = pairs > 0
    return float((1 - equal_pairs[has_pairs] / pairs[has_pairs]).mean()) if has_pairs.any() else None


def compute_popularity_bias(lists: Lists, truth: GroundTruth, orders: NDArray[np.float64], k: int = 10) -> float:
    """Return the mean orders of a listed item over those of a bought one; 1 is as popular as what customers buy.

    Parameters
    ----------
    lists : Lists
    truth : GroundTruth
    orders : float64 array, shape (n_items,)
    k : int

    Returns
    -------
    float
        0 and up.
    """
    item = lists.top(k)[2]
    bought = float(orders[truth.item].mean()) if len(truth.item) else 0.0
    return float(orders[item].mean()) / bought if len(item) and bought > 0 else 0.0


def bootstrap_ci(values: NDArray[np.float64], *, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Compute the 95 % bootstrap interval of the mean over customers; a paired one for differences.

    With fewer than two customers the interval is undefined; returns (-1, 1).

    Parameters
    ----------
    values : float64 array, shape (n_customers,)
    draws : int
    seed : int

    Returns
    -------
    low, high : float
    """
    if len(values) < 2:
        return (-1.0, 1.0)
    means = _resample_counts(len(values), draws, seed) @ values.astype(np.float32) / len(values)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _resample_counts(n: int, draws: int, seed: int) -> NDArray[np.float32]:
    """Return how often each of `n` customers is drawn, shape ``(draws, n)``: the same for every method."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float32) for _ in range(draws)])


def mean_and_worst(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the average and of the worst quarter of windows: what is good in most of them and bad in none.

    Parameters
    ----------
    relative : float64 array, shape (n_windows, ...)
        Figures relative to the best choice of each window.

    Returns
    -------
    float64 array, shape ``relative.shape[1:]``
    """
    n_worst = -(-len(relative) // 4)
    worst = np.sort(relative, axis=0)[:n_worst].mean(axis=0)
    return np.asarray((relative.mean(axis=0) + worst) / 2)
