"""The scorecard as rows for pictures and tables: a mapping from the model in, plain rows out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smart_retail import words

TASKS = {
    "any": "all purchases",
    "new": "first purchases of a product",
    "cold": "customers without a history",
}
"""Task -> what is predicted in it."""


def tasks(card: Mapping[str, Any]) -> list[str]:
    """The tasks that were judged, in the usual order."""
    found = card.get("tasks", {})
    return [task for task in TASKS if found.get(task)] + [task for task in found if task not in TASKS]


def measure(card: Mapping[str, Any]) -> str:
    return f"NDCG@{card.get('k', 10)}"


def method_rows(card: Mapping[str, Any], task: str) -> list[dict[str, Any]]:
    """Each method's NDCG with its interval, best first."""
    key = f"ndcg@{card.get('k', 10)}"
    rows = [
        {
            "id": method,
            "method": words.method_label(method),
            "value": score[key],
            "low": score.get("low", score[key]),
            "high": score.get("high", score[key]),
            "told": f"{score[key]:.3f}",
            "interval": f"{score.get('low', score[key]):.3f} to {score.get('high', score[key]):.3f}",
        }
        for method, score in card.get("tasks", {}).get(task, {}).items()
        if key in score
    ]
    return sorted(rows, key=lambda row: -row["value"])


def measures(card: Mapping[str, Any], task: str) -> list[dict[str, Any]]:
    """Every figure of every method, a row for each method."""
    return [
        {
            "method": words.method_label(method),
            **{name: value for name, value in score.items() if isinstance(value, int | float)},
        }
        for method, score in card.get("tasks", {}).get(task, {}).items()
    ]
