"""What people bring as orders, opened: text, gzip, workbook, Parquet or a data frame.

In: a path or a native data frame. Out: `Raw` tables whose columns are numbered by place, so that no
header can clash with another or with a name of ours; the headers stand beside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw

from smart_retail.data.backends.base import Backend
from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile, check_width, open_text, rewrite_as_utf8
from smart_retail.errors import DataError

Source = str | os.PathLike[str] | Any
"""A path, or a data frame of pandas, Polars, DuckDB, Spark or Narwhals."""

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table as it was found."""

    name: str
    headers: tuple[str, ...]
    frame: nw.LazyFrame[Any] | None
    """Columns ``0``, ``1``, ...; None for text, which may have to be read more than one way."""
    text: TextFile | None = None
    notes: tuple[str, ...] = ()

    @property
    def separator(self) -> str:
        return self.text.separator if self.text else ","


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source: its orders, and the returns where the source has a table of them."""

    orders: RawTable
    returns: RawTable | None = None


def open_source(source: Source, backend: Backend, folder: Path, place: int) -> OpenedSource:
    """Recognise a source by what it is.

    Parameters
    ----------
    source : path or data frame
    backend : Backend
        The engine that will read it.
    folder : Path
        For temporary files.
    place : int
        Its place among the sources, for the name of a frame in messages.

    Raises
    ------
    DataError
        It cannot be read.
    """
    if isinstance(source, str) and not Path(source).exists() and hasattr(backend, "read_place"):
        return OpenedSource(_with_numbered_columns(source, backend.read_address_or_table(source)))
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source), backend, folder)
    frame = backend.from_dataframe(source)
    return OpenedSource(_with_numbered_columns(f"frame {place + 1}", frame))


def _open_path(path: Path, backend: Backend, folder: Path) -> OpenedSource:
    if not path.exists():
        raise DataError(f"There is no file {path}.", "Check the path.")
    if path.is_dir():
        raise DataError(f"{path} is a folder.", "Name the files in it.")
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(b"PAR1"):
        if path.stat().st_size > limits.MAX_FILE_BYTES:
            raise DataError(f"{path.name} is larger than 20 GB.", "Split it.")
        try:
            return OpenedSource(_with_numbered_columns(path.name, backend.read_parquet(path)))
        except backend.read_errors as error:
            raise DataError(f"{path.name} is a damaged Parquet file.", "Copy or export it again.") from error
    if magic.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) or path.suffix.lower() in WORKBOOKS:
        from smart_retail.data.files.workbook import open_workbook

        sheets = open_workbook(path, folder)
        returns = sheets.returns
        return OpenedSource(_text_table(sheets.orders), _text_table(returns) if returns else None)
    return OpenedSource(_text_table(open_text(path, folder)))


def _text_table(file: TextFile) -> RawTable:
    return RawTable(file.name, file.header, None, file, file.notes)


def _with_numbered_columns(name: str, frame: nw.LazyFrame[Any]) -> RawTable:
    headers = tuple(frame.collect_schema().names())
    check_width(len(headers), name)
    return RawTable(name, headers, frame.select(nw.col(h).alias(str(i)) for i, h in enumerate(headers)))


def read_attempts(raw: RawTable, backend: Backend, folder: Path) -> Iterator[tuple[RawTable, nw.LazyFrame[Any]]]:
    """Ways to read a table, strictest and quickest first; the next is for when one fails."""
    if raw.frame is not None:
        yield raw, raw.frame
        return
    assert raw.text is not None
    yield raw, backend.read_text(raw.text, pad=False)
    yield raw, backend.read_text(raw.text, pad=True)
    file = rewrite_as_utf8(raw.text.path, folder, raw.name)
    yield _text_table(file), backend.read_text(file, pad=False)
