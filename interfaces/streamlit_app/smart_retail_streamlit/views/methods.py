"""Methods: the scorecard, how good each method was on purchases it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from smart_retail_streamlit import address, charts, figures, frame, scorecard, source


def show() -> None:
    card = source.engine().model().scorecard
    frame.heading("Methods", "how well each method foretold purchases that it had not seen")
    tasks = scorecard.tasks(card)
    if not tasks:
        frame.empty(
            "No scorecard", "The history was too short to hold out a slice. Fit with a longer one to compare methods."
        )
        return
    task = st.segmented_control(
        "Task", tasks, default=address.start("task", tasks[0], tasks), required=True, key="task",
        format_func=lambda t: scorecard.TASKS.get(t, t).capitalize(), label_visibility="collapsed",
    )  # fmt: skip
    address.keep("task", task, tasks[0])
    method_figure(card, task or tasks[0])


def method_figure(card: Mapping[str, Any], task: str) -> None:
    """NDCG of every method with its interval; an empty state where nothing was judged."""
    rows = scorecard.method_rows(card, task)
    if not rows:
        return
    best, measure = rows[0], scorecard.measure(card)
    figures.show(
        f"methods-{task}",
        f"{best['method']} is best: {measure} {best['told']} ({best['interval']})",
        f"{scorecard.TASKS.get(task, task).capitalize()} of {card.get('customers', 0):,} customers, held-out slice",
        charts.intervals(rows, measure),
        scorecard.measures(card, task),
    )
