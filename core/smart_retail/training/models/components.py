"""Fit every component of the recommender on one history.

The same function serves the backtest windows, from which the hybrid is learned, and the whole history, which is
published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.fitted_components import FittedComponents, ItemAttributes
from smart_retail.recommenders.group_popularity import compute_cluster_popularity, compute_group_popularity
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import (
    Demand,
    Popularity,
    add_orders,
    compute_popularity,
    compute_trend,
    compute_trending,
)
from smart_retail.recommenders.sequence_model import NAME
from smart_retail.recommenders.source import SourceTraining
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.training.models.content_similarity import fit_content_similarity
from smart_retail.training.models.content_vectors import fit_vector_similarity
from smart_retail.training.models.ease import fit_weighted_ease
from smart_retail.training.models.item_baskets import CustomerItems, collect_customer_items
from smart_retail.training.models.item_knn import fit_item_knn

AUTO = "auto"
DEFAULT_WEIGHTING = "bm25"
_TRENDING_POWER = 0.5


@dataclass(frozen=True, slots=True)
class ComponentVariants:
    """Variants of the components, as selected on the backtest windows."""

    item_knn_weighting: str = AUTO
    """Weighting of item-kNN, `AUTO` while none is selected."""
    popularity_days: int = 28
    """Recent window of popularity in days; 0 is the whole history."""
    all_time_share: float = 0.5
    """Share of the positions of popularity, 0 to 1, for the leaders of the whole history."""
    ease_weighting: str = "uniform"
    trend_power: float = 0.75
    """Exponent of the trend that similarity scores are multiplied by."""
    neighbours: int = 100
    """Similar items kept for each item."""
    ease_items: int = 5000
    """Items of the EASE model."""
    sequence_model: bool = False
    """Whether the sequence model is one of the sources."""


@dataclass(frozen=True, slots=True)
class SimilarityModels:
    """The two models that take most of the time to fit."""

    item_knn: Similarity
    ease: Similarity


def fit_components(
    history: PurchaseHistory,
    groups: tuple[NDArray[np.int16], NDArray[np.int16]],
    catalogue: Catalogue,
    variants: ComponentVariants,
    *,
    threads: int,
    future_items: bool = False,
    models: SimilarityModels | None = None,
    sequence: Mapping[str, NDArray[Any]] | None = None,
    guests: GuestOrders = NO_GUESTS,
    customer_items: tuple[CustomerItems, Demand] | None = None,
) -> FittedComponents:
    """Fit all components on one history.

    Parameters
    ----------
    history : PurchaseHistory
    groups : (int16 array, int16 array), shape (n_customers,) each
        Segment and cluster by customer code.
    catalogue : Catalogue
    variants : ComponentVariants
    threads : int
        The result does not depend on it.
    future_items : bool
        Whether the catalogue has items whose first purchase is later than this history: then items without purchases
        are left out of content similarity, or the evaluation would use information from after the cut.
    models : SimilarityModels, optional
        Item-kNN and EASE of this history, if they are already fitted.
    sequence : mapping, optional
        Arrays of the sequence model of this history, if it is already trained.
    guests : GuestOrders
        Those until the end of the history count for the popularity of the whole shop.
    customer_items : (CustomerItems, Demand), optional
        Result of `collect_customer_items` of this history, if it has been computed already.
    """
    items, demand = customer_items or collect_customer_items(history)
    mix = variants.popularity_days, variants.all_time_share
    popular = compute_popularity(demand, *mix)
    models = models or SimilarityModels(
        item_knn=fit_item_knn(
            items,
            history.n_items,
            DEFAULT_WEIGHTING if variants.item_knn_weighting == AUTO else variants.item_knn_weighting,
            neighbours=variants.neighbours,
            threads=threads,
        ),
        ease=fit_weighted_ease(
            items,
            items.recency,
            history.n_items,
            variants.ease_weighting,
            max_items=variants.ease_items,
            neighbours=variants.neighbours,
        ),
    )
    segment, cluster = groups
    bought = demand.ever > 0
    unbought = np.empty(0, np.int64) if future_items else np.flatnonzero(~bought)
    content, content_back = _fit_content(catalogue, unbought, np.flatnonzero(bought), variants.neighbours)
    training = SourceTraining(history, demand, segment, cluster, catalogue, future_items)
    return FittedComponents(
        items=ItemAttributes(
            catalogue.category.astype(np.int32),
            catalogue.price.astype(np.float64),
            compute_trend(demand) ** variants.trend_power,
        ),
        demand=demand,
        popular=_add_guests(demand, popular, guests.until(history.last_day), history.last_day, mix),
        trending=compute_trending(demand, _TRENDING_POWER),
        segment=compute_group_popularity(history, segment, popular, *mix),
        cluster=compute_cluster_popularity(history, cluster),
        item_knn=models.item_knn,
        ease=models.ease,
        content=content,
        content_back=content_back,
        extensions=_fit_extensions(training, variants, sequence),
    )


def _add_guests(
    demand: Demand, popular: Popularity, guests: GuestOrders, last_day: int, mix: tuple[int, float]
) -> Popularity:
    """Return the popularity with guest orders; those of groups are smoothed towards `popular`, which has none."""
    if not len(guests):
        return popular
    return compute_popularity(add_orders(demand, guests.item, last_day - guests.day), *mix)


def _fit_extensions(
    training: SourceTraining, variants: ComponentVariants, sequence: Mapping[str, NDArray[Any]] | None
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the arrays of added and optional sources, by source."""
    arrays = {source.name: dict(source.fit(training)) for _, source in SOURCES.added if source.fit is not None}
    if sequence is not None:
        arrays[NAME] = dict(sequence)
    elif variants.sequence_model:
        from smart_retail.training.models.sequence_model import (
            fit_sequence_model,  # imports Keras: only where it is used
        )

        model = fit_sequence_model(training.history)
        arrays |= {} if model is None else {NAME: model.arrays()}
    return arrays


def _fit_content(
    catalogue: Catalogue, unbought: NDArray[np.int64], bought: NDArray[np.int64], neighbours: int
) -> tuple[Similarity, Similarity]:
    """Return the similar purchased items of those without purchases, and the reverse table."""
    if catalogue.vectors is None:
        return fit_content_similarity(catalogue, unbought, bought, neighbours=neighbours)
    return fit_vector_similarity(catalogue.vectors, unbought, bought, neighbours=neighbours)
