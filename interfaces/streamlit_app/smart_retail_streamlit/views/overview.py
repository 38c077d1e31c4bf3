"""Overview: how good the data is, what it holds, how good the model is."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from html import escape

import streamlit as st

from smart_retail.errors import DataError
from smart_retail.evaluation.verdict import get_verdict
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.reporting.sales_chart_data import describe_finding
from smart_retail.results import CleaningReport, ModelInfo
from smart_retail.settings import setting_descriptions
from smart_retail_streamlit import chart_panel, charts, engine_source, html, page_layout, shop_charts
from smart_retail_streamlit.views.methods import method_figure


def show() -> None:
    engine = engine_source.engine()
    model = engine_source.model()
    page_layout.heading("Overview", f"{model.first} to {model.last}, recency counted to {model.analysis_date}")
    st.html(_key_figures(model))
    st.text(get_verdict(model.scorecard))
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        _sales(model)
    with right:
        segments = engine.segments()
        best = max(segments, key=lambda s: s.revenue_share, default=None)
        if best:
            chart_panel.show(
                "segments",
                f"{best.name}: {format_percent(best.share)} of customers, "
                f"{format_percent(best.revenue_share)} of revenue",
                "Area: customers of an RFM segment",
                charts.segment_treemap(segments, page_layout.is_dark()),
                charts.as_rows(segments, "top_items"),
                drawn=("segments", segments),
            )
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        _quality(model.cleaning)
    with right:
        method_figure(model, "any")
    _lines(model)
    _details(model)


def _lines(model: ModelInfo) -> None:
    """What the lines tell, two figures a row; what the source does not tell is left out."""
    drawn = []
    for name, rows_of in shop_charts.ROWS.items():
        with suppress(DataError):
            drawn.append((name, rows_of(model)))
    for pair in (drawn[i : i + 2] for i in range(0, len(drawn), 2)):
        for box, (name, rows) in zip(st.columns(2, gap="medium"), pair, strict=False):
            with box:
                chart_panel.show(
                    name.replace("_", "-"),
                    describe_finding(name, model),
                    shop_charts.LINES[name][0],
                    shop_charts.lines(name, rows),
                    rows,
                    drawn=(name, model),
                )


def _key_figures(model: ModelInfo) -> str:
    cells = (
        ("Customers", format_integer(model.customers)),
        ("Orders", format_integer(model.orders)),
        ("Products", format_integer(model.items)),
        ("Net revenue", format_amount(model.cleaning.net_amount, model.currency)),
    )
    return (
        '<div class="sr-figures">'
        + "".join(f"<div><small>{n}</small><b>{escape(v)}</b></div>" for n, v in cells)
        + "</div>"
    )


def _sales(model: ModelInfo) -> None:
    """Sales of the whole weeks; the first and the last are mostly cut short and would look like a fall."""
    whole_weeks = [w for w in model.weekly_sales if model.first <= w.week and _sunday(w.week) <= model.last]
    weeks = whole_weeks or model.weekly_sales
    if not weeks:
        return
    peak = max(weeks, key=lambda w: w.amount)
    chart_panel.show(
        "weekly-sales",
        f"Sales peaked in the week of {peak.week} at {format_amount(peak.amount, model.currency)}",
        "Net sales by whole weeks, Monday to Sunday" if whole_weeks else "Net sales by week, Monday to Sunday",
        charts.weekly_sales(weeks, model.currency),
        charts.as_rows(weeks),
        drawn=("weekly_sales", model),
    )


def _sunday(monday: str) -> str:
    return (date.fromisoformat(monday) + timedelta(days=6)).isoformat()


def _quality(cleaning: CleaningReport) -> None:
    parts = [("accepted", cleaning.rows_accepted), *((a.reason, a.rows) for a in cleaning.rejected)]
    chart_panel.show(
        "rows",
        f"{format_percent(cleaning.rows_accepted / max(cleaning.rows_in, 1))} of "
        f"{format_integer(cleaning.rows_in)} rows were accepted",
        "Rows of the source: accepted, or set aside by reason",
        charts.rows_bar(parts),
        [{"part": name, "rows": rows} for name, rows in parts],
        below=cleaning_table(cleaning),
        drawn=("data_quality", cleaning),
    )


def cleaning_table(cleaning: CleaningReport) -> str:
    """Where every row went, and what came back."""
    part = max(cleaning.rows_in, 1)
    rows = [["accepted", format_integer(cleaning.rows_accepted), format_percent(cleaning.rows_accepted / part), ""]]
    rows += [
        [escape(a.reason), format_integer(a.rows), format_percent(a.rows / part), escape(", ".join(a.examples[:3]))]
        for a in cleaning.rejected
    ]
    rows += [
        [
            f"returned: {escape(r.form)}",
            format_integer(r.lines),
            format_percent(r.lines / part),
            f"worth {format_amount(r.amount)}",
        ]
        for r in cleaning.returns
    ]
    columns = [("", "Rows"), ("sr-num", "Number"), ("sr-num", "Share"), ("sr-dim", "Examples")]
    return html.table(columns, rows)


def _details(model: ModelInfo) -> None:
    notes, settings, about = st.tabs(["Notes on the data", "Settings in force", "Model"])
    with notes:
        if model.cleaning.notes:
            st.html("<ul class='sr-notes'>" + "".join(f"<li>{escape(n)}</li>" for n in model.cleaning.notes) + "</ul>")
        else:
            st.caption("Nothing to remark.")
    with settings:
        st.html(_settings(model))
    with about:
        facts = {
            "Version": model.version,
            "Fitted": model.fitted_at,
            "Engine": model.engine_version,
            "Merge": str(model.scorecard.get("merge", "")),
            "Returns policy": model.cleaning.returns_policy,
            "Data": f"{model.first} to {model.last}",
            "Rules": model.rules or "none",
        }
        rows = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts.items() if v)
        st.html(f'<dl class="sr-facts sr-left">{rows}</dl>')


def _settings(model: ModelInfo) -> str:
    """Each setting with its value and its meaning."""
    flat = {
        f"{name}.{inner}" if inner else name: value
        for name, part in model.settings.items()
        for inner, value in (part.items() if isinstance(part, dict) else [("", part)])
    }
    told = setting_descriptions()
    rows = [[f"<code>{escape(k)}</code>", _value(v), escape(told.get(k, ""))] for k, v in flat.items()]
    return html.table([("", "Setting"), ("", "Value"), ("sr-dim", "Meaning")], rows)


def _value(value: object) -> str:
    if value in (None, "", [], ()):
        return '<span class="sr-id">default</span>'
    if isinstance(value, list):
        return escape(", ".join(str(v) for v in value))
    return escape(f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value))
