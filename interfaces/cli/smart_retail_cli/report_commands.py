"""The commands `report`, `migration` and `forecast`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from smart_retail.errors import FormatVersionError
from smart_retail.presentation import formatting
from smart_retail.protocol import REVENUE_HORIZONS_DAYS, RetailEngine
from smart_retail.utils.spreadsheet import write_table
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_json, print_note, print_result
from smart_retail_cli.parameters import DATE, OutputFile

if TYPE_CHECKING:
    from smart_retail.analysis.sales_forecast import Forecast, SalesForecast
    from smart_retail.analysis.segment_migration import Migration

MOVE_COLUMNS = ("before", "after", "customers", "monetary")
DROPPED_COLUMNS = ("customer_name", "customer_id", "before", "after", "monetary", "last_order", "last_item")
REVENUE_COLUMNS = ("horizon_days", "sales_forecast", "expected", "low", "high", "known_customers", "new_customers")
REVENUE_TITLE = "Expected revenue by customer value (80 % interval) and sales forecast of the same days"
ERROR_COLUMNS = ("series", "model", "used", "mae", "rmse", "mape", "held_out_days")


@click.command(
    short_help="Write a report with charts as one HTML page.",
    cls=Command,
    epilog="Example: smart-retail report -o report.html",
)
@click.option(
    "-o",
    "--output",
    type=OutputFile(".html", ".htm"),
    default="report.html",
    show_default=True,
    metavar="OUT.html",
    help="Output file.",
)
@pass_cli_context
def report(context: CliContext, output: str) -> None:
    """Write a self-contained HTML page: data, sales, customers, segments, clusters, products, methods, settings."""
    from smart_retail.reporting.html_report import write_report

    engine = context.engine()
    with progress.show_progress() as listener:
        write_report(engine, output, listener)
    print_note(f"Written to {output}. Open it in a browser; print it there to get a PDF.")


@click.command(
    short_help="Show how customers moved between segments.",
    cls=Command,
    epilog="Example: smart-retail migration --from-date 2011-06-01 --plot migration.html",
)
@click.option("--before", metavar="ID", help="Earlier version (default: the previous one).")
@click.option("--after", metavar="ID", help="Later version (default: the active one).")
@click.option("--from-date", type=DATE, metavar="DATE", help="Compare two dates instead: the earlier date.")
@click.option("--to-date", type=DATE, metavar="DATE", help="The later date (default: the analysis date).")
@click.option(
    "--plot", type=click.Path(dir_okay=False), metavar="OUT", help="Also write a heat map (.html, .svg or .png)."
)
@format_option
@pass_cli_context
def migration(
    context: CliContext,
    before: str | None,
    after: str | None,
    from_date: str | None,
    to_date: str | None,
    plot: str | None,
    form: str,
) -> None:
    """Compare the segments of two versions or two dates, and list customers who dropped from the best segments."""
    from smart_retail.analysis import segment_migration as core
    from smart_retail.analysis.tasks import MigrationTask
    from smart_retail.reporting.chart_export import check_suffix

    if plot:
        check_suffix(plot)
    task = MigrationTask(from_date or "", to_date or "", before or "", after or "")
    task.check()
    engine = context.engine()
    with progress.show_progress() as listener:
        found = engine.run(task, listener)
    if plot:
        _write_migration_charts(plot, found, engine)
    moves = [move.as_dict() for move in found.moves]
    dropped = [customer.as_dict() for customer in found.dropped]
    if form == "csv":
        print_result(form, Table(MOVE_COLUMNS, moves), lambda: moves)
    else:
        _, columns, _ = core.count_matrix(found)
        both = [
            Table(("from", *columns), core.matrix_rows(found), "Customers by segment, before (row) and after (column)"),
            Table(DROPPED_COLUMNS, dropped, "Customers who dropped from Champions or Loyal"),
        ]
        print_result(form, lambda: both, found.as_dict)


def _write_migration_charts(path: str, found: Migration, engine: RetailEngine) -> None:
    """Write the heat map and the customers who dropped from the best segments."""
    from smart_retail.analysis import segment_migration as core
    from smart_retail.reporting import time_series_charts
    from smart_retail.reporting.chart_export import ChartSection, write_charts

    dropped = [customer.as_dict() for customer in found.dropped]
    picture = ChartSection(
        "Migration",
        lambda: time_series_charts.segment_movement(found),
        core.matrix_rows(found),
        (("Customers who dropped from Champions or Loyal", dropped),),
    )
    subtitle = f"From {found.before} to {found.after}"
    write_charts(path, "Customers between segments", subtitle, [picture], formatting.describe_model(engine.model()))
    print_note(f"Written to {path}.")


@click.command(
    short_help="Forecast daily sales.", cls=Command, epilog="Example: smart-retail forecast --days 28 -o forecast.csv"
)
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="Number of days to forecast.")
@click.option("--country", default="", metavar="CODE", help="Two-letter country code, to include its holidays.")
@click.option(
    "--regressor", type=click.Choice(["discount"]), help="Also try Prophet with the mean discount of each day."
)
@click.option(
    "--planned",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Planned mean discount, 0 to 1 (default: the recent one).",
)
@click.option("--overall", is_flag=True, help="Only total sales, not each category.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="OUT",
    help="Also write the forecast days (.csv or .xlsx).",
)
@click.option("--plot", type=click.Path(dir_okay=False), metavar="OUT", help="Also write charts (.html, .svg or .png).")
@format_option
@pass_cli_context
def forecast(
    context: CliContext,
    days: int,
    country: str,
    regressor: str | None,
    planned: float | None,
    overall: bool,
    output: str | None,
    plot: str | None,
    form: str,
) -> None:
    """Forecast daily sales, in total and by category.

    Uses Prophet, or the values of a week earlier where they predicted held-out days better.
    """
    from smart_retail.analysis import sales_forecast as core
    from smart_retail.analysis.tasks import ForecastTask
    from smart_retail.reporting.chart_export import check_suffix

    if plot:
        check_suffix(plot)
    task = ForecastTask(days, country, bool(regressor), planned, overall)
    task.check()
    engine = context.engine()
    with progress.show_progress() as listener:
        result = engine.run(task, listener)
    found = result.forecasts
    if output:
        metadata = formatting.export_metadata(engine.model())
        written = write_table(output, core.forecast_rows(found), core.COLUMNS, metadata)
        print_note(f"{formatting.pluralize(written, 'row')} written to {output}.")
    errors = core.error_rows(found)
    if plot:
        _write_forecast_charts(plot, result, errors, engine)
    if form == "json":
        print_json([f.as_dict() for f in found])
    else:
        tables = [Table(ERROR_COLUMNS, errors, "Forecast errors on held-out days")]
        if form == "table":
            tables.append(Table(REVENUE_COLUMNS, _revenue_rows(engine, days, found), REVENUE_TITLE))
            print_result(form, lambda: tables, lambda: errors)
        else:
            print_result(form, tables[0], lambda: errors)
        for f in found:
            if f.note:
                print_note(f"{f.series}: {f.note}")
            elif f.series == core.ALL_SALES:
                print_note(core.describe_forecast(f, result.history(f.series)[1], engine.model().currency))
    if not output:
        context.suggest(["forecast", "-o", "forecast.csv"])


def _revenue_rows(engine: RetailEngine, days: int, found: Sequence[Forecast]) -> list[dict[str, Any]]:
    """Return the revenue that customer value expects, next to the total of the sales forecast where it is as long."""
    from smart_retail.analysis import sales_forecast as core

    try:
        revenue = engine.expected_revenue(sorted({days, *REVENUE_HORIZONS_DAYS}))
    except FormatVersionError:
        return []  # a bundle of an older version
    sales = [day.amount for f in found if f.series == core.ALL_SALES for day in f.days]
    return [
        r.as_dict() | {"sales_forecast": sum(sales[: r.horizon_days]) if r.horizon_days <= len(sales) else None}
        for r in revenue
    ]


def _write_forecast_charts(path: str, found: SalesForecast, errors: list[dict[str, Any]], engine: RetailEngine) -> None:
    """Write a chart per series with its forecast days and the errors of the models."""
    from smart_retail.analysis import sales_forecast as core
    from smart_retail.reporting import time_series_charts
    from smart_retail.reporting.chart_export import ChartSection, write_charts

    currency = engine.model().currency
    pictures = [
        ChartSection(
            forecast.series,
            partial(time_series_charts.sales_forecast, forecast, found.history(forecast.series), currency),
            core.forecast_rows([forecast]),
            (("Forecast errors on held-out days", [e for e in errors if e["series"] == forecast.series]),),
        )
        for forecast in found.forecasts
    ]
    write_charts(path, "Sales forecast", "Forecast of daily sales", pictures, formatting.describe_model(engine.model()))
    print_note(f"Written to {path}.")
