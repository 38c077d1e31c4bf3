"""Methods: the scorecard, how good each method was on purchases it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from smart_retail.results import ModelInfo
from smart_retail_streamlit import (
    chart_panel,
    engine_source,
    html,
    method_charts,
    page_layout,
    query_params,
    scorecard_data,
)


def show() -> None:
    model = engine_source.model()
    card = model.scorecard
    page_layout.heading("Methods", "how well each method foretold purchases that it had not seen")
    tasks = scorecard_data.tasks(card)
    if not tasks:
        with st.container(border=True):
            no_scorecard(card)
        return
    task = (
        st.segmented_control(
            "Task",
            tasks,
            default=query_params.read("task", tasks[0], tasks),
            required=True,
            key="task",
            format_func=lambda t: scorecard_data.TASKS.get(t, t).capitalize(),
            label_visibility="collapsed",
        )
        or tasks[0]
    )
    query_params.write("task", task, tasks[0])
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        method_figure(model, task)
    with right, st.container(border=True, height="stretch"):
        st.html('<p class="sr-finding">What was chosen, and what to know</p>')
        st.html(_list(scorecard_data.remarks(card)))
    with st.container(border=True):
        st.html(_table(scorecard_data.measures(card, task)))
    for part, what in scorecard_data.GROUPS.items():
        _groups(card, part, what, task)
    _ablation(card, task)


def no_scorecard(card: Mapping[str, Any]) -> None:
    """The empty state: nothing was judged, and why."""
    why = (card.get("gate") or {}).get("skipped") or "the history was too short to hold out a slice"
    page_layout.empty("No scorecard", f"Methods were not compared: {why}. A longer history shows how good they are.")


def method_figure(model: ModelInfo, task: str) -> None:
    """NDCG of every method with its interval."""
    card = model.scorecard
    rows = scorecard_data.method_rows(card, task)
    if not rows:
        with st.container(border=True, height="stretch"):
            no_scorecard(card)
        return
    best, measure = rows[0], scorecard_data.measure(card)
    chart_panel.show(
        f"methods-{task}",
        f"{best['method']} is best: {measure} {best['told']} ({best['interval']})",
        f"{scorecard_data.TASKS.get(task, task).capitalize()} of "
        f"{scorecard_data.customers(card, task):,} customers held out",
        method_charts.intervals(rows, f"{measure} with 95 % interval"),
        scorecard_data.measures(card, task),
        drawn=("scorecard", model, task),
    )


def _groups(card: Mapping[str, Any], part: str, what: str, task: str) -> None:
    rows = scorecard_data.group_rows(card, part, task)
    if not rows:
        return
    best = max(rows, key=lambda row: row["value"])
    chart_panel.show(
        f"methods-{part}-{task}",
        f"By {what}: {best['method']} reaches {best['told']} for {best['group']}",
        f"{scorecard_data.measure(card)} of every method by {what}, customers in brackets",
        method_charts.groups(rows, scorecard_data.measure(card), ordered=part == "by_history"),
        [{"group": r["group"], "method": r["method"], "value": r["value"]} for r in rows],
    )


def _ablation(card: Mapping[str, Any], task: str) -> None:
    rows = scorecard_data.ablation_rows(card, task)
    if not rows:
        return
    top = rows[0]
    chart_panel.show(
        f"ablation-{task}",
        f"Most is added by {top['method']}: {top['told']}",
        f"Loss of {scorecard_data.measure(card)} when a signal is left out of the merge, on the learning windows",
        method_charts.intervals(rows, f"Loss of {scorecard_data.measure(card)} with 95 % interval"),
        [{"signal": r["method"], "loss": r["value"], "low": r["low"], "high": r["high"]} for r in rows],
    )


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "method"))
    columns = [("", "Method"), *(("sr-num", _heading(name)) for name in names)]
    cells = [[escape(row["method"]), *(_figure(row.get(n)) for n in names)] for row in rows]
    return html.table(columns, cells)


def _figure(value: float | None) -> str:
    """Three decimals; small shares, such as the coverage of popularity, with more."""
    if value is None:
        return ""
    return f"{value:.5f}" if 0 < abs(value) < 0.001 else f"{value:,.3f}"


def _heading(name: str) -> str:
    """``ndcg@10`` as ``NDCG@10``, ``hit_rate@10`` as ``Hit rate@10``."""
    known = {"ndcg": "NDCG", "mrr": "MRR", "low": "from", "high": "to"}
    stem, at, k = name.partition("@")
    return known.get(stem, stem.replace("_", " ").capitalize()) + at + k


def _list(texts: list[str]) -> str:
    return '<ul class="sr-notes">' + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"
