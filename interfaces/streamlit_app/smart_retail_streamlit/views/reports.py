"""Reports page: a sales forecast, customers who moved between segments, and the report as one HTML page."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from smart_retail.analysis import sales_forecast
from smart_retail.analysis.sales_forecast import SalesForecast
from smart_retail.analysis.segment_migration import (
    DROPPED_EXPLANATION,
    Migration,
    default_comparison_date,
    describe_migration,
    matrix_rows,
)
from smart_retail.analysis.tasks import ForecastTask, MigrationTask
from smart_retail.presentation.formatting import format_amount, format_integer
from smart_retail.presentation.html import Column, table
from smart_retail.protocol import RetailEngine
from smart_retail.reporting.html_report import report_html
from smart_retail_streamlit import chart_panel, charts, controls, engine_source, html_parts, job_panel, page_layout
from smart_retail_streamlit.background_job import JobSlot
from smart_retail_streamlit.chart_panel import Panel

FORECAST, MIGRATION, REPORT = "forecast", "migration", "report"
VIEWS = {FORECAST: "Sales forecast", MIGRATION: "Moves between segments", REPORT: "Report"}
FORECAST_SLOT, MIGRATION_SLOT, REPORT_SLOT = "forecast-job-slot", "migration-job-slot", "report-job-slot"
"""Keys of the session state with the job slots of the visitor."""
FORECAST_DAYS = (7, 14, 28, 56, 91)
MAX_ROWS_SHOWN = 200


def show() -> None:
    """Show the page."""
    page_layout.heading("Reports", "what sales to expect, who moved between segments, and a page to send")
    engine = engine_source.engine()
    view = controls.choice("view", VIEWS, FORECAST, key="reports-view")
    if view == REPORT:
        _show_report(engine)
    elif view == MIGRATION:
        _show_migration(engine)
    else:
        _show_forecast(engine)


def _show_forecast(engine: RetailEngine) -> None:
    slot: JobSlot[SalesForecast] = job_panel.visitor_slot(FORECAST_SLOT, "forecast")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.selectbox("Days", FORECAST_DAYS, FORECAST_DAYS.index(28), width=140, key="forecast-days")
        running = slot.job is not None and slot.job.running
        if st.button("Forecast", type="primary", icon=":material/trending_up:", disabled=running):
            task = ForecastTask(int(days))
            slot.start(lambda progress: engine.run(task, progress), None, "forecast")
            st.rerun()
    if slot.job is None:
        st.caption("Two models are compared on days held out from the end of the history; the better one is used.")
    else:
        job_panel.watch(slot.job, lambda _, found: _show_forecast_result(found), "forecast-seen")


def _show_forecast_result(found: SalesForecast) -> None:
    forecast, currency = found.total, engine_source.model().currency
    if not forecast.days:
        st.info(forecast.note)
        return
    chart_panel.show(
        Panel(
            "sales-forecast",
            sales_forecast.describe_forecast(forecast, found.history(forecast.series)[1], currency),
            f"Net sales by day{f' in {currency}' if currency else ''}; the band has an 80 % chance to contain a day",
            charts.sales_forecast(found),
            sales_forecast.forecast_rows([forecast]),
        )
    )
    rows = [
        [row["week"], format_integer(row["days"]), format_integer(round(row["amount"]))]
        for row in sales_forecast.week_rows(forecast)
    ]
    st.html(table([Column("From"), Column("Days", "sr-num"), Column("Expected sales", "sr-num")], rows))
    with st.expander("Errors of the models"):
        st.write(sales_forecast.describe_errors(forecast))


def _show_migration(engine: RetailEngine) -> None:
    slot: JobSlot[Migration] = job_panel.visitor_slot(MIGRATION_SLOT, "comparison")
    model = engine_source.model()
    first, last = date.fromisoformat(model.first), date.fromisoformat(model.last)
    default = default_comparison_date(model.first, model.last)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        day = st.date_input("Since", default, first + timedelta(days=1), last, format="YYYY-MM-DD", width=180)
        running = slot.job is not None and slot.job.running
        if st.button("Compare", type="primary", icon=":material/compare_arrows:", disabled=running):
            task = MigrationTask(str(day))
            slot.start(lambda progress: engine.run(task, progress), None, "comparison")
            st.rerun()
    if slot.job is None:
        st.caption("The segments of all customers on that day are compared with those of the analysis date.")
    else:
        job_panel.watch(slot.job, lambda _, found: _show_migration_result(found, model.currency), "migration-seen")


def _show_migration_result(found: Migration, currency: str) -> None:
    with st.container(border=True):
        st.html(
            html_parts.finding(
                describe_migration(found), f"Customers on {found.before} (rows) and {found.after} (columns)"
            )
        )
        rows = matrix_rows(found)
        columns = [Column(name, "sr-num" if name != "from" else "") for name in rows[0]] if rows else []
        cells = [[format_integer(v) if isinstance(v, int) else v for v in row.values()] for row in rows]
        st.html(table(columns, cells, "sr-cards"))
        chart_panel.download("segment-moves", rows)
    if not found.dropped:
        return
    with st.container(border=True):
        st.html(html_parts.finding("Win them back", DROPPED_EXPLANATION))
        columns = [
            Column("Customer"),
            Column("Before"),
            Column("Now"),
            Column("Amount so far", "sr-num"),
            Column("Last order"),
            Column("Last product", "sr-dim"),
        ]
        shown = [
            [
                customer.customer_name or customer.customer_id,
                customer.before,
                customer.after,
                format_amount(customer.monetary, currency),
                customer.last_order,
                customer.last_item,
            ]
            for customer in found.dropped[:MAX_ROWS_SHOWN]
        ]
        if len(found.dropped) > MAX_ROWS_SHOWN:
            st.caption(f"The first {MAX_ROWS_SHOWN} of {format_integer(len(found.dropped))} customers")
        st.html(table(columns, shown, "sr-cards"))
        chart_panel.download("dropped-customers", charts.as_rows(found.dropped))


def _show_report(engine: RetailEngine) -> None:
    slot: JobSlot[str] = job_panel.visitor_slot(REPORT_SLOT, "report")
    running = slot.job is not None and slot.job.running
    if st.button("Make the report", type="primary", icon=":material/description:", disabled=running):
        slot.start(lambda progress: report_html(engine, progress), None, "report")
        st.rerun()
    if slot.job is None:
        st.caption(
            "One page with charts and tables: data, sales, customers, segments, clusters, products and methods. "
            "It opens without a network and prints well."
        )
    else:
        job_panel.watch(slot.job, lambda _, page: _show_report_result(page), "report-seen")


def _show_report_result(page: str) -> None:
    with st.container(border=True):
        st.html(html_parts.finding("The report is ready", f"One HTML page, {len(page) / 1e6:.1f} MB"))
        st.download_button(
            "Download the report",
            page,
            f"report-{engine_source.model().last}.html",
            "text/html",
            icon=":material/download:",
            on_click="ignore",
        )
