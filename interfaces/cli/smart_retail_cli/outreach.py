"""What people look at from time to time: report, migration, forecast."""

from __future__ import annotations

import click

from smart_retail import display
from smart_retail.errors import NeedsLocalEngineError, UsageError
from smart_retail.exports import write_table
from smart_retail.protocol import RetailEngine
from smart_retail_cli import progress
from smart_retail_cli.output import Table, format_option, json_out, note, show
from smart_retail_cli.session import Command, Session, pass_session

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
    from smart_retail.reporting.report import write_report

    engine = session.engine()
    with progress.shown() as listener:
        write_report(engine, output, listener)
    note(f"Written to {output}: open it in a browser, print it to PDF.")


def stamp(engine: RetailEngine) -> dict[str, str]:
    """What a file was made from."""
    model = engine.model()
    return {"Model version": model.version, "Data period": f"{model.first} to {model.last}"}


@click.command(
    short_help="Who moved between segments.", cls=Command, epilog="Example: smart-retail migration --format csv"
)
@click.option("--before", metavar="ID", help="The earlier version (default: the previous one).")
@click.option("--after", metavar="ID", help="The later version (default: the active one).")
@format_option
@pass_session
def migration(session: Session, before: str | None, after: str | None, form: str) -> None:
    """Compare the segments of two fits: from where to where, and who fell from the best ones."""
    from smart_retail import artifacts
    from smart_retail.engine import Engine
    from smart_retail.reporting import migration as core
    from smart_retail.reporting.states import standings

    if session.api_url:
        raise NeedsLocalEngineError("Movement needs the bundles themselves.", "Leave --api-url out.")
    before = before or next((v.version for v in artifacts.versions(session.artifacts) if v.previous), None)
    if before is None:
        raise UsageError("There is no earlier version to compare with.", "Fit again later, or name one with --before.")
    with progress.shown() as listener:
        engines = [Engine.load(session.artifacts, version=version) for version in (before, after)]
        then, now = (standings(engine, listener) for engine in engines)
    found = core.migration(then, now, (engines[0].version, engines[1].version))
    moves = [move.as_dict() for move in found.moves]
    fallen = [customer.as_dict() for customer in found.fallen]
    names, columns, counts = core.matrix(found)
    cells = [{"from": name, **dict(zip(columns, row, strict=True))} for name, row in zip(names, counts, strict=True)]
    if form == "csv":
        show(form, Table(MOVE_COLUMNS, moves), lambda: moves)
    else:
        both = [
            Table(("from", *columns), cells, "Customers, from (row) to (column)"),
            Table(FALLEN_COLUMNS, fallen, "Fallen"),
        ]
        show(form, lambda: both, found.as_dict)


@click.command(
    short_help="Daily sales ahead.", cls=Command, epilog="Example: smart-retail forecast --days 28 -o forecast.csv"
)
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="How far ahead.")
@click.option("--country", default="", metavar="CODE", help="Two-letter code whose holidays count.")
@click.option("--overall", is_flag=True, help="No series for each category.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="OUT", help="The days as .csv or .xlsx.")
@format_option
@pass_session
def forecast(session: Session, days: int, country: str, overall: bool, output: str | None, form: str) -> None:
    """Forecast daily sales, overall and by category: Prophet, or last season where that was nearer."""
    from smart_retail.engine import Engine
    from smart_retail.reporting import forecast as core

    engine = session.engine()
    if not isinstance(engine, Engine):
        raise NeedsLocalEngineError("A forecast needs the bundle itself.", "Leave --api-url out.")
    with progress.shown() as listener:
        found = core.forecast(
            core.daily_sales(engine.store, not overall), horizon=days, country=country, progress=listener
        )
    if output:
        written = write_table(output, core.rows(found), core.COLUMNS, stamp(engine))
        note(f"{display.count(written, 'row')} written to {output}.")
    judged = [
        error.as_dict() | {"series": f.series, "held_out_days": f.held_out_days, "used": error.model == f.model}
        for f in found
        for error in f.errors
    ]
    if form == "json":
        json_out([f.as_dict() for f in found])
    else:
        show(form, Table(ERROR_COLUMNS, judged, "Errors on the days held out"), lambda: judged)
        for f in found:
            if f.note:
                note(f"{f.series}: {f.note}")
    if not output:
        session.suggest(["forecast", "-o", "forecast.csv"])
