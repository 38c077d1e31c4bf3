"""Results on stdout as a table, JSON or CSV. Only tables import rich, which takes longer to load."""

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
from smart_retail.utils.spreadsheet import CsvRows, escape_row

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("table", "json", "csv")
SHARE_COLUMNS = frozenset({"share", "revenue_share", "spend_share", "return_probability", "retention", "confidence"})
ACRONYMS = frozenset({"mae", "rmse", "mape", "mrr", "ndcg"})
PIPE_WIDTH = 120
"""Width in characters of a table written to a file or a pipe."""

format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Output format."
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to print: `columns` selects and orders the cells, `csv_columns` are added in CSV output."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    title: str = ""
    csv_columns: Sequence[str] = ()
    caption: str = ""
    decimals: int = 2


def print_json(data: Any) -> None:
    """Print data as JSON; characters that could control a terminal are escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def print_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV: ids unchanged, other texts escaped so that no spreadsheet runs them as a formula.

    On a terminal, characters that could control it are replaced, also in ids.
    """
    out, is_terminal = CsvRows(sys.stdout, header), sys.stdout.isatty()
    for row in rows:
        cells = escape_row(header, row)
        if is_terminal:
            cells = tuple(replace_control_characters(cell) if isinstance(cell, str) else cell for cell in cells)
        out.write([cells])


def print_tables(*tables: Table) -> None:
    """Print tables one below the other."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid
    from rich.text import Text

    screen = _make_console()
    for table in tables:
        grid = Grid(box=SIMPLE_HEAD, pad_edge=False)
        for name in table.columns:
            number = any(isinstance(row.get(name), (int, float)) for row in table.rows)
            grid.add_column(
                column_label(name),
                justify="right" if number else "left",
                no_wrap=number and len(column_label(name)) < 12,
            )
        for row in table.rows:
            grid.add_row(*(Text(format_cell(name, row.get(name), table.decimals)) for name in table.columns))
        if table.title:
            screen.print(Text(replace_control_characters(table.title), style="bold"))
        screen.print(grid)
        if table.caption:
            screen.print(Text(replace_control_characters(table.caption), style="dim"))


def print_result(form: str, table: Table | Callable[[], Sequence[Table]], plain: Callable[[], Any]) -> None:
    """Print a result in the requested format.

    Parameters
    ----------
    form : str
        ``table``, ``json`` or ``csv``.
    table : Table or callable
        The table, which is also the CSV; or a function that returns several tables, printed for CSV too.
    plain : callable
        Returns the JSON data.
    """
    if form == "json":
        print_json(plain())
    elif form == "csv" and isinstance(table, Table):
        header = (*table.columns, *table.csv_columns)
        print_csv(header, ([row.get(name) for name in header] for row in table.rows))
    else:
        print_tables(*([table] if isinstance(table, Table) else table()))


def _make_console() -> Console:
    """Return a console with the terminal's width and colours, or a fixed width without colours."""
    from rich.console import Console

    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(file=sys.stdout, width=None if has_width else PIPE_WIDTH, highlight=False, emoji=False, markup=False)


def column_label(name: str) -> str:
    """Return the heading of a column."""
    if name.partition("@")[0] in ACRONYMS:
        return name.upper()
    plain = name.replace("_", " ")
    return labels.COLUMN_LABELS.get(name, plain[:1].upper() + plain[1:])


def format_cell(name: str, value: Any, decimals: int = 2) -> str:
    """Return a value as text for a table cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in SHARE_COLUMNS:
        return formatting.format_percent(value)
    if isinstance(value, int):
        return formatting.format_integer(value)
    if isinstance(value, float):
        return f"{value:z,.{decimals}f}"
    return replace_control_characters(str(value))


def replace_control_characters(text: str) -> str:
    """Return `text` with control characters replaced, since they could control the terminal."""
    if text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c).startswith("C") else c for c in text)


def print_note(text: str) -> None:
    """Print a message to stderr, which keeps stdout free for data."""
    click.echo(text, err=True)
