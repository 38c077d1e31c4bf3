"""Judge methods on a window of the past: lists made before a cut against what was bought after it.

In: the truths after the cut, and a function that makes the lists. Out: `Judged`, for each task and
method one value per customer and metric, and the lists themselves. Nothing here knows how a list came about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import (
    Lists,
    accuracy,
    bootstrap_ci,
    coverage,
    diversity,
    novelty,
    popularity_bias,
)
from smart_retail.evaluation.temporal_split import Truth, sample

ListMaker = Callable[[str, NDArray[np.int32]], Mapping[str, Lists]]
"""From a task (any, new, cold) and customer codes to the lists of every method, row by row."""


@dataclass(frozen=True, slots=True)
class TaskEvaluation:
    """One task: who was judged, and how every method did."""

    truth: Truth
    each: dict[str, dict[str, NDArray[np.float64]]]
    """Metric of every customer, by method and metric."""
    lists: dict[str, Lists]


def backtest(
    found: Mapping[str, Truth],
    make: ListMaker,
    *,
    k: int = 10,
    at_most: int = 20_000,
    seed: int = 0,
) -> dict[str, TaskEvaluation]:
    """Judge every method in every task that has customers.

    Parameters
    ----------
    found : dict
        Of every task, by `truths`.
    make : callable
        Hands out lists for customers; it must have learnt from what was before the cut only.
    at_most : int
        Customers judged a task; a larger shop is judged on a sample.
    """
    out = {}
    for task, truth in found.items():
        if len(truth):
            judged = sample(truth, at_most, seed)
            lists = dict(make(task, judged.customer))
            out[task] = TaskEvaluation(
                judged,
                {name: accuracy(rows, judged, k) for name, rows in lists.items()},
                lists,
            )
    return out


def difference(judged: TaskEvaluation, a: str, b: str, *, k: int = 10, seed: int = 0) -> dict[str, float]:
    """Mean NDCG of method `a` minus that of `b`, with its 95 % paired bootstrap interval."""
    each = judged.each[a][f"ndcg@{k}"] - judged.each[b][f"ndcg@{k}"]
    low, high = bootstrap_ci(each, seed=seed)
    return {"difference": float(each.mean()), "low": low, "high": high}


def figures(
    judged: TaskEvaluation,
    *,
    buyers: NDArray[np.float64],
    orders: NDArray[np.float64],
    customers: int,
    category: NDArray[np.int32],
    k: int = 10,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """All figures of all methods of one task, as plain numbers.

    Parameters
    ----------
    buyers, orders : shape (n_items,)
        Distinct customers and orders of each item before the cut.
    customers : int
        Customers before the cut.
    """
    catalogue = int((orders > 0).sum())
    out: dict[str, dict[str, Any]] = {}
    for method, each in judged.each.items():
        lists = judged.lists[method]
        low, high = bootstrap_ci(each[f"ndcg@{k}"], seed=seed)
        out[method] = {
            f"ndcg@{k}": float(each[f"ndcg@{k}"].mean()),
            "low": low,
            "high": high,
            **{name: float(values.mean()) for name, values in each.items() if name != f"ndcg@{k}"},
            "coverage": coverage(lists, catalogue, k),
            "novelty": novelty(lists, buyers, customers, k),
            "popularity_bias": popularity_bias(lists, judged.truth, orders, k),
        }
        varied = diversity(lists, category, k)
        if varied is not None:
            out[method]["diversity"] = varied
    return out


def by_group(
    judged: TaskEvaluation, group: NDArray[np.int64], names: Mapping[int, str], *, k: int = 10
) -> dict[str, dict[str, float]]:
    """Mean NDCG of every method by group of customers.

    Parameters
    ----------
    group : shape (n_customers,)
        Group by customer code.
    names : dict
        Group -> name; other groups are left out.
    """
    own = group[judged.truth.customer]
    out: dict[str, dict[str, float]] = {}
    for code, name in names.items():
        inside = own == code
        if inside.any():
            means = {method: float(each[f"ndcg@{k}"][inside].mean()) for method, each in judged.each.items()}
            out[name] = {"customers": float(inside.sum()), **means}
    return out
