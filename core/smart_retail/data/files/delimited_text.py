"""Prepare delimited text files for a strict CSV reader.

Files may have any common encoding, separator and line end, and may be compressed with gzip. The `path` of the
resulting `TextFile` is UTF-8 with one kind of line end: the original file if it already is, else a temporary file
that is written as a stream, so that memory stays bounded.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from smart_retail.data.files import limits
from smart_retail.data.files.file_types import check_regular_file, refuse_free_text
from smart_retail.data.files.gzip_file import decompress
from smart_retail.data.files.header_detection import HEADER_ROWS, count_fields, find_header, refine_header
from smart_retail.data.files.text_encoding import FALLBACK, describe_fallback, detect_encoding
from smart_retail.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_BYTES = 2**20
_LONGEST_HEADER = 100_000
"""Characters of a line that are searched for known headers."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """Delimited text that a strict CSV reader accepts."""

    path: Path
    name: str
    """Name in messages."""
    separator: str
    header: tuple[str, ...]
    skip: int
    """Number of lines before the first row, including the header."""
    newline: str
    notes: tuple[str, ...] = ()
    header_line: int = 0
    """Number of lines above the header."""
    malformed: int = 0
    """Number of rows with more fields than the header; they are not in `path`."""
    malformed_examples: tuple[str, ...] = ()


def open_text(path: Path, folder: Path, header_row: int = 0) -> TextFile:
    """Inspect the beginning of a file, and decompress or rewrite the file if needed.

    Parameters
    ----------
    path : Path
        gzip is recognised by the first bytes.
    folder : Path
        For temporary files.
    header_row : int
        Line of the header, counted from 1; 0 searches it.

    Raises
    ------
    DataError
        The file is missing, empty, too large or not text.
    """
    size = _size(path)
    if size > limits.MAX_FILE_BYTES:
        raise DataError(f"{path.name} is larger than {_gib(limits.MAX_FILE_BYTES)}.", "Split it, or use Parquet.")
    plain = decompress(path, folder) if _starts_with(path, b"\x1f\x8b") else path
    with plain.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    if not head.removeprefix(codecs.BOM_UTF8).strip():
        raise _empty(path.name)
    if not _is_clean(head):
        return rewrite_as_utf8(plain, folder, path.name, header_row)
    file = _inspect_header(plain, path.name, head.decode("utf-8-sig", "ignore"), header_row)
    return rewrite_as_utf8(plain, folder, path.name, header_row) if any("\n" in cell for cell in file.header) else file


def rewrite_as_utf8(path: Path, folder: Path, name: str, header_row: int = 0) -> TextFile:
    """Read a file leniently and write it as UTF-8 with line feeds; short rows are filled, long rows are left out.

    This is the slow path, for files that the strict reader cannot read.

    Parameters
    ----------
    path : Path
    folder : Path
        For temporary files.
    name : str
        Name of the file in messages.
    header_row : int
        Line of the header, counted from 1; 0 searches it.

    Raises
    ------
    DataError
        The file is not text, or has an unclosed quotation mark.
    """
    encoding = detect_encoding(path)
    with path.open("r", encoding=encoding, errors="replace", newline=None) as stream:
        head = stream.read(SAMPLE_BYTES)
    if "\0" in head:
        raise DataError(f"{name} contains NUL bytes: it is not a text file.", "Export it as CSV, XLSX or Parquet.")
    original = _inspect_header(path, name, head, header_row)
    target = folder / f"rewritten-{len(list(folder.iterdir()))}.csv"
    malformed, width = 0, len(original.header)
    examples: list[str] = []
    csv.field_size_limit(limits.MAX_CELL_CHARACTERS)
    try:
        with (
            path.open("r", encoding=encoding, errors="replace", newline=None) as stream,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            for _ in range(original.header_line):
                stream.readline()
            rows = csv.reader(_lines(stream, name), delimiter=original.separator)
            for _ in range(original.skip - original.header_line):
                next(rows, None)
            out.write("header\n")
            writer = csv.writer(out, lineterminator="\n")
            for row in rows:
                while len(row) > width and not row[-1].strip():
                    row.pop()
                if len(row) > width:
                    malformed += 1
                    if len(examples) < 5:
                        examples.append(original.separator.join(row)[:80])
                elif row:
                    writer.writerow(row + [""] * (width - len(row)))
    except csv.Error as error:
        raise DataError(f"{name} cannot be read: {error}.", "Check it for an unclosed quotation mark.") from error
    notes = original.notes
    if encoding == FALLBACK:
        notes = (describe_fallback(path, name), *notes)
    elif not encoding.startswith("utf-8"):
        notes = (*notes, f"{name}: read as {encoding}.")
    return TextFile(
        target, name, ",", original.header, 1, "\n", notes, malformed=malformed, malformed_examples=tuple(examples)
    )


def _lines(stream: IO[str], name: str) -> Iterator[str]:
    while line := stream.readline(limits.MAX_LINE_BYTES):
        if len(line) == limits.MAX_LINE_BYTES:
            raise DataError(f"{name} has a line of more than 4 MB.", "Check it for an unclosed quotation mark.")
        if "\0" in line:
            raise DataError(f"{name} contains NUL bytes: it is not a text file.", "Export it as CSV, XLSX or Parquet.")
        yield line


def sniff_separator(head: str) -> str:
    """Return the separator with which most rows have as many fields as the header, then with the most fields."""
    lines = [line for line in head.splitlines() if line.strip()][:50]

    def weight(separator: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        return (sum(w == widths[0] for w in widths) * (widths[0] > 1), widths[0]) if widths else (0, 0)

    return max(SEPARATORS, key=weight)


def _inspect_header(path: Path, name: str, head: str, header_row: int = 0) -> TextFile:
    if not head.strip():
        raise _empty(name)
    newline = "\r\n" if "\r\n" in head else "\n" if "\n" in head else "\r"
    lines = head.split(newline)
    skip = next(i for i, line in enumerate(lines) if line.strip())
    declared = lines[skip].strip().strip('"').lower()
    separator = ""
    if declared.startswith("sep=") and len(declared) == 5:
        separator = lines[skip].strip().strip('"')[4]
        skip += 1
    notes: tuple[str, ...] = ()
    if header_row:
        if header_row > len(lines) or not lines[header_row - 1].strip():
            raise DataError(f"Row {header_row} of {name} is empty: it cannot be the header.", "Give another row.")
        skip = header_row - 1
    elif not separator and (below := _header_below_titles(lines[skip : skip + HEADER_ROWS])):
        notes = (f"{name}: the header was found in line {skip + below + 1}; the lines above it are not read.",)
        skip += below
    rest = "\n".join(lines[skip:])
    csv.field_size_limit(limits.MAX_CELL_CHARACTERS)
    try:
        separator = separator or sniff_separator(rest)
        header = next(csv.reader([line + "\n" for line in rest.split("\n")], delimiter=separator), [])
    except csv.Error as error:
        raise DataError(
            f"The header of {name} cannot be read: {error}.", "Check that it is a delimited text file."
        ) from error
    check_headers(header, name)
    refuse_free_text(name, header, lines[skip:], separator)
    cells, extra = _refine(header, lines, skip, separator)
    if extra:
        notes = (*notes, f"{name}: the row below the header belongs to it.")
    return TextFile(path, name, separator, cells, skip + 1 + extra, newline, notes, skip)


def _refine(header: Sequence[str], lines: Sequence[str], skip: int, separator: str) -> tuple[tuple[str, ...], int]:
    """Combine the header with merged cells in the lines around it, and count further header lines below it."""
    if any("\n" in cell for cell in header):
        return tuple(cell.strip() for cell in header), 0

    def fields(line: int) -> list[str]:
        text = lines[line][:_LONGEST_HEADER] if 0 <= line < len(lines) else ""
        return next(csv.reader([text], delimiter=separator), []) if text.count('"') % 2 == 0 else []

    return refine_header(fields(skip - 1), header, fields(skip + 1))


def _header_below_titles(lines: list[str]) -> int:
    """Return the number of title lines above the header, 0 if the first line is the header."""
    best = (0, 0)
    lines = [line[:_LONGEST_HEADER] for line in lines]
    for separator in SEPARATORS:
        rows = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        header = find_header(rows)
        if header:
            best = max(best, (count_fields(rows[header]), header))
    return best[1]


def read_first_rows(file: TextFile, rows: int) -> list[list[str]]:
    """Return the first rows below the header, at most `SAMPLE_BYTES` of text; the last one may be cut off."""
    csv.field_size_limit(limits.MAX_CELL_CHARACTERS)
    with file.path.open("rb") as stream:
        text = stream.read(SAMPLE_BYTES).decode("utf-8-sig", "replace")
    lines = text.split(file.newline)[file.skip :]
    reader = csv.reader((line + "\n" for line in lines), delimiter=file.separator)
    found: list[list[str]] = []
    try:
        for row in reader:
            if row:
                found.append(row)
            if len(found) == rows:
                break
    except csv.Error:  # reading the whole file reports it
        pass
    return found


def check_width(columns: int, name: str) -> None:
    """Raise `DataError` if a table has too many columns."""
    if columns > limits.MAX_COLUMNS:
        raise DataError(
            f"{name} has {columns:,} columns; the maximum is {limits.MAX_COLUMNS:,}.",
            "Keep only the columns that are needed.",
        )


def check_headers(headers: Sequence[str], name: str) -> None:
    """Raise `DataError` if a table has too many columns, or a header that is too long."""
    check_width(len(headers), name)
    longest = max(headers, key=len, default="")
    if len(longest) > limits.MAX_HEADER_CHARACTERS:
        raise DataError(
            f"{name} has a column header of {len(longest):,} characters, which begins with '{longest[:40].strip()}'.",
            "Check that the first row of the table has the names of the columns.",
        )


def _is_clean(head: bytes) -> bool:
    """Return whether a strict UTF-8 reader can probably read the file."""
    if b"\0" in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    bare = head.replace(b"\r\n", b"")
    if b"\r" in bare or (b"\r\n" in head and b"\n" in bare):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _size(path: Path) -> int:
    check_regular_file(path)
    return path.stat().st_size


def _empty(name: str) -> DataError:
    return DataError(f"{name} is empty.", "Use a file with a header and at least one row.")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic


def _gib(size: int) -> str:
    return f"{size / 2**30:.0f} GB"
