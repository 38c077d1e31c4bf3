"""The Spark backend, for data that does not fit on one machine.

It uses the active session, else one from the usual Spark configuration, else a local one that listens on loopback
only. Local files are read by the driver; addresses such as ``s3://...`` and tables are read by the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds
from numpy.typing import NDArray
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as f
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
)

from smart_retail.data.backends.dataframes import to_arrow
from smart_retail.data.backends.dual_group_by import Keys, group_twice
from smart_retail.data.backends.duckdb_backend import DuckDB, text_as_parquet
from smart_retail.data.backends.spark_executors import SparkExecutors, open_executors
from smart_retail.data.backends.spark_session import SPARK_ERRORS, open_session, read_error, report_lost_cluster
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.data.parsing.number_parsing import normalize_numbers

MAX_SENT_BYTES: Final = 64 * 2**20
"""Files of this process up to this size are sent to the executors; larger ones must be in a folder that they share."""
_SPARK_TYPES: Final[dict[pa.DataType, DataType]] = {
    pa.bool_(): BooleanType(), pa.int32(): IntegerType(), pa.int64(): LongType(), pa.float64(): DoubleType(),
    pa.string(): StringType(), pa.large_string(): StringType(), pa.date32(): DateType(),
}  # fmt: skip
_OFFSET: Final = r"([0-9]:[0-9.:]+)\s*(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_JAVA: Final = {
    "%d": "d", "%m": "M", "%Y": "yyyy", "%y": "yy", "%H": "H", "%I": "h", "%M": "m", "%S": "s", "%f": "SSSSSS",
    "%p": "a", "%b": "MMM", "%B": "MMMM",
}  # fmt: skip
_COMPACT: Final = {"%d": "dd", "%m": "MM", "%H": "HH", "%M": "mm", "%S": "ss"}
"""Fixed-width letters, needed where there are no separators between the parts."""


class Spark:
    """The `Backend` of a Spark session."""

    name = "spark"
    prefers_rereading = False
    reads_addresses = True
    read_errors: tuple[type[Exception], ...] = (*DuckDB.read_errors, *SPARK_ERRORS)

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder
        self._names = count()
        self._session = open_session(threads)

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        return self._read_own_file(text_as_parquet(file, self._folder, pad=pad))

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        return _lazy(self._session.read.parquet(path.resolve().as_uri()))

    def read_address_or_table(self, name: str) -> nw.LazyFrame[Any]:
        """Let the cluster read CSV or Parquet at an address, or a table.

        Raises
        ------
        DataError
            There is no such file or table, or Spark cannot reach it.
        """
        try:
            if name.lower().endswith((".csv", ".csv.gz", ".txt", ".tsv")):
                separator = "\t" if ".tsv" in name.lower() else ","
                return _lazy(self._session.read.csv(name, sep=separator, header=True, quote='"', escape='"'))
            if "://" in name:
                return _lazy(self._session.read.parquet(name))
            return _lazy(self._session.table(name))
        except SPARK_ERRORS as error:
            raise read_error(error, name) from error

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        native = nw.to_native(frame, pass_through=True)
        if isinstance(native, DataFrame):
            return _lazy(native)
        path = self._folder / f"dataframe-{next(self._names)}.parquet"
        if hasattr(native, "write_parquet") and not hasattr(native, "lazy"):
            native.write_parquet(str(path))
        else:
            pq.write_table(to_arrow(native), path)
        return self._read_own_file(path)

    def _read_own_file(self, path: Path) -> nw.LazyFrame[Any]:
        """Read a Parquet file that this process wrote; executors on other machines may not see its folder."""
        if str(self._session.sparkContext.master).startswith("local") or path.stat().st_size > MAX_SENT_BYTES:
            return self.read_parquet(path)
        table = pq.read_table(path)
        plain = [column.cast(_plain_type(column.type)) for column in table.columns]
        fields = [
            StructField(name, kind)
            for name, column in zip(table.column_names, plain, strict=True)
            if (kind := _spark_type(column.type)) is not None
        ]
        if len(fields) < len(plain):
            return self.read_parquet(path)
        schema = StructType(fields)
        return _lazy(self._session.createDataFrame(pa.table(plain, table.column_names), schema))

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        native = nw.to_native(normalize_numbers(frame, formats))
        return _lazy(native.withColumns({name: _parsed(name, form) for name, form in formats.items()}))

    def day_number(self, frame: nw.LazyFrame[Any], timestamp: str, name: str) -> nw.LazyFrame[Any]:
        return _lazy(nw.to_native(frame).withColumn(name, f.unix_date(f.to_date(_column(timestamp)))))

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        return frame

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        first, second = group_twice(frame, keys, total, span)
        return self.materialize(first), self.materialize(second)

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        # A checkpoint also truncates the query plan; with `persist` every later step would plan all earlier ones again.
        native = nw.to_native(frame)
        context = native.sparkSession.sparkContext
        with report_lost_cluster():
            if context.getCheckpointDir() is not None:
                return _lazy(native.checkpoint())
            if context.master.startswith("local"):
                return _lazy(native.localCheckpoint())
            # Blocks of a local checkpoint cannot be computed again: a second executor keeps a copy of each.
            return _lazy(native.localCheckpoint(storageLevel=StorageLevel.MEMORY_AND_DISK_2))

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        with report_lost_cluster():
            table = nw.to_native(frame).toArrow()
        return {name: _array(table.column(name)) for name in table.column_names}

    def fetch_batches(self, frame: nw.LazyFrame[Any], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
        # The driver holds one partition at a time. They are stored first: otherwise each would be computed from the
        # beginning.
        native = nw.to_native(self.materialize(frame))
        for partition in range(native.rdd.getNumPartitions()):
            yield self.fetch(_lazy(native.where(f.spark_partition_id() == partition)))

    def open_executors(self, modules: Sequence[str]) -> SparkExecutors | None:
        return open_executors(self._session, modules)

    def close(self) -> None:
        """Keep the session open: it may belong to the caller, and starting one takes seconds."""


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return text for categories and a signed type for unsigned integers, as Spark reads them from Parquet."""
    if kinds.is_dictionary(kind):
        return kind.value_type
    return pa.int64() if kinds.is_unsigned_integer(kind) else kind


def _spark_type(kind: pa.DataType) -> DataType | None:
    """Return the type that Spark gives a column of a Parquet file; None for a type that is rare in orders."""
    if kinds.is_timestamp(kind) and kind.tz is None:
        return TimestampNTZType()
    return _SPARK_TYPES.get(kind)


def _lazy(frame: DataFrame) -> nw.LazyFrame[Any]:
    lazy: nw.LazyFrame[Any] = nw.from_native(frame)
    return lazy


def _column(name: str) -> Any:
    return f.col("`" + name.replace("`", "``") + "`")


def _parsed(name: str, form: Format) -> Any:
    text = f.trim(_column(name))
    if form.kind == NUMBER:
        return text.try_cast("double")
    if form.patterns:
        tries = [f.try_to_timestamp(text, f.lit(_java(p))).cast("timestamp_ntz") for p in form.patterns]
        return f.coalesce(*tries)
    if form.zone:
        instant = f.regexp_replace(text, "(UTC|Z)$", "+00:00")
        instant = f.regexp_replace(instant, r"\s*([+-][0-9]{2}):?([0-9]{2})$", "$1:$2").try_cast("timestamp")
        local = f.from_utc_timestamp(instant, form.zone).cast("timestamp_ntz")
        return f.when(text.rlike(_OFFSET), local).otherwise(_parsed(name, replace(form, zone="")))
    plain = f.regexp_replace(f.regexp_replace(text, _OFFSET, "$1"), "^([0-9]{4})/([0-9]{1,2})/", "$1-$2-")
    return f.when(plain.rlike("^[0-9]{4}-[0-9]{1,2}-[0-9]"), plain).try_cast("timestamp_ntz")


def _java(pattern: str) -> str:
    """Convert a strptime pattern to a Java date pattern."""
    letters = _JAVA | _COMPACT if "%m%d" in pattern else _JAVA
    for sign, letter in letters.items():
        pattern = pattern.replace(sign, letter)
    return pattern


def _array(column: Any) -> NDArray[Any]:
    if kinds.is_string(column.type) or kinds.is_large_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.to_numpy())
