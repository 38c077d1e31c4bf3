"""Commands that look things up: customer, customers, items, segments, clusters."""

from __future__ import annotations

from collections.abc import Sequence

import click

from smart_retail.presentation import formatting
from smart_retail.protocol import MAX_N
from smart_retail.results import Cluster, CustomerProfile, Result, Segment
from smart_retail_cli.context import Command, Session, as_argument, pass_session
from smart_retail_cli.output import Table, format_option, note, printable, show

SIZES = ("customers", "share", "revenue", "revenue_share")
MEANS = ("mean_recency", "mean_frequency", "mean_monetary")
PROFILE_COLUMNS = (
    "customer_id", "known", "customer_name", "country", "segment", "value_tier", "recency", "frequency", "monetary",
    "code", "cluster", "orders", "first_order", "last_order", "returned_share",
)  # fmt: skip
PURCHASE_COLUMNS = ("item_name", "item_id", "category", "orders", "quantity", "amount", "last_day")
RECENT = 15
"""Purchases in the table; JSON has all."""

n_option = click.option(
    "-n", "n", type=click.IntRange(1, MAX_N), default=20, show_default=True, help="At most so many."
)


def rows_of(results: Sequence[Result]) -> list[dict[str, object]]:
    return [result.as_dict() for result in results]


@click.command(
    short_help="Who a customer is.", cls=Command, epilog="Example: smart-retail customer AA-10315 --format json"
)
@click.argument("customer_id", metavar="ID")
@format_option
@pass_session
def customer(session: Session, customer_id: str, form: str) -> None:
    """Show who a customer is: RFM, segment, cluster, purchases."""
    profile = session.engine().customer(customer_id)
    if form == "table":
        click.echo(
            printable(
                formatting.DOT.join(
                    (formatting.name_and_id(profile.customer_name, customer_id), formatting.profile_line(profile))
                )
            )
        )
        if profile.top_categories:
            best = ", ".join(f"{c.category} {formatting.percent(c.share)}" for c in profile.top_categories)
            click.echo(printable(f"Buys mostly: {best}"))
    show(form, profile_table(profile) if form == "csv" else lambda: purchases(profile), profile.as_dict)
    if form == "table":
        session.suggest(["recommend", *as_argument(customer_id)])


def profile_table(profile: CustomerProfile) -> Table:
    """A profile as one flat row."""
    plain = profile.as_dict()
    flat = plain | (plain["rfm"] or {}) | {"cluster": profile.cluster.name if profile.cluster else None}
    return Table(PROFILE_COLUMNS, [flat])


def purchases(profile: CustomerProfile) -> list[Table]:
    """The newest purchases, where there are any."""
    newest = rows_of(profile.purchases[:RECENT])
    return [Table(PURCHASE_COLUMNS, newest, "Newest purchases")] if newest else []


@click.command(short_help="Find customers by id or name.", cls=Command, epilog="Example: smart-retail customers avila")
@click.argument("text")
@n_option
@format_option
@pass_session
def customers(session: Session, text: str, n: int, form: str) -> None:
    """Find customers whose id or name holds TEXT."""
    found = rows_of(session.engine().search_customers(text, n))
    show(form, Table(("customer_name", "customer_id", "segment"), found), lambda: found)
    say_if_none(found, "customer", text)


@click.command(short_help="Find items by id or name.", cls=Command, epilog="Example: smart-retail items paper -n 5")
@click.argument("text")
@n_option
@format_option
@pass_session
def items(session: Session, text: str, n: int, form: str) -> None:
    """Find items whose id or name holds TEXT."""
    found = rows_of(session.engine().search_items(text, n))
    columns = ("item_name", "item_id", "category", "subcategory", "unit_price", "orders", "customers")
    show(form, Table(columns, found), lambda: found)
    say_if_none(found, "item", text)


def say_if_none(found: Sequence[object], what: str, text: str) -> None:
    if not found:
        note(f"No {what} has {printable(text)!r} in its id or name.")


@click.command(
    short_help="The RFM segments and what to do for each.",
    cls=Command,
    epilog="Example: smart-retail segments --format csv > segments.csv",
)
@format_option
@pass_session
def segments(session: Session, form: str) -> None:
    """Show the RFM segments, best first, with what to do for each."""
    found: list[Segment] = session.engine().segments()
    rows = [row | {"segment": row["name"]} for row in rows_of(found)]
    show(form, Table(("segment", *SIZES, "action"), rows, more=MEANS), lambda: rows_of(found))


@click.command(
    short_help="The clusters of the latent space, by value.", cls=Command, epilog="Example: smart-retail clusters"
)
@format_option
@pass_session
def clusters(session: Session, form: str) -> None:
    """Show the clusters of the autoencoder's latent space, by value."""
    found: list[Cluster] = session.engine().clusters()
    rows = rows_of(found)
    show(form, Table(("id", "name", *SIZES, *MEANS), rows), lambda: rows)
