"""Segments: the R by F grid, and what each RFM segment means and buys."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import Any

import streamlit as st

from smart_retail.presentation import palette
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.presentation.palette import GREY
from smart_retail.results import GridCell, Segment
from smart_retail_streamlit import chart_panel, charts, engine_source, html, page_layout

MEASURES = {"recency": "R: days since the last order", "frequency": "F: orders", "monetary": "M: net amount"}


def show() -> None:
    engine = engine_source.engine()
    segments = engine.segments()
    page_layout.heading("Segments", "RFM: recency by frequency, with money as the value tier")
    if not segments:
        page_layout.empty("No segments", "No customer kept an order, so there is nothing to score.")
        return
    cells = engine.rfm_grid()
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        chosen = _grid(cells)
    name = chosen or _asked(segments)
    with right:
        shown = next((s for s in segments if s.name == name), segments[0])
        _card(shown)
    with st.container(border=True):
        st.html(_table(segments, shown.name))
    chart_panel.download("segments", charts.as_rows(segments, "top_items"), "Download CSV")
    _cuts(engine_source.model().scorecard)


def _grid(cells: list[GridCell]) -> str | None:
    """The grid; the segment of the clicked cell, if one was clicked."""
    most = max(cells, key=lambda cell: cell.revenue)
    event: Any = chart_panel.show(
        "rfm-grid",
        f"Most revenue comes from R {most.r}, F {most.f} ({most.segment}): {format_amount(most.revenue)}",
        "Customers and revenue by score; click a cell to see its segment",
        charts.rfm_grid(cells),
        charts.as_rows(cells),
        drawn=("rfm_grid", cells),
        on_select="rerun",
        selection_mode=charts.CELL,
    )
    clicked = event.selection.get(charts.CELL) or []
    if not clicked:
        return None
    place = (clicked[0]["r"], clicked[0]["f"])
    st.query_params["segment"] = segment = next(c.segment for c in cells if (c.r, c.f) == place)
    return segment


def _asked(segments: list[Segment]) -> str:
    """The segment in the address, else the one with the most revenue."""
    return st.query_params.get("segment") or max(segments, key=lambda s: s.revenue).name


def _card(segment: Segment) -> None:
    """One segment: meaning, action, figures, favourite products."""
    currency = engine_source.model().currency
    facts = {
        "Customers": f"{format_integer(segment.customers)} ({format_percent(segment.share)})",
        "Revenue": f"{format_amount(segment.revenue, currency)} ({format_percent(segment.revenue_share)})",
        "Last order, mean": f"{segment.mean_recency:,.1f} days ago",
        "Orders, mean": f"{segment.mean_frequency:,.1f}",
        "Amount, mean": format_amount(segment.mean_monetary, currency),
    }
    rows = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    colour = palette.SEGMENT_COLOURS.get(segment.name, GREY)
    top = [
        [format_integer(i), html.html_named(item.item_name, item.item_id), escape(item.category)]
        for i, item in enumerate(segment.top_items[:5], 1)
    ]
    with st.container(border=True, key="segment-card"):
        st.html(
            f'<div class="sr-person"><h2><i class="sr-key" style="background:{colour}"></i>{escape(segment.name)}</h2>'
            f'<p class="sr-advice">{escape(segment.meaning.capitalize())}: {escape(segment.action)}.</p>'
            f'<dl class="sr-facts">{rows}</dl></div>'
            + (
                html.table([("sr-num sr-rank", "#"), ("", "What they buy"), ("sr-dim", "Category")], top, "sr-gap")
                if top
                else ""
            )
        )


def _cuts(card: Mapping[str, Any]) -> None:
    """Which values earn which score."""
    cuts = card.get("groups", {}).get("rfm", {}).get("cuts", {})
    rows = [
        [escape(label), *_bands(list(cuts[name]), descending=name == "recency")]
        for name, label in MEASURES.items()
        if len(cuts.get(name, ())) == 4
    ]
    if rows:
        with st.expander("Where the scores begin and end"):
            st.html(html.table([("", "Measure"), *(("sr-num", f"Score {n}") for n in range(1, 6))], rows))


def _bands(cuts: list[float], *, descending: bool) -> list[str]:
    """The values of the scores 1 to 5 in words; `cuts` are ascending upper bounds."""
    told = [f"{cut:,.2f}".removesuffix(".00") for cut in cuts]
    between = [f"over {low} to {high}" for low, high in pairwise(told)]
    bands = [f"up to {told[0]}", *between, f"over {told[-1]}"]
    return bands[::-1] if descending else bands


def _table(segments: list[Segment], shown: str) -> str:
    columns = [
        ("", "Segment"),
        *(("sr-num", text) for text in ("Customers", "Share", "Revenue", "Revenue share")),
        *(("sr-num", text) for text in ("Days since last order", "Orders", "Amount")),
        ("sr-dim", "What to do"),
    ]
    rows = [
        [
            f'<i class="sr-key" style="background:{palette.SEGMENT_COLOURS.get(s.name, GREY)}"></i>'
            + (f"<b>{escape(s.name)}</b>" if s.name == shown else escape(s.name)),
            format_integer(s.customers),
            format_percent(s.share),
            format_amount(s.revenue),
            format_percent(s.revenue_share),
            f"{s.mean_recency:,.1f}",
            f"{s.mean_frequency:,.1f}",
            format_amount(s.mean_monetary),
            escape(s.action),
        ]
        for s in segments
    ]
    return html.table(columns, rows)
