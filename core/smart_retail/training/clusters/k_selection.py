"""How many clusters: each k tried, its silhouette and how well refits agree.

In: the latent space of the fit and of refits on resamples. Out: a `ClusterChoice` for each k, one of
them chosen. scikit-learn is imported inside the functions.
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
"""Refits that agree to this adjusted Rand index find the same clusters."""
MIN_CLUSTER_SHARE: Final = 0.01
"""A group of a smaller share of the customers is an outlier's, not one to act on."""
N_INIT: Final = 10
"""K-means starts from which the best is kept."""
SILHOUETTE_CUSTOMERS: Final = 3_000
CHOICE_CUSTOMERS: Final = 20_000
"""So many say which number of clusters is best; the chosen one is fitted on all."""


def even_sample(count: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` of the places 0 .. count - 1, evenly spaced, ends included."""
    return np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64)


def kmeans(points: NDArray[np.float64], k: int, seed: int) -> NDArray[np.float64]:
    """Centroids of `points`, shape ``(k, d)``: the best of `STARTS` k-means++ starts, on one thread."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        # A resample of few customers may hold fewer distinct ones than k; it counts as it comes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(k, n_init=N_INIT, random_state=seed, tol=1e-6).fit(points)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def silhouette(points: NDArray[np.float64], labels: NDArray[np.int16]) -> float:
    """Mean silhouette of an even choice of points, -1 to 1; 0 where it is not defined."""
    from sklearn.metrics import silhouette_score

    some = even_sample(len(points), SILHOUETTE_CUSTOMERS)
    if not 1 < len(np.unique(labels[some])) < len(some):
        return 0.0
    return float(silhouette_score(points[some], labels[some]))


def candidate_ks(wanted: int, low: int, high: int, distinct: int) -> tuple[range, str]:
    """The numbers of clusters to try, and a note where there are too few distinct customers.

    A `wanted` above 0 is the only one tried. There are never more clusters than distinct customers.
    """
    if wanted:
        low = high = wanted
    if distinct >= low:
        return range(low, max(low, min(high, distinct - 1)) + 1), ""
    return range(distinct, distinct + 1), (
        f"Only {distinct} distinct customer{'' if distinct == 1 else 's'}: {distinct} instead of {low} clusters."
    )


def select_k(
    latent: NDArray[np.float64],
    refits: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    ks: range,
    seed: int,
    threads: int,
) -> tuple[ClusterChoice, ...]:
    """Try each k. Chosen is the best silhouette among the stable ones, else the most stable.

    Numbers of clusters that leave one with hardly anybody are passed over where others do not.

    Parameters
    ----------
    latent : float64 array, shape ``(n, d)``
        Customers in the latent space of the fit.
    refits : pairs of float64 arrays
        For each refit the latent space of the resample it was fitted on, and that of the same
        reference customers.
    threads : int
        Different k are tried side by side on so many; 0 takes all the machine offers.
    """

    latent = latent[even_sample(len(latent), CHOICE_CUSTOMERS)]

    def assess(k: int) -> tuple[ClusterChoice, bool]:
        partitions = [nearest_centroid(reference, kmeans(sample, k, seed)) for sample, reference in refits]
        labels = nearest_centroid(latent, kmeans(latent, k, seed))
        sizeable = bool(np.bincount(labels, minlength=k).min() >= MIN_CLUSTER_SHARE * len(labels))
        return ClusterChoice(k, silhouette(latent, labels), _agreement(partitions), chosen=False), sizeable

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        tried = list(pool.map(assess, ks))
    eligible = [c for c, sizeable in tried if sizeable] or [c for c, _ in tried]
    stable = [c for c in eligible if c.stability >= MIN_STABILITY]
    best = max(stable, key=lambda c: c.silhouette) if stable else max(eligible, key=lambda c: c.stability)
    return tuple(structs.replace(c, chosen=c is best) for c, _ in tried)


def _agreement(partitions: Sequence[NDArray[np.int16]]) -> float:
    """Mean adjusted Rand index over all pairs."""
    from sklearn.metrics import adjusted_rand_score

    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)]))
