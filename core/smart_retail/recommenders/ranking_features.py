"""Signals: what a learned ranker may look at, one row per candidate.

In: `Parts`, `Context` and `Candidates`. Out: a table of numbers, shape ``(n, len(NAMES))``. Every number of a row
follows from its shopper alone. Days count back from the day the list is made for.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.blend import total
from smart_retail.recommenders.candidates import (
    AGAIN,
    BY_CLUSTER,
    BY_SEGMENT,
    LATELY,
    LINEAR,
    LINEAR_NOW,
    NEAR,
    NEAR_NOW,
    Candidates,
)
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.popularity import SEASON, YEAR, trend
from smart_retail.recommenders.rounding import sums
from smart_retail.recommenders.shopper_context import ShopperContext

FEATURE_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "frequency": (
        "again",
        "again_relative",
        "lately",
        "orders_of_item",
        "order_share",
        "rate_since_first",
        "quantity",
        "orders_90",
    ),
    "recency": ("days_since_item", "orders_since_item", "days_since_first"),
    "interval": ("due", "due_item", "season_own"),
    "neighbours": ("near", "near_relative", "near_now"),
    "linear": ("linear", "linear_relative", "linear_now"),
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
    "price and category": ("price", "price_fit", "category_share"),
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
"""Signals by idea: the ablation leaves out one idea at a time."""
NAMES: Final = tuple(name for names in FEATURE_GROUPS.values() for name in names)


def signals(
    parts: FittedComponents, context: ShopperContext, candidates: Candidates, proof: NDArray[np.float64]
) -> NDArray[np.float32]:
    """All signals of all candidates.

    Parameters
    ----------
    proof : shape (len(SOURCES), n)
        Evidence of the blend.
    """
    columns = {
        **_own(context, candidates),
        **_similar(candidates),
        **_demand(parts, context, candidates),
        **_groups(parts, context, candidates),
        **_taste(parts, context, candidates),
        **_shopper(context, candidates),
        "blend": total(proof),
        **_timing(parts, context, candidates),
    }
    return np.stack([columns[name] for name in NAMES], axis=1, dtype=np.float32)


def _own(context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    pairs, habits, history = context.pairs, context.stats, context.shoppers.history
    at, bought = candidates.pair, candidates.pair >= 0
    days = history.last_day + 1.0 - pairs.last_day
    first = history.last_day + 1.0 - pairs.first_day
    after = _latest(pairs.row_pair, habits.later_orders[pairs.row_order], len(pairs))
    before = _earliest(pairs.row_pair, habits.later_orders[pairs.row_order], len(pairs))
    recent = sums(
        pairs.row_pair,
        (history.last_day - history.day[pairs.row_order] < 90).astype(np.float64),
        len(pairs),
    )
    n_orders = habits.orders[pairs.shopper]

    def of(values: NDArray[Any], missing: float) -> NDArray[np.float64]:
        out = np.full(len(at), missing)
        out[bought] = values[at[bought]]
        return out

    return {
        "again": candidates.source_scores[AGAIN],
        "again_relative": _relative(candidates, candidates.source_scores[AGAIN]),
        "lately": candidates.source_scores[LATELY],
        "orders_of_item": of(pairs.orders, 0.0),
        "order_share": of(pairs.orders / n_orders, 0.0),
        "rate_since_first": of(pairs.orders / (before + 1.0), 0.0),
        "quantity": of(pairs.quantity / pairs.orders, 0.0),
        "orders_90": of(recent, 0.0),
        "days_since_item": of(days, 9999.0),
        "orders_since_item": of(after, 9999.0),
        "days_since_first": of(first, 9999.0),
    }


def _timing(parts: FittedComponents, context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    pairs, history = context.pairs, context.shoppers.history
    at, bought = candidates.pair, candidates.pair >= 0
    days = history.last_day + 1.0 - pairs.last_day
    usual = np.where(np.isnan(parts.demand.interval), 0.0, parts.demand.interval)[pairs.item]
    own = np.where(
        pairs.orders > 1,
        (pairs.last_day - pairs.first_day) / np.maximum(pairs.orders - 1, 1),
        0.0,
    )
    age = history.last_day - history.day[pairs.row_order]
    last_year = (age < YEAR) & (age >= YEAR - SEASON)
    season = sums(pairs.row_pair, last_year.astype(np.float64), len(pairs))
    out = {}
    for name, value in (
        ("due", np.where(own > 0, days / np.maximum(own, 1), -1.0)),
        ("due_item", np.where(usual > 0, days / np.maximum(usual, 1), -1.0)),
        ("season_own", season),
    ):
        column = np.full(len(at), -2.0 if name != "season_own" else 0.0)
        column[bought] = value[at[bought]]
        out[name] = column
    return out


def _similar(candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    near, linear = candidates.source_scores[NEAR], candidates.source_scores[LINEAR]
    return {
        "near": near,
        "near_relative": _relative(candidates, near),
        "near_now": _relative(candidates, candidates.source_scores[NEAR_NOW]),
        "linear": linear,
        "linear_relative": _relative(candidates, linear),
        "linear_now": _relative(candidates, candidates.source_scores[LINEAR_NOW]),
    }


def _demand(parts: FittedComponents, context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    demand = parts.demand
    ever = np.maximum(demand.ever, 1.0)
    total_28 = max(float(demand.window(28).sum()), 1.0)
    by_item: dict[str, NDArray[Any]] = {
        "ever": demand.ever / max(float(demand.ever.sum()), 1.0),
        "recent_7": demand.window(7) / max(float(demand.window(7).sum()), 1.0),
        "recent_28": demand.window(28) / total_28,
        "recent_91": demand.window(91) / max(float(demand.window(91).sum()), 1.0),
        "buyers_share": demand.buyers / ever,
        "orders_per_buyer": demand.ever / np.maximum(demand.buyers, 1.0),
        "trend": trend(demand),
        "trend_7": (demand.window(7) + 0.5) / (demand.window(28) + 2.0),
        "item_age": context.shoppers.history.last_day + 1.0 - demand.first_day,
        "season": (demand.season + 1.0) / (demand.ever + 5.0),
    }
    return {name: values[candidates.item] for name, values in by_item.items()}


def _groups(parts: FittedComponents, context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    popular = parts.popular.score[candidates.item]
    segment, cluster = candidates.source_scores[BY_SEGMENT], candidates.source_scores[BY_CLUSTER]
    return {
        "segment": context.shoppers.segment[candidates.shopper].astype(np.float64),
        "segment_score": segment,
        "segment_lift": segment / popular,
        "cluster": context.shoppers.cluster[candidates.shopper].astype(np.float64),
        "cluster_score": cluster,
        "cluster_lift": cluster / popular,
    }


def _taste(parts: FittedComponents, context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    pairs, n = context.pairs, context.pairs.n_shoppers
    price = np.log(np.maximum(np.where(np.isnan(parts.items.price), 0.0, parts.items.price), 1e-3))
    known = ~np.isnan(parts.items.price)
    weight = pairs.orders * known[pairs.item]
    usual = sums(pairs.shopper, weight * price[pairs.item], n) / np.maximum(sums(pairs.shopper, weight, n), 1e-9)
    category = parts.items.category
    n_categories = int(category.max(initial=-1)) + 2
    bought = pairs.shopper * n_categories + category[pairs.item] + 1
    lines = sums(bought, pairs.orders, n * n_categories)
    share = lines[candidates.shopper * n_categories + category[candidates.item] + 1]
    all_lines = np.maximum(sums(pairs.shopper, pairs.orders, n), 1.0)[candidates.shopper]
    there = known[candidates.item]
    return {
        "price": np.where(there, price[candidates.item], -99.0),
        "price_fit": np.where(there, price[candidates.item] - usual[candidates.shopper], -99.0),
        "category_share": np.where(category[candidates.item] >= 0, share / all_lines, 0.0),
    }


def _shopper(context: ShopperContext, candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    habits, last = context.stats, context.shoppers.history.last_day
    orders, lines = habits.orders.astype(np.float64), habits.lines.astype(np.float64)
    by_shopper: dict[str, NDArray[Any]] = {
        "orders": orders,
        "days_since_order": last + 1.0 - habits.last_day,
        "basket": lines / np.maximum(orders, 1),
        "items": habits.items.astype(np.float64),
        "repeat_share": 1 - habits.items / np.maximum(lines, 1),
        "tenure": last + 1.0 - habits.first_day,
        "order_interval": (habits.last_day - habits.first_day) / np.maximum(orders - 1, 1),
    }
    return {name: values[candidates.shopper] for name, values in by_shopper.items()}


def _relative(candidates: Candidates, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score divided by the shopper's best."""
    some = candidates.indptr[:-1][candidates.indptr[1:] > candidates.indptr[:-1]]
    if not len(some):
        return score
    sizes = np.diff(np.concatenate((some, [len(score)])))
    best = np.repeat(np.maximum.reduceat(score, some), sizes)
    relative: NDArray[np.float64] = np.divide(score, best, out=np.zeros_like(score), where=best > 0)
    return relative


def _latest(group: NDArray[np.int64], value: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    out = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(out, group, value)
    return out.astype(np.float64)


def _earliest(group: NDArray[np.int64], value: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    out = np.zeros(n, np.int64)
    np.maximum.at(out, group, value)
    return out.astype(np.float64)
