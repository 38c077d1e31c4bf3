"""Tables for spreadsheets as CSV or XLSX, in which no cell can be read as a formula."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.utils.atomic_file import atomic_file

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""First characters of a formula; spreadsheets also accept the full-width forms and skip leading control characters."""
ID_COLUMNS = ("customer_id", "item_id", "similar_item_id", "item_id_1", "item_id_2", "item_id_3")
"""Columns of data files whose texts are never changed, since programs match them with other tables."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SheetParts:
    """Further sheets of a workbook: the rows with each value of a column."""

    column: str
    """Name of the column."""
    titles: Mapping[str, str]
    """Value of the column -> title of the sheet with its rows, in the order of the sheets."""
    title: str
    """Title of the last sheet, which has all rows."""


def escape_formula(value: object) -> object:
    """Return `value`; a text that a spreadsheet would run as a formula is prefixed with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def escape_row(header: Sequence[str], row: Iterable[object]) -> Row:
    """Return the cells of a data file with formulas escaped, except in `ID_COLUMNS`."""
    return tuple(v if name in ID_COLUMNS else escape_formula(v) for name, v in zip(header, row, strict=True))


class CsvRows:
    """Writes rows as CSV lines that are read back unchanged: UTF-8 text, ``true`` and ``false``, empty for None."""

    def __init__(self, file: TextIO, header: Iterable[object]) -> None:
        self._plain = csv.writer(file, lineterminator="\n")
        self._quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._plain.writerow(header)

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            cells = [str(v).lower() if isinstance(v, bool) else v for v in row]
            # Python 3.11 leaves a lone CR bare, which readers take for the end of the line.
            bare = any(isinstance(v, str) and "\r" in v for v in cells)
            (self._quoted if bare else self._plain).writerow(cells)


def write_table(
    path: str | os.PathLike[str],
    rows: Iterable[Mapping[str, object]],
    columns: Mapping[str, str],
    stamp: Mapping[str, str],
    parts: SheetParts | None = None,
) -> int:
    """Write a table for people as CSV or XLSX.

    Parameters
    ----------
    path : path
        Ends in ``.csv`` or ``.xlsx``.
    rows : iterable of mapping
        Cells by column name: text, numbers, booleans or None. Numbers stay numbers; no text becomes a formula.
    columns : mapping
        Name -> heading, in the order wanted.
    stamp : mapping
        What the table was made from, such as model version and data period: further columns of a CSV, a sheet
        of its own in an XLSX.
    parts : SheetParts, optional
        Further sheets of an XLSX, each with some of the rows; a CSV has one table.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    UsageError
        The file name ends in something else or its folder does not exist.
    MissingExtraError
        XLSX without the package that writes it.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (".csv", ".xlsx"):
        raise UsageError(f"{target.name} is neither a .csv nor an .xlsx file.", "End the name in one of the two.")
    cells = (tuple(row.get(name) for name in columns) for row in rows)
    with atomic_file(target, private=True) as part:
        if kind == ".csv":
            return _write_csv(part, cells, list(columns.values()), stamp)
        return _write_xlsx(part, cells, columns, stamp, parts)


def _write_csv(part: Path, rows: Iterable[Row], headings: Sequence[str], stamp: Mapping[str, str]) -> int:
    written = 0
    # With the byte order mark, spreadsheets read the file as UTF-8.
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        out = CsvRows(file, [escape_formula(heading) for heading in (*headings, *stamp)])
        for row in rows:
            out.write([tuple(escape_formula(v) for v in (*row, *stamp.values()))])
            written += 1
    return written


def _write_xlsx(
    part: Path, rows: Iterable[Row], columns: Mapping[str, str], stamp: Mapping[str, str], parts: SheetParts | None
) -> int:
    try:
        import xlsxwriter
    except ImportError as error:
        raise MissingExtraError(
            "Writing XLSX needs a package that is not installed.",
            'Install it with: pip install "smart-retail-engine[report]", or write a .csv.',
        ) from error
    with xlsxwriter.Workbook(str(part), {"constant_memory": True}) as book:
        bold = book.add_format({"bold": True})
        # The spreadsheet's own mark of "this is text": it stays when the cell is edited.
        text = book.add_format({"quote_prefix": True})
        of_value = {
            value: _Sheet(book.add_worksheet(title)) for value, title in (parts.titles if parts else {}).items()
        }
        whole = _Sheet(book.add_worksheet(parts.title if parts else "Table"))
        for sheet in (*of_value.values(), whole):
            sheet.write_headings(columns.values(), bold)
        key = list(columns).index(parts.column) if parts else 0
        for row in rows:
            whole.write(row, text)
            if row[key] in of_value:
                of_value[row[key]].write(row, text)
        about = book.add_worksheet("About")
        for r, pair in enumerate(stamp.items()):
            for c, value in enumerate(pair):
                about.write_string(r, c, value)
        return whole.written


class _Sheet:
    """One sheet of a workbook, written row by row."""

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self.written = 0
        """Number of rows below the headings."""

    def write_headings(self, headings: Iterable[str], bold: Any) -> None:
        self._sheet.freeze_panes(1, 0)
        for c, heading in enumerate(headings):  # headings may come from a file, too
            self._sheet.write_string(0, c, heading, bold)

    def write(self, row: Row, text: Any) -> None:
        self.written += 1
        for c, value in enumerate(row):
            if isinstance(value, str):
                self._sheet.write_string(self.written, c, value, text if value.startswith(_FORMULA) else None)
            elif value is not None:
                self._sheet.write(self.written, c, value)
