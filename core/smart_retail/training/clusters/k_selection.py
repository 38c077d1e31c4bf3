"""Selection of the number of clusters k by silhouette and by stability over refits.

In: customers as points, in the space of the fit and in those of refits on resamples. Out: a `ClusterChoice` for each k,
one of them chosen.
scikit-learn is imported inside the functions.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from smart_retail.results import ClusterChoice
from smart_retail.segmentation.cluster_assigner import nearest_centroid

MIN_STABILITY: Final = 0.9
"""Mean adjusted Rand index of the refits from which a k counts as stable."""
MIN_CLUSTER_SHARE: Final = 0.01
"""Smallest share of the customers in a cluster (0 to 1): smaller ones are outliers, not groups to act on."""
N_INIT: Final = 10
"""Number of K-means starts, of which the best is kept."""
SILHOUETTE_CUSTOMERS: Final = 3_000
CHOICE_CUSTOMERS: Final = 20_000
"""Maximum number of customers on which k is selected; the selected k is fitted on all of them."""


def even_sample(count: int, limit: int) -> NDArray[np.int64]:
    """Return at most `limit` of the indices 0 .. count - 1, evenly spaced, ends included."""
    return np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64)


def kmeans(points: NDArray[np.float64], k: int, seed: int, starts: int = N_INIT) -> NDArray[np.float64]:
    """Return the centroids of `points`, shape ``(k, d)``: the best of some k-means++ starts, on one thread."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        # A resample of few customers can have fewer distinct points than k, which is acceptable here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(k, n_init=starts, random_state=seed, tol=1e-6).fit(points)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def silhouette(points: NDArray[np.float64], labels: NDArray[np.int16]) -> float:
    """Return the mean silhouette of an even sample of points, -1 to 1; 0 where it is not defined."""
    from sklearn.metrics import silhouette_score

    rows = even_sample(len(points), SILHOUETTE_CUSTOMERS)
    if not 1 < len(np.unique(labels[rows])) < len(rows):
        return 0.0
    return float(silhouette_score(points[rows], labels[rows]))


def candidate_ks(fixed: int, low: int, high: int, distinct: int) -> tuple[range, str]:
    """Return the numbers of clusters to try, and a note if there are too few distinct customers.

    Parameters
    ----------
    fixed : int
        The only number to try, or 0 to try all from `low` to `high`.
    low, high : int
        Smallest and largest number to try.
    distinct : int
        Number of distinct customers, which bounds the number of clusters.
    """
    if fixed:
        low = high = fixed
    if distinct >= low:
        return range(low, max(low, min(high, distinct - 1)) + 1), ""
    if distinct == 1:
        return range(1, 2), "Too few customers to form groups."
    return range(distinct, distinct + 1), (
        f"Too few customers to form {low} groups: there are {distinct} groups of customers with equal figures."
    )


def select_k(
    latent: NDArray[np.float64],
    refits: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    ks: range,
    seed: int,
    threads: int,
) -> tuple[ClusterChoice, ...]:
    """Evaluate each k, and choose the best silhouette among the stable ones, otherwise the most stable one.

    A k with a cluster below `MIN_CLUSTER_SHARE` is only chosen if all have one.

    Parameters
    ----------
    latent : float64 array, shape ``(n, d)``
        Customers in the space of the fit.
    refits : pairs of float64 arrays
        For each refit, the coordinates of the resample that it was fitted on, and those of the reference
        customers, which are the same for all refits.
    ks : range
        Numbers of clusters to evaluate.
    seed : int
    threads : int
        Number of threads that evaluate different k; 0 uses all processors.
    """

    latent = latent[even_sample(len(latent), CHOICE_CUSTOMERS)]

    def evaluate(k: int) -> tuple[ClusterChoice, bool]:
        partitions = [nearest_centroid(reference, kmeans(sample, k, seed)) for sample, reference in refits]
        labels = nearest_centroid(latent, kmeans(latent, k, seed))
        large_enough = bool(np.bincount(labels, minlength=k).min() >= MIN_CLUSTER_SHARE * len(labels))
        return ClusterChoice(k, silhouette(latent, labels), _agreement(partitions), chosen=False), large_enough

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        evaluated = list(pool.map(evaluate, ks))
    eligible = [c for c, large_enough in evaluated if large_enough] or [c for c, _ in evaluated]
    stable = [c for c in eligible if c.stability >= MIN_STABILITY]
    best = max(stable, key=lambda c: c.silhouette) if stable else max(eligible, key=lambda c: c.stability)
    return tuple(structs.replace(c, chosen=c is best) for c, _ in evaluated)


def _agreement(partitions: Sequence[NDArray[np.int16]]) -> float:
    """Return the mean adjusted Rand index over all pairs."""
    from sklearn.metrics import adjusted_rand_score

    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)]))
