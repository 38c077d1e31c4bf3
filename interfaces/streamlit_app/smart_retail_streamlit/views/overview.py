"""Overview page: key figures, sales, segments, data quality and the scorecard."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta

import streamlit as st
from markupsafe import Markup

from smart_retail.errors import DataError
from smart_retail.evaluation.verdict import get_verdict
from smart_retail.presentation import labels
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.html import Column, table
from smart_retail.reporting.sales_chart_data import describe_finding
from smart_retail.results import CleaningReport, ModelInfo, Segment
from smart_retail.settings import setting_descriptions
from smart_retail_streamlit import (
    chart_panel,
    charts,
    engine_source,
    html_parts,
    page_layout,
    sales_panel,
    shop_charts,
)
from smart_retail_streamlit.chart_panel import Panel
from smart_retail_streamlit.views.methods import show_comparison


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    model = engine_source.model()
    page_layout.heading("Overview", f"orders from {model.first} to {model.last}")
    figures = [
        ("Customers", format_integer(model.customers)),
        ("Orders", format_integer(model.orders)),
        ("Products", format_integer(model.items)),
        ("Net revenue", format_amount(model.cleaning.net_amount, model.currency)),
    ]
    st.html(html_parts.render("key_figures.html", figures=figures))
    st.text(get_verdict(model.scorecard))
    sales_panel.show(engine, model)
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        _show_weekly_sales(model)
    with right:
        _show_segments(engine.segments())
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        show_comparison(model, "any")
    with right:
        _show_data_quality(model.cleaning)
    _show_sales_charts(model)
    _show_details(model)


def _show_segments(segments: list[Segment]) -> None:
    best = max(segments, key=lambda s: s.revenue_share, default=None)
    if best is None:
        return
    unlabelled = charts.unlabelled_segments(segments)
    below = ", ".join(f"{segment.name} {format_integer(segment.customers)}" for segment in unlabelled)
    chart_panel.show(
        Panel(
            "segments",
            f"{best.name}: {format_percent(best.share)} of customers, {format_percent(best.revenue_share)} of revenue",
            "RFM segments by number of customers",
            charts.segment_treemap(segments, page_layout.is_dark()),
            charts.as_rows(segments, "top_items"),
            report_chart=("segments", segments),
            below=html_parts.render("muted.html", text=f"Too small for a label: {below}") if below else Markup(),
        )
    )


def _show_sales_charts(model: ModelInfo) -> None:
    """Show what the order lines contain, two charts a row; charts without data are left out."""
    available = []
    for name, rows_of in shop_charts.ROWS.items():
        with suppress(DataError):
            available.append((name, rows_of(model)))
    for pair in (available[i : i + 2] for i in range(0, len(available), 2)):
        for box, (name, rows) in zip(st.columns(2, gap="medium"), pair, strict=False):
            with box:
                chart_panel.show(
                    Panel(
                        name.replace("_", "-"),
                        describe_finding(name, model),
                        shop_charts.CHARTS[name][0],
                        shop_charts.draw(name, rows),
                        rows,
                        report_chart=(name, model),
                    )
                )


def _show_weekly_sales(model: ModelInfo) -> None:
    """Show sales of complete weeks; a first or last week that is cut short would look like a drop."""
    complete_weeks = [w for w in model.weekly_sales if model.first <= w.week and _sunday(w.week) <= model.last]
    weeks = complete_weeks or model.weekly_sales
    if not weeks:
        return
    peak = max(weeks, key=lambda w: w.amount)
    chart_panel.show(
        Panel(
            "weekly-sales",
            f"Sales peaked in the week of {peak.week} at {format_amount(peak.amount, model.currency)}",
            "Net sales by week, Monday to Sunday" + (", complete weeks only" if complete_weeks else ""),
            charts.weekly_sales(weeks, model.currency),
            charts.as_rows(weeks),
            report_chart=("weekly_sales", model),
        )
    )


def _sunday(monday: str) -> str:
    return (date.fromisoformat(monday) + timedelta(days=6)).isoformat()


def _show_data_quality(cleaning: CleaningReport) -> None:
    parts = [("accepted", cleaning.rows_accepted), *((a.reason, a.rows) for a in cleaning.rejected)]
    accepted = format_percent(cleaning.rows_accepted / max(cleaning.rows_in, 1))
    chart_panel.show(
        Panel(
            "rows",
            f"{accepted} of {pluralize(cleaning.rows_in, 'row')} accepted",
            "Rows of the source: accepted, or rejected by reason",
            charts.rows_bar(parts),
            [{"part": name, "rows": rows} for name, rows in parts],
            report_chart=("data_quality", cleaning),
            below=cleaning_table(cleaning),
        )
    )


def cleaning_table(cleaning: CleaningReport) -> Markup:
    """Return accepted rows, rejected rows by reason, and returns."""
    total = max(cleaning.rows_in, 1)
    rows = [["accepted", format_integer(cleaning.rows_accepted), format_percent(cleaning.rows_accepted / total), ""]]
    rows += [
        [part.reason, format_integer(part.rows), format_percent(part.rows / total), ", ".join(part.examples[:3])]
        for part in cleaning.rejected
    ]
    rows += [
        [
            labels.RETURN_FORMS.get(part.form, part.form),
            format_integer(part.lines),
            format_percent(part.lines / total),
            f"worth {format_amount(part.amount)}",
        ]
        for part in cleaning.returns
    ]
    columns = [
        Column("Rows"),
        Column("Number", "sr-num"),
        Column("Share of rows", "sr-num"),
        Column("Examples", "sr-dim"),
    ]
    return table(columns, rows, "sr-cards")


def _show_details(model: ModelInfo) -> None:
    notes, settings, about = st.tabs(["Notes on the data", "Settings", "Model"])
    with notes:
        if model.cleaning.notes:
            st.html(html_parts.bullets(model.cleaning.notes))
        else:
            st.caption("No notes.")
    with settings:
        st.html(_settings_table(model))
    with about:
        facts = {
            "Version": model.version,
            "Fitted": model.fitted_at,
            "Engine": model.engine_version,
            "Hybrid": str(model.scorecard.get("merge", "")),
            "Returns policy": model.cleaning.returns_policy,
            "Data": f"{model.first} to {model.last}",
            "Recency counted up to": model.analysis_date,
            "Business rules": model.rules or "none",
        }
        st.html(html_parts.facts(facts, "sr-left"))


def _settings_table(model: ModelInfo) -> Markup:
    """Return each setting with its value and meaning."""
    settings = {
        f"{name}.{inner}" if inner else name: value
        for name, part in model.settings.items()
        for inner, value in (part.items() if isinstance(part, dict) else [("", part)])
    }
    meanings = setting_descriptions()
    rows = [
        [html_parts.render("code.html", text=name), _format_value(value), meanings.get(name, "")]
        for name, value in settings.items()
    ]
    return table([Column("Setting"), Column("Value"), Column("Meaning", "sr-dim")], rows)


def _format_value(value: object) -> str | Markup:
    if value in (None, "", [], ()):
        return html_parts.render("muted.html", text="default")
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
