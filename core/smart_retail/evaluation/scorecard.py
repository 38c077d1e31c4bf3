"""The scorecard: the quality of every method on held-out purchases, as plain JSON data.

It is stored with the model and shown by every front end: ``tasks[task][method]`` has ``ndcg@k`` with ``low`` and
``high`` and all other figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.backtest import (
    TaskEvaluation,
    WindowFacts,
    compare_methods,
    summarize_groups,
    summarize_methods,
)
from smart_retail.evaluation.temporal_split import Window

_DIGITS = 6


def build_scorecard(
    evaluations: Mapping[str, TaskEvaluation],
    window: Window,
    facts: WindowFacts,
    *,
    repeat_share: float,
    groupings: Mapping[str, tuple[NDArray[np.int64], Mapping[int, str]]],
    k: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the figures of all tasks, breakdowns by all groupings, and the quality gate.

    Parameters
    ----------
    evaluations : mapping
        By task, from `run_backtest`.
    window : Window
    facts : WindowFacts
    repeat_share : float
        Share of repeat purchases, 0 to 1.
    groupings : mapping
        Name -> (group by customer code, group -> name), such as segment and number of orders.
    k : int
    seed : int

    Returns
    -------
    dict
        Plain JSON data.
    """
    card: dict[str, Any] = {
        "k": k,
        "customers": max((len(task.truth) for task in evaluations.values()), default=0),
        "window": {
            "first": _iso(window.cut),
            "last": _iso(window.end - 1),
            "days": window.days,
        },
        "repeat_share": repeat_share,
        "customers_by_task": {name: len(task.truth) for name, task in evaluations.items()},
        "tasks": {name: summarize_methods(task, facts, k=k, seed=seed) for name, task in evaluations.items()},
        "best_single": {name: compare_with_best_single(task, k=k, seed=seed) for name, task in evaluations.items()},
        "gate": evaluate_gate(evaluations, k=k, seed=seed),
    }
    for name, (group, names) in groupings.items():
        card[f"by_{name}"] = {
            task: summarize_groups(evaluation, group, names, k=k)
            for task, evaluation in evaluations.items()
            if task != "cold"
        }
    rounded: dict[str, Any] = to_plain_json(card)
    return rounded


def evaluate_gate(evaluations: Mapping[str, TaskEvaluation], *, k: int = 10, seed: int = 0) -> dict[str, Any]:
    """Compare hybrid and popularity on all purchases: the criterion of the quality gate.

    Parameters
    ----------
    evaluations : mapping
        By task, from `run_backtest`.
    k : int
        Entries of a list that count.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``difference``, ``low``, ``high`` as in `compare_methods`, and ``skipped``, the reason without a comparison.
    """
    if "any" not in evaluations or len(evaluations["any"].truth) < 2:
        return skipped_gate("too few known customers bought in the held-out period")
    return {
        **compare_methods(evaluations["any"], "hybrid", "popular", k=k, seed=seed),
        "skipped": "",
    }


def compare_with_best_single(evaluation: TaskEvaluation, *, k: int = 10, seed: int = 0) -> dict[str, Any]:
    """Compare the hybrid with the best other method or baseline.

    Parameters
    ----------
    evaluation : TaskEvaluation
    k : int
        Entries of a list that count.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``method``, and ``difference``, ``low``, ``high`` of the hybrid minus that method, as in `compare_methods`.
    """
    means = {
        name: float(metrics[f"ndcg@{k}"].mean()) for name, metrics in evaluation.metrics.items() if name != "hybrid"
    }
    best = max(means, key=lambda name: means[name])
    return {"method": best, **compare_methods(evaluation, "hybrid", best, k=k, seed=seed)}


def skipped_gate(reason: str) -> dict[str, Any]:
    """Return a gate without a decision."""
    return {"difference": None, "low": None, "high": None, "skipped": reason}


def to_plain_json(value: Any) -> Any:
    """Convert nested data to JSON types: numbers rounded to 6 digits, and None for those that are not finite."""
    if isinstance(value, Mapping):
        return {str(name): to_plain_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_json(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return round(float(value), _DIGITS) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))
