"""The command `value`: customer value of one customer, of the shop, or of all customers as a CSV file."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail.presentation import formatting
from smart_retail.protocol import DEFAULT_HORIZON_DAYS, MAX_HORIZON_DAYS
from smart_retail.results import CustomerValue, ValueSummary
from smart_retail_cli.context import CliContext, Command, as_argument, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result, replace_control_characters

GROUP_COLUMNS = (
    "name", "customers", "expected_orders", "expected_spend", "spend_share", "return_probability", "lifetime_value",
)  # fmt: skip
AT_RISK_COLUMNS = ("customer_id", "spend", "orders", "return_probability", "usual_interval_days", "lifetime_value")
MAX_AT_RISK_SHOWN = 10


@click.command(
    short_help="Show or export what customers are expected to order and spend.",
    cls=Command,
    epilog="Example: smart-retail value --horizon 90 -o value.csv",
)
@click.argument("customer", required=False)
@click.option(
    "--horizon",
    type=click.IntRange(1, MAX_HORIZON_DAYS),
    default=DEFAULT_HORIZON_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Days to forecast, from the day after the last order of the history.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write one row per customer to this CSV file.",
)
@format_option
@pass_cli_context
def value(context: CliContext, customer: str | None, horizon: int, output: Path | None, form: str) -> None:
    """Show the value of one CUSTOMER, or of the shop: expected orders and spend, probability to return, next order."""
    engine = context.engine()
    if output is not None:
        if customer is not None:
            raise click.UsageError("--output writes all customers; leave out CUSTOMER.")
        from smart_retail.serving.value_export import write_values

        rows = write_values(engine, output, horizon)
        print_note(f"{formatting.pluralize(rows, 'row')} written to {output}.")
        return
    if customer is not None:
        _print_customer(context, engine.customer_value(customer, horizon), form)
    else:
        _print_summary(engine.value_summary(horizon), form)


def _print_customer(context: CliContext, found: CustomerValue, form: str) -> None:
    row = found.as_dict()
    columns = [name for name in row if name not in ("notes", "model_version")]
    if form == "table":
        rows = [{"figure": name.replace("_", " "), "value": row[name]} for name in columns]
        print_result(form, lambda: [Table(("figure", "value"), rows)], found.as_dict)
        for note in found.notes:
            print_note(replace_control_characters(note))
        context.suggest(["customer", *as_argument(found.customer_id)])
    else:
        print_result(form, Table(tuple(columns), [row]), found.as_dict)


def _print_summary(found: ValueSummary, form: str) -> None:
    segments = [group.as_dict() for group in found.segments]
    if form != "table":
        print_result(form, Table(GROUP_COLUMNS, segments), found.as_dict)
        return
    click.echo(
        f"Next {found.horizon_days} days from {found.start}: {found.expected_orders:,.0f} orders "
        f"(80 % interval {found.orders_low:,.0f} to {found.orders_high:,.0f}), spend {found.expected_spend:,.2f} "
        f"({found.spend_low:,.2f} to {found.spend_high:,.2f}) by {found.customers:,} customers."
    )
    for sentence in found.sentences:
        click.echo(replace_control_characters(sentence))
    risk = [v.as_dict() for v in found.at_risk[:MAX_AT_RISK_SHOWN]]
    tables = [Table(GROUP_COLUMNS, segments, "By segment")]
    if risk:
        tables.append(Table(AT_RISK_COLUMNS, risk, "Customers with a high churn risk, by spend at risk"))
    print_result(form, lambda: tables, found.as_dict)
    for note in found.notes:
        print_note(replace_control_characters(note))
