"""Fit every method on a history and learn how to merge them.

In: a `Timeline`, the customers' groups and the catalogue. Out: a `RecommenderModel` and the scorecard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.interactions import History
from smart_retail.data.timeline import RfmTable, Timeline
from smart_retail.progress import Progress
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.blend import default_weights
from smart_retail.recommenders.collaborative import item_similarity
from smart_retail.recommenders.content import content_similarity
from smart_retail.recommenders.group_popularity import group_popularity_of
from smart_retail.recommenders.hybrid import Merge
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.parts import ItemFacts, Parts
from smart_retail.recommenders.popularity import demand_of, popularity_of, trending_of
from smart_retail.recommenders.repurchase import RepurchaseSettings
from smart_retail.settings import RecommendSettings

Groups = tuple[NDArray[np.int16], NDArray[np.int16]]
"""Segment and cluster by customer code."""


def fit_recommenders(
    timeline: Timeline,
    place: Callable[[RfmTable], Groups],
    catalogue: Catalogue,
    settings: RecommendSettings,
    *,
    seed: int,
    threads: int,
    progress: Progress,
) -> tuple[RecommenderModel, dict[str, Any]]:
    """Fit all methods and their merge.

    Returns
    -------
    model : RecommenderModel
        Fitted on the whole history.
    scorecard : dict
        How good every method was on a window that nothing was learnt from; plain JSON data.
    """
    progress.check()
    history = timeline.between()
    parts = fit_parts(history, place(timeline.rfm()), catalogue, settings, threads=threads)
    merge = Merge(default_weights())
    scorecard: dict[str, Any] = {
        "gate": {"difference": None, "low": None, "high": None, "skipped": "nothing was held out"},
        "repeat_share": 0.0,
        "windows": [],
        "methods": {},
        "choice": "The blend's default weights are used: nothing was held out to learn others from.",
        "ablation": {},
        "notes": [],
    }
    return RecommenderModel(parts, merge), scorecard


def fit_parts(
    history: History,
    groups: Groups,
    catalogue: Catalogue,
    settings: RecommendSettings,
    *,
    threads: int,
    future_items: bool = False,
) -> Parts:
    """Count and fit everything on one history.

    Parameters
    ----------
    future_items : bool
        Whether the catalogue knows items whose first purchase lies after this history: then the unbought ones
        are left out of content similarity, or the evaluation would look ahead.
    """
    demand = demand_of(history)
    popular = popularity_of(demand, 28)
    segment, cluster = groups
    variant = "tfidf" if settings.cf_variant == "auto" else settings.cf_variant
    lonely = np.flatnonzero(demand.ever == 0) if not future_items else np.empty(0, np.int64)
    content, content_back = content_similarity(
        catalogue, lonely, np.flatnonzero(demand.ever > 0), neighbours=settings.neighbours
    )
    return Parts(
        items=ItemFacts(catalogue.category.astype(np.int32), catalogue.price.astype(np.float64)),
        demand=demand,
        popular=popular,
        trending=trending_of(demand, 0.5),
        segment=group_popularity_of(history, segment, popular, 91),
        cluster=group_popularity_of(history, cluster, popular, 91),
        cf=item_similarity(history, variant, neighbours=settings.neighbours, threads=threads),
        content=content,
        content_back=content_back,
        repurchase=RepurchaseSettings(),
        cf_trend=0.5,
    )
