"""pandas: for those who hold their orders in a pandas frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from smart_retail.data.backends.dataframes import collected
from smart_retail.data.backends.dual_group_by import Keys, grouped
from smart_retail.data.backends.duckdb_backend import DuckDB, text_columns
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.data.parsing.number_parsing import plain_numbers

_OFFSET = r"([0-9]:[0-9.:]+)\s*(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"


class Pandas:
    name = "pandas"
    rereads = False
    read_errors: tuple[type[Exception], ...] = DuckDB.read_errors

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        columns = text_columns(file, self._folder, pad=pad)
        return _lazy(pd.DataFrame({n: pd.Series(v, dtype="str") for n, v in columns.items()}))

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches():
                    batch.validate(full=True)  # pandas would take texts that are not UTF-8 and fail on them later
            return _lazy(pd.read_parquet(path))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise duckdb.DataError(str(error) or type(error).__name__) from error

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        return _lazy(collected(frame).to_pandas())

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        native = nw.to_native(plain_numbers(frame, formats))
        return _plain(native.assign(**{name: _parsed(native[name], f) for name, f in formats.items()}))

    def day_number(self, frame: nw.LazyFrame[Any], moment: str, name: str) -> nw.LazyFrame[Any]:
        native = nw.to_native(frame)
        days = native[moment].astype("date32[pyarrow]").astype("int32[pyarrow]")
        return _plain(native.assign(**{name: days}))

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        return frame

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        first, second = grouped(frame, keys, total, span)
        return self.materialize(first), self.materialize(second)

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return frame

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        native = nw.to_native(frame)
        return {str(name): _array(native[name]) for name in native.columns}

    def close(self) -> None:
        """Nothing is held."""


def _lazy(frame: pd.DataFrame) -> nw.LazyFrame[Any]:
    # Only Arrow columns hold missing whole numbers and dates as missing.
    return _plain(frame.convert_dtypes(dtype_backend="pyarrow"))


def _plain(frame: pd.DataFrame) -> nw.LazyFrame[Any]:
    lazy: nw.LazyFrame[Any] = nw.from_native(frame).lazy()
    return lazy


def _parsed(column: pd.Series, form: Format) -> pd.Series:
    text = column.str.strip()
    if form.kind == NUMBER:
        # By way of NumPy, whose NaN becomes missing; Arrow keeps the two apart.
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        return numbers.astype("Float64").astype("double[pyarrow]")
    if not form.patterns:
        # ISO 8601 asks for four digits of year first; pandas alone would take a bare year too.
        text = text.str.replace(_OFFSET, r"\1", regex=True).where(text.str.match(r"\d{4}[-/]\d{1,2}[-/]\d"))
        text = text.str.replace("/", "-")
        return pd.to_datetime(text, format="ISO8601", errors="coerce").astype("timestamp[us][pyarrow]")
    result = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for pattern in form.patterns:
        result = result.fillna(pd.to_datetime(text, format=pattern, errors="coerce").astype("datetime64[us]"))
    return result.astype("timestamp[us][pyarrow]")


def _array(series: pd.Series) -> NDArray[Any]:
    if pd.api.types.is_string_dtype(series.dtype):
        return np.asarray(series.astype(object).where(series.notna(), None))
    return np.asarray(series.to_numpy())
