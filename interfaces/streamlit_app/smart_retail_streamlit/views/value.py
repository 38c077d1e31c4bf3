"""Value: what customers are expected to do, whom to contact, what is due, and how well earlier forecasts held."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from smart_retail.errors import FormatVersionError
from smart_retail.presentation.formatting import (
    format_amount,
    format_integer,
    format_percent,
    format_short_amount,
    pluralize,
)
from smart_retail.presentation.html import Column, bar, name_cell, table
from smart_retail.presentation.value_texts import (
    AT_RISK_EXPLANATION,
    DUE_EXPLANATION,
    NOTHING_DUE,
    describe_at_risk,
    describe_best_group,
    describe_due,
    describe_retention,
    describe_revenue,
    describe_tenths,
)
from smart_retail.protocol import DEFAULT_HORIZON_DAYS, DEFAULT_PERIOD, MAX_N, PERIODS, RetailEngine
from smart_retail.results import CustomerValue, DueItem, ValueGroup, ValueSummary
from smart_retail_streamlit import (
    chart_panel,
    charts,
    controls,
    engine_source,
    html_parts,
    page_layout,
    value_charts,
)
from smart_retail_streamlit.chart_panel import Panel

FORECAST, DUE, COHORTS, ACCURACY = "forecast", "due", "cohorts", "accuracy"
VIEWS = {FORECAST: "Forecast", DUE: "Due to buy again", COHORTS: "Cohorts", ACCURACY: "How accurate?"}
CALENDAR_DAYS = (7, 14, 30)
MAX_DUE_SHOWN = 100


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    page_layout.heading("Value", "what customers are expected to order and spend")
    view = controls.choice("view", VIEWS, FORECAST, key="value-view")
    if view == DUE:
        _show_due(engine)
    elif view == COHORTS:
        _show_cohorts(engine)
    else:
        days = int(
            controls.choice(
                "days",
                controls.days_labels(controls.HORIZONS_DAYS),
                str(DEFAULT_HORIZON_DAYS),
                key="value-days",
            )
        )
        summary = engine.value_summary(days)
        (_show_forecast if view == FORECAST else _show_accuracy)(engine, summary)


def _show_forecast(engine: RetailEngine, summary: ValueSummary) -> None:
    currency = engine_source.model().currency
    low, high = (format_short_amount(v) for v in (summary.spend_low, summary.spend_high))
    share = summary.expected_returning / max(summary.customers, 1)
    mean = summary.expected_spend / max(summary.customers, 1)
    figures = [
        (
            f"Expected spend, 80 % sure: {low} to {high}",
            f"{format_integer(summary.expected_spend)} {currency}".rstrip(),
        ),
        ("Expected orders", format_integer(summary.expected_orders)),
        (f"Customers who order, {format_percent(share)} of all", format_integer(summary.expected_returning)),
        ("Expected spend per customer", format_amount(mean, currency)),
    ]
    st.html(html_parts.render("key_figures.html", figures=figures))
    st.caption(
        f"{pluralize(summary.horizon_days, 'day')} from {summary.start}, for the "
        f"{pluralize(summary.customers, 'customer')} in the history. {' '.join(summary.sentences[:1])}"
    )
    for note in summary.notes:
        st.info(note)
    left, right = st.columns(2, gap="medium")
    with left:
        _show_revenue(engine, currency)
    with right:
        _show_tenths(summary.deciles)
    _show_at_risk(engine, summary, currency)
    with st.container(border=True):
        st.html(html_parts.finding(describe_best_group("segment", summary.segments)))
        st.html(_groups("Segment", summary.segments, currency))
    if summary.clusters:
        with st.container(border=True):
            st.html(html_parts.finding(describe_best_group("cluster", summary.clusters)))
            st.html(_groups("Cluster", summary.clusters, currency))


def _show_revenue(engine: RetailEngine, currency: str) -> None:
    """Show the outlook of the shop with its customers to come; bundles of older versions have none."""
    try:
        outlook = engine.expected_revenue()
    except FormatVersionError:
        return
    last = outlook[-1]
    new = "; new customers are included" if last.new_customers is not None else "; known customers only"
    chart_panel.show(
        Panel(
            "value-revenue",
            describe_revenue(outlook),
            f"Revenue of the shop, bars with the 80 % interval{new}",
            value_charts.revenue(outlook, currency),
            charts.as_rows(outlook),
        )
    )


def _show_tenths(groups: Sequence[ValueGroup]) -> None:
    if not groups:
        return
    chart_panel.show(
        Panel(
            "value-tenths",
            describe_tenths(groups),
            "Share of the expected spend by tenths of the customers",
            value_charts.tenths(groups),
            charts.as_rows(groups),
        )
    )


def _groups(kind: str, groups: Sequence[ValueGroup], currency: str) -> Markup:
    numbers = ("Customers", "Likely to order", "Expected orders", "Expected spend", "Lifetime value, mean")
    columns = [Column(kind), *(Column(text, "sr-num") for text in numbers), Column("Share of expected spend")]
    most = max((g.spend_share for g in groups), default=0.0) or 1.0
    rows = [
        [
            html_parts.segment_name(g.name) if kind == "Segment" else g.name,
            format_integer(g.customers),
            format_percent(g.return_probability),
            format_integer(round(g.expected_orders)),
            format_amount(g.expected_spend, currency),
            format_amount(g.lifetime_value, currency),
            bar(g.spend_share / most) + format_percent(g.spend_share),
        ]
        for g in groups
    ]
    return table(columns, rows, "sr-cards")


def _show_at_risk(engine: RetailEngine, summary: ValueSummary, currency: str) -> None:
    values = summary.at_risk
    if not values:
        return
    with st.container(border=True):
        st.html(
            html_parts.finding(
                describe_at_risk(values, currency),
                AT_RISK_EXPLANATION,
            )
        )
        st.html(_at_risk(engine, values, currency))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            chart_panel.download("at-risk", charts.as_rows(values, "notes"), "Download CSV")
            page_layout.link("Campaign", "Campaign for all of them", ":material/campaign:", risk="high")


def _at_risk(engine: RetailEngine, values: Sequence[CustomerValue], currency: str) -> Markup:
    numbers = ("Spend so far", "Orders", "Usual days between orders", "Likely to order", "Lifetime value")
    rows = [
        [
            name_cell(engine.customer(v.customer_id).customer_name, v.customer_id),
            format_amount(v.spend, currency),
            format_integer(v.orders),
            format_integer(v.usual_interval_days),
            format_percent(v.return_probability),
            format_amount(v.lifetime_value, currency),
        ]
        for v in values
    ]
    return table([Column("Customer"), *(Column(text, "sr-num") for text in numbers)], rows, "sr-cards")


def _show_due(engine: RetailEngine) -> None:
    """Show the replenishment calendar of all customers, or of one."""
    days = int(controls.choice("calendar", controls.days_labels(CALENDAR_DAYS), "7", key="value-calendar"))
    customer = st.text_input("Only this customer (id)", key="due-customer", placeholder="all customers").strip()
    found = engine.replenishment(days, customer or None, n=MAX_N)
    if not found.total:
        page_layout.empty("Nothing is due", NOTHING_DUE)
        return
    with st.container(border=True):
        st.html(
            html_parts.finding(
                describe_due(found),
                DUE_EXPLANATION,
            )
        )
        st.html(_due_table(found.entries[:MAX_DUE_SHOWN]))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            chart_panel.download("due", charts.as_rows(found.entries), f"Download CSV ({len(found.entries):,} rows)")
            st.caption(f"All of them: `smart-retail replenishment --days {days} -o due.csv`")


def _due_table(entries: Sequence[DueItem]) -> Markup:
    columns = [Column("Due"), Column("Customer"), Column("Product")]
    columns += [Column(text, "sr-num") for text in ("Times bought", "About every", "Last bought")]
    rows = [
        [
            e.due_date,
            name_cell(e.customer_name, e.customer_id),
            name_cell(e.item_name, e.item_id),
            format_integer(e.purchases),
            pluralize(round(e.interval_days), "day"),
            e.last_date,
        ]
        for e in entries
    ]
    return table(columns, rows, "sr-cards")


def _show_cohorts(engine: RetailEngine) -> None:
    period = controls.choice("period", {p: f"By {p}" for p in PERIODS}, DEFAULT_PERIOD, key="value-period")
    found = engine.cohorts(period)
    if len(found.mean_retention) < 2:
        page_layout.empty("Too little history", describe_retention(found))
        return
    chart_panel.show(
        Panel(
            "value-retention",
            describe_retention(found),
            f"Share of the customers of each {period} that ordered in each later, complete {period}",
            value_charts.cohorts(found, "retention", ".1%"),
            charts.as_rows(found.cohorts, "cumulative_value"),
        )
    )
    chart_panel.show(
        Panel(
            "value-cumulative",
            "Mean value per customer since the first order",
            f"Kept amount per customer of each {period}, until the end of each later {period}",
            value_charts.cohorts(found, "cumulative_value", ",.2f"),
            charts.as_rows(found.cohorts, "retention"),
        )
    )
    for note in found.notes:
        st.caption(note)


def _show_accuracy(engine: RetailEngine, summary: ValueSummary) -> None:
    """Show the forecasts of earlier windows next to what happened, and the calibration of the probabilities."""
    for note in summary.notes:
        st.info(note)
    if not summary.backtests:
        page_layout.empty("Not tested yet", "The history is too short to test a forecast on earlier windows.")
        return
    tests = list(reversed(summary.backtests))
    with st.container(border=True):
        st.html(
            html_parts.finding("What the forecasts would have said", "Made from the orders before each window only.")
        )
        st.html(html_parts.bullets(summary.sentences))
    left, right = st.columns(2, gap="medium")
    with left:
        chart_panel.show(
            Panel(
                "value-backtests",
                summary.sentences[0].rstrip("."),
                f"Expected and actual spend of {pluralize(tests[-1].days, 'day')} in earlier windows",
                value_charts.backtests(tests, engine_source.model().currency),
                charts.as_rows(tests),
            )
        )
    with right:
        worst = max((abs(b.predicted - b.actual) for b in summary.calibration), default=0.0)
        chart_panel.show(
            Panel(
                "value-calibration",
                f"Where it says 60 %, about 60 % order: off by at most {100 * worst:.0f} points",
                "Tenths of the customers by predicted probability; on the dashed line it is exact",
                value_charts.calibration(summary.calibration),
                charts.as_rows(summary.calibration),
            )
        )
