"""The scorecard: how good every method was on purchases that nothing was learnt from, as plain JSON data.

In: `Judged` tasks of the last window. Out: a dict that is kept with the model and shown by every front end:
``tasks[task][method]`` holds ``ndcg@k`` with ``low`` and ``high`` and all other figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.backtest import TaskEvaluation, by_group, difference, figures
from smart_retail.evaluation.temporal_split import Window

_DIGITS = 6


def scorecard(
    judged: Mapping[str, TaskEvaluation],
    window: Window,
    *,
    repeat_share: float,
    buyers: NDArray[np.float64],
    orders: NDArray[np.float64],
    customers: int,
    category: NDArray[np.int32],
    groupings: Mapping[str, tuple[NDArray[np.int64], Mapping[int, str]]],
    k: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of all tasks, breakdowns of all groupings, and the gate.

    Parameters
    ----------
    groupings : dict
        Name -> (group by customer code, group -> name), such as segment and amount of history.
    """
    known: dict[str, Any] = {
        "buyers": buyers,
        "orders": orders,
        "customers": customers,
        "category": category,
    }
    card: dict[str, Any] = {
        "k": k,
        "customers": max((len(task.truth) for task in judged.values()), default=0),
        "window": {
            "first": _iso(window.cut),
            "last": _iso(window.end - 1),
            "days": window.days,
        },
        "repeat_share": repeat_share,
        "customers_by_task": {name: len(task.truth) for name, task in judged.items()},
        "tasks": {name: figures(task, **known, k=k, seed=seed) for name, task in judged.items()},
        "best_single": {name: best_single(task, k=k, seed=seed) for name, task in judged.items()},
        "gate": gate(judged, k=k, seed=seed),
    }
    for name, (group, names) in groupings.items():
        card[f"by_{name}"] = {task: by_group(one, group, names, k=k) for task, one in judged.items() if task != "cold"}
    rounded: dict[str, Any] = plain(card)
    return rounded


def gate(judged: Mapping[str, TaskEvaluation], *, k: int = 10, seed: int = 0) -> dict[str, Any]:
    """Hybrid minus popularity, repeats allowed, with its interval: what publishing is decided by."""
    if "any" not in judged or len(judged["any"].truth) < 2:
        return skipped_gate("too few known customers bought in the held-out slice")
    return {
        **difference(judged["any"], "hybrid", "popular", k=k, seed=seed),
        "skipped": "",
    }


def best_single(judged: TaskEvaluation, *, k: int = 10, seed: int = 0) -> dict[str, Any]:
    """The best method or baseline beside the hybrid, and hybrid minus that one with its paired interval."""
    means = {name: float(each[f"ndcg@{k}"].mean()) for name, each in judged.each.items() if name != "hybrid"}
    best = max(means, key=lambda name: means[name])
    return {"method": best, **difference(judged, "hybrid", best, k=k, seed=seed)}


def skipped_gate(reason: str) -> dict[str, Any]:
    """A gate that decides nothing."""
    return {"difference": None, "low": None, "high": None, "skipped": reason}


def plain(value: Any) -> Any:
    """Numbers of any kind as JSON numbers, rounded."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return round(float(value), _DIGITS) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))
