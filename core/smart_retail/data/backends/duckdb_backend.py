"""DuckDB: the embedded default, out of core, its database a temporary file.

It reads local files only: no extension is installed or loaded and no address is opened.
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
from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.parsing.format_detection import NUMBER, Format
from smart_retail.data.parsing.number_parsing import normalize_numbers

_OFFSET = r"([0-9]:[0-9.:]+)\s*(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"

_READ_CSV = """
SELECT * FROM read_csv($path, auto_detect=false, header=false, skip=$skip, delim=$separator, quote='"', escape='"',
    new_line=$newline, columns=$columns, max_line_size=$longest, buffer_size=$buffer, null_padding=$pad)
"""
"""Nothing is guessed; columns are texts, named by place."""
_READ_PARQUET = "SELECT * FROM read_parquet($path)"


class DuckDB:
    name = "duckdb"
    prefers_rereading = True
    read_errors: tuple[type[Exception], ...] = (duckdb.Error,)

    def __init__(self, folder: Path, threads: int) -> None:
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "preserve_insertion_order": False,
            "temp_directory": str(folder / "spill"),
            "memory_limit": f"{_memory_megabytes(threads or os.cpu_count() or 1)}MB",
        }
        if threads:
            config["threads"] = threads
        self._folder = folder
        self._names = count()
        self._connection = duckdb.connect(str(folder / "lines.duckdb"), config=config)

    def read_text(self, file: TextFile, *, pad: bool) -> nw.LazyFrame[Any]:
        given = {
            "path": _no_glob(file.path, self._folder),
            "skip": file.skip,
            "separator": file.separator,
            "newline": {"\n": r"\n", "\r": r"\r", "\r\n": r"\r\n"}[file.newline],
            "columns": {str(i): "VARCHAR" for i in range(len(file.header))},
            "longest": limits.MAX_LINE_BYTES,
            "buffer": 8 * limits.MAX_LINE_BYTES,
            "pad": pad,
        }
        return self._lazy(self._connection.sql(_READ_CSV, params=given))

    def read_parquet(self, path: Path) -> nw.LazyFrame[Any]:
        try:
            return self._lazy(self._connection.sql(_READ_PARQUET, params={"path": _no_glob(path, self._folder)}))
        except (RuntimeError, UnicodeError) as error:  # a name is not UTF-8
            raise duckdb.DataError(str(error)) from error

    def from_dataframe(self, frame: Any) -> nw.LazyFrame[Any]:
        native = nw.to_native(frame, pass_through=True)
        if isinstance(native, duckdb.DuckDBPyRelation):
            # Another connection's relation cannot be joined with ours; Parquet needs no further package.
            path = self._folder / f"adopted-{next(self._names)}.parquet"
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

    def day_number(self, frame: nw.LazyFrame[Any], moment: str, name: str) -> nw.LazyFrame[Any]:
        day = f"CAST({_name(moment)}::DATE - DATE '1970-01-01' AS INTEGER) AS {_name(name)}"
        return self._lazy(nw.to_native(frame).select(f"*, {day}"))

    def compact(self, frame: nw.LazyFrame[Any], ids: Sequence[str]) -> nw.LazyFrame[Any]:
        if not ids:
            return frame
        # The cast alone would take 1e2, 007 and +7 for numbers and lose how they are written.
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
        (first, second), table = keys, f"kept_{next(self._names)}"
        one, other = (", ".join(map(_name, ks)) for ks in keys)
        seen = [f"COUNT({_name(n)}) AS read_{i}" for i, n in enumerate(read)]
        sums = ", ".join(
            (f"COUNT(*) AS n, TRY_CAST(SUM({_name(total)}) AS BIGINT) AS {_name(total)}",
             f"MIN({_name(span)}) AS {_name(span)}", f"MAX({_name(span)}) AS {_name(span + '_most')}", *seen)
        )  # fmt: skip
        # "Materialized" so, each row is handed to both groupings and none is stored; and a temporary table is not
        # packed, which would take a tenth as long again.
        query = (
            f"CREATE TEMP TABLE {table} AS WITH both_of AS MATERIALIZED (SELECT * FROM tallied) "  # noqa: S608
            f"SELECT 0 AS place, {one}, {sums} FROM both_of GROUP BY {one} UNION ALL BY NAME "
            f"SELECT 1 AS place, {other}, COUNT(*) AS n FROM both_of GROUP BY {other}"
        )
        nw.to_native(frame).query("tallied", query)
        kept = self._lazy(self._connection.table(table))
        return (
            kept.filter(nw.col("place") == 0).select(*first, "n", total, span, f"{span}_most"),
            kept.filter(nw.col("place") == 1).select(*second, "n"),
        )

    def materialize(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        table = f"kept_{next(self._names)}"
        nw.to_native(frame).create(table)
        return self._lazy(self._connection.table(table))

    def fetch(self, frame: nw.LazyFrame[Any]) -> dict[str, NDArray[Any]]:
        return {name: _dense(values) for name, values in nw.to_native(frame).fetchnumpy().items()}

    def close(self) -> None:
        self._connection.close()
        _let_go_of_types()

    @staticmethod
    def _lazy(relation: Any) -> nw.LazyFrame[Any]:
        frame = nw.from_native(relation)
        return frame if isinstance(frame, nw.LazyFrame) else frame.lazy()


def _let_go_of_types() -> None:
    """Empty a cache of Narwhals that holds DuckDB's types, or DuckDB reports leaks on stderr when Python ends."""
    cache: Any = getattr(sys.modules.get("narwhals._namespace"), "_builtin_namespace", None)
    if hasattr(cache, "cache_clear"):
        cache.cache_clear()


def text_as_parquet(file: TextFile, folder: Path, *, pad: bool) -> Path:
    """A text file as Parquet with columns of text, for engines that read it in parts."""
    target = folder / f"{file.path.stem}-{pad}.parquet"
    with _reader(file, folder) as engine:
        nw.to_native(engine.read_text(file, pad=pad)).write_parquet(str(target))
    return target


@contextmanager
def _reader(file: TextFile, folder: Path) -> Iterator[DuckDB]:
    place = folder / f"reader-{file.path.stem}"
    place.mkdir(exist_ok=True)
    engine = DuckDB(place, 0)
    try:
        yield engine
    finally:
        engine.close()


def _no_glob(path: Path, folder: Path) -> str:
    """A path that DuckDB does not take for a pattern."""
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
    # A cast converts a time with an offset to UTC; the shop's own calendar day is what counts. (``Z`` is cast as is.)
    return (
        f"TRY_CAST(CASE WHEN strlen({name}) > 19 OR contains({name}, '+') "
        f"THEN regexp_replace({name}, {_text(_OFFSET)}, '\\1') ELSE {name} END AS TIMESTAMP)"
    )


def _dense(values: Any) -> NDArray[Any]:
    """Without a mask: missing texts as None, missing numbers as NaN."""
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


def _memory_megabytes(threads: int) -> int:
    """384 MB a thread, 512 MB at least, a quarter of the machine at most; DuckDB spills what is more.

    On 20 million lines more memory was no quicker: 4 GB only doubled the peak.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 8 * 2**30
    return int(max(512, min(384 * threads, total / 4 / 2**20)))
