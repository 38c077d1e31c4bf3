"""The scorecard as tables: methods by task, then by amount of history, and what each signal adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from smart_retail.presentation import labels
from smart_retail_cli.output import Table, label, printable, table_out

TASKS = {
    "any": "all purchases, repeats too",
    "new": "first purchases of an item",
    "cold": "customers without a history",
}
SHORT = ("low", "high", "recall", "hit_rate", "mrr", "coverage", "novelty", "diversity")
"""Figures of the table beside the first; JSON has all."""
DIGITS = 4


def show_scorecard(card: Mapping[str, Any], *, whole: bool = False) -> None:
    """Methods by task, best first; with `whole` also by amount of history, and the ablation."""
    counts = card.get("customers_by_task", {})
    for task, methods in card.get("tasks", {}).items():
        title = f"Scorecard: {TASKS.get(task, task)} ({counts.get(task, card.get('customers', 0)):,} customers)"
        table_out(methods_table(methods, title))
    if whole:
        for task, groups in card.get("by_history", {}).items():
            table_out(history_table(groups, f"By amount of history: {TASKS.get(task, task)}"))
        for task, merges in card.get("ablation", {}).items():
            table_out(*ablation_tables(merges, TASKS.get(task, task)))
    for text in card.get("notes", ()):
        click.echo(f"- {printable(str(text))}")


def methods_table(methods: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """A row for each method, the best first figure at the top."""
    first = next(iter(next(iter(methods.values()), {"ndcg": 0})))
    rows: list[dict[str, Any]] = [{"method": named(method), **figures} for method, figures in methods.items()]
    rows.sort(key=lambda row: -row.get(first, 0.0))
    shown = [name for name in (rows[0] if rows else {}) if name == first or name.partition("@")[0] in SHORT]
    return Table(("method", *shown), rows, title, decimals=DIGITS)


def history_table(groups: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """A row for each group of customers, a column for each method."""
    rows = [
        {
            "history": name,
            **{named(k): v for k, v in values.items() if k != "customers"},
            "customers": customers(values),
        }
        for name, values in groups.items()
    ]
    return Table(columns_of(rows, "history", "customers"), rows, title, decimals=DIGITS)


def ablation_tables(merges: Mapping[str, Mapping[str, Mapping[str, float]]], task: str) -> Iterable[Table]:
    """What the merge would lose without each signal."""
    for merge, signals in merges.items():
        rows: list[dict[str, Any]] = [{"signal": name, **values} for name, values in signals.items()]
        rows.sort(key=lambda row: -row.get("adds", 0.0))
        yield Table(
            ("signal", "adds", "low", "high"), rows, f"What each signal adds to the {merge}: {task}", decimals=DIGITS
        )


def customers(values: Mapping[str, float]) -> int:
    return int(values.get("customers", 0))


def columns_of(rows: Iterable[Mapping[str, Any]], *first: str) -> tuple[str, ...]:
    """All names of the rows, these first."""
    return tuple(dict.fromkeys([*first, *(name for row in rows for name in row)]))


def named(method: str) -> str:
    """The label of a method; baselines go by their own name."""
    return labels.METHODS[method][0] if method in labels.METHODS else label(method)
