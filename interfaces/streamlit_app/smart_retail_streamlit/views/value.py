"""Value: what the shop's customers are expected to order and spend, and how well earlier forecasts held."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import streamlit as st
from markupsafe import Markup

from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.presentation.html import Column, table
from smart_retail.results import CustomerValue, ValueGroup, ValueSummary
from smart_retail_streamlit import chart_panel, charts, engine_source, html, page_layout

HORIZONS = (30, 60, 90, 180, 365)
DEFAULT_HORIZON = 90


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    currency = engine_source.model().currency
    page_layout.heading("Value", "what customers are expected to order and spend")
    days = st.segmented_control(
        "Days ahead", HORIZONS, default=DEFAULT_HORIZON, key="value-horizon", format_func=lambda d: f"{d} days"
    )
    summary = engine.value_summary(days or DEFAULT_HORIZON)
    with st.container(border=True):
        st.html(_totals(summary, currency))
    for note in summary.notes:
        st.info(note)
    with st.container(border=True):
        st.html(_groups("Segment", summary.segments, currency))
    if summary.clusters:
        with st.container(border=True):
            st.html(_groups("Cluster", summary.clusters, currency))
    with st.container(border=True):
        st.html(_groups("Customers by expected spend", summary.deciles, currency))
    if summary.at_risk:
        with st.container(border=True):
            st.html(html.finding("High churn risk, by spend at risk") + _at_risk(summary.at_risk, currency))
        chart_panel.download("at-risk", charts.as_rows(list(summary.at_risk), "notes"), "Download CSV")
    _backtests(summary)


def _totals(summary: ValueSummary, currency: str) -> Markup:
    low, high = (format_amount(v, currency) for v in (summary.spend_low, summary.spend_high))
    facts = {
        "Expected spend": f"{format_amount(summary.expected_spend, currency)} (80 % interval {low} to {high})",
        "Expected orders": f"{format_integer(round(summary.expected_orders))} "
        f"({format_integer(round(summary.orders_low))} to {format_integer(round(summary.orders_high))})",
        "Customers who order": f"{format_integer(round(summary.expected_returning))} "
        f"of {format_integer(summary.customers)}",
        "From": f"{summary.start}, {summary.horizon_days} days; new customers are not included",
    }
    return html.facts(facts, "sr-facts")


def _groups(kind: str, groups: Sequence[ValueGroup], currency: str) -> Markup:
    numbers = ("Customers", "Expected orders", "Expected spend", "Share", "Order again", "Lifetime value, mean")
    rows = [
        [
            g.name,
            format_integer(g.customers),
            format_integer(round(g.expected_orders)),
            format_amount(g.expected_spend, currency),
            format_percent(g.spend_share),
            format_percent(g.return_probability),
            format_amount(g.lifetime_value, currency),
        ]
        for g in groups
    ]
    return table([Column(kind), *(Column(text, "sr-num") for text in numbers)], rows, "sr-cards")


def _at_risk(values: Sequence[CustomerValue], currency: str) -> Markup:
    numbers = ("Spend so far", "Orders", "Usual days between orders", "Order again", "Lifetime value")
    rows = [
        [
            v.customer_id,
            format_amount(v.spend, currency),
            format_integer(v.orders),
            f"{v.usual_interval_days:,.0f}",
            format_percent(v.return_probability),
            format_amount(v.lifetime_value, currency),
        ]
        for v in values
    ]
    return table([Column("Customer"), *(Column(text, "sr-num") for text in numbers)], rows, "sr-cards")


def _backtests(summary: ValueSummary) -> None:
    """Show the forecasts of earlier windows next to what happened, and the calibration of the probabilities."""
    if not summary.backtests:
        return
    rows = [
        {"window": f"{b.start}, {b.days} days", "figure": figure, "spend": amount}
        for b in reversed(summary.backtests)
        for figure, amount in (("expected", b.expected_spend), ("actual", b.actual_spend))
    ]
    chart = (
        alt.Chart(charts.chart_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("window:N", title="Window", sort=None),
            y=alt.Y("spend:Q", title="Spend"),
            xOffset="figure:N",
            color=alt.Color("figure:N", title=""),
        )
    )
    about = "Forecasts of earlier windows, made from the orders before each of them, and what happened"
    chart_panel.show(chart_panel.Panel("value-backtests", summary.sentences[0], about, chart, rows))
    bins = [dict(row) for row in charts.as_rows(summary.calibration)]
    points = (
        alt.Chart(charts.chart_data(bins))
        .mark_line(point=True)
        .encode(
            x=alt.X("predicted:Q", title="Predicted share that orders again"),
            y=alt.Y("actual:Q", title="Actual share"),
        )
    )
    about = "Tenths of the customers by predicted probability, in earlier windows; a straight diagonal is perfect"
    finding = "Predicted and actual probability to order again"
    chart_panel.show(chart_panel.Panel("value-calibration", finding, about, points, bins))
