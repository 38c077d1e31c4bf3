"""Check the size of the sheets of an XLSX workbook before they are loaded.

The reader holds a sheet as a full rectangle, so that one stray cell in the last row and column of an otherwise empty
sheet would need 512 GB. The cell references are found in the XML as a stream, in constant memory.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import IO, Final

from smart_retail.data.files import limits
from smart_retail.errors import DataError

CHUNK_BYTES: Final = 1 << 20
_SHEET = re.compile(r"(?i)/?xl/worksheets/[^/]+\.xml")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
"""A cell as spreadsheet programs write it."""
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
"""Any valid reference of a cell, such as one with single quotes."""
_ENCODED = re.compile(rb"""\sr\s*=\s*["'][^"'<>]*&""")
"""A reference with an entity, which no spreadsheet program writes."""


def check_sheet_sizes(path: Path) -> None:
    """Raise `DataError` if a sheet of an XLSX workbook is too large for what it holds; other files pass."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            if _SHEET.fullmatch(name):
                try:
                    with parts.open(name) as sheet:
                        _check_sheet(sheet, path.name)
                except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
                    raise DataError(f"{path.name} is a damaged workbook.", "Save it again, or as CSV.") from error


def _check_sheet(sheet: IO[bytes], name: str) -> None:
    rows = columns = cells = 0
    rest = b""
    while chunk := sheet.read(CHUNK_BYTES):
        if b"\0" in chunk:
            raise DataError(f"{name} has a sheet in an unknown encoding.", "Save it again, or as CSV.")
        text = rest + chunk
        end = max(text.rfind(b"<"), 0)  # a tag can continue in the next chunk
        text, rest = text[:end], text[end:]
        if len(rest) > limits.MAX_CELL_CHARACTERS * 4:
            raise DataError(f"{name} has a cell that is too long.", "Check it for text that was pasted by mistake.")
        found = _references(text, name)
        cells += len(found)
        columns = max((columns, *map(_column_number, {letters for letters, _ in found})))
        rows = max((rows, *map(int, {digits for _, digits in found})))
    size = rows * columns
    if size > limits.MAX_SPARSE_CELLS and size > 4 * cells:
        raise DataError(
            f"{name} has a sheet of {rows:,} rows and {columns:,} columns, almost all of them empty.",
            "Delete the stray cells outside the table, or save the sheet as CSV.",
        )


def _references(text: bytes, name: str) -> list[tuple[bytes, bytes]]:
    """Return column letters and row digits of all cells in complete tags."""
    found: list[tuple[bytes, bytes]] = _CELL.findall(text)
    if len(found) == sum(text.count(start) for start in (b"<c ", b"<c\t", b"<c\n", b"<c\r", b":c ")):
        return found
    if _ENCODED.search(text):
        raise DataError(f"{name} is a damaged workbook.", "Save it again, or as CSV.")
    return list(_REFERENCE.findall(text))


def _column_number(letters: bytes) -> int:
    """Return the number of a column: A is 1, XFD is 16,384."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
