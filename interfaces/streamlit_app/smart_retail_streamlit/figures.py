"""The frame around a chart: finding above, its table one click away, downloads beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import altair as alt
import streamlit as st

from smart_retail.exports import CsvRows, defused

Rows = Sequence[Mapping[str, object]]


def show(
    name: str, finding: str, about: str, chart: alt.TopLevelMixin, rows: Rows, below: str = "", **events: Any
) -> Any:
    """A chart as a figure; pointing at it offers PNG and full screen.

    Parameters
    ----------
    name : str
        Name of the downloaded file, and key of the widgets.
    finding : str
        What the picture shows, as a sentence.
    about : str
        What is drawn, with units.
    chart
        An Altair chart.
    rows
        The table behind it.
    below
        HTML under the chart.
    **events
        Handed to `st.altair_chart` (``on_select``).

    Returns
    -------
    The chart's selection, where one was asked for.
    """
    with st.container(border=True, height="stretch", key=f"figure-{name}"):
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            st.html(f'<p class="sr-finding">{escape(finding)}</p><p class="sr-axis">{escape(about)}</p>')
            with st.popover(
                "", icon=":material/table_rows:", help="Table and download", type="tertiary", key=f"table-{name}"
            ):
                st.dataframe(list(rows), hide_index=True, width=560, height=min(420, 38 + 35 * max(len(rows), 1)))
                download(name, rows)
        chart = chart.configure_view(strokeWidth=0).properties(padding={"left": 2, "right": 4, "top": 4, "bottom": 2})
        event = st.altair_chart(chart, width="stretch", key=f"chart-{name}", alt=finding, **events)
        if below:
            st.html(below)
        return event


def download(name: str, rows: Rows, label: str = "CSV") -> None:
    """A button that saves `rows`."""
    st.download_button(
        label,
        csv_text(rows),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{name}",
        disabled=not rows,
    )


def csv_text(rows: Rows) -> str:
    """`rows` as CSV with a header, safe to open in a spreadsheet."""
    out = io.StringIO(newline="")
    if rows:
        CsvRows(out, rows[0]).write(tuple(defused(cell) for cell in row.values()) for row in rows)
    return out.getvalue()
