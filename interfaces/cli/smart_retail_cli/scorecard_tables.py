"""Tables of the scorecard: methods by task, by length of history, and the ablation of signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from smart_retail.evaluation.verdict import get_verdict
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import format_percent
from smart_retail_cli.output import Table, column_label, print_tables, replace_control_characters

TASKS = {
    "any": "all purchases, including repeats",
    "new": "first purchases of a product",
    "cold": "customers without earlier purchases",
}
INTERVAL = {"low": "95 % from", "high": "95 % to"}
"""Limits of the 95 % confidence interval of the first metric -> heading."""
LEAD = {"lead": "lead", "lead_low": "lead, 95 % from", "lead_high": "lead, 95 % to"}
"""Lead of the basket list over a baseline, with its confidence interval -> heading."""
SECONDARY_METRICS = (
    *INTERVAL.values(),
    *LEAD.values(),
    "recall",
    "hit_rate",
    "mrr",
    "coverage",
    "novelty",
    "diversity",
)
"""Metrics shown after the first one; JSON contains all."""
HEADINGS = {**INTERVAL, **LEAD}
DIGITS = 4
METRICS_HINT = (
    "How well each method predicted later purchases. NDCG, recall and MRR: quality of the lists, 0 to 1.\n"
    "Hit rate: share of customers who bought a product of their list. Coverage: share of all products in the lists."
)


def print_scorecard(scorecard: Mapping[str, Any], *, detailed: bool = False) -> None:
    """Print the methods by task, best first; with `detailed` also by length of history, and the ablation."""
    counts = scorecard.get("customers_by_task", {})
    if scorecard.get("tasks"):
        click.echo(METRICS_HINT)
    for task, methods in scorecard.get("tasks", {}).items():
        title = f"Scorecard: {TASKS.get(task, task)} ({counts.get(task, scorecard.get('customers', 0)):,} customers)"
        print_tables(methods_table(methods, title))
    if (baskets := scorecard.get("basket", {})).get("queries"):
        title = (
            f"Baskets: one product of an order hidden ({baskets['queries']:,} times in {baskets['orders']:,} orders); "
            "lead: by how much the basket list is better"
        )
        print_tables(methods_table(baskets["methods"], title))
    if (new := scorecard.get("new_item", {})).get("customers"):
        title = (
            f"New products: {new['items']:,} first sold in the held-out period, ranked by their texts for the "
            f"{new['customers']:,} customers who bought one; lead: by how much that is better"
        )
        print_tables(methods_table(new["methods"], title))
        click.echo(f"Positions of the lists for products without purchases: {format_percent(new['share']['share'])}")
    if detailed:
        for task, groups in scorecard.get("by_history", {}).items():
            print_tables(history_table(groups, f"By length of history: {TASKS.get(task, task)}"))
        for task, merges in scorecard.get("ablation", {}).items():
            print_tables(*ablation_tables(merges, TASKS.get(task, task)))
    for text in scorecard.get("notes", ()):
        click.echo(f"- {replace_control_characters(str(text))}")


def print_verdict(scorecard: Mapping[str, Any]) -> None:
    """Print in words how good the lists are."""
    click.echo(replace_control_characters(get_verdict(scorecard)))


def methods_table(methods: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Return a row per method, sorted by the first metric."""
    first = next(iter(next(iter(methods.values()), {"ndcg": 0})))
    rows: list[dict[str, Any]] = [
        {"method": method_name(method), **{HEADINGS.get(k, k): v for k, v in figures.items()}}
        for method, figures in methods.items()
    ]
    rows.sort(key=lambda row: -row.get(first, 0.0))
    shown = [
        name
        for name in dict.fromkeys(key for row in rows for key in row)
        if name == first or name.partition("@")[0] in SECONDARY_METRICS
    ]
    return Table(("method", *shown), rows, title, decimals=DIGITS)


def history_table(groups: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Return a row per group of customers and a column per method."""
    rows = [
        {
            "history": name,
            **{method_name(k): v for k, v in values.items() if k != "customers"},
            "customers": customer_count(values),
        }
        for name, values in groups.items()
    ]
    return Table(columns_of(rows, "history", "customers"), rows, title, decimals=DIGITS)


def ablation_tables(merges: Mapping[str, Mapping[str, Mapping[str, float]]], task: str) -> Iterable[Table]:
    """Yield a table per merge: how much worse it would be without each signal."""
    for merge, signals in merges.items():
        rows: list[dict[str, Any]] = [{"signal": name, **values} for name, values in signals.items()]
        rows.sort(key=lambda row: -row.get("adds", 0.0))
        yield Table(
            ("signal", "adds", "low", "high"),
            rows,
            f"Contribution of each signal to the {merge}: {task}",
            decimals=DIGITS,
        )


def customer_count(values: Mapping[str, float]) -> int:
    """Return the number of customers of a group."""
    return int(values.get("customers", 0))


def columns_of(rows: Iterable[Mapping[str, Any]], *first: str) -> tuple[str, ...]:
    """Return all keys of the rows, starting with `first`."""
    return tuple(dict.fromkeys([*first, *(name for row in rows for name in row)]))


def method_name(method: str) -> str:
    """Return the label of a method; baselines are shown by their name."""
    return labels.METHODS[method][0] if method in labels.METHODS else column_label(method)
