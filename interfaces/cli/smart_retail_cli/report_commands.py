"""What people look at from time to time: report, migration, forecast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from smart_retail.errors import NeedsLocalEngineError, UsageError
from smart_retail.presentation import formatting
from smart_retail.protocol import RetailEngine
from smart_retail.utils.spreadsheet import write_table
from smart_retail_cli import progress
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import Table, format_option, json_out, note, show

if TYPE_CHECKING:
    from smart_retail.analysis.sales_forecast import Forecast
    from smart_retail.analysis.segment_migration import Migration

MOVE_COLUMNS = ("before", "after", "customers", "monetary")
FALLEN_COLUMNS = ("customer_name", "customer_id", "before", "after", "monetary", "last_order", "last_item")
ERROR_COLUMNS = ("series", "model", "used", "mae", "rmse", "mape", "held_out_days")


@click.command(
    short_help="Everything in pictures, as one page.", cls=Command, epilog="Example: smart-retail report -o report.html"
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="report.html", show_default=True, metavar="OUT.html"
)
@pass_session
def report(session: Session, output: str) -> None:
    """Write one self-contained page: data, sales, customers, segments, clusters, products, methods, settings."""
    from smart_retail.reporting.html_report import write_report

    engine = session.engine()
    with progress.shown() as listener:
        write_report(engine, output, listener)
    note(f"Written to {output}: open it in a browser, print it to PDF.")


def stamp(engine: RetailEngine) -> dict[str, str]:
    """What a file was made from."""
    model = engine.model()
    return {"Model version": model.version, "Data period": f"{model.first} to {model.last}"}


@click.command(
    short_help="Who moved between segments.",
    cls=Command,
    epilog="Example: smart-retail migration --from-date 2011-06-01 --plot migration.html",
)
@click.option("--before", metavar="ID", help="The earlier version (default: the previous one).")
@click.option("--after", metavar="ID", help="The later version (default: the active one).")
@click.option("--from-date", metavar="DATE", help="Instead: a day of one version's history.")
@click.option("--to-date", metavar="DATE", help="The later day (default: the version's analysis date).")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="OUT", help="A heat map as .html, .svg or .png.")
@format_option
@pass_session
def migration(
    session: Session,
    before: str | None,
    after: str | None,
    from_date: str | None,
    to_date: str | None,
    plot: str | None,
    form: str,
) -> None:
    """Compare the segments of two fits, or of two dates: from where to where, and who fell from the best ones."""
    from smart_retail.analysis import segment_migration as core
    from smart_retail.analysis.customer_snapshots import between_dates, standings
    from smart_retail.bundle import versions
    from smart_retail.reporting.chart_export import check_form
    from smart_retail.serving.engine import Engine

    if session.api_url:
        raise NeedsLocalEngineError("Movement needs the bundles themselves.", "Leave --api-url out.")
    if plot:
        check_form(plot)
    if from_date or to_date:
        if before:
            raise UsageError("Two versions and two dates cannot be compared at once.", "Leave --before out.")
        if not from_date:
            raise UsageError("The earlier date is missing.", "Name it with --from-date 2026-01-31.")
        engine = Engine.load(session.artifacts, version=after)
        found = between_dates(engine, from_date, to_date or "")
    else:
        before = before or next((v.version for v in versions.versions(session.artifacts) if v.previous), None)
        if before is None:
            raise UsageError(
                "There is no earlier version to compare with.",
                "Fit again later, name one with --before, or compare two dates with --from-date.",
            )
        with progress.shown() as listener:
            engines = [Engine.load(session.artifacts, version=version) for version in (before, after)]
            then, now = (standings(engine, listener) for engine in engines)
        engine = engines[1]
        found = core.migration(then, now, (engines[0].version, engine.version))
    if plot:
        _movement(plot, found, engine)
    moves = [move.as_dict() for move in found.moves]
    fallen = [customer.as_dict() for customer in found.fallen]
    if form == "csv":
        show(form, Table(MOVE_COLUMNS, moves), lambda: moves)
    else:
        _, columns, _ = core.matrix(found)
        both = [
            Table(("from", *columns), core.cells(found), "Customers, from (row) to (column)"),
            Table(FALLEN_COLUMNS, fallen, "Fallen"),
        ]
        show(form, lambda: both, found.as_dict)


def _movement(path: str, found: Migration, engine: RetailEngine) -> None:
    """The heat map as a file, on a page with the customers who fell."""
    from smart_retail.analysis import segment_migration as core
    from smart_retail.reporting import time_series_charts
    from smart_retail.reporting.chart_export import Picture, write_pictures

    fallen = [customer.as_dict() for customer in found.fallen]
    picture = Picture("Movement", lambda: time_series_charts.movement(found), core.cells(found), (("Fallen", fallen),))
    lead = f"From {found.before} to {found.after}"
    write_pictures(path, "Movement between segments", lead, [picture], formatting.model_line(engine.model()))
    note(f"Written to {path}.")


@click.command(
    short_help="Daily sales ahead.", cls=Command, epilog="Example: smart-retail forecast --days 28 -o forecast.csv"
)
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="How far ahead.")
@click.option("--country", default="", metavar="CODE", help="Two-letter code whose holidays count.")
@click.option("--regressor", type=click.Choice(["discount"]), help="Try Prophet also with the days' mean discount.")
@click.option("--planned", type=click.FloatRange(0, 1), metavar="PART", help="Discount ahead (default: as of late).")
@click.option("--overall", is_flag=True, help="No series for each category.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="OUT", help="The days as .csv or .xlsx.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="OUT", help="Pictures as .html, .svg or .png.")
@format_option
@pass_session
def forecast(
    session: Session,
    days: int,
    country: str,
    regressor: str | None,
    planned: float | None,
    overall: bool,
    output: str | None,
    plot: str | None,
    form: str,
) -> None:
    """Forecast daily sales, overall and by category: Prophet, or last season where that was nearer."""
    from smart_retail.analysis import sales_forecast as core
    from smart_retail.reporting.chart_export import check_form
    from smart_retail.serving.engine import Engine

    engine = session.engine()
    if not isinstance(engine, Engine):
        raise NeedsLocalEngineError("A forecast needs the bundle itself.", "Leave --api-url out.")
    if planned is not None and not regressor:
        raise UsageError("A planned discount needs the regressor.", "Add --regressor discount.")
    if plot:
        check_form(plot)
    series = core.daily_sales(engine.store, not overall)
    discounts = core.daily_discounts(engine.store) if regressor else None
    with progress.shown() as listener:
        found = core.forecast(
            series, horizon=days, country=country, discounts=discounts, planned=planned, progress=listener
        )
    if output:
        written = write_table(output, core.rows(found), core.COLUMNS, stamp(engine))
        note(f"{formatting.count(written, 'row')} written to {output}.")
    judged = core.error_rows(found)
    if plot:
        _ahead(plot, found, series, judged, engine)
    if form == "json":
        json_out([f.as_dict() for f in found])
    else:
        show(form, Table(ERROR_COLUMNS, judged, "Errors on the days held out"), lambda: judged)
        for f in found:
            if f.note:
                note(f"{f.series}: {f.note}")
    if not output:
        session.suggest(["forecast", "-o", "forecast.csv"])


def _ahead(path: str, found: Sequence[Forecast], series: Any, judged: list[dict[str, Any]], engine: Any) -> None:
    """Every series as a picture, with its days and the errors of the models."""
    from smart_retail.analysis import sales_forecast as core
    from smart_retail.reporting import time_series_charts
    from smart_retail.reporting.chart_export import Picture, write_pictures

    currency = engine.model().currency
    pictures = [
        Picture(
            one.series,
            partial(time_series_charts.sales_ahead, one, series[one.series], currency),
            core.rows([one]),
            (("Errors on the days held out", [e for e in judged if e["series"] == one.series]),),
        )
        for one in found
    ]
    write_pictures(path, "Sales forecast", "Daily sales ahead", pictures, formatting.model_line(engine.model()))
    note(f"Written to {path}.")
