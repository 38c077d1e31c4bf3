"""What differs between the engines that run the relational work, and nothing more.

Everything else is Narwhals expressions. An engine reads text and Parquet files, turns texts into
numbers and moments (null where it cannot), keeps a result, and hands columns to NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import narwhals as nw
from numpy.typing import NDArray

from smart_retail.data.backends.dual_group_by import Keys
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import Format
from smart_retail.errors import MissingExtraError, UsageError


class Backend(Protocol):
    """One engine at work in a folder for temporary files."""

    name: str

    read_errors: tuple[type[Exception], ...]
    """What it raises when a file is not as expected."""

    prefers_rereading: bool
    """Whether it reads a source a second time sooner than it keeps what the first reading gave."""

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        """Every column as text, named ``0``, ``1``, ... by place; `pad` fills short rows."""

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]: ...

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        """A data frame that the caller brought, as this engine's own."""

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        """The named text columns as float64 or as moments without a time zone; null where unread."""

    def day_number(self, frame: nw.LazyFrame[Any], moment: str, name: str) -> nw.LazyFrame[Any]:
        """A further column `name`: days from 1970-01-01 to the date of `moment`, int32."""

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        """Id columns whose texts are whole numbers as int64, where this saves the engine work.

        A text that is no whole number becomes null, which `ingest` looks for; a column of another
        type than text was never compacted."""

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        """Two kept tables from one reading: the frame grouped by the first keys and by the second.

        Both have rows as `n`; the first also the sum of `total`, null where an int64 does not hold it, and
        the least and greatest `span` (``<span>_most``). Columns of `read` are read too, lest they fail later."""

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """The result, calculated once. The order of rows is not kept."""

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        """All columns as arrays; missing texts are None, missing numbers NaN."""

    def close(self) -> None:
        """Give back memory, connections and files."""


def open_backend(name: str, folder: Path, threads: int) -> Backend:
    """The engine of this name (`DataSettings.backend`), working in `folder`."""
    try:
        if name == "duckdb":
            from smart_retail.data.backends.duckdb_backend import DuckDB

            return DuckDB(folder, threads)
        if name == "spark":
            from smart_retail.data.backends.spark_backend import Spark

            return Spark(folder, threads)
    except ImportError as error:
        extra = "spark" if name == "spark" else "train"
        raise MissingExtraError(
            f"The {name} backend is not installed.", f"pip install 'smart-retail-engine[{extra}]'"
        ) from error
    raise UsageError(f"'{name}' is not a valid backend.", "Choose duckdb or spark.")
