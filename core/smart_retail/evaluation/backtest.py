"""Evaluation of methods on a backtest window: lists made before a cut against purchases after it.

The module is independent of how the lists are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import (
    Lists,
    bootstrap_ci,
    compute_accuracy,
    compute_coverage,
    compute_diversity,
    compute_novelty,
    compute_popularity_bias,
)
from smart_retail.evaluation.temporal_split import GroundTruth, sample_customers

ListMaker = Callable[[str, NDArray[np.int32]], Mapping[str, Lists]]
"""From a task (any, new, cold) and customer codes to the lists of every method, row by row."""


@dataclass(frozen=True, slots=True)
class TaskEvaluation:
    """The evaluation of every method in one task."""

    truth: GroundTruth
    """Of the evaluated customers."""
    metrics: dict[str, dict[str, NDArray[np.float64]]]
    """Value of every customer, by method and metric."""
    lists: dict[str, Lists]


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """Facts about the history before the cut that some metrics need."""

    buyers: NDArray[np.float64]
    """Distinct customers of each item, shape ``(n_items,)``."""
    orders: NDArray[np.float64]
    """Orders of each item, shape ``(n_items,)``."""
    customers: int
    category: NDArray[np.int32]
    """Category code of each item, -1 for none."""


def run_backtest(
    ground_truth: Mapping[str, GroundTruth],
    make_lists: ListMaker,
    *,
    k: int = 10,
    max_customers: int = 20_000,
    seed: int = 0,
) -> dict[str, TaskEvaluation]:
    """Evaluate every method in every task that has customers.

    Parameters
    ----------
    ground_truth : mapping
        By task, from `extract_ground_truth`.
    make_lists : callable
        Makes the lists of customers; it may only use the history before the cut.
    k : int
        Entries of a list that count.
    max_customers : int
        Customers evaluated for each task; more are sampled.
    seed : int

    Returns
    -------
    dict
        Task -> evaluation of every method.
    """
    out = {}
    for task, truth in ground_truth.items():
        if len(truth):
            sampled = sample_customers(truth, max_customers, seed)
            lists = dict(make_lists(task, sampled.customer))
            metrics = {name: compute_accuracy(rows, sampled, k) for name, rows in lists.items()}
            out[task] = TaskEvaluation(sampled, metrics, lists)
    return out


def compare_methods(evaluation: TaskEvaluation, a: str, b: str, *, k: int = 10, seed: int = 0) -> dict[str, float]:
    """Compare the NDCG of two methods on the same customers.

    Parameters
    ----------
    evaluation : TaskEvaluation
    a, b : str
        Methods.
    k : int
        Entries of a list that count.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``difference`` (mean NDCG of `a` minus that of `b`), ``low`` and ``high`` (95 % paired bootstrap interval).
    """
    differences = evaluation.metrics[a][f"ndcg@{k}"] - evaluation.metrics[b][f"ndcg@{k}"]
    low, high = bootstrap_ci(differences, seed=seed)
    return {"difference": float(differences.mean()), "low": low, "high": high}


def summarize_methods(
    evaluation: TaskEvaluation, facts: WindowFacts, *, k: int = 10, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return all figures of all methods of one task, as plain numbers.

    Parameters
    ----------
    evaluation : TaskEvaluation
    facts : WindowFacts
    k : int
    seed : int

    Returns
    -------
    dict
        Method -> figure -> value.
    """
    catalogue_size = int((facts.orders > 0).sum())
    out: dict[str, dict[str, Any]] = {}
    for method, metrics in evaluation.metrics.items():
        lists = evaluation.lists[method]
        low, high = bootstrap_ci(metrics[f"ndcg@{k}"], seed=seed)
        out[method] = {
            f"ndcg@{k}": float(metrics[f"ndcg@{k}"].mean()),
            "low": low,
            "high": high,
            **{name: float(values.mean()) for name, values in metrics.items() if name != f"ndcg@{k}"},
            "coverage": compute_coverage(lists, catalogue_size, k),
            "novelty": compute_novelty(lists, facts.buyers, facts.customers, k),
            "popularity_bias": compute_popularity_bias(lists, evaluation.truth, facts.orders, k),
        }
        diversity = compute_diversity(lists, facts.category, k)
        if diversity is not None:
            out[method]["diversity"] = diversity
    return out


def summarize_groups(
    evaluation: TaskEvaluation, group: NDArray[np.int64], names: Mapping[int, str], *, k: int = 10
) -> dict[str, dict[str, float]]:
    """Return the mean NDCG of every method by group of customers.

    Parameters
    ----------
    evaluation : TaskEvaluation
    group : int64 array, shape (n_customers,)
        Group by customer code.
    names : mapping
        Group -> name; other groups are omitted.
    k : int

    Returns
    -------
    dict
        Name of the group -> ``customers``, and the mean NDCG by method.
    """
    row_group = group[evaluation.truth.customer]
    out: dict[str, dict[str, float]] = {}
    for code, name in names.items():
        member = row_group == code
        if member.any():
            means = {
                method: float(metrics[f"ndcg@{k}"][member].mean()) for method, metrics in evaluation.metrics.items()
            }
            out[name] = {"customers": float(member.sum()), **means}
    return out
