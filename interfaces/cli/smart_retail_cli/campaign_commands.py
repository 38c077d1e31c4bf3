"""The commands `campaign` (which customers to contact with which products) and `campaign lift` (its effect)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from smart_retail.presentation import formatting
from smart_retail.protocol import CustomerFilter, is_local
from smart_retail.utils.spreadsheet import write_table
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, Group, pass_cli_context
from smart_retail_cli.fit_commands import build_settings, parse_mapping
from smart_retail_cli.output import Table, format_option, print_note, print_result
from smart_retail_cli.parameters import DATE, customer_filter_options, horizon_option
from smart_retail_cli.recommend_commands import (
    diversity_option,
    method_option,
    on_option,
    purchased_option,
    scenario_option,
)

LIFT_COLUMNS = ("measure", "uplift", "low", "high", "treated", "holdout", "treated_customers", "holdout_customers")


@click.group(
    short_help="Write a campaign file: customers and products.",
    cls=Group,
    invoke_without_command=True,
    epilog="Example: smart-retail campaign --worth-above 500 --return-below 0.3 -o campaign.xlsx",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="OUT", help="Output file (.csv or .xlsx).")
@click.option("--segment", "segments", multiple=True, metavar="NAME", help="Only this segment; repeatable.")
@click.option("--text", default="", metavar="TEXT", help="Only customers whose id or name contains TEXT.")
@customer_filter_options
@scenario_option
@click.option("-n", "n", type=click.IntRange(1, 20), help="Products per customer. [default: by the scenario, else 5]")
@method_option
@purchased_option
@on_option
@diversity_option
@click.option(
    "--holdout",
    type=click.FloatRange(0, 0.9),
    default=0.1,
    show_default=True,
    help="Share of the customers not to contact, so that the effect can be measured (0 to 0.9).",
)
@click.option(
    "--name",
    default="campaign",
    show_default=True,
    help="Name of the campaign; another name holds out other customers.",
)
@horizon_option
@click.option(
    "--worth-above",
    type=float,
    metavar="AMOUNT",
    help="Only customers whose spend so far plus lifetime value is above this amount.",
)
@click.option(
    "--return-below",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Only customers who are less likely than this to order within the horizon (0 to 1).",
)
@click.option(
    "--return-above",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Only customers who are more likely than this to order within the horizon (0 to 1).",
)
@click.option(
    "--churn-risk",
    "churn_risks",
    multiple=True,
    type=click.Choice(["low", "medium", "high"]),
    help="Only customers with this churn risk; repeatable.",
)
@click.option(
    "--contacts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV or XLSX with customer ids and contact columns, which are copied into the file.",
)
@click.pass_context
def campaign(
    click_context: click.Context,
    /,
    output: str | None,
    segments: tuple[str, ...],
    scenario: str | None,
    n: int | None,
    method: str | None,
    allow_purchased: bool,
    on: str | None,
    diversity: float | None,
    holdout: float,
    name: str,
    horizon: int,
    worth_above: float | None,
    return_below: float | None,
    return_above: float | None,
    churn_risks: tuple[str, ...],
    contacts: Path | None,
    **conditions: Any,
) -> None:
    """Write a file with one row per customer: segment, suggested action, due repurchases, products with reasons."""
    if click_context.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.", click_context)
    context = click_context.ensure_object(CliContext)
    from smart_retail.analysis import campaign as core
    from smart_retail.evaluation.verdict import get_verdict

    settings = core.CampaignSettings(
        method, n, segments, holdout, name, not allow_purchased, horizon, worth_above, return_below, return_above,
        churn_risks, on, diversity, CustomerFilter(**conditions), scenario,
    )  # fmt: skip
    extra, contact_rows = core.read_contacts(contacts) if contacts else ([], None)
    engine = context.engine()
    with progress.show_progress() as listener:
        if is_local(engine):  # row by row, so that a large shop needs little memory
            settings, groups = settings.resolved(engine), core.CampaignGroups()
            customers = engine.customer_ids(settings.customers)
            rows = core.campaign_rows(engine, customers, settings, contacts=contact_rows, progress=listener)
            content = core.column_headings(settings, extra), formatting.export_metadata(engine.model())
            written = write_table(output, groups.count(rows), *content, core.SHEETS)
        else:
            from smart_retail.analysis.long_tasks import CampaignTask

            found = engine.run(CampaignTask(settings, str(contacts) if contacts else None), listener)
            groups = found.groups
            written = write_table(output, found.rows, found.headings, found.metadata, core.SHEETS)
    print_note(f"{formatting.pluralize(written, 'customer')} written to {output}.")
    for sentence in groups.sentences():
        print_note(sentence)
    print_note(get_verdict(engine.model().scorecard))


@campaign.command(
    short_help="Measure the effect of a campaign.",
    cls=Command,
    epilog="Example: smart-retail campaign lift campaign.csv orders_march.csv --since 2026-03-01",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("sources", nargs=-1, required=True, metavar="ORDERS...", type=click.Path(exists=True))
@click.option("--since", type=DATE, required=True, metavar="DATE", help="First day whose orders count.")
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="As for fit.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Settings file (TOML).")
@format_option
@pass_cli_context
def lift(
    context: CliContext,
    file: Path,
    sources: tuple[str, ...],
    since: str,
    mapping: tuple[str, ...],
    config: str | None,
    form: str,
) -> None:
    """Compare revenue and buyers of contacted and held-out customers, with 95 % confidence intervals.

    FILE is the file that campaign wrote, ORDERS are the orders since then.
    """
    from smart_retail.analysis.customer_snapshots import revenue_since
    from smart_retail.analysis.uplift import describe_uplift, estimate_uplift, read_groups

    groups = read_groups(file)
    settings = build_settings(config, context.threads)
    with progress.show_progress() as listener:
        spent = revenue_since(sources, since, mapping=parse_mapping(mapping), settings=settings, progress=listener)
    uplifts = estimate_uplift(groups, spent)
    results = [uplift.as_dict() for uplift in uplifts]
    print_result(form, Table(LIFT_COLUMNS, results), lambda: results)
    for uplift in uplifts:
        print_note(f"{describe_uplift(uplift)}.")
