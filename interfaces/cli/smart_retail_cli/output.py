"""Answers on stdout: a table for people, JSON or CSV for programs. Only a table imports rich."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from smart_retail.presentation import formatting, labels
from smart_retail.utils.spreadsheet import CsvRows, escape_formula

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("table", "json", "csv")
IDS = frozenset({"customer_id", "item_id"})
SHARES = frozenset({"share", "revenue_share"})
INITIALS = frozenset({"mae", "rmse", "mape", "mrr", "ndcg"})
PIPE_WIDTH = 120
"""Columns of a table that goes into a file or a pipe."""

format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What is printed."
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of named cells; `columns` says which, in which order; a CSV has those of `more` as well."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    title: str = ""
    more: Sequence[str] = ()
    caption: str = ""
    decimals: int = 2


def json_out(data: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def csv_out(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV: ids exactly, other texts so that no spreadsheet takes them for a formula."""
    out = CsvRows(sys.stdout, header)
    for row in rows:
        out.write([tuple(v if name in IDS else escape_formula(v) for name, v in zip(header, row, strict=True))])


def table_out(*tables: Table) -> None:
    """Print tables for people, one under the other."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid
    from rich.text import Text

    screen = console()
    for table in tables:
        grid = Grid(box=SIMPLE_HEAD, pad_edge=False)
        for name in table.columns:
            number = any(isinstance(row.get(name), (int, float)) for row in table.rows)
            grid.add_column(
                label(name), justify="right" if number else "left", no_wrap=number and len(label(name)) < 12
            )
        for row in table.rows:
            grid.add_row(*(Text(cell(name, row.get(name), table.decimals)) for name in table.columns))
        if table.title:
            screen.print(Text(printable(table.title), style="bold"))
        screen.print(grid)
        if table.caption:
            screen.print(Text(printable(table.caption), style="dim"))


def show(form: str, table: Table | Callable[[], Sequence[Table]], plain: Callable[[], Any]) -> None:
    """Print in the form asked for; `plain` makes the JSON data, the columns of a `Table` are those of the CSV."""
    if form == "json":
        json_out(plain())
    elif form == "csv" and isinstance(table, Table):
        header = (*table.columns, *table.more)
        csv_out(header, ([row.get(name) for name in header] for row in table.rows))
    else:
        table_out(*([table] if isinstance(table, Table) else table()))


def console() -> Console:
    """Where tables go: the terminal's width and colours, or a fixed width without colour."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(file=sys.stdout, width=None if known else PIPE_WIDTH, highlight=False, emoji=False, markup=False)


def label(name: str) -> str:
    """The heading of a column."""
    if name.partition("@")[0] in INITIALS:
        return name.upper()
    plain = name.replace("_", " ")
    return labels.COLUMN_LABELS.get(name, plain[:1].upper() + plain[1:])


def cell(name: str, value: Any, decimals: int = 2) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in SHARES:
        return formatting.percent(value)
    if isinstance(value, int):
        return formatting.whole(value)
    if isinstance(value, float):
        return f"{value:z,.{decimals}f}"
    return printable(str(value))


def printable(text: str) -> str:
    """`text` without the control characters that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c).startswith("C") else c for c in text)


def note(text: str) -> None:
    """One line for people, on stderr, so that data on stdout stays data."""
    click.echo(text, err=True)
