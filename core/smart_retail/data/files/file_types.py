"""Refuse files that are not tables, by what they are: the ending of a name proves nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from smart_retail.data.files.header_detection import count_fields
from smart_retail.errors import DataError

MAGIC_BYTES: Final = 512
"""Bytes of the beginning of a file that `refuse_other_types` needs."""

_EXPORT: Final = "Export the orders as CSV, XLSX or Parquet."
_BINARY_TYPES: Final = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"BM", "an image (BMP)"),
    (b"II*\0", "an image (TIFF)"),
    (b"MM\0*", "an image (TIFF)"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"(\xb5/\xfd", "a Zstandard archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
)
_HINTS: Final = {
    "archive": "Extract it, and give the files in it.",
    "database": "Name it as a URL with a query, such as sqlite:///orders.db.",
}
_MARKUP: Final = (
    (b"<!doctype html", "a web page (HTML)"),
    (b"<html", "a web page (HTML)"),
    (b"<table", "a web page (HTML)"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document"),
    (b"[{", "a JSON document"),
    (b"%!ps", "a PostScript document"),
)
_SAMPLE_LINES: Final = 50
_MIN_EQUAL_SHARE: Final = 0.5
"""Share of the lines (0 to 1) that have as many fields as the header, in a table with unknown headers."""


def check_regular_file(path: Path) -> None:
    """Raise `DataError` if there is no such file, or it is a folder, a named pipe or a device, which could block."""
    if path.is_file():
        return
    if path.is_dir():
        raise DataError(f"{path} is a folder.", "Name the files in it.")
    if path.exists():
        raise DataError(f"{path} is a pipe or a device, not a file.", "Write the data to a file, or pipe it to '-'.")
    raise DataError(f"There is no file {path}.", "Check the path.")


def refuse_other_types(name: str, head: bytes) -> None:
    """Raise `DataError` if the first bytes of a file show that it is not a table."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, what in _BINARY_TYPES:
        # Two letters also begin ordinary headers; then a control character must follow.
        if head.startswith(magic) and (len(magic) > 2 or any(byte < 9 for byte in head[:32])):
            raise DataError(f"{name} is {what}, not a table.", _HINTS.get(what.split()[-1], _EXPORT))
    for start, what in _MARKUP:
        if text.startswith(start):
            raise DataError(f"{name} is {what}, not a table.", _EXPORT)


def refuse_free_text(name: str, header: Sequence[str], lines: Sequence[str], separator: str) -> None:
    """Raise `DataError` if lines are prose: unknown headers, and sentences or lines of different widths below."""
    filled = [line for line in lines if line.strip()][:_SAMPLE_LINES]
    if count_fields(header) or len(filled) < 3:
        return
    widths = [len(row) for row in csv.reader((line + "\n" for line in filled), delimiter=separator)]
    equal = sum(width == len(header) for width in widths) / max(len(widths), 1)
    words = [cell for cell in header if cell.count(" ") >= 4]
    if (len(header) > 1 and equal < _MIN_EQUAL_SHARE) or (len(header) == 1 and words):
        raise DataError(f"{name} is free text, not a table with columns.", _EXPORT)


def zip_content(names: Sequence[str]) -> str:
    """Return what a zip file is by its members: ``workbook``, or a description of something else."""
    if any(n.startswith("xl/") or n in ("content.xml", "[Content_Types].xml") for n in names) and not any(
        n.startswith(("word/", "ppt/")) for n in names
    ):
        return "workbook"
    if any(n.startswith("word/") for n in names):
        return "a text document (DOCX)"
    if any(n.startswith("ppt/") for n in names):
        return "a presentation (PPTX)"
    return "a ZIP archive"
