"""Look-up commands: customer, customers, items, item, segments, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from smart_retail.presentation import formatting
from smart_retail.protocol import (
    CHURN_RISKS,
    CUSTOMER_SORTS,
    DEFAULT_CUSTOMER_SORT,
    MAX_N,
    CustomerFilter,
    CustomerQuery,
    all_customers,
)
from smart_retail.results import Cluster, CustomerProfile, Result, Segment
from smart_retail_cli.context import CliContext, Command, as_argument, pass_cli_context
from smart_retail_cli.customer_argument import find_similar_customer, new_customer_option
from smart_retail_cli.output import (
    Table,
    column_label,
    format_option,
    print_note,
    print_result,
    replace_control_characters,
)
from smart_retail_cli.parameters import OutputFile, customer_filter_options

SIZE_COLUMNS = ("customers", "share", "revenue", "revenue_share")
MEAN_COLUMNS = ("mean_recency", "mean_frequency", "mean_monetary")
PROFILE_COLUMNS = (
    "customer_id", "known", "customer_name", "country", "segment", "value_tier", "recency", "frequency", "monetary",
    "code", "cluster", "orders", "first_order", "last_order", "returned_share",
)  # fmt: skip
PURCHASE_COLUMNS = ("item_name", "item_id", "category", "orders", "quantity", "amount", "last_day")
ITEM_COLUMNS = (
    "item_id", "item_name", "category", "subcategory", "unit_price", "orders", "customers", "brand", "description",
    "image_url", "list_price", "cost", "stock", "launch_date",
)  # fmt: skip
MAX_PURCHASES_SHOWN = 15
"""Purchases in the table; JSON contains all."""

CUSTOMER_COLUMNS = (
    "customer_name", "customer_id", "country", "segment", "cluster", "orders", "amount", "last_order", "expected_spend",
    "return_probability", "lifetime_value", "churn_risk",
)  # fmt: skip

n_option = click.option(
    "-n", "n", type=click.IntRange(1, MAX_N), default=20, show_default=True, help="Maximum number of results."
)


def to_rows(results: Sequence[Result]) -> list[dict[str, object]]:
    """Return results as rows of a table."""
    return [result.as_dict() for result in results]


@click.command(
    short_help="Show the profile of a customer.",
    cls=Command,
    epilog="Example: smart-retail customer AA-10315 --format json",
)
@click.argument("customer_id", metavar="CUSTOMER")
@new_customer_option
@format_option
@pass_cli_context
def customer(context: CliContext, customer_id: str, new_customer: bool, form: str) -> None:
    """Show the profile of a CUSTOMER, given by id or unique name: RFM, segment, cluster, latest purchases."""
    engine = context.engine()
    profile = engine.customer(customer_id)
    if not (profile.known or new_customer):
        customer_id = find_similar_customer(engine, customer_id)
        profile = engine.customer(customer_id)
    if form == "table":
        click.echo(
            replace_control_characters(
                formatting.SEPARATOR.join(
                    (
                        formatting.join_name_and_id(profile.customer_name, customer_id),
                        formatting.describe_profile(profile),
                    )
                )
            )
        )
        if profile.top_categories:
            best = ", ".join(f"{c.category} {formatting.format_percent(c.share)}" for c in profile.top_categories)
            click.echo(replace_control_characters(f"Main categories: {best}"))
    print_result(form, profile_table(profile) if form == "csv" else lambda: purchase_tables(profile), profile.as_dict)
    if form == "table":
        context.suggest(["recommend", *as_argument(customer_id)])


def profile_table(profile: CustomerProfile) -> Table:
    """Return a profile as a table of one row."""
    plain = profile.as_dict()
    flat = plain | (plain["rfm"] or {}) | {"cluster": profile.cluster.name if profile.cluster else None}
    return Table(PROFILE_COLUMNS, [flat])


def purchase_tables(profile: CustomerProfile) -> list[Table]:
    """Return a table of the latest purchases; none without purchases."""
    newest = to_rows(profile.purchases[:MAX_PURCHASES_SHOWN])
    return [Table(PURCHASE_COLUMNS, newest, "Latest purchases")] if newest else []


@click.command(
    short_help="Find customers, or list those that pass filters.",
    cls=Command,
    epilog="Example: smart-retail customers --segment Champions --sort expected_spend -o champions.csv",
)
@click.argument("text", default="")
@click.option("--segment", default="", metavar="NAME", help="Only customers of this RFM segment.")
@click.option("--churn-risk", type=click.Choice(CHURN_RISKS), help="Only customers with this churn risk.")
@customer_filter_options
@click.option(
    "--sort",
    type=click.Choice(CUSTOMER_SORTS),
    help="Column to sort by, largest first. [default: amount, or relevance]",
)
@click.option("--ascending", is_flag=True, help="Smallest value first.")
@n_option
@click.option("-o", "--output", type=OutputFile(".csv", ".xlsx"), metavar="OUT", help="Write all of them to this file.")
@format_option
@pass_cli_context
def customers(
    context: CliContext,
    /,
    text: str,
    sort: str | None,
    ascending: bool,
    n: int,
    output: str | None,
    form: str,
    **conditions: Any,
) -> None:
    """Find customers whose id or name contains TEXT; with an option or without TEXT, list them with key figures."""
    engine = context.engine()
    conditions = {name: value for name, value in conditions.items() if value is not None}
    selected = CustomerFilter(text, **conditions)
    if text and not (len(selected.conditions) > 1 or sort or ascending or output):
        found = to_rows(engine.search_customers(text, n))
        print_result(form, Table(("customer_name", "customer_id", "segment"), found), lambda: found)
        warn_if_empty(found, "customer", text)
        return
    query = CustomerQuery(text, **conditions, sort=sort or DEFAULT_CUSTOMER_SORT, ascending=ascending, n=n)
    if output is not None:
        from smart_retail.utils.spreadsheet import write_table

        headings = {name: column_label(name) for name in CUSTOMER_COLUMNS}
        metadata = formatting.export_metadata(engine.model())
        written = write_table(output, (c.as_dict() for c in all_customers(engine, query)), headings, metadata)
        print_note(f"{formatting.pluralize(written, 'customer')} written to {output}.")
        return
    page = engine.customers(query)
    rows = to_rows(page.entries)
    caption = f"{len(rows):,} of {formatting.pluralize(page.total, 'customer')}; forecast of {page.horizon_days} days"
    hidden = {"cluster", "lifetime_value", "churn_risk"}  # the table would be too wide for most terminals
    hidden |= {name for name in ("customer_name", "country") if not any(row[name] for row in rows)}
    columns = CUSTOMER_COLUMNS if form == "csv" else tuple(name for name in CUSTOMER_COLUMNS if name not in hidden)
    print_result(form, Table(columns, rows, caption=caption), page.as_dict)
    if not rows:
        print_note("No customer passes the filters.")


@click.command(
    short_help="Show a product.", cls=Command, epilog="Example: smart-retail item OFF-PA-10001970 --format json"
)
@click.argument("item_id", metavar="ITEM")
@format_option
@pass_cli_context
def item(context: CliContext, item_id: str, form: str) -> None:
    """Show the product with the id ITEM: name, price, orders and what the catalogue says of it."""
    found = context.engine().item(item_id)
    plain = found.as_dict()
    if form == "csv":
        print_result(form, Table(ITEM_COLUMNS, [plain]), lambda: plain)
        return
    attributes = plain.pop("attributes")
    rows = [{"field": name, "value": value} for name, value in plain.items() if value not in ("", None)]
    rows += [{"field": name, "value": value} for name, value in attributes.items()]
    print_result(form, Table(("field", "value"), rows), found.as_dict)
    if form == "table":
        context.suggest(["similar", *as_argument(item_id)])


def warn_if_empty(results: Sequence[object], noun: str, text: str) -> None:
    """Print a note if a search for `text` found no `noun`."""
    if not results:
        print_note(f"No {noun} has {replace_control_characters(text)!r} in its id or name.")


@click.command(
    short_help="List the RFM segments with suggested actions.",
    cls=Command,
    epilog="Example: smart-retail segments --format csv > segments.csv",
)
@format_option
@pass_cli_context
def segments(context: CliContext, form: str) -> None:
    """List the RFM segments, most valuable first, with a suggested action for each."""
    found: list[Segment] = context.engine().segments()
    rows = [row | {"segment": row["name"]} for row in to_rows(found)]
    print_result(
        form,
        Table(("segment", *SIZE_COLUMNS, "limits", "action"), rows, csv_columns=MEAN_COLUMNS),
        lambda: to_rows(found),
    )


@click.command(
    short_help="List the customer clusters, most valuable first.", cls=Command, epilog="Example: smart-retail clusters"
)
@format_option
@pass_cli_context
def clusters(context: CliContext, form: str) -> None:
    """List the clusters of customers with similar purchases, most valuable first."""
    found: list[Cluster] = context.engine().clusters()
    rows = to_rows(found)
    print_result(form, Table(("id", "name", *SIZE_COLUMNS, *MEAN_COLUMNS), rows), lambda: rows)
