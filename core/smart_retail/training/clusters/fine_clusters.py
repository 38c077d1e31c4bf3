"""Fine clusters within the coarse ones, and the quality of their lists on a past window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.metrics import Lists, compute_accuracy
from smart_retail.evaluation.temporal_split import GroundTruth
from smart_retail.recommenders.group_popularity import compute_cluster_popularity
from smart_retail.segmentation.cluster_assigner import nearest_centroid
from smart_retail.training.clusters.k_selection import even_sample, kmeans

FINE_COUNTS: Final = (25, 50, 100)
"""Numbers of fine clusters that are tried."""
DEFAULT_FINE_COUNT: Final = 50
"""Number of fine clusters where the history is too short to try them."""
MIN_CUSTOMERS: Final = 10
"""Mean customers of a fine cluster, at least."""
MAX_CELLS: Final = 3_500_000
"""Fine clusters times items: bounds the rankings of the clusters to 56 MB a window."""
N_INIT: Final = 2
"""Number of K-means starts of each coarse cluster."""
FIT_CUSTOMERS: Final = 20_000
"""Maximum number of customers of a coarse cluster on which its fine ones are fitted."""
K: Final = 10
TOLERANCE: Final = 0.01
"""A smaller number of clusters is preferred if its lists are at most 1 % worse: it is more stable."""


@dataclass(frozen=True, slots=True)
class FineClusters:
    """Fine clusters of the customers of one latent space."""

    centroids: NDArray[np.float64]
    """Shape ``(fine, latent)``, ordered by parent, then by mean value."""
    parent: NDArray[np.int16]
    labels: NDArray[np.int16]
    """By customer."""


def candidate_counts(customers: int, items: int, coarse: int) -> list[int]:
    """Return the numbers of fine clusters to try, ascending; at least the number of coarse ones."""
    limit = min(customers // MIN_CUSTOMERS, MAX_CELLS // max(items, 1))
    return [max(count, coarse) for count in FINE_COUNTS if count <= limit] or [max(min(limit, FINE_COUNTS[0]), coarse)]


def split_clusters(
    latent: NDArray[np.float64],
    coarse: NDArray[np.int16],
    lines: NDArray[np.int64],
    value: NDArray[np.int64],
    count: int,
    seed: int,
) -> FineClusters:
    """Divide coarse clusters by K-means in the latent space.

    Each gets a share of the `count` fine clusters by the sum of the square roots of its customers' order lines: much
    is known about customers who buy much, and lists matter more to them.

    Parameters
    ----------
    latent : float64 array, shape (n, latent)
    coarse : int16 array, shape (n,)
        Coarse cluster by customer, 0 and up.
    lines : int64 array, shape (n,)
        Order lines by customer.
    value : int64 array, shape (n,)
        Net amount by customer, which orders the fine clusters of a coarse one, largest mean first.
    count : int
    seed : int
    """
    weight = np.bincount(coarse, np.sqrt(lines))
    centroids: list[NDArray[np.float64]] = []
    parent: list[int] = []
    labels = np.empty(len(latent), np.int16)
    for cluster in range(len(weight)):
        members = np.flatnonzero(coarse == cluster)
        points = latent[members]
        parts = max(
            1, min(round(count * weight[cluster] / weight.sum()), len(members) // 3, len(np.unique(points, axis=0)))
        )
        sample = points[even_sample(len(points), FIT_CUSTOMERS)]
        found = kmeans(sample, parts, seed, N_INIT) if parts > 1 else points.mean(axis=0, keepdims=True)
        nearest = nearest_centroid(points, found)
        sizes = np.bincount(nearest, minlength=len(found))
        mean = np.bincount(nearest, value[members], len(found)) / np.maximum(sizes, 1)
        order = np.array([k for k in np.argsort(-mean, kind="stable") if sizes[k]])
        rank = np.zeros(len(found), np.int16)
        rank[order] = np.arange(len(order))
        labels[members] = len(parent) + rank[nearest]
        centroids.append(found[order])
        parent += [cluster] * len(order)
    return FineClusters(np.concatenate(centroids), np.array(parent, np.int16), labels)


def list_quality(history: PurchaseHistory, cluster: NDArray[np.int16], truth: GroundTruth) -> float:
    """Return the mean NDCG@10 of the clusters' lists on later purchases.

    Parameters
    ----------
    history : PurchaseHistory
        Before the window.
    cluster : int16 array, shape (n_customers,)
        Fine cluster by customer code; not -1 for the customers of `truth`.
    truth : GroundTruth
        Purchases in the window.
    """
    order = compute_cluster_popularity(history, cluster).order[:, :K]
    lists = order[cluster[truth.customer]]
    indptr = np.arange(len(truth) + 1, dtype=np.int64) * lists.shape[1]
    return float(compute_accuracy(Lists(indptr, lists.ravel()), truth, K)[f"ndcg@{K}"].mean())


def first_near_best(quality: Sequence[float]) -> int:
    """Return the first position whose value is within `TOLERANCE` of the best."""
    best = max(quality)
    return next(i for i, value in enumerate(quality) if value >= (1 - TOLERANCE) * best)
