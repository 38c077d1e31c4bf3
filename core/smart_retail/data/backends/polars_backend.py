"""Polars: lazy frames on this machine's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from narwhals.exceptions import NarwhalsError
from numpy.typing import NDArray

from smart_retail.data.backends.dataframes import collected
from smart_retail.data.backends.dual_group_by import Keys, grouped
from smart_retail.data.backends.duckdb_backend import DuckDB, text_columns
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.data.parsing.number_parsing import plain_numbers

_OFFSET = r"([0-9]:[0-9.:]+)\s*(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_ISO = tuple(f"%Y{s}%m{s}%d{time}" for s in "-/" for time in (" %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", ""))


class Polars:
    name = "polars"
    rereads = False
    read_errors: tuple[type[Exception], ...] = (
        *DuckDB.read_errors,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        NarwhalsError,
    )

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        columns = text_columns(file, self._folder, pad=pad)
        return _lazy(pl.DataFrame({n: pl.Series(v.tolist(), dtype=pl.String) for n, v in columns.items()}).lazy())

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        return _lazy(pl.scan_parquet(path, glob=False))

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        native = nw.to_native(frame, pass_through=True)
        lazy = native.lazy() if isinstance(native, pl.DataFrame) else native
        if not isinstance(lazy, pl.LazyFrame):
            lazy = collected(native).to_polars().lazy()
        zoned = [n for n, t in lazy.collect_schema().items() if isinstance(t, pl.Datetime) and t.time_zone]
        return _lazy(lazy.with_columns(pl.col(n).dt.replace_time_zone(None) for n in zoned))

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        native = nw.to_native(plain_numbers(frame, formats))
        return _lazy(native.with_columns(_parsed(pl.col(name), f) for name, f in formats.items()))

    def day_number(self, frame: nw.LazyFrame[Any], moment: str, name: str) -> nw.LazyFrame[Any]:
        return _lazy(nw.to_native(frame).with_columns(pl.col(moment).dt.date().cast(pl.Int32).alias(name)))

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        return frame

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        first, second = grouped(frame, keys, total, span)
        return self.materialize(first), self.materialize(second)

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return _lazy(nw.to_native(frame).collect().lazy())

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        return {series.name: _array(series) for series in nw.to_native(frame).collect().iter_columns()}

    def close(self) -> None:
        """Nothing is held."""


def _lazy(native: pl.LazyFrame) -> nw.LazyFrame[Any]:
    frame: nw.LazyFrame[Any] = nw.from_native(native)
    return frame


def _parsed(column: pl.Expr, form: Format) -> pl.Expr:
    text = column.str.strip_chars()
    if form.kind == NUMBER:
        return text.cast(pl.Float64, strict=False)
    if not form.patterns:
        text = text.str.replace(_OFFSET, "${1}")
    patterns = [p.replace(":%S.%f", ":%S%.f") for p in form.patterns] or _ISO
    return pl.coalesce(_moment(text, pattern) for pattern in patterns)


def _moment(text: pl.Expr, pattern: str) -> pl.Expr:
    if "%H" in pattern or "%I" in pattern:
        return text.str.to_datetime(pattern, strict=False, time_unit="us")
    return text.str.to_date(pattern, strict=False).cast(pl.Datetime("us"))


def _array(series: pl.Series) -> NDArray[Any]:
    if series.dtype == pl.String:
        return np.array(series.to_list(), dtype=object)
    if series.null_count() and series.dtype.is_integer():
        return series.cast(pl.Float64).to_numpy()
    return series.to_numpy()
