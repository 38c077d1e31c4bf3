"""Popularity within a group: one ranking for each RFM segment or cluster.

Small groups are smoothed towards the whole shop: the shop's recent demand, scaled to a share of the counted order
lines, is added to the group's counts (on earlier windows of a real shop, unsmoothed groups were worse than the shop's
overall popularity). As in the shop's own popularity, some positions go to the leaders of the whole history.

Clusters are many and small. Instead of a window, all their orders count, recent ones more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.presentation import labels
from smart_retail.recommenders.popularity import ALL_TIME, Popularity, interleave, rank_items
from smart_retail.recommenders.source import Source, SourceInput, SourceScores

PRIOR_SHARE, MAX_PRIOR_ORDERS = 0.3, 2000.0
"""Weight of the shop's demand: a share of the counted rows, at most so many orders."""
MIN_WINDOW_DAYS = 14
"""A group has fewer orders than the shop, so that one week is too little. Counting twice as long as the shop's window
of 28 or 91 days cost 11 and 6 % of NDCG@10 for new items on eight earlier windows of a seasonal shop."""

HALF_LIFE_DAYS, OLD_WEIGHT = 91.0, 0.1
"""An order counts 1 when it is recent and 0.1 when it is old, with a half-life of 91 days. Of 28 to 364 days, 56 to 182
were best on earlier windows of two shops; the weight of old orders keeps what can return and cost less than 2 %."""
CLUSTER_PRIOR_ORDERS = 100.0
"""Weighted orders of the shop's demand that are added to each cluster."""


@dataclass(frozen=True, slots=True)
class GroupPopularity:
    """Rankings of the whole catalogue, one for each group, shapes ``(n_groups, n_items)``."""

    score: NDArray[np.float64]
    """By item code, above 0, at most 1."""
    order: NDArray[np.int32]
    """Item codes, best first."""
    rank: NDArray[np.int32]
    """Rank by item code, 1 and up."""

    @property
    def n_groups(self) -> int:
        return len(self.score)


def compute_group_popularity(
    history: PurchaseHistory, group: NDArray[np.int16], shop: Popularity, days: int, all_time_share: float = 0.0
) -> GroupPopularity:
    """Rank items by each group's orders of the last `days` days, at least `MIN_WINDOW_DAYS` (`ALL_TIME`: of all time).

    Parameters
    ----------
    history : PurchaseHistory
    group : int16 array, shape (n_customers,)
        Group by customer code, below 0 for none.
    shop : Popularity
        Popularity in the whole shop, towards which groups are smoothed.
    days : int
        Window of the shop's popularity.
    all_time_share : float
        Share of the positions, 0 to 1, that go to the group's leaders of the whole history.

    Returns
    -------
    GroupPopularity
    """
    rankings = _rank_by_group(history, group, shop, days)
    if days != ALL_TIME and all_time_share:
        all_time = _rank_by_group(history, group, shop, ALL_TIME)
        shares = (1 - all_time_share, all_time_share)
        rankings = [interleave(pair, shares) for pair in zip(rankings, all_time, strict=True)]
    shape = (len(rankings), history.n_items)
    return GroupPopularity(
        score=np.array([ranking.score for ranking in rankings]).reshape(shape),
        order=np.array([ranking.order for ranking in rankings], np.int32).reshape(shape),
        rank=np.array([ranking.rank for ranking in rankings], np.int32).reshape(shape),
    )


def compute_cluster_popularity(history: PurchaseHistory, cluster: NDArray[np.int16]) -> GroupPopularity:
    """Rank items by each cluster's orders of all time, of which recent ones count more, smoothed towards the shop.

    Parameters
    ----------
    history : PurchaseHistory
    cluster : int16 array, shape (n_customers,)
        Cluster by customer code, below 0 for none.

    Returns
    -------
    GroupPopularity
    """
    n_clusters, n_items = int(cluster.max(initial=-1)) + 1, history.n_items
    shop, demand = np.zeros(n_items), np.zeros(n_clusters * n_items)
    for first, block in history.blocks():
        age = history.last_day - block.day
        weight = OLD_WEIGHT + (1 - OLD_WEIGHT) * 0.5 ** (age / HALF_LIFE_DAYS)
        row_cluster = cluster[first : first + block.n_customers][block.customer].astype(np.int64)
        # Each sum runs over the rows in their order, so that the result does not depend on the blocks.
        np.add.at(shop, block.item, weight)
        assigned = row_cluster >= 0
        np.add.at(demand, (row_cluster * n_items + block.item)[assigned], weight[assigned])
    prior = CLUSTER_PRIOR_ORDERS * shop / max(float(shop.sum()), 1e-12)
    out = GroupPopularity(
        score=np.empty((n_clusters, n_items)),
        order=np.empty((n_clusters, n_items), np.int32),
        rank=np.empty((n_clusters, n_items), np.int32),
    )
    for k in range(n_clusters):
        ranking = rank_items(demand[k * n_items : (k + 1) * n_items] + prior)
        out.score[k], out.order[k], out.rank[k] = ranking.score, ranking.order, ranking.rank
    return out


def _rank_by_group(history: PurchaseHistory, group: NDArray[np.int16], shop: Popularity, days: int) -> list[Popularity]:
    """Return the ranking of each group by its smoothed orders of one window."""
    n_groups = int(group.max(initial=-1)) + 1
    counts = np.zeros(n_groups * history.n_items, np.int64)
    for first, block in history.blocks():
        row_group = group[first : first + block.n_customers][block.customer].astype(np.int64)
        counted = row_group >= 0
        if days != ALL_TIME:
            counted &= history.last_day - block.day < max(days, MIN_WINDOW_DAYS)
        key = row_group[counted] * history.n_items + block.item[counted]
        counts += np.bincount(key, minlength=len(counts))
    weight = min(PRIOR_SHARE * float(counts.sum()), MAX_PRIOR_ORDERS) + 1.0
    prior = weight * shop.score / max(float(shop.score.sum()), 1e-12)
    return [rank_items(row + prior) for row in counts.reshape(n_groups, history.n_items)]


def _score_group(groups: GroupPopularity, group: int) -> SourceScores | None:
    """Return the ranking of a group; None for a shopper without a group, or in one that has no ranking."""
    return SourceScores(groups.score[group], groups.order[group]) if 0 <= group < groups.n_groups else None


def _score_cluster(source: SourceInput) -> SourceScores | None:
    return _score_group(source.components.cluster, int(source.context.shoppers.cluster[source.shopper]))


def _score_segment(source: SourceInput) -> SourceScores | None:
    return _score_group(source.components.segment, int(source.context.shoppers.segment[source.shopper]))


CLUSTER_SOURCE = Source(
    name="cluster",
    component="personalized",
    label=labels.HYBRID_SOURCES["cluster"],
    reason_kind="cluster",
    reason_method="personalized",
    score=_score_cluster,
    ablation_groups=("cluster",),
)
SEGMENT_SOURCE = Source(
    name="segment",
    component="rfm",
    label=labels.HYBRID_SOURCES["segment"],
    reason_kind="segment",
    reason_method="rfm",
    score=_score_segment,
    ablation_groups=("segment",),
)
