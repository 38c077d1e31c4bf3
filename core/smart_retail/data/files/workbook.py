"""Convert the sheets of orders and returns of a workbook (XLSX, XLS, XLSB, ODS) to delimited text.

The text is then read like a CSV file. calamine reads the workbook; it does not run macros or follow links.
"""

from __future__ import annotations

import csv
import datetime as dt
import struct
import zipfile
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile, check_width
from smart_retail.data.files.file_types import zip_content
from smart_retail.data.files.header_detection import HEADER_ROWS, find_header
from smart_retail.errors import DataError, MissingExtraError


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets of a workbook as text files."""

    orders: TextFile
    returns: TextFile | None


def open_workbook(path: Path, folder: Path) -> Sheets:
    """Write the sheets of orders and returns as text files.

    The orders are in the sheet named Orders, else in the one with the most rows; the returns are in the sheet named
    Returns, if there is one.

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
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        tables = {m.name: book.get_sheet_by_name(m.name) for m in book.sheets_metadata if _is_table(m)}
        orders = _orders_name({name: sheet.total_height for name, sheet in tables.items()}, path.name)
        returns = next((n for n in tables if n.strip().lower() in ("returns", "returned") and n != orders), None)
        notes = (f"{path.name}: orders read from the sheet {orders}.",)
        return Sheets(
            _write(tables[orders], folder / f"sheet-{path.stem}-orders.csv", path.name, notes),
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


def _orders_name(heights: dict[str, int], name: str) -> str:
    for sheet in heights:
        if sheet.strip().lower() == "orders":
            return sheet
    longest = max(heights, key=lambda n: heights[n], default=None)
    if longest is None or heights[longest] < 2:
        raise DataError(f"{name} has no sheet with rows.", "Use a workbook with a sheet of orders.")
    return longest


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


def _write(sheet: Any, target: Path, name: str, notes: tuple[str, ...]) -> TextFile:
    check_width(sheet.total_width, name)
    rows = (row for row in sheet.iter_rows() if any(cell != "" for cell in row))
    first = list(islice(rows, HEADER_ROWS))
    position = find_header([[_cell(cell, name) for cell in row] for row in first])
    if position:
        notes = (*notes, f"{name}: {position} rows above the header are not read.")
    header = tuple(_cell(cell, name).strip() for cell in first[position]) if first else ()
    body = chain(first[position + 1 :], rows)
    if not header:
        raise DataError(f"{name} is empty.", "Use a sheet with a header and at least one row.")
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
