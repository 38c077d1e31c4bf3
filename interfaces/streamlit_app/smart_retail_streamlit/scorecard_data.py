"""The scorecard as rows for charts and tables.

Only this module reads ``tasks`` (task -> method -> measures, the NDCG with ``low`` and ``high``), ``by_history`` and
``by_segment`` (task -> group -> method -> NDCG), ``ablation`` (task -> merge -> signal -> ``adds``), ``choice``,
``gate`` and ``notes``. Missing parts give no rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smart_retail.presentation import labels

Card = Mapping[str, Any]
Rows = list[dict[str, Any]]

TASKS = {
    "any": "all purchases",
    "new": "first purchases of a product",
    "cold": "customers without a history",
}
"""Task -> which purchases the lists are compared with."""

GROUPS = {"by_history": "amount of history", "by_segment": "segment"}
"""Part of a scorecard -> what its groups are."""


def tasks(card: Card) -> list[str]:
    """Return the evaluated tasks, in the usual order."""
    found = card.get("tasks", {})
    return [task for task in TASKS if found.get(task)] + [task for task in found if task not in TASKS]


def measure(card: Card) -> str:
    """Return the name of the main measure, such as ``NDCG@10``."""
    return f"NDCG@{card.get('k', 10)}"


def method_rows(card: Card, task: str) -> Rows:
    """Return the NDCG of each method with its interval, best first."""
    found = card.get("tasks", {}).get(task, {})
    rows = [_row(method, figures, card) for method, figures in found.items() if _value(figures, card) is not None]
    return sorted(rows, key=lambda row: -row["value"])


def group_rows(card: Card, part: str, task: str) -> Rows:
    """Return the NDCG of each method for each group of customers, without the baselines."""
    return [
        {"group": _group(str(group), methods.get("customers")), **_row(method, figures, card)}
        for group, methods in card.get(part, {}).get(task, {}).items()
        for method, figures in methods.items()
        if method in labels.METHODS and _value(figures, card) is not None
    ]


def ablation_rows(card: Card, task: str) -> Rows:
    """Return the loss of NDCG when a signal is left out of the hybrid, largest first."""
    merges = card.get("ablation", {}).get(task, {})
    found = merges.get(card.get("merge")) or merges.get("blend") or {}
    rows = [
        {"id": "hybrid", "method": str(signal), **_figures(figures, card)}
        for signal, figures in found.items()
        if _value(figures, card) is not None
    ]
    return sorted(rows, key=lambda row: -row["value"])


def customers(card: Card, task: str) -> int:
    """Return the number of customers that a task was evaluated on."""
    return int(card.get("customers_by_task", {}).get(task, card.get("customers", 0)))


def measures(card: Card, task: str) -> Rows:
    """Return every measure of every method, one row per method, best first."""
    found = card.get("tasks", {}).get(task, {})
    return [
        {
            "method": row["method"],
            **{name: value for name, value in found[row["id"]].items() if isinstance(value, int | float)},
        }
        for row in method_rows(card, task)
    ]


def remarks(card: Card) -> list[str]:
    """Return what was chosen and why, and remarks on it."""
    gate = card.get("gate") or {}
    chosen = str(card.get("choice") or card.get("merge") or "")
    found = [_capital(part).rstrip(".") + "." for part in re.split(r"(?<=\.) ", chosen) if part]
    if gate.get("low") is not None:
        found.append(
            f"NDCG of Hybrid minus Popular: {gate['difference']:.3f} ({gate['low']:.3f} to {gate['high']:.3f})."
        )
    if card.get("repeat_share") is not None and tasks(card):
        found.append(f"{100 * card['repeat_share']:.1f} % of the held-out purchases are repeat purchases.")
    return [text for text in (*found, *map(str, card.get("notes", ()))) if text]


def _row(method: str, figures: Any, card: Card) -> dict[str, Any]:
    return {"id": method, "method": _capital(labels.method_label(method)), **_figures(figures, card)}


def _group(name: str, customers: float | None) -> str:
    return name if customers is None else f"{name} ({customers:,.0f})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figures(figures: Any, card: Card) -> dict[str, Any]:
    value = _value(figures, card)
    assert value is not None
    low, high = (figures.get(name, value) if isinstance(figures, Mapping) else value for name in ("low", "high"))
    return {
        "value": value,
        "low": low,
        "high": high,
        "text": f"{value:.3f}",
        "interval": f"{low:.3f} to {high:.3f}",
    }


def _value(figures: Any, card: Card) -> float | None:
    """Return the NDCG among the measures of a method, or the value itself."""
    if isinstance(figures, Mapping):
        figures = next((figures[key] for key in (f"ndcg@{card.get('k', 10)}", "adds") if key in figures), None)
    return float(figures) if isinstance(figures, int | float) else None
