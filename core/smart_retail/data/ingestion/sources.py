"""Open the sources of orders: text, gzip, workbook, Parquet or a data frame.

The columns of a `RawTable` are numbered by position, so that headers cannot collide with each other or with
internal names.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import narwhals as nw

from smart_retail.data.backends.base import Backend
from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile, check_headers, open_text, read_first_rows, rewrite_as_utf8
from smart_retail.data.files.file_types import MAGIC_BYTES, check_regular_file, refuse_other_types
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.ingestion.database import is_database_url, read_query
from smart_retail.data.parsing.column_profile import SAMPLE_ROWS
from smart_retail.errors import DataError, UsageError

Source = str | os.PathLike[str] | Any
"""A path, or a data frame of pandas, Polars, PyArrow, DuckDB, Spark or Narwhals."""

STANDARD_INPUT: Final = "-"
ORDER_FILES: Final = (".csv", ".tsv", ".txt", ".gz", ".parquet", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
"""Endings of the files that are read in a folder."""
NO_OPTIONS: Final = ReadOptions()
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table before its columns are recognised."""

    name: str
    headers: tuple[str, ...]
    frame: nw.LazyFrame[Any] | None
    """Columns ``0``, ``1``, ...; None for text, which may need several read attempts."""
    text: TextFile | None = None
    notes: tuple[str, ...] = ()

    @property
    def separator(self) -> str:
        return self.text.separator if self.text else ","


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """An opened source: its orders, and its table of returns if it has one."""

    orders: RawTable
    returns: RawTable | None = None


def open_source(
    source: Source, backend: Backend, folder: Path, index: int, options: ReadOptions = NO_OPTIONS
) -> OpenedSource:
    """Open a source; its type is recognised by its content.

    Parameters
    ----------
    source : path or data frame
    backend : Backend
        Engine that reads it.
    folder : Path
        For temporary files.
    index : int
        Index of the source, for the name of a data frame in messages.
    options : ReadOptions
        Header row and sheet, if the user chose them.

    Raises
    ------
    DataError
        The source cannot be read.
    """
    if is_database_url(source):
        return OpenedSource(_text_table(read_query(str(source), options.query, folder)))
    if isinstance(source, str) and source == STANDARD_INPUT:
        return _open_path(_copy_standard_input(folder), backend, folder, options)
    if isinstance(source, str) and not Path(source).exists() and backend.reads_addresses:
        return OpenedSource(_with_numbered_columns(source, backend.read_address_or_table(source)))
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source), backend, folder, options)
    frame = backend.from_dataframe(source)
    return OpenedSource(_with_numbered_columns(f"data frame {index + 1}", frame))


def expand_sources(sources: Sequence[Source]) -> list[Source]:
    """Return the sources with the files of folders and patterns such as ``exports/*.csv``, in the order of names.

    Raises
    ------
    DataError
        A folder has no file of orders, or no file matches a pattern.
    UsageError
        The standard input is named twice.
    """
    if sum(isinstance(source, str) and source == STANDARD_INPUT for source in sources) > 1:
        raise UsageError("The standard input (-) is named twice.", "Name it once.")
    expanded: list[Source] = []
    for source in sources:
        if not isinstance(source, str | os.PathLike) or "://" in str(source):
            expanded.append(source)
            continue
        path = Path(source)
        if path.is_dir():
            files = sorted(f for f in path.iterdir() if f.is_file() and f.suffix.lower() in ORDER_FILES)
            if not files:
                raise DataError(f"{path} is a folder without files of orders.", "Name a file or another folder.")
            expanded += files
        elif not path.exists() and glob.has_magic(str(source)):
            matches = sorted(glob.glob(str(source)))  # noqa: PTH207  # absolute patterns too
            if not matches:
                raise DataError(f"No file matches {source}.", "Check the pattern.")
            expanded += matches
        else:
            expanded.append(source)
    return expanded


def _copy_standard_input(folder: Path) -> Path:
    path = folder / "standard input"
    with path.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return path


def _open_path(path: Path, backend: Backend, folder: Path, options: ReadOptions) -> OpenedSource:
    check_regular_file(path)
    try:
        with path.open("rb") as stream:
            magic = stream.read(MAGIC_BYTES)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror}.", "Check the disk and the permissions of the file."
        ) from error
    refuse_other_types(path.name, magic)
    if magic.startswith(b"PAR1"):
        if path.stat().st_size > limits.MAX_FILE_BYTES:
            raise DataError(f"{path.name} is larger than 20 GB.", "Split it.")
        try:
            return OpenedSource(_with_numbered_columns(path.name, backend.read_parquet(path)))
        except backend.read_errors as error:
            raise DataError(f"{path.name} is a damaged Parquet file.", "Copy or export it again.") from error
    if magic.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) or path.suffix.lower() in WORKBOOKS:
        from smart_retail.data.files.workbook_process import open_workbook_in_process

        sheets = open_workbook_in_process(path, folder, options)
        returns = sheets.returns
        return OpenedSource(_text_table(sheets.orders), _text_table(returns) if returns else None)
    return OpenedSource(_text_table(open_text(path, folder, options.header_row)))


def _text_table(file: TextFile) -> RawTable:
    return RawTable(file.name, file.header, None, file, file.notes)


def _with_numbered_columns(name: str, frame: nw.LazyFrame[Any]) -> RawTable:
    headers = tuple(frame.collect_schema().names())
    check_headers(headers, name)
    return RawTable(name, headers, frame.select(nw.col(h).alias(str(i)) for i, h in enumerate(headers)))


def read_attempts(raw: RawTable, backend: Backend, folder: Path) -> Iterator[tuple[RawTable, nw.LazyFrame[Any]]]:
    """Yield ways to read a table, the strictest and fastest first; use the next one if reading fails."""
    if raw.frame is not None:
        yield raw, raw.frame
        return
    assert raw.text is not None
    yield raw, backend.read_text(raw.text, pad=False)
    yield raw, backend.read_text(raw.text, pad=True)
    file = rewrite_as_utf8(raw.text.path, folder, raw.name)
    yield _text_table(file), backend.read_text(file, pad=False)


def read_sample(raw: RawTable, backend: Backend, rows: int = SAMPLE_ROWS) -> list[list[str]]:
    """Return the first rows of a table as text; the rows of a file are in its order.

    Raises
    ------
    DataError
        The table is damaged.
    """
    if raw.text is not None:
        return read_first_rows(raw.text, rows)
    assert raw.frame is not None
    types = raw.frame.collect_schema()
    try:
        columns = backend.fetch(raw.frame.head(rows).select(nw.col(n).cast(nw.String) for n in types.names()))
    except backend.read_errors as error:
        raise DataError(
            f"{raw.name} cannot be read: it is damaged.", "Export it again as CSV, XLSX or Parquet."
        ) from error
    cells = [["" if value is None else str(value) for value in columns[n]] for n in types.names()]
    return [list(row) for row in zip(*cells, strict=True)]
