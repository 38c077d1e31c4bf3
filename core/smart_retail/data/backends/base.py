"""The interface of the engines that run the relational operations.

Only what differs between engines is in a backend: reading text and Parquet files, parsing numbers and timestamps,
materializing a result and fetching columns as NumPy arrays. All else is written once, as Narwhals expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import narwhals as nw
from numpy.typing import NDArray

from smart_retail.data.backends.dual_group_by import Keys
from smart_retail.data.backends.executors import Executors
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import Format
from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.utils.memory_budget import DEFAULT_MEMORY, MemoryBudget


class Backend(Protocol):
    """One engine with a folder for temporary files."""

    name: str

    read_errors: tuple[type[Exception], ...]
    """Exceptions that it raises when a file cannot be read as expected."""

    prefers_rereading: bool
    """Whether scanning a source twice is faster than materializing the first scan."""

    reads_addresses: bool
    """Whether it reads network addresses and tables (`read_address_or_table`)."""

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        """Read all columns as text, named ``0``, ``1``, ... by position; `pad` fills short rows with nulls."""

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        """Read a Parquet file."""

    def read_address_or_table(self, name: str) -> nw.LazyFrame[Any]:
        """Read CSV or Parquet at a network address, or a table; raises `DataError` if that is not possible."""

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        """Convert a data frame of the caller to a frame of this engine."""

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        """Parse the named text columns as float64 or as timestamps without time zone; null where that fails."""

    def day_number(self, frame: nw.LazyFrame[Any], timestamp: str, name: str) -> nw.LazyFrame[Any]:
        """Add the column `name`: days from 1970-01-01 to the date of the column `timestamp`, int32."""

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        """Convert id columns of whole numbers from text to int64, if that is faster for the engine.

        A text that is not a whole number becomes null; the caller checks for that."""

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        """Group a frame by two sets of keys in one scan and materialize both tables.

        Parameters
        ----------
        frame : LazyFrame
        keys : pair of sequences of str
            Columns of the first and of the second grouping.
        total : str
            Int64 column to add up in the first table; null if the sum exceeds int64.
        span : str
            Column whose minimum (`span`) and maximum (``<span>_most``) go to the first table.
        read : sequence of str
            Further columns to read, so that unreadable text fails now and not later.

        Returns
        -------
        pair of LazyFrame
            Both with the number of rows in the column ``n``.
        """

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Compute and store the result. The order of rows is not preserved."""

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        """Return all columns as NumPy arrays; missing texts are None, missing numbers NaN."""

    def fetch_batches(self, frame: nw.LazyFrame[Any], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the rows in their order, as `fetch` returns them, in parts that fit in memory.

        Parameters
        ----------
        frame : LazyFrame
            Integer columns without nulls.
        rows : int
            Approximate number of rows of a part.
        """

    def open_executors(self, modules: Sequence[str]) -> Executors | None:
        """Return the executors of a cluster; None for an engine that runs on this machine.

        Parameters
        ----------
        modules : sequence of str
            Modules that the executors must be able to import.

        Raises
        ------
        SparkError
            The executors cannot run functions of this package; the hint says what to install.
        """

    def close(self) -> None:
        """Release memory, connections and files."""


def open_backend(name: str, folder: Path, threads: int, memory: MemoryBudget = DEFAULT_MEMORY) -> Backend:
    """Open the engine with this name (`DataSettings.backend`).

    Parameters
    ----------
    name : str
        ``duckdb`` or ``spark``.
    folder : Path
        For temporary files.
    threads : int
        Threads of the engine; 0 uses all that the machine has.
    memory : MemoryBudget
        Of which DuckDB uses its part; that of Spark comes from its configuration.

    Raises
    ------
    UsageError
        The name is not valid, or the backend is not installed.
    """
    try:
        if name == "duckdb":
            from smart_retail.data.backends.duckdb_backend import DuckDB

            return DuckDB(folder, threads, memory)
        if name == "spark":
            from smart_retail.data.backends.spark_backend import Spark

            return Spark(folder, threads)
    except ImportError as error:
        extra = "spark" if name == "spark" else "train"
        raise MissingExtraError(
            f"The {name} backend is not installed.", f"pip install 'smart-retail-engine[{extra}]'"
        ) from error
    raise UsageError(f"'{name}' is not a valid backend.", "Choose duckdb or spark.")
