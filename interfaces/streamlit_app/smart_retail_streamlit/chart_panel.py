"""The frame around a chart: finding above, its table one click away, downloads beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

import altair as alt
import streamlit as st

from smart_retail.presentation import labels
from smart_retail.utils.spreadsheet import CsvRows, escape_formula

Rows = Sequence[Mapping[str, object]]
Drawn = tuple[Any, ...]
"""Name of a function in `smart_retail.reporting.model_charts` or `shop_figures`, and what to hand it."""


def show(
    name: str,
    finding: str,
    about: str,
    chart: alt.TopLevelMixin,
    rows: Rows,
    *,
    drawn: Drawn | None = None,
    below: str = "",
    **events: Any,
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
    drawn
        The same figure among those of the core, for a drawing without pixels.
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
            with st.popover("Table", icon=":material/table_rows:", type="tertiary", key=f"table-{name}"):
                table(rows)
                with st.container(horizontal=True, gap="small"):
                    download(name, rows)
                    if drawn is not None and find_spec("matplotlib"):
                        _vector(name, drawn)
        chart = chart.configure_view(strokeWidth=0).properties(padding={"left": 2, "right": 4, "top": 4, "bottom": 2})
        event = st.altair_chart(chart, width="stretch", key=f"chart-{name}", alt=finding, **events)
        if below:
            st.html(below)
        return event


def _vector(name: str, drawn: Drawn) -> None:
    """A button that has the core draw the figure, when it is clicked."""

    def draw() -> str:
        from smart_retail.reporting import chart_style, model_charts, sales_charts

        function, *values = drawn
        room = model_charts if hasattr(model_charts, function) else sales_charts
        return chart_style.to_svg(getattr(room, function)(*values), name)

    st.download_button(
        "SVG",
        draw,
        f"{name}.svg",
        "image/svg+xml",
        icon=":material/download:",
        on_click="ignore",
        key=f"svg-{name}",
    )


def table(rows: Rows) -> None:
    """A table to sort and scroll, with headings for people and numbers as numbers."""
    height = min(420, 38 + 35 * max(len(rows), 1))
    short = [{name: _short(value) for name, value in row.items()} for row in rows]
    st.dataframe(short, hide_index=True, width=600, height=height, column_config=_columns(rows))


def _short(value: object) -> object:
    """Two decimals for what is large, four for what is small."""
    return round(value, 2 if abs(value) >= 10 else 4) if isinstance(value, float) else value


def _columns(rows: Rows) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in rows[0].items() if rows else ():
        label = labels.COLUMN_LABELS.get(name, name.replace("_", " ").capitalize())
        if isinstance(value, int | float) and not isinstance(value, bool):
            form = "percent" if name.endswith("share") else "localized"
            found[name] = st.column_config.NumberColumn(label, format=form)
        else:
            found[name] = st.column_config.Column(label)
    return found


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
        CsvRows(out, rows[0]).write(tuple(escape_formula(cell) for cell in row.values()) for row in rows)
    return out.getvalue()
