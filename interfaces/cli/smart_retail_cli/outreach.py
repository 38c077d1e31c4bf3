"""Files for people who look, write to customers and plan ahead: report, campaign, forecast."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail import display
from smart_retail.errors import NeedsLocalEngineError
from smart_retail.exports import write_table
from smart_retail.protocol import RetailEngine
from smart_retail_cli import progress
from smart_retail_cli.ask import method_option, purchased_option
from smart_retail_cli.output import Table, format_option, json_out, note, show
from smart_retail_cli.session import Command, Session, pass_session

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


@click.command(
    short_help="A file of whom to write to with what.",
    cls=Command,
    epilog="Example: smart-retail campaign --segment Champions --segment Loyal -o campaign.xlsx",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), metavar="OUT", help="A .csv or .xlsx file."
)
@click.option("--segment", "segments", multiple=True, metavar="NAME", help="Only this segment; may be repeated.")
@click.option("-n", "n", type=click.IntRange(1, 20), default=5, show_default=True, help="Products for each customer.")
@method_option
@purchased_option
@click.option(
    "--holdout",
    type=click.FloatRange(0, 0.9),
    default=0.1,
    show_default=True,
    help="Share left out, to measure the lift.",
)
@click.option("--name", default="campaign", show_default=True, help="Another name leaves other customers out.")
@click.option(
    "--contacts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with customer_id and the contact columns to pass through.",
)
@pass_session
def campaign(
    session: Session,
    output: str,
    segments: tuple[str, ...],
    n: int,
    method: str,
    allow_purchased: bool,
    holdout: float,
    name: str,
    contacts: Path | None,
) -> None:
    """Write a row for each customer: segment, what to do, what is due again, products with reasons."""
    from smart_retail.reporting import campaign as core

    settings = core.CampaignSettings(method, n, segments, holdout, name, not allow_purchased)
    extra, rows_of = core.read_contacts(contacts) if contacts else ([], None)
    engine = session.engine()
    with progress.shown() as listener:
        rows = core.rows(engine, all_customers(engine), settings, contacts=rows_of, progress=listener)
        written = write_table(output, rows, core.columns(settings, extra), stamp(engine))
    note(f"{display.count(written, 'customer')} written to {output}.")


def stamp(engine: RetailEngine) -> dict[str, str]:
    """What a file was made from."""
    model = engine.model()
    return {"Model version": model.version, "Data period": f"{model.first} to {model.last}"}


def all_customers(engine: RetailEngine) -> list[str]:
    """Every customer of a bundle in this process."""
    if not hasattr(engine, "customer_ids"):
        raise NeedsLocalEngineError("An engine behind the API does not list all customers.", "Leave --api-url out.")
    return list(engine.customer_ids())


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
