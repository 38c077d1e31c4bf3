"""Panel of the Overview page: key figures of a period, compared with the period before and a year ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import streamlit as st
from markupsafe import Markup

from smart_retail.errors import RetailError
from smart_retail.presentation import sales_texts
from smart_retail.presentation.formatting import format_amount
from smart_retail.presentation.html import Column, bar, sales_figures, table
from smart_retail.presentation.sales_texts import describe_sales, earlier_labels, format_change
from smart_retail.protocol import DEFAULT_SALES_DAYS, RetailEngine
from smart_retail.results import ModelInfo, SalesComparison, SalesGroup
from smart_retail_streamlit import chart_panel, charts, controls, html_parts, page_layout

DATES, ALL = "dates", "all"
PERIODS = {str(days): label for days, label in sales_texts.PERIODS.items()} | {ALL: "All", DATES: "Dates"}
DEFAULT = str(DEFAULT_SALES_DAYS)


def show(engine: RetailEngine, model: ModelInfo) -> None:
    """Show the panel; the chosen period is kept in the address."""
    with st.container(border=True, key="sales"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            period = controls.choice("period", PERIODS, DEFAULT, key="period", label="Period")
            days = _choose_days(period, model)
            category = st.selectbox(
                "Category",
                ["", *engine.categories()],
                key="sales-category",
                format_func=lambda c: c or "All",
                width=220,
            )
        if days is None:
            st.caption("Choose the first and the last day.")
            return
        try:
            found = engine.sales(*days, category or None)
        except RetailError as error:
            page_layout.banner(error)
            return
        _show_figures(found, model.currency)


def _choose_days(period: str, model: ModelInfo) -> tuple[str, str] | None:
    """Return the first and the last day of a period, both included; None while only one of them is chosen."""
    first, last = date.fromisoformat(model.first), date.fromisoformat(model.last)
    if period == ALL:
        return model.first, model.last
    if period == DATES:
        latest = date.fromisoformat(sales_texts.last_days(DEFAULT_SALES_DAYS, model.first, model.last)[0])
        chosen: Any = st.date_input(
            "Days", (latest, last), first, last, key="sales-days", format="YYYY-MM-DD", width=240
        )
        return (str(chosen[0]), str(chosen[1])) if len(chosen) == 2 else None
    return sales_texts.last_days(int(period), model.first, model.last)


def _show_figures(found: SalesComparison, currency: str) -> None:
    days = f"{found.current.first} to {found.current.last}"
    st.html(html_parts.finding(describe_sales(found, currency), days))
    st.html(sales_figures(found, currency))
    for note in found.notes:
        st.caption(note)
    parts = [("By category", found.categories), ("By country", found.countries), ("By weekday", found.weekdays)]
    shown = [(title, groups) for title, groups in parts if len(groups) > 1]
    if not shown:
        return
    with st.expander("By category, country and weekday"):
        for tab, (title, groups) in zip(st.tabs([title for title, _ in shown]), shown, strict=True):
            with tab:
                st.html(_group_table(title.removeprefix("By ").capitalize(), groups, found, currency))
                chart_panel.download(f"sales-{title.removeprefix('By ')}", charts.as_rows(groups))


def _group_table(kind: str, groups: Sequence[SalesGroup], found: SalesComparison, currency: str) -> Markup:
    """Return a table with revenue and its changes; missing periods have no column."""
    labels = earlier_labels(found)
    columns = [Column(kind), Column("Net revenue", "sr-num"), Column("")]
    columns += [Column(f"Against {label}", "sr-num") for label in labels.values()]
    most = max((group.revenue for group in groups), default=0.0) or 1.0
    rows = [
        [
            group.name,
            format_amount(group.revenue, currency),
            bar(max(group.revenue, 0.0) / most),
            *(format_change(group.revenue, getattr(group, name) or 0.0) for name in labels),
        ]
        for group in groups
    ]
    return table(columns, rows, "sr-cards")
