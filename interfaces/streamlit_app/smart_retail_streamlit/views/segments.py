"""Segments page: the grid of R and F scores, and what each RFM segment means and buys."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import streamlit as st

from smart_retail.presentation import labels, palette
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.presentation.html import Column, name_cell, segment_table, table
from smart_retail.results import GridCell, Segment
from smart_retail.segmentation.segments import segment_advice
from smart_retail_streamlit import chart_panel, charts, engine_source, html_parts, page_layout
from smart_retail_streamlit.chart_panel import Panel

MEASURES = {
    "recency": "R: days since the last order",
    "recency_intervals": "R: usual gaps since the last order",
    "frequency": "F: orders",
    "monetary": "M: net amount",
}
TOP_PRODUCTS = 5


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    segments = engine.segments()
    page_layout.heading("Segments", labels.RFM_EXPLANATION)
    if not segments:
        page_layout.empty("No segments", "No customer has an order left after returns, so there is nothing to score.")
        return
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        clicked = _show_grid(engine.rfm_grid())
    name = clicked or st.query_params.get("segment") or max(segments, key=lambda s: s.revenue).name
    with right:
        selected = next((s for s in segments if s.name == name), segments[0])
        _show_card(selected)
    with st.container(border=True):
        names = [html_parts.segment_name(s.name, bold=s.name == selected.name) for s in segments]
        st.html(segment_table(segments, names))
    chart_panel.download("segments", charts.as_rows(segments, "top_items"), "Download CSV")
    _show_cut_points(engine_source.model().scorecard)


def _show_grid(cells: list[GridCell]) -> str | None:
    """Show the grid; return the segment of the cell that was clicked, if any."""
    most = max(cells, key=lambda cell: cell.revenue)
    revenue = format_amount(most.revenue, engine_source.model().currency)
    event: Any = chart_panel.show(
        Panel(
            "rfm-grid",
            f"Most revenue comes from R {most.r}, F {most.f} ({most.segment}): {revenue}",
            "Customers and net revenue by R and F score; click a cell to see its segment",
            charts.rfm_grid(cells),
            charts.as_rows(cells),
            report_chart=("rfm_grid", cells),
        ),
        on_select="rerun",
        selection_mode=charts.CELL,
    )
    clicked = event.selection.get(charts.CELL) or []
    if not clicked:
        return None
    scores = (clicked[0]["r"], clicked[0]["f"])
    segment = next(cell.segment for cell in cells if (cell.r, cell.f) == scores)
    st.query_params["segment"] = segment
    return segment


def _show_card(segment: Segment) -> None:
    """Show meaning, action, figures and top products of a segment."""
    currency = engine_source.model().currency
    facts = {
        "Customers": f"{format_integer(segment.customers)} ({format_percent(segment.share)})",
        "Net revenue": f"{format_amount(segment.revenue, currency)} ({format_percent(segment.revenue_share)})",
        "Mean time since last order": f"{segment.mean_recency:,.1f} days",
        "Mean orders": f"{segment.mean_frequency:,.1f}",
        "Mean amount": format_amount(segment.mean_monetary, currency),
    }
    top = [
        [format_integer(i), name_cell(item.item_name, item.item_id), item.category]
        for i, item in enumerate(segment.top_items[:TOP_PRODUCTS], 1)
    ]
    columns = [Column("#", "sr-num sr-rank"), Column("Top products"), Column("Category", "sr-dim")]
    with st.container(border=True, key="segment-card"):
        st.html(
            html_parts.render(
                "segment_card.html",
                segment=segment,
                colour=palette.SEGMENT_COLOURS.get(segment.name, palette.GREY),
                advice=segment_advice(segment.name),
                facts=list(facts.items()),
                products=table(columns, top, "sr-gap") if top else "",
            )
        )
        page_layout.link("Customers", f"Show the {segment.name} customers", ":material/group:", segment=segment.name)
        page_layout.link("Campaign", f"Campaign for {segment.name}", ":material/campaign:", segment=segment.name)


def _show_cut_points(scorecard: Mapping[str, Any]) -> None:
    """Show which values get which score."""
    cut_points = scorecard.get("groups", {}).get("rfm", {}).get("cuts", {})
    rows = [
        [label, *score_ranges(list(cut_points[name]), descending=name.startswith("recency"))]
        for name, label in MEASURES.items()
        if len(cut_points.get(name, ())) == 4
    ]
    if rows:
        with st.expander("Values of each score"):
            columns = [Column("Measure"), *(Column(f"Score {n}", "sr-num") for n in range(1, 6))]
            st.html(table(columns, rows, "sr-cards"))


def score_ranges(cut_points: list[float], *, descending: bool) -> list[str]:
    """Return the range of values of the scores 1 to 5.

    Parameters
    ----------
    cut_points : list of float
        Four upper bounds, ascending.
    descending : bool
        Whether small values get the score 5.
    """
    texts = [f"{cut:,.2f}".removesuffix(".00") for cut in cut_points]
    between = [f"over {low} to {high}" for low, high in pairwise(texts)]
    ranges = [f"up to {texts[0]}", *between, f"over {texts[-1]}"]
    return ranges[::-1] if descending else ranges
