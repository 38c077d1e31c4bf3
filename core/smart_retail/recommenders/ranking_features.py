"""Ranking features: the inputs of the learned ranker, one row for each candidate.

Every number of a row is computed from its shopper alone. Days count back from the date for which the list is made: by
default the day after the end of the history.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.blend import sum_rows
from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.popularity import SEASON, YEAR, compute_trend
from smart_retail.recommenders.rounding import sum_by_group
from smart_retail.recommenders.shopper_context import ShopperContext
from smart_retail.recommenders.source_registry import (
    SOURCE_CLUSTER,
    SOURCE_EASE,
    SOURCE_EASE_TREND,
    SOURCE_ITEM_KNN,
    SOURCE_ITEM_KNN_TREND,
    SOURCE_REPURCHASE_FAST,
    SOURCE_REPURCHASE_SLOW,
    SOURCE_SEGMENT,
    SOURCES,
)

Columns = dict[str, NDArray[np.float64]]

_BUILT_IN_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "frequency": (
        "repurchase_slow",
        "repurchase_slow_relative",
        "repurchase_fast",
        "orders_of_item",
        "order_share",
        "rate_since_first",
        "quantity",
        "orders_90",
    ),
    "recency": ("days_since_item", "orders_since_item", "days_since_first"),
    "interval": ("interval_ratio", "item_interval_ratio", "own_season"),
    "item_knn": ("item_knn", "item_knn_relative", "item_knn_trend"),
    "ease": ("ease", "ease_relative", "ease_trend"),
    "demand": (
        "ever",
        "recent_7",
        "recent_28",
        "recent_91",
        "buyers_share",
        "orders_per_buyer",
    ),
    "trend": ("trend", "trend_7", "item_age", "season"),
    "segment": ("segment", "segment_score", "segment_lift"),
    "cluster": ("cluster", "cluster_score", "cluster_lift"),
    "price and category": ("price", "price_difference", "category_share"),
    "shopper": (
        "orders",
        "days_since_order",
        "basket",
        "items",
        "repeat_share",
        "tenure",
        "order_interval",
    ),
    "blend": ("blend",),
}

NEVER_DAYS = 9999.0
"""Days or orders since an event that never happened."""
UNKNOWN_PRICE = -99.0


def feature_groups(fitted: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the names of the features by group; the ablation leaves out one group at a time.

    Each added source, and each optional source among `fitted`, is a group of its own, with its score and its score
    relative to the maximum.
    """
    optional = [source for _, source in SOURCES.optional if source.name in fitted]
    own = [*(source for _, source in SOURCES.added), *optional]
    return _BUILT_IN_GROUPS | {source.name: (source.name, f"{source.name}_relative") for source in own}


def feature_names(fitted: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the columns of `compute_features` for a model with these optional sources."""
    return tuple(name for names in feature_groups(fitted).values() for name in names)


def compute_features(
    components: FittedComponents,
    context: ShopperContext,
    candidates: Candidates,
    weighted: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Compute all features of all candidates.

    Parameters
    ----------
    components : FittedComponents
    context : ShopperContext
    candidates : Candidates
    weighted : float64 array, shape (n_sources, n)
        Weighted scores of the blend.

    Returns
    -------
    float32 array, shape (n, n_features)
        Columns in the order of `feature_names`; no NaN.
    """
    columns = {
        **_purchase_columns(context, candidates),
        **_similarity_columns(candidates),
        **_demand_columns(components, context, candidates),
        **_group_columns(components, context, candidates),
        **_price_columns(components, context, candidates),
        **_shopper_columns(context, candidates),
        "blend": sum_rows(weighted),
        **_interval_columns(components, context, candidates),
        **_added_columns(candidates),
    }
    return np.stack([columns[name] for name in feature_names(components.extensions)], axis=1, dtype=np.float32)


def _purchase_columns(context: ShopperContext, candidates: Candidates) -> Columns:
    matrix, stats, history = context.matrix, context.stats, context.shoppers.history
    entry, bought = candidates.entry, candidates.entry >= 0
    days = history.last_day + 1.0 - matrix.last_day
    first = history.last_day + 1.0 - matrix.first_day
    after = _min_by_group(matrix.history_entry, stats.later_orders[matrix.history_row], len(matrix))
    since_first = _max_by_group(matrix.history_entry, stats.later_orders[matrix.history_row], len(matrix))
    recent = sum_by_group(
        matrix.history_entry,
        (history.last_day - history.day[matrix.history_row] < 90).astype(np.float64),
        len(matrix),
    )
    n_orders = stats.orders[matrix.shopper]

    def by_candidate(values: NDArray[Any], missing: float) -> NDArray[np.float64]:
        out = np.full(len(entry), missing)
        out[bought] = values[entry[bought]]
        return out

    slow = candidates.source_scores[SOURCE_REPURCHASE_SLOW]
    return {
        "repurchase_slow": slow,
        "repurchase_slow_relative": _relative_to_maximum(candidates, slow),
        "repurchase_fast": candidates.source_scores[SOURCE_REPURCHASE_FAST],
        "orders_of_item": by_candidate(matrix.orders, 0.0),
        "order_share": by_candidate(matrix.orders / n_orders, 0.0),
        "rate_since_first": by_candidate(matrix.orders / (since_first + 1.0), 0.0),
        "quantity": by_candidate(matrix.quantity / matrix.orders, 0.0),
        "orders_90": by_candidate(recent, 0.0),
        "days_since_item": by_candidate(days, NEVER_DAYS),
        "orders_since_item": by_candidate(after, NEVER_DAYS),
        "days_since_first": by_candidate(first, NEVER_DAYS),
    }


def _interval_columns(components: FittedComponents, context: ShopperContext, candidates: Candidates) -> Columns:
    """Return the days since the last purchase relative to usual intervals, and purchases in this season a year ago."""
    matrix, history = context.matrix, context.shoppers.history
    entry, bought = candidates.entry, candidates.entry >= 0
    days = history.last_day + 1.0 - matrix.last_day
    interval = components.demand.interval
    item_interval = np.where(np.isnan(interval), 0.0, interval)[matrix.item]
    own_interval = np.where(
        matrix.orders > 1,
        (matrix.last_day - matrix.first_day) / np.maximum(matrix.orders - 1, 1),
        0.0,
    )
    age = history.last_day - history.day[matrix.history_row]
    last_year = (age < YEAR) & (age >= YEAR - SEASON)
    out = {}
    for name, value, missing in (
        ("interval_ratio", np.where(own_interval > 0, days / np.maximum(own_interval, 1), -1.0), -2.0),
        ("item_interval_ratio", np.where(item_interval > 0, days / np.maximum(item_interval, 1), -1.0), -2.0),
        ("own_season", sum_by_group(matrix.history_entry, last_year.astype(np.float64), len(matrix)), 0.0),
    ):
        column = np.full(len(entry), missing)
        column[bought] = value[entry[bought]]
        out[name] = column
    return out


def _similarity_columns(candidates: Candidates) -> Columns:
    item_knn, ease = candidates.source_scores[SOURCE_ITEM_KNN], candidates.source_scores[SOURCE_EASE]
    return {
        "item_knn": item_knn,
        "item_knn_relative": _relative_to_maximum(candidates, item_knn),
        "item_knn_trend": _relative_to_maximum(candidates, candidates.source_scores[SOURCE_ITEM_KNN_TREND]),
        "ease": ease,
        "ease_relative": _relative_to_maximum(candidates, ease),
        "ease_trend": _relative_to_maximum(candidates, candidates.source_scores[SOURCE_EASE_TREND]),
    }


def _demand_columns(components: FittedComponents, context: ShopperContext, candidates: Candidates) -> Columns:
    demand, later = components.demand, context.shoppers.later
    season = demand.season if later is None else later.season
    ever = np.maximum(demand.ever, 1.0)
    total_28 = max(float(demand.window(28).sum()), 1.0)
    by_item: dict[str, NDArray[Any]] = {
        "ever": demand.ever / max(float(demand.ever.sum()), 1.0),
        "recent_7": demand.window(7) / max(float(demand.window(7).sum()), 1.0),
        "recent_28": demand.window(28) / total_28,
        "recent_91": demand.window(91) / max(float(demand.window(91).sum()), 1.0),
        "buyers_share": demand.buyers / ever,
        "orders_per_buyer": demand.ever / np.maximum(demand.buyers, 1.0),
        "trend": compute_trend(demand),
        "trend_7": (demand.window(7) + 0.5) / (demand.window(28) + 2.0),
        "item_age": context.shoppers.history.last_day + 1.0 - demand.first_day,
        "season": (season + 1.0) / (demand.ever + 5.0),
    }
    return {name: values[candidates.item] for name, values in by_item.items()}


def _group_columns(components: FittedComponents, context: ShopperContext, candidates: Candidates) -> Columns:
    popular = components.popular.score[candidates.item]
    segment, cluster = candidates.source_scores[SOURCE_SEGMENT], candidates.source_scores[SOURCE_CLUSTER]
    return {
        "segment": context.shoppers.segment[candidates.shopper].astype(np.float64),
        "segment_score": segment,
        "segment_lift": segment / popular,
        "cluster": context.shoppers.cluster[candidates.shopper].astype(np.float64),
        "cluster_score": cluster,
        "cluster_lift": cluster / popular,
    }


def _price_columns(components: FittedComponents, context: ShopperContext, candidates: Candidates) -> Columns:
    """Return the price compared with what the shopper usually pays (log scale), and the share of its category."""
    matrix, n = context.matrix, context.matrix.n_shoppers
    has_price = ~np.isnan(components.items.price)
    price = np.log(np.maximum(np.where(has_price, components.items.price, 0.0), 1e-3))
    weight = matrix.orders * has_price[matrix.item]
    usual = sum_by_group(matrix.shopper, weight * price[matrix.item], n) / np.maximum(
        sum_by_group(matrix.shopper, weight, n), 1e-9
    )
    category = components.items.category
    n_categories = int(category.max(initial=-1)) + 2
    cell = matrix.shopper * n_categories + category[matrix.item] + 1
    lines = sum_by_group(cell, matrix.orders, n * n_categories)
    in_category = lines[candidates.shopper * n_categories + category[candidates.item] + 1]
    all_lines = np.maximum(sum_by_group(matrix.shopper, matrix.orders, n), 1.0)[candidates.shopper]
    known = has_price[candidates.item]
    return {
        "price": np.where(known, price[candidates.item], UNKNOWN_PRICE),
        "price_difference": np.where(known, price[candidates.item] - usual[candidates.shopper], UNKNOWN_PRICE),
        "category_share": np.where(category[candidates.item] >= 0, in_category / all_lines, 0.0),
    }


def _shopper_columns(context: ShopperContext, candidates: Candidates) -> Columns:
    stats, last_day = context.stats, context.shoppers.history.last_day
    orders, lines = stats.orders.astype(np.float64), stats.lines.astype(np.float64)
    by_shopper: dict[str, NDArray[Any]] = {
        "orders": orders,
        "days_since_order": last_day + 1.0 - stats.last_day,
        "basket": lines / np.maximum(orders, 1),
        "items": stats.items.astype(np.float64),
        "repeat_share": 1 - stats.items / np.maximum(lines, 1),
        "tenure": last_day + 1.0 - stats.first_day,
        "order_interval": (stats.last_day - stats.first_day) / np.maximum(orders - 1, 1),
    }
    return {name: values[candidates.shopper] for name, values in by_shopper.items()}


def _added_columns(candidates: Candidates) -> Columns:
    columns: Columns = {}
    for position, source in SOURCES.uncompiled:
        score = candidates.source_scores[position]
        columns[source.name] = score
        columns[f"{source.name}_relative"] = _relative_to_maximum(candidates, score)
    return columns


def _relative_to_maximum(candidates: Candidates, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide a score by its maximum among the shopper's candidates."""
    starts = candidates.indptr[:-1][candidates.indptr[1:] > candidates.indptr[:-1]]
    if not len(starts):
        return score
    sizes = np.diff(np.concatenate((starts, [len(score)])))
    maximum = np.repeat(np.maximum.reduceat(score, starts), sizes)
    relative: NDArray[np.float64] = np.divide(score, maximum, out=np.zeros_like(score), where=maximum > 0)
    return relative


def _min_by_group(group: NDArray[np.int64], value: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
    out = np.full(n_groups, np.iinfo(np.int64).max)
    np.minimum.at(out, group, value)
    return out.astype(np.float64)


def _max_by_group(group: NDArray[np.int64], value: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
    out = np.zeros(n_groups, np.int64)
    np.maximum.at(out, group, value)
    return out.astype(np.float64)
