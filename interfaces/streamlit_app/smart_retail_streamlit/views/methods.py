"""Methods page: the scorecard, how well each method predicted held-out purchases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from markupsafe import Markup

from smart_retail.presentation import labels
from smart_retail.presentation.html import Column, table
from smart_retail.results import ModelInfo
from smart_retail_streamlit import (
    chart_panel,
    engine_source,
    html_parts,
    method_charts,
    page_layout,
    query_params,
    scorecard_data,
)
from smart_retail_streamlit.chart_panel import Panel


def show() -> None:
    """Show the page."""
    model = engine_source.model()
    scorecard = model.scorecard
    page_layout.heading("Methods", "how well each method predicted purchases that were held back")
    tasks = scorecard_data.tasks(scorecard)
    if not tasks:
        with st.container(border=True):
            show_missing_scorecard(scorecard)
        return
    task = _choose_task(tasks)
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        show_comparison(model, task)
    with right, st.container(border=True, height="stretch"):
        st.html(html_parts.finding("Choice of the method"))
        st.html(html_parts.bullets(scorecard_data.remarks(scorecard)))
    with st.container(border=True):
        st.html(_measure_table(scorecard_data.measures(scorecard, task)))
        st.caption(f"{labels.NDCG_EXPLANATION} {labels.HIT_RATE_EXPLANATION} CF: collaborative filtering.")
    for part, name in scorecard_data.GROUPS.items():
        _show_groups(scorecard, part, name, task)
    _show_ablation(scorecard, task)


def _choose_task(tasks: list[str]) -> str:
    chosen: str = (
        st.segmented_control(
            "Task",
            tasks,
            default=query_params.read("task", tasks[0], tasks),
            required=True,
            key="task",
            format_func=lambda t: scorecard_data.TASKS.get(str(t), str(t)).capitalize(),
            label_visibility="collapsed",
        )
        or tasks[0]
    )
    query_params.write("task", chosen, tasks[0])
    return chosen


def show_missing_scorecard(scorecard: Mapping[str, Any]) -> None:
    """Show that nothing was evaluated, and why."""
    reason = (scorecard.get("gate") or {}).get("skipped") or "the history is too short to hold purchases back"
    page_layout.empty(
        "No scorecard", f"Methods were not compared: {reason}. Fit with a longer history to compare them."
    )


def show_comparison(model: ModelInfo, task: str) -> None:
    """Show the NDCG of every method with its interval."""
    scorecard = model.scorecard
    rows = scorecard_data.method_rows(scorecard, task)
    if not rows:
        with st.container(border=True, height="stretch"):
            show_missing_scorecard(scorecard)
        return
    best, measure = rows[0], scorecard_data.measure(scorecard)
    task_label = scorecard_data.TASKS.get(task, task)
    chart_panel.show(
        Panel(
            f"methods-{task}",
            f"{best['method']} ranks first on {task_label} ({measure} = {best['text']})",
            f"Tested on {scorecard_data.customers(scorecard, task):,} customers whose last purchases were held back",
            method_charts.intervals(rows, f"{measure} with 95 % interval"),
            scorecard_data.measures(scorecard, task),
            report_chart=("scorecard", model, task),
        )
    )


def _show_groups(scorecard: Mapping[str, Any], part: str, name: str, task: str) -> None:
    rows = scorecard_data.group_rows(scorecard, part, task)
    if not rows:
        return
    best = max(rows, key=lambda row: row["value"])
    measure = scorecard_data.measure(scorecard)
    chart_panel.show(
        Panel(
            f"methods-{part}-{task}",
            f"By {name}: {best['method']} scores highest for {best['group']} ({measure} = {best['text']})",
            f"{measure} of every method by {name}; number of customers in brackets",
            method_charts.groups(rows, measure, ordered=part == "by_history"),
            [{"group": r["group"], "method": r["method"], "value": r["value"]} for r in rows],
        )
    )


def _show_ablation(scorecard: Mapping[str, Any], task: str) -> None:
    rows = scorecard_data.ablation_rows(scorecard, task)
    if not rows:
        return
    measure = scorecard_data.measure(scorecard)
    chart_panel.show(
        Panel(
            f"ablation-{task}",
            f"{rows[0]['method'][:1].upper()}{rows[0]['method'][1:]} contributes most to Hybrid ({rows[0]['text']})",
            f"Loss of {measure} when one signal is left out of Hybrid, on the windows it was trained on",
            method_charts.intervals(rows, f"Loss of {measure} with 95 % interval"),
            [{"signal": r["method"], "loss": r["value"], "low": r["low"], "high": r["high"]} for r in rows],
        )
    )


def _measure_table(rows: list[dict[str, Any]]) -> Markup:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "method"))
    columns = [Column("Method"), *(Column(_heading(name), "sr-num") for name in names)]
    return table(columns, [[row["method"], *(_format_measure(row.get(n)) for n in names)] for row in rows], "sr-cards")


def _format_measure(value: float | None) -> str:
    """Return three decimals, five for small shares such as the coverage of popularity."""
    if value is None:
        return ""
    return f"{value:.5f}" if 0 < abs(value) < 0.001 else f"{value:,.3f}"


def _heading(name: str) -> str:
    """``ndcg@10`` -> ``NDCG@10``, ``hit_rate@10`` -> ``Hit rate@10``."""
    known = {"ndcg": "NDCG", "mrr": "MRR", "low": "95 % from", "high": "95 % to"}
    stem, at, k = name.partition("@")
    return known.get(stem, stem.replace("_", " ").capitalize()) + at + k
