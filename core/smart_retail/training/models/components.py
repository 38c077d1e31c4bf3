"""Fit every single method on one history.

In: `History`, the customers' groups, the catalogue and what was chosen. Out: `Parts`. The same function serves the past
windows, from which the merge is learnt, and the whole history, which is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.fitted_components import FittedComponents, ItemFacts
from smart_retail.recommenders.group_popularity import group_popularity_of
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import demand_of, popularity_of, trend, trending_of
from smart_retail.recommenders.repurchase import recency_weights
from smart_retail.recommenders.shopper_items import user_item_matrix
from smart_retail.training.models.content_similarity import content_similarity
from smart_retail.training.models.ease import linear_of
from smart_retail.training.models.item_knn import similarity_of

AUTO = "auto"
DEFAULT_VARIANT = "bm25"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the validation windows decide about single methods."""

    variant: str = AUTO
    """Weighting of the neighbours; `AUTO` as long as nothing has decided."""
    popular_days: int = 28
    """Window of popularity; 0 is the whole history."""
    linear: str = "steady"
    """Kind of the linear model."""
    trend_power: float = 0.75
    """How much the trend counts beside similarity."""
    neighbours: int = 100
    linear_items: int = 5000
    """Items of the linear model."""


@dataclass(frozen=True, slots=True)
class Similar:
    """What goes with an item: the two models that cost most to fit."""

    near: Similarity
    linear: Similarity


def fit_parts(
    history: PurchaseHistory,
    groups: tuple[NDArray[np.int16], NDArray[np.int16]],
    catalogue: Catalogue,
    choices: Choices,
    *,
    threads: int,
    future_items: bool = False,
    similar: Similar | None = None,
) -> FittedComponents:
    """Count and fit everything on one history.

    Parameters
    ----------
    groups : segment and cluster by customer code
    future_items : bool
        Whether the catalogue knows items whose first purchase lies after this history: then the unbought ones
        are left out of content similarity, or the evaluation would look ahead.
    similar : Similar, optional
        Neighbours and linear model of this history, where they are fitted already.
    """
    pairs = user_item_matrix(history)
    demand = demand_of(history, pairs)
    taste = recency_weights(history, pairs)
    variant = DEFAULT_VARIANT if choices.variant == AUTO else choices.variant
    popular = popularity_of(demand, choices.popular_days)
    similar = similar or Similar(
        near=similarity_of(pairs, history.n_items, variant, choices.neighbours, threads),
        linear=linear_of(
            pairs,
            taste,
            history.n_items,
            choices.linear,
            limit=choices.linear_items,
            neighbours=choices.neighbours,
        ),
    )
    segment, cluster = groups
    bought = demand.ever > 0
    lonely = np.empty(0, np.int64) if future_items else np.flatnonzero(~bought)
    content, content_back = content_similarity(catalogue, lonely, np.flatnonzero(bought), neighbours=choices.neighbours)
    return FittedComponents(
        items=ItemFacts(
            catalogue.category.astype(np.int32),
            catalogue.price.astype(np.float64),
            trend(demand) ** choices.trend_power,
        ),
        demand=demand,
        popular=popular,
        trending=trending_of(demand, 0.5),
        segment=group_popularity_of(history, segment, popular, choices.popular_days),
        cluster=group_popularity_of(history, cluster, popular, choices.popular_days),
        item_knn=similar.near,
        ease=similar.linear,
        content=content,
        content_back=content_back,
    )
