"""The DuckDB backend: embedded, out of core, with a temporary database file.

It reads local files only; no extension is installed or loaded and no network address is opened.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data.backends.dataframes import to_arrow
from smart_retail.data.backends.dual_group_by import Keys
from smart_retail.data.backends.parquet_content import check_parquet_content, readable_columns
from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.data.parsing.number_parsing import normalize_numbers
from smart_retail.errors import DataError
from smart_retail.utils.memory_budget import DEFAULT_MEMORY, MemoryBudget

_OFFSET = r"([0-9]:[0-9.:]+)\s*(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"

_READ_CSV = """
SELECT * FROM read_csv($path, auto_detect=false, header=false, skip=$skip, delim=$separator, quote='"', escape='"',
    new_line=$newline, columns=$columns, max_line_size=$longest, buffer_size=$buffer, null_padding=$pad)
"""
"""Without type detection: all columns are text, named by position."""
_READ_PARQUET = "SELECT * FROM read_parquet($path)"


class DuckDB:
    """The `Backend` of one temporary DuckDB database."""

    name = "duckdb"
    prefers_rereading = True
    reads_addresses = False
    read_errors: tuple[type[Exception], ...] = (duckdb.Error,)

    def __init__(self, folder: Path, threads: int, memory: MemoryBudget = DEFAULT_MEMORY) -> None:
        limit = memory.duckdb_bytes(threads or os.cpu_count() or 1)
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "preserve_insertion_order": False,
            "temp_directory": str(folder / "spill"),
            "memory_limit": f"{limit // 2**20}MiB",
        }
        if threads:
            config["threads"] = threads
        self._folder = folder
        self._names = count()
        self._connection = duckdb.connect(str(folder / "lines.duckdb"), config=config)

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        parameters = {
            "path": _no_glob(file.path, self._folder),
            "skip": file.skip,
            "separator": file.separator,
            "newline": {"\n": r"\n", "\r": r"\r", "\r\n": r"\r\n"}[file.newline],
            "columns": {str(i): "VARCHAR" for i in range(len(file.header))},
            "longest": limits.MAX_LINE_BYTES,
            "buffer": 8 * limits.MAX_LINE_BYTES,
            "pad": pad,
        }
        return self._lazy(self._connection.sql(_READ_CSV, params=parameters))

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        try:
            parameters = {"path": _no_glob(path, self._folder)}
            relation = self._connection.sql(_READ_PARQUET, params=parameters)
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            check_parquet_content(
                path, types, lambda query: self._connection.sql(query, params=parameters).fetchall()[0]
            )
            return self._lazy(relation.select(", ".join(readable_columns(types))))
        except (RuntimeError, UnicodeError) as error:  # a column name is not UTF-8
            raise duckdb.DataError(str(error)) from error

    def read_address_or_table(self, name: str) -> nw.LazyFrame[Any]:
        raise DataError(f"The duckdb backend cannot read {name}: it reads local files only.", "Copy the file here.")

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        native = nw.to_native(frame, pass_through=True)
        if isinstance(native, duckdb.DuckDBPyRelation):
            # A relation of another connection cannot be joined here; Parquet needs no other package.
            path = self._folder / f"dataframe-{next(self._names)}.parquet"
            native.write_parquet(str(path))
            return self.read_parquet(path)
        relation = self._connection.from_arrow(to_arrow(native))
        return self.materialize(self._lazy(relation))

    def parse(self, frame: nw.LazyFrame[Any], formats: Mapping[str, Format]) -> nw.LazyFrame[Any]:
        if not formats:
            return frame
        frame = normalize_numbers(frame, formats)
        items = [
            f"{_parsed(_name(name), formats[name])} AS {_name(name)}" if name in formats else _name(name)
            for name in frame.collect_schema().names()
        ]
        return self._lazy(nw.to_native(frame).select(", ".join(items)))

    def day_number(self, frame: nw.LazyFrame[Any], timestamp: str, name: str) -> nw.LazyFrame[Any]:
        day = f"CAST({_name(timestamp)}::DATE - DATE '1970-01-01' AS INTEGER) AS {_name(name)}"
        return self._lazy(nw.to_native(frame).select(f"*, {day}"))

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        if not ids:
            return frame
        # The cast alone would also accept 1e2, 007 and +7, whose text would be lost.
        items = [
            f"CASE WHEN TRY_CAST({_name(n)} AS BIGINT)::VARCHAR = {_name(n)} THEN TRY_CAST({_name(n)} AS BIGINT) END "
            f"AS {_name(n)}"
            if n in ids
            else _name(n)
            for n in frame.collect_schema().names()
        ]
        return self._lazy(nw.to_native(frame).select(", ".join(items)))

    def group_twice(
        self, frame: nw.LazyFrame[Any], keys: Keys, total: str, span: str, read: Sequence[str]
    ) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
        (first, second), table = keys, f"grouped_{next(self._names)}"
        first_keys, second_keys = (", ".join(map(_name, columns)) for columns in keys)
        checks = [f"COUNT({_name(n)}) AS read_{i}" for i, n in enumerate(read)]
        sums = ", ".join(
            (f"COUNT(*) AS n, TRY_CAST(SUM({_name(total)}) AS BIGINT) AS {_name(total)}",
             f"MIN({_name(span)}) AS {_name(span)}", f"MAX({_name(span)}) AS {_name(span + '_most')}", *checks)
        )  # fmt: skip
        # "MATERIALIZED" streams each row to both groupings without storing it. A temporary table is not compressed,
        # which saves a tenth of the time.
        query = (
            f"CREATE TEMP TABLE {table} AS WITH both_of AS MATERIALIZED (SELECT * FROM lines_to_group) "  # noqa: S608
            f"SELECT 0 AS grouping_number, {first_keys}, {sums} FROM both_of GROUP BY {first_keys} UNION ALL BY NAME "
            f"SELECT 1 AS grouping_number, {second_keys}, COUNT(*) AS n FROM both_of GROUP BY {second_keys}"
        )
        nw.to_native(frame).query("lines_to_group", query)
        grouped = self._lazy(self._connection.table(table))
        return (
            grouped.filter(nw.col("grouping_number") == 0).select(*first, "n", total, span, f"{span}_most"),
            grouped.filter(nw.col("grouping_number") == 1).select(*second, "n"),
        )

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        table = f"materialized_{next(self._names)}"
        nw.to_native(frame).create(table)
        return self._lazy(self._connection.table(table))

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        return {name: _dense(values) for name, values in nw.to_native(frame).fetchnumpy().items()}

    def fetch_batches(self, frame: nw.LazyFrame[Any], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
        for batch in nw.to_native(frame).to_arrow_reader(rows):
            yield {name: batch.column(name).to_numpy() for name in batch.schema.names}

    def open_executors(self, modules: Sequence[str]) -> None:
        return None

    def close(self) -> None:
        self._connection.close()
        _clear_type_cache()

    @staticmethod
    def _lazy(relation: Any) -> nw.LazyFrame[Any]:
        frame = nw.from_native(relation)
        return frame if isinstance(frame, nw.LazyFrame) else frame.lazy()


def _clear_type_cache() -> None:
    """Clear a Narwhals cache that refers to DuckDB types; otherwise DuckDB reports leaks on stderr at exit."""
    cache: Any = getattr(sys.modules.get("narwhals._namespace"), "_builtin_namespace", None)
    if hasattr(cache, "cache_clear"):
        cache.cache_clear()


def text_as_parquet(file: TextFile, folder: Path, *, pad: bool) -> Path:
    """Convert a text file to Parquet with text columns, which other engines can read in parts."""
    target = folder / f"{file.path.stem}-{pad}.parquet"
    with _reader(file, folder) as engine:
        nw.to_native(engine.read_text(file, pad=pad)).write_parquet(str(target))
    return target


@contextmanager
def _reader(file: TextFile, folder: Path) -> Iterator[DuckDB]:
    temporary = folder / f"reader-{file.path.stem}"
    temporary.mkdir(exist_ok=True)
    engine = DuckDB(temporary, 0)
    try:
        yield engine
    finally:
        engine.close()


def _no_glob(path: Path, folder: Path) -> str:
    """Return a path that DuckDB does not interpret as a glob pattern."""
    if not any(sign in str(path) for sign in "*?[{"):
        return str(path.resolve())
    link = folder / f"source-{abs(hash(str(path)))}"
    if not link.exists():
        link.symlink_to(path.resolve())
    return str(link)


def _parsed(name: str, form: Format) -> str:
    if form.kind == NUMBER:
        return f"TRY_CAST({name} AS DOUBLE)"
    if form.patterns:
        patterns = ", ".join(_text(p) for p in form.patterns)
        return f"TRY_STRPTIME(TRIM({name}), [{patterns}])"
    # A cast would convert a time with an offset to UTC, but the local calendar day of the shop counts. (``Z`` is cast
    # unchanged.)
    if form.zone:
        return _converted(name, form.zone)
    return (
        f"TRY_CAST(CASE WHEN strlen({name}) > 19 OR contains({name}, '+') "
        f"THEN regexp_replace({name}, {_text(_OFFSET)}, '\\1') ELSE {name} END AS TIMESTAMP)"
    )


def _converted(name: str, zone: str) -> str:
    """Return an ISO time in a time zone; a time without an offset is in it already."""
    instant = f"regexp_replace({name}, '\\s*(?:Z|UTC)$', '+00')"
    instant = f"regexp_replace({instant}, '\\s+([+-][0-9:]+)$', '\\1')"
    instant = f"regexp_replace({instant}, '([+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    return (
        f"CASE WHEN regexp_matches({name}, {_text(_OFFSET)}) "
        f"THEN timezone({_text(zone)}, TRY_CAST({instant} AS TIMESTAMPTZ)) ELSE TRY_CAST({name} AS TIMESTAMP) END"
    )


def _dense(values: Any) -> NDArray[Any]:
    """Replace masked values: missing texts by None, missing numbers by NaN."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    plain, mask = np.array(values.data), np.ma.getmaskarray(values)
    if not mask.any():
        return plain
    if plain.dtype.kind in "iub":
        plain = plain.astype(np.float64)
    plain[mask] = {"O": None, "M": np.datetime64("NaT")}.get(plain.dtype.kind, np.nan)
    return plain


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
