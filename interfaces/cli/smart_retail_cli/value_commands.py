"""The commands `value` (of one customer, of the shop, or of all as a CSV file), `replenishment` and `cohorts`."""

from __future__ import annotations

from pathlib import Path

import click

from smart_retail.presentation import formatting
from smart_retail.protocol import (
    DEFAULT_CALENDAR_DAYS,
    DEFAULT_PERIOD,
    MAX_HORIZON_DAYS,
    MAX_N,
    PERIODS,
    RetailEngine,
    read_all_pages,
)
from smart_retail.results import Cohort, CohortTable, CustomerValue, DueItem, ValueSummary
from smart_retail_cli.context import CliContext, Command, as_argument, pass_cli_context
from smart_retail_cli.customer_argument import find_similar_customer, new_customer_option
from smart_retail_cli.output import Table, format_option, print_note, print_result, replace_control_characters
from smart_retail_cli.parameters import horizon_option

GROUP_COLUMNS = (
    "name", "customers", "expected_orders", "expected_spend", "spend_share", "return_probability", "lifetime_value",
)  # fmt: skip
AT_RISK_COLUMNS = ("customer_id", "spend", "orders", "return_probability", "usual_interval_days", "lifetime_value")
MAX_AT_RISK_SHOWN = 10
REVENUE_COLUMNS = (
    "horizon_days", "expected", "low", "high", "known_customers", "new_customers", "last_window",
)  # fmt: skip
DUE_COLUMNS = (
    "due_date", "customer_id", "customer_name", "item_name", "item_id", "interval_days", "last_date",
    "purchases",
)  # fmt: skip
MAX_PERIODS_SHOWN = 12
"""Periods since the first order in the table; JSON and CSV contain all."""


@click.command(
    short_help="Show or export what customers are expected to order and spend.",
    cls=Command,
    epilog="Example: smart-retail value --horizon 90 -o value.csv",
)
@click.argument("customer", required=False)
@horizon_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write one row per customer to this CSV file.",
)
@new_customer_option
@format_option
@pass_cli_context
def value(
    context: CliContext, customer: str | None, horizon: int, output: Path | None, new_customer: bool, form: str
) -> None:
    """Show the value of one CUSTOMER, or of the shop: expected orders and spend, probability to return, next order."""
    engine = context.engine()
    if output is not None:
        if customer is not None:
            raise click.UsageError("--output writes all customers; leave out CUSTOMER.")
        from smart_retail.serving.value_export import write_values

        rows = write_values(engine, output, horizon)
        print_note(f"{formatting.pluralize(rows, 'row')} written to {output}.")
        return
    if customer is None:
        _print_summary(engine, engine.value_summary(horizon), form)
        return
    found = engine.customer_value(customer, horizon)
    if not (found.known or new_customer):
        found = engine.customer_value(find_similar_customer(engine, customer), horizon)
    _print_customer(context, engine, found, form)


def _print_customer(context: CliContext, engine: RetailEngine, found: CustomerValue, form: str) -> None:
    row = found.as_dict()
    columns = [name for name in row if name not in ("notes", "model_version")]
    if form == "table":
        facts = {"Customer id": found.customer_id, **formatting.value_facts(found, engine.model().currency)}
        facts |= {"Orders so far": formatting.format_integer(found.orders), "Forecast starts": found.start}
        rows = [{"figure": label, "value": text} for label, text in facts.items()]
        print_result(form, lambda: [Table(("figure", "value"), rows)], found.as_dict)
        for note in found.notes:
            print_note(replace_control_characters(note))
        context.suggest(["customer", *as_argument(found.customer_id)])
    else:
        print_result(form, Table(tuple(columns), [row]), found.as_dict)


def _print_summary(engine: RetailEngine, found: ValueSummary, form: str) -> None:
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
    revenue = [r.as_dict() for r in engine.expected_revenue()]
    tables = [
        Table(REVENUE_COLUMNS, revenue, "Expected revenue of the shop, with 80 % intervals"),
        Table(("segment", *GROUP_COLUMNS[1:]), [{**s, "segment": s["name"]} for s in segments], "By segment"),
    ]
    if risk:
        tables.append(Table(AT_RISK_COLUMNS, risk, "Customers with a high churn risk, by spend at risk"))
    print_result(form, lambda: tables, found.as_dict)
    for note in found.notes:
        print_note(replace_control_characters(note))


@click.command(
    short_help="List what customers are due to buy again.",
    cls=Command,
    epilog="Example: smart-retail replenishment --days 7 -o due.csv",
)
@click.argument("customer", required=False)
@click.option(
    "--days",
    type=click.IntRange(1, MAX_HORIZON_DAYS),
    default=DEFAULT_CALENDAR_DAYS,
    show_default=True,
    help="Length of the calendar, from the day after the last order of the history.",
)
@click.option("-n", "n", type=click.IntRange(1, MAX_N), default=20, show_default=True, help="Entries to show.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="OUT", help="Write all entries (.csv or .xlsx)."
)
@format_option
@pass_cli_context
def replenishment(context: CliContext, customer: str | None, days: int, n: int, output: str | None, form: str) -> None:
    """List what all customers, or one CUSTOMER, are due to buy again, by date."""
    engine = context.engine()
    if output is not None:
        from smart_retail.utils.spreadsheet import write_table
        from smart_retail_cli.output import column_label

        entries = read_all_pages(lambda offset: engine.replenishment(days, customer, n=MAX_N, offset=offset))
        rows = (entry.as_dict() for entry in entries)
        headings = {name: column_label(name) for name in DueItem.__struct_fields__}
        written = write_table(output, rows, headings, formatting.export_metadata(engine.model()))
        print_note(f"{formatting.pluralize(written, 'row')} written to {output}.")
        return
    found = engine.replenishment(days, customer, n=n)
    title = f"Due within {formatting.pluralize(days, 'day')} from {found.start}"
    caption = "" if found.total <= len(found.entries) else f"{len(found.entries)} of {found.total:,} entries"
    rows_shown = [entry.as_dict() for entry in found.entries]
    print_result(form, Table(DUE_COLUMNS, rows_shown, title, caption=caption, decimals=1), found.as_dict)
    if not found.total:
        print_note("Nothing is due in these days; try more with --days.")


@click.command(
    short_help="Show retention and value by the period of the first order.",
    cls=Command,
    epilog="Example: smart-retail cohorts --period quarter",
)
@click.option(
    "--period", type=click.Choice(PERIODS), default=DEFAULT_PERIOD, show_default=True, help="Period of the first order."
)
@format_option
@pass_cli_context
def cohorts(context: CliContext, period: str, form: str) -> None:
    """Show customers by the period of their first order: the share that orders again, and their value until then."""
    found = context.engine().cohorts(period)
    if form == "csv":
        rows = [row for cohort in found.cohorts for row in cohort_rows(cohort)]
        print_result(form, Table(COHORT_COLUMNS, rows), found.as_dict)
        return
    print_result(form, lambda: _cohort_tables(found), found.as_dict)
    if form == "table":
        for note in found.notes:
            print_note(note)


COHORT_COLUMNS = ("cohort", "customers", "periods_since_first", "retention", "cumulative_value")


def cohort_rows(cohort: Cohort) -> list[dict[str, object]]:
    """Return one row per period of a cohort."""
    return [
        {
            "cohort": cohort.start,
            "customers": cohort.customers,
            "periods_since_first": age,
            "retention": share,
            "cumulative_value": amount,
        }
        for age, (share, amount) in enumerate(zip(cohort.retention, cohort.cumulative_value, strict=True))
    ]


def _cohort_tables(found: CohortTable) -> list[Table]:
    """Retention in per cent and cumulative value, by cohort and periods since the first order."""
    ages = range(min(MAX_PERIODS_SHOWN, max((len(c.retention) for c in found.cohorts), default=0)))
    columns = ("cohort", "customers", *(str(age) for age in ages))

    def rows(values: str, scale: float) -> list[dict[str, object]]:
        return [
            {"cohort": c.start, "customers": c.customers}
            | {str(age): scale * getattr(c, values)[age] for age in ages if age < len(c.retention)}
            for c in found.cohorts
        ]

    since = f"{found.period}s since the first order"
    return [
        Table(columns, rows("retention", 100.0), f"Customers who ordered again, per cent, by {since}", decimals=0),
        Table(columns, rows("cumulative_value", 1.0), f"Mean value per customer, by {since}", decimals=0),
    ]
