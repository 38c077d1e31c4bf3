"""The command `campaign`: whom to write to with what, and afterwards `campaign lift`: what it did."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail.errors import NeedsLocalEngineError
from smart_retail.presentation import formatting
from smart_retail.protocol import RetailEngine
from smart_retail.utils.spreadsheet import write_table
from smart_retail_cli import progress
from smart_retail_cli.context import Command, Group, Session, pass_session
from smart_retail_cli.fit_commands import mapping_of, settings_of
from smart_retail_cli.output import Table, format_option, note, show
from smart_retail_cli.recommend_commands import method_option, purchased_option
from smart_retail_cli.report_commands import stamp

LIFT_COLUMNS = ("measure", "uplift", "low", "high", "treated", "holdout", "treated_customers", "holdout_customers")


@click.group(
    short_help="A file of whom to write to with what.",
    cls=Group,
    invoke_without_command=True,
    epilog="Example: smart-retail campaign --segment Champions --segment Loyal -o campaign.xlsx",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="OUT", help="A .csv or .xlsx file.")
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
@click.pass_context
def campaign(
    context: click.Context,
    output: str | None,
    segments: tuple[str, ...],
    n: int,
    method: str,
    allow_purchased: bool,
    holdout: float,
    name: str,
    contacts: Path | None,
) -> None:
    """Write a row for each customer: segment, what to do, what is due again, products with reasons."""
    if context.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.", context)
    session = context.ensure_object(Session)
    from smart_retail.analysis import campaign as core

    settings = core.CampaignSettings(method, n, segments, holdout, name, not allow_purchased)
    extra, rows_of = core.read_contacts(contacts) if contacts else ([], None)
    engine = session.engine()
    with progress.shown() as listener:
        rows = core.rows(engine, all_customers(engine), settings, contacts=rows_of, progress=listener)
        written = write_table(output, rows, core.columns(settings, extra), stamp(engine))
    note(f"{formatting.count(written, 'customer')} written to {output}.")


def all_customers(engine: RetailEngine) -> list[str]:
    """Every customer of a bundle in this process."""
    if not hasattr(engine, "customer_ids"):
        raise NeedsLocalEngineError("An engine behind the API does not list all customers.", "Leave --api-url out.")
    return list(engine.customer_ids())


@campaign.command(
    short_help="What a campaign did.",
    cls=Command,
    epilog="Example: smart-retail campaign lift campaign.csv orders_march.csv --since 2026-03-01",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("sources", nargs=-1, required=True, metavar="ORDERS...", type=click.Path(exists=True))
@click.option("--since", required=True, metavar="DATE", help="First day whose orders count.")
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="As for fit.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Settings as TOML.")
@format_option
@pass_session
def lift(
    session: Session,
    file: Path,
    sources: tuple[str, ...],
    since: str,
    mapping: tuple[str, ...],
    config: str | None,
    form: str,
) -> None:
    """Measure a campaign: revenue and buyers of the treated against those held out, with 95 % intervals.

    FILE is the CSV that campaign wrote, ORDERS are the orders made afterwards.
    """
    from smart_retail.analysis.customer_snapshots import revenue_since
    from smart_retail.analysis.uplift import lift as measure
    from smart_retail.analysis.uplift import read_groups

    groups = read_groups(file)
    settings = settings_of(config, session.threads)
    with progress.shown() as listener:
        spent = revenue_since(sources, since, mapping=mapping_of(mapping), settings=settings, progress=listener)
    found = [result.as_dict() for result in measure(groups, spent)]
    show(form, Table(LIFT_COLUMNS, found), lambda: found)
