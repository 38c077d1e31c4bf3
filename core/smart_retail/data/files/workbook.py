"""Convert the sheets of orders and returns of a workbook (XLSX, XLS, XLSB, ODS) to delimited text.

The text is then read like a CSV file. calamine reads the workbook; it does not run macros or follow links.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile, check_headers, check_width
from smart_retail.data.files.file_types import zip_content
from smart_retail.data.files.header_detection import HEADER_ROWS, count_fields, find_header, refine_header
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.files.sheet_size import check_sheet_sizes
from smart_retail.errors import DataError, MissingExtraError

NO_OPTIONS: Final = ReadOptions()


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets of a workbook as text files."""

    orders: TextFile
    returns: TextFile | None


def open_workbook(path: Path, folder: Path, options: ReadOptions = NO_OPTIONS) -> Sheets:
    """Write the sheets of orders and returns as text files.

    The orders are in the sheet of the options, else in the one named Orders, else in the one with the best header, then
    with the most rows; the returns are in the sheet named Returns, if there is one.

    Raises
    ------
    DataError
        The file is not a workbook, is protected, or exceeds a limit.
    """
    calamine = _calamine()
    if path.stat().st_size > limits.MAX_WORKBOOK_BYTES:
        raise DataError(f"{path.name} is larger than 512 MB.", "Save it as CSV.")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty.", "Use a workbook with a sheet of orders.")
    _check_content_size(path)
    check_sheet_sizes(path)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        tables = {m.name: book.get_sheet_by_name(m.name) for m in book.sheets_metadata if _is_table(m)}
        orders = _named_sheet(options.sheet, tables, path.name) if options.sheet else _orders_name(tables, path.name)
        returns = next((n for n in tables if n.strip().lower() in ("returns", "returned") and n != orders), None)
        notes = (f"{path.name}: orders read from the sheet {orders}.",)
        return Sheets(
            _write(tables[orders], folder / f"sheet-{path.stem}-orders.csv", path.name, notes, options.header_row),
            _write(tables[returns], folder / f"sheet-{path.stem}-returns.csv", f"{path.name}, {returns}", ())
            if returns
            else None,
        )
    except calamine.CalamineError as error:
        raise DataError(f"{path.name} cannot be read as a workbook: {error}.", "Save it again, or as CSV.") from error


def _calamine() -> Any:
    try:
        import python_calamine
    except ImportError as error:
        raise MissingExtraError(
            "Reading a workbook needs python-calamine.", "pip install 'smart-retail-engine[train]'"
        ) from error
    return python_calamine


def _is_table(metadata: Any) -> bool:
    return str(metadata.typ).rsplit(".", 1)[-1] == "WorkSheet"


def _named_sheet(wanted: str, tables: Mapping[str, Any], name: str) -> str:
    for sheet in tables:
        if sheet.strip().lower() == wanted.strip().lower():
            return sheet
    near = difflib.get_close_matches(wanted, list(tables), 1)
    raise DataError(
        f"{name} has no sheet '{wanted}' (found: {', '.join(tables)}).",
        f"Did you mean {near[0]}?" if near else "Choose one of them.",
    )


def _orders_name(tables: Mapping[str, Any], name: str) -> str:
    for sheet in tables:
        if sheet.strip().lower() == "orders":
            return sheet
    filled = {sheet: table.total_height for sheet, table in tables.items() if table.total_height >= 2}
    if not filled:
        raise DataError(f"{name} has no sheet with rows.", "Use a workbook with a sheet of orders.")
    if len(filled) == 1:
        return next(iter(filled))

    def rank(sheet: str) -> tuple[int, int]:
        rows = [[_cell(cell, name) for cell in row] for row in islice(tables[sheet].iter_rows(), HEADER_ROWS)]
        known = max((count_fields(row) for row in rows), default=0)
        # Fewer than three known headers say nothing about a sheet.
        return (known if known >= 3 else 0, filled[sheet])

    return max(filled, key=rank)


def _check_content_size(path: Path) -> None:
    """Check the decompressed size of a zipped workbook from its directory, before decompressing it."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as parts:
            what = zip_content(parts.namelist())
            size = sum(part.file_size for part in parts.infolist())
            compressed = sum(part.compress_size for part in parts.infolist())
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        OSError,
        struct.error,
    ) as error:  # malformed directories
        raise DataError(f"{path.name} is a damaged workbook.", "Save it again, or as CSV.") from error
    if what != "workbook":
        hint = "Extract it, and give the files in it." if "archive" in what else "Export the orders as CSV or XLSX."
        raise DataError(f"{path.name} is {what}, not a table.", hint)
    if size > limits.MAX_WORKBOOK_CONTENT_BYTES or size > 10 * 2**20 + compressed * limits.MAX_WORKBOOK_RATIO:
        raise DataError(f"{path.name} would decompress to {size / 2**20:,.0f} MB.", "Save it as CSV.")


def _write(sheet: Any, target: Path, name: str, notes: tuple[str, ...], header_row: int = 0) -> TextFile:
    check_width(sheet.total_width, name)
    rows = sheet.iter_rows()
    if header_row:
        rows = islice(rows, header_row - 1 - (sheet.start[0] if sheet.start else 0), None)
    rows = (row for row in rows if any(cell != "" for cell in row))
    first = list(islice(rows, HEADER_ROWS))
    texts = [[_cell(cell, name) for cell in row] for row in first]
    position = 0 if header_row else find_header(texts)
    header: tuple[str, ...] = ()
    extra = 0
    if first:
        around = [texts[i] if 0 <= i < len(texts) else [] for i in (position - 1, position + 1)]
        header, extra = refine_header(around[0], texts[position], around[1])
    if position:
        notes = (*notes, f"{name}: {position} rows above the header are not read.")
    if extra:
        notes = (*notes, f"{name}: the row below the header belongs to it.")
    body = chain(first[position + 1 + extra :], rows)
    if not any(header):
        raise DataError(f"{name} is empty.", "Use a sheet with a header and at least one row.")
    check_headers(header, name)
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        out.write("header\n")
        writer.writerows([_cell(cell, name) for cell in row] for row in body)
    return TextFile(target, name, ",", header, 1, "\n", notes)


def _cell(cell: Any, name: str) -> str:
    """Return a cell as text: whole numbers without a decimal point, dates in ISO format."""
    if type(cell) is str:
        if len(cell) > limits.MAX_CELL_CHARACTERS:
            raise DataError(
                f"{name} has a cell of {len(cell):,} characters.", "Check the cell for text that was pasted by mistake."
            )
        return cell.replace("\0", "\ufffd")
    if type(cell) is float:
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime | dt.date):
        return cell.isoformat(" ") if isinstance(cell, dt.datetime) else cell.isoformat()
    return str(cell)
