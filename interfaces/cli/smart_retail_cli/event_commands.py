"""What came since the last fit: `events add` takes purchases and returns in, `erase` forgets a customer."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from smart_retail.errors import DataError, NeedsLocalEngineError
from smart_retail.events import Event, open_events
from smart_retail.presentation import formatting
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import json_out

NUMBERS = ("quantity", "amount")


@click.group(short_help="Purchases since the last fit.")
def events() -> None:
    """Purchases and returns since the last fit; answers reflect them at once, the next fit takes them in."""


@events.command(cls=Command, epilog="Example: smart-retail events add today.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
def add(session: Session, file: Path) -> None:
    """Append the events of FILE, each once however often it is sent.

    FILE is CSV with a header, or JSON lines (.jsonl): event_id, customer_id, item_id, timestamp, and where there are
    order_id, quantity (below 0 for a return) and amount.
    """
    if session.api_url:
        raise NeedsLocalEngineError("A file of events is added to a bundle's folder.", "Leave --api-url out.")
    found = list(read_events(file))
    new = open_events(session.artifacts).add(found)
    click.echo(f"{formatting.count(len(found), 'event')} read, {new:,} new.")
    session.suggest(["recommend", "CUSTOMER"])


@click.command(short_help="Forget a customer.", cls=Command, epilog="Example: smart-retail erase AA-10315")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def erase(session: Session, customer: str, yes: bool) -> None:
    """Remove a CUSTOMER from events, bundles and exports for good; later fits leave them out. Prints the receipt."""
    if session.api_url:
        raise NeedsLocalEngineError("A customer is erased from a bundle's folder.", "Leave --api-url out.")
    if not yes:
        click.confirm("This cannot be undone. Erase the customer?", abort=True, err=True)
    from smart_retail.bundle.erasure import erase as forget

    json_out(forget(session.artifacts, customer))


def read_events(path: Path) -> Iterator[Event]:
    """Every event of a file; an error names its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _json_lines(file) if path.suffix.lower() == ".jsonl" else _csv_rows(csv.DictReader(file))
            for number, row in rows:
                try:
                    yield Event.from_dict(row)
                except DataError as error:
                    raise DataError(f"{path}, line {number}: {error.message}", error.hint) from error
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read as events.", "Save it as CSV UTF-8, or as JSON lines.") from error


def _json_lines(file: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            value = json.loads(line)
            yield number, value if isinstance(value, dict) else {}


def _csv_rows(rows: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for row in rows:
        filled = {name: value for name, value in row.items() if name and value}
        yield rows.line_num, filled | {name: _number(filled[name]) for name in NUMBERS if name in filled}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
