"""A text file as people export it, made ready for a strict CSV reader.

In: a path to delimited text in any usual encoding, separator and line end, gzipped or not. Out: a
`TextFile`, whose `path` is UTF-8 with one kind of line end. The original is used where it already
is; anything else goes as a stream to a temporary file, so memory stays bounded.
"""

from __future__ import annotations

import codecs
import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from smart_retail.data.files import limits
from smart_retail.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_BYTES = 2**20
CHUNK_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class TextFile:
    """Delimited text that a strict reader accepts."""

    path: Path
    name: str
    """What messages call it."""
    separator: str
    header: tuple[str, ...]
    skip: int
    """Lines before the first row, the header among them."""
    newline: str
    notes: tuple[str, ...] = ()
    malformed: int = 0
    """Rows with more fields than the header, left out of `path`."""
    malformed_examples: tuple[str, ...] = ()


def open_text(path: Path, folder: Path) -> TextFile:
    """Look at the beginning of a file and unpack or rewrite it where needed.

    Parameters
    ----------
    path : Path
        The file; gzip is recognised by its first bytes.
    folder : Path
        Where temporary files may be written.

    Raises
    ------
    DataError
        The file is absent, empty, too large or no text.
    """
    size = _size(path)
    if size > limits.MAX_FILE_BYTES:
        raise DataError(f"{path.name} is larger than {_gib(limits.MAX_FILE_BYTES)}.", "Split it or give Parquet.")
    plain = decompress(path, folder) if _starts_with(path, b"\x1f\x8b") else path
    with plain.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    if not head.strip():
        raise DataError(f"{path.name} is empty.", "Give a file with a header and at least one row.")
    if not _is_clean(head):
        return rewrite_as_utf8(plain, folder, path.name)
    found = _inspect_header(plain, path.name, head.decode("utf-8-sig", "ignore"))
    return rewrite_as_utf8(plain, folder, path.name) if any("\n" in cell for cell in found.header) else found


def decompress(path: Path, folder: Path) -> Path:
    """Unfold gzip into `folder`, at most `limits.MAX_FILE_BYTES`."""
    target = folder / f"unpacked-{len(list(folder.iterdir()))}.csv"
    written = 0
    try:
        with path.open("rb") as packed, target.open("wb") as out:
            for block in _inflate(packed):
                written += len(block)
                if written > limits.MAX_FILE_BYTES:
                    raise DataError(
                        f"{path.name} unfolds to more than {_gib(limits.MAX_FILE_BYTES)}.", "Split it or give Parquet."
                    )
                out.write(block)
    except (zlib.error, EOFError) as error:
        raise DataError(f"{path.name} is a damaged gzip file.", "Copy or export it again.") from error
    return target


def _inflate(packed: IO[bytes]) -> Iterator[bytes]:
    """Blocks of bounded size, however strongly the input was packed; several members are one stream."""
    machine = zlib.decompressobj(31)
    pending = packed.read(CHUNK_BYTES)
    while pending:
        yield machine.decompress(pending, CHUNK_BYTES)
        pending = machine.unconsumed_tail
        if machine.eof:
            pending = machine.unused_data.lstrip(b"\0")
            pending = pending or packed.read(CHUNK_BYTES).lstrip(b"\0")
            machine = zlib.decompressobj(31)
        elif not pending:
            pending = packed.read(CHUNK_BYTES)
            if not pending:
                raise EOFError


def rewrite_as_utf8(path: Path, folder: Path, name: str) -> TextFile:
    """Read leniently and write UTF-8 with line feeds: short rows are filled, long ones set aside.

    The slow path, for files that the strict reader cannot take as they are.
    """
    encoding = detect_encoding(path)
    with path.open("r", encoding=encoding, errors="replace", newline="") as stream:
        head = stream.read(SAMPLE_BYTES)
    if "\0" in head:
        raise DataError(f"{name} holds NUL bytes: it is no text file.", "Export it as CSV, XLSX or Parquet.")
    found = _inspect_header(path, name, head)
    target = folder / f"rewritten-{len(list(folder.iterdir()))}.csv"
    malformed, width = 0, len(found.header)
    examples: list[str] = []
    csv.field_size_limit(limits.MAX_CELL_CHARACTERS)
    try:
        with (
            path.open("r", encoding=encoding, errors="replace", newline=None) as stream,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            for _ in range(found.skip - 1):
                stream.readline()
            rows = csv.reader(_lines(stream, name), delimiter=found.separator)
            next(rows)
            out.write("header\n")
            writer = csv.writer(out, lineterminator="\n")
            for row in rows:
                while len(row) > width and not row[-1].strip():
                    row.pop()
                if len(row) > width:
                    malformed += 1
                    if len(examples) < 5:
                        examples.append(found.separator.join(row)[:80])
                elif row:
                    writer.writerow(row + [""] * (width - len(row)))
    except csv.Error as error:
        raise DataError(f"{name} cannot be read: {error}.", "Look for an unclosed quotation mark.") from error
    notes = () if encoding.startswith("utf-8") else (f"{name}: read as {encoding}.",)
    return TextFile(target, name, ",", found.header, 1, "\n", notes, malformed, tuple(examples))


def _lines(stream: IO[str], name: str) -> Iterator[str]:
    while line := stream.readline(limits.MAX_LINE_BYTES):
        if len(line) == limits.MAX_LINE_BYTES:
            raise DataError(f"{name} has a line of more than 4 MB.", "Look for an unclosed quotation mark.")
        if "\0" in line:
            raise DataError(f"{name} holds NUL bytes: it is no text file.", "Export it as CSV, XLSX or Parquet.")
        yield line


def detect_encoding(path: Path) -> str:
    """By the byte order mark, else UTF-8 if the whole file is valid, else cp1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        block = stream.read(CHUNK_BYTES)
        for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                               (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
            if block.startswith(mark):
                return encoding
        try:
            while block:
                decoder.decode(block)
                block = stream.read(CHUNK_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def sniff_separator(head: str) -> str:
    """The separator that gives the header most fields, as far as the next rows agree."""
    lines = [line for line in head.splitlines() if line.strip()][:50]

    def weight(separator: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        return (sum(w == widths[0] for w in widths) * (widths[0] > 1), widths[0]) if widths else (0, 0)

    return max(SEPARATORS, key=weight)


def _inspect_header(path: Path, name: str, head: str) -> TextFile:
    newline = "\r\n" if "\r\n" in head else "\n" if "\n" in head else "\r"
    lines = head.split(newline)
    skip = next(i for i, line in enumerate(lines) if line.strip())
    declared = lines[skip].strip().strip('"').lower()
    separator = ""
    if declared.startswith("sep=") and len(declared) == 5:
        separator = lines[skip].strip().strip('"')[4]
        skip += 1
    rest = "\n".join(lines[skip:])
    csv.field_size_limit(limits.MAX_CELL_CHARACTERS)
    try:
        separator = separator or sniff_separator(rest)
        header = next(csv.reader([line + "\n" for line in rest.split("\n")], delimiter=separator), [])
    except csv.Error as error:
        raise DataError(f"The header of {name} cannot be read: {error}.", "Is it a delimited text file?") from error
    check_width(len(header), name)
    return TextFile(path, name, separator, tuple(cell.strip() for cell in header), skip + 1, newline)


def check_width(columns: int, name: str) -> None:
    if columns > limits.MAX_COLUMNS:
        raise DataError(
            f"{name} has {columns:,} columns; {limits.MAX_COLUMNS:,} is the most.", "Keep the columns that are needed."
        )


def _is_clean(head: bytes) -> bool:
    """Whether a strict UTF-8 reader is likely to take the file as it is."""
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
    if not path.exists():
        raise DataError(f"There is no file {path}.", "Check the path.")
    if path.is_dir():
        raise DataError(f"{path} is a folder.", "Name the files in it.")
    return path.stat().st_size


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic


def _gib(size: int) -> str:
    return f"{size / 2**30:.0f} GB"
