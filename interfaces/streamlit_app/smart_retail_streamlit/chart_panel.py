"""Panel around a chart: the finding above it, its table one click away, and downloads."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import streamlit as st
from markupsafe import Markup

from smart_retail.presentation import labels
from smart_retail.utils.spreadsheet import CsvRows, escape_formula
from smart_retail_streamlit import html_parts

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with everything around it."""

    name: str
    """Name of the downloaded file, and key of the widgets."""
    finding: str
    """What the chart shows, as a sentence."""
    about: str
    """What is drawn, with units."""
    chart: Any
    """An Altair chart."""
    rows: Rows
    """The table behind the chart."""
    report_chart: tuple[Any, ...] = ()
    """Function of `smart_retail.reporting` that draws the same chart as SVG, and its arguments."""
    below: Markup = field(default_factory=Markup)
    """HTML under the chart."""


def show(panel: Panel, **events: Any) -> Any:
    """Show a panel; pointing at the chart offers PNG and full screen.

    Parameters
    ----------
    panel : Panel
        The chart and its texts.
    **events
        Passed to `st.altair_chart` (``on_select``).

    Returns
    -------
    The selection in the chart, if ``on_select`` is given.
    """
    name = panel.name
    with st.container(border=True, height="stretch", key=f"figure-{name}"):
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            st.html(html_parts.finding(panel.finding, panel.about))
            with st.popover("Table", icon=":material/table_rows:", type="tertiary", key=f"table-{name}"):
                table(panel.rows)
                with st.container(horizontal=True, gap="small"):
                    download(name, panel.rows)
                    if panel.report_chart and find_spec("matplotlib"):
                        _svg_download(name, panel.report_chart)
        padding = {"left": 2, "right": 4, "top": 4, "bottom": 2}
        chart = panel.chart.configure_view(strokeWidth=0).properties(padding=padding)
        event = st.altair_chart(chart, width="stretch", key=f"chart-{name}", alt=panel.finding, **events)
        if panel.below:
            st.html(panel.below)
        return event


def _svg_download(name: str, report_chart: tuple[Any, ...]) -> None:
    """Show a button that draws the chart as SVG when it is clicked."""

    def draw() -> str:
        from smart_retail.reporting import chart_style, model_charts, sales_charts

        function, *arguments = report_chart
        module = model_charts if hasattr(model_charts, function) else sales_charts
        return chart_style.to_svg(getattr(module, function)(*arguments), name)

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
    """Show rows as a table that can be sorted and scrolled."""
    height = min(420, 38 + 35 * max(len(rows), 1))
    rounded = [{name: _round(value) for name, value in row.items()} for row in rows]
    st.dataframe(rounded, hide_index=True, width=600, height=height, column_config=_column_config(rows))


def _round(value: object) -> object:
    """Round large values to two decimals, small ones to four."""
    return round(value, 2 if abs(value) >= 10 else 4) if isinstance(value, float) else value


def _column_config(rows: Rows) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, value in rows[0].items() if rows else ():
        label = labels.COLUMN_LABELS.get(name, name.replace("_", " ").capitalize())
        if isinstance(value, int | float) and not isinstance(value, bool):
            number_format = "percent" if name.endswith("share") else "localized"
            config[name] = st.column_config.NumberColumn(label, format=number_format)
        else:
            config[name] = st.column_config.Column(label)
    return config


def download(name: str, rows: Rows, label: str = "CSV") -> None:
    """Show a button that saves `rows` as CSV."""
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
    """Return `rows` as CSV with a header, protected against formulas in spreadsheets."""
    out = io.StringIO(newline="")
    if rows:
        CsvRows(out, rows[0]).write(tuple(escape_formula(cell) for cell in row.values()) for row in rows)
    return out.getvalue()
