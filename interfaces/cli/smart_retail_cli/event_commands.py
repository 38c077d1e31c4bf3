"""The commands `events add`, `list`, `remove` and `compact` (purchases and returns), and `erase` (a customer)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from smart_retail.bundle.versions import events_in_all_versions, events_through
from smart_retail.errors import ColumnError, DataError, MissingBundleError, NeedsLocalEngineError, UnknownCustomerError
from smart_retail.events import Event, EventStore, open_events
from smart_retail.presentation import formatting
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.fixed_point import MILLION
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_json, print_result

REQUIRED_COLUMNS = ("event_id", "customer_id", "item_id", "timestamp")
NUMBER_COLUMNS = ("quantity", "amount")
EVENT_COLUMNS = ("event_id", "customer_id", "order_id", "item_id", "timestamp", "quantity", "amount")


@click.group(short_help="Add, list, remove or compact purchases and returns since the last fit.")
def events() -> None:
    """Purchases and returns since the last fit.

    Recommendations reflect them immediately; the next fit includes them.
    """


@events.command(cls=Command, epilog="Example: smart-retail events add today.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_cli_context
def add(context: CliContext, file: Path) -> None:
    """Add the events in FILE. An event that was added before is skipped.

    FILE is a CSV with a header, or JSON lines (.jsonl), with the fields event_id, customer_id, item_id, timestamp and
    optionally order_id, quantity (negative for a return) and amount.
    """
    if context.api_url:
        raise NeedsLocalEngineError(
            "Events from a file are added to a local artifacts folder.",
            "Leave --api-url out, or send them to POST /v1/events.",
        )
    found = list(read_events(file))
    new = open_events(context.artifacts).add(found, above=events_through(context.artifacts))
    click.echo(f"{formatting.pluralize(len(found), 'event')} read, {new:,} new.")
    context.suggest(["recommend", "CUSTOMER"])


@events.command(name="list", cls=Command, epilog="Example: smart-retail events list --customer AA-10315")
@click.option("--customer", metavar="ID", help="Only events of this customer.")
@format_option
@pass_cli_context
def list_events(context: CliContext, customer: str | None, form: str) -> None:
    """List the stored events, oldest first."""
    store = _local_store(context)
    found = [_event_row(e) for e in (store.all() if customer is None else store.for_customer(customer))]
    print_result(form, Table(EVENT_COLUMNS, found), lambda: found)


@events.command(cls=Command, epilog="Example: smart-retail events remove till-7/000123")
@click.argument("event_id")
@pass_cli_context
def remove(context: CliContext, event_id: str) -> None:
    """Remove the event EVENT_ID, such as one with a wrong amount.

    The active version keeps the event if it was fitted with it; the next fit leaves it out. The id may be added again.
    """
    if not _local_store(context).remove(event_id):
        raise DataError(f"There is no event {event_id!r}.", "`smart-retail events list` lists the stored events.")
    click.echo("1 event removed.")


@events.command(cls=Command, epilog="Example: smart-retail events compact --before 2026-01-01")
@click.option("--before", required=True, metavar="DATE", help="Remove events of earlier days (YYYY-MM-DD).")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_cli_context
def compact(context: CliContext, before: str, yes: bool) -> None:
    """Remove old events that your order files contain by now.

    Later fits no longer get these purchases from the events. Only events that the active and the previous version
    include are removed, and their ids stay known: an event that is sent again does not count again.
    """
    store = _local_store(context)
    day = iso(parse_day(before))
    through = events_in_all_versions(context.artifacts, store.store_id())
    if not yes:
        click.confirm("Do your order files contain all purchases before that day?", abort=True, err=True)
    click.echo(f"{formatting.pluralize(store.compact(through, day), 'event')} removed.")


def _local_store(context: CliContext) -> EventStore:
    if context.api_url:
        raise NeedsLocalEngineError(
            "Events are listed and removed in a local artifacts folder.", "Leave --api-url out."
        )
    return open_events(context.artifacts)


def _event_row(event: Event) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in EVENT_COLUMNS}
    return row | {name: row[name] / MILLION for name in NUMBER_COLUMNS}


@click.command(short_help="Delete all data of a customer.", cls=Command, epilog="Example: smart-retail erase AA-10315")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_cli_context
def erase(context: CliContext, customer: str, yes: bool) -> None:
    """Delete a CUSTOMER from events, versions and exports permanently and print a receipt.

    Later fits leave the customer out, even if the order files still contain them.
    """
    if context.api_url:
        raise NeedsLocalEngineError(
            "A customer is erased from a local artifacts folder.",
            "Leave --api-url out, or use DELETE /v1/customers/{id}.",
        )
    if not yes:
        if not is_known(context, customer):
            raise UnknownCustomerError(
                f"Neither the bundle nor the events contain customer {customer}; nothing was erased.",
                "Find the id with `smart-retail customers TEXT`, or exclude this id from later fits with --yes.",
            )
        click.confirm("This cannot be undone. Erase the customer?", abort=True, err=True)
    from smart_retail.bundle.erasure import erase as erase_customer

    print_json(erase_customer(context.artifacts, customer))


def is_known(context: CliContext, customer: str) -> bool:
    """Return whether the active bundle or the events contain a customer."""
    try:
        if context.engine().customer(customer).known:
            return True
    except MissingBundleError:
        pass
    return any(event.customer_id == customer for event in open_events(context.artifacts).all())


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a file; errors name the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _json_lines(file) if path.suffix.lower() == ".jsonl" else _csv_rows(path, csv.DictReader(file))
            for number, row in rows:
                try:
                    yield Event.from_dict(row)
                except DataError as error:
                    raise DataError(f"{path}, line {number}: {error.message}", error.hint) from error
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise DataError(
            f"{path} is not a valid event file.", "Save it as CSV UTF-8, or as JSON lines with the ending .jsonl."
        ) from error


def _json_lines(file: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            value = json.loads(line)
            yield number, value if isinstance(value, dict) else {}


def _csv_rows(path: Path, rows: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    columns = [name for name in rows.fieldnames or () if name]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise ColumnError(
            f"{path} has no column {missing[0]} (columns: {', '.join(columns) or 'none'}).",
            f"Events need the columns {', '.join(REQUIRED_COLUMNS)}; order_id, quantity and amount are optional.",
        )
    for row in rows:
        filled = {name: value for name, value in row.items() if name and value}
        yield rows.line_num, filled | {name: _number(filled[name]) for name in NUMBER_COLUMNS if name in filled}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
