"""Check the content of a Parquet file before it is read.

A Parquet file stores a repeated value once, so that a few kilobytes can hold millions of rows, or one text of a
megabyte in each of them. Lengths are computed on the stored values, without repeating them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import check_width
from smart_retail.errors import DataError

_TEXT: Final = "VARCHAR"
_NESTED: Final = ("[", "STRUCT", "MAP", "UNION", "BLOB", "VARIANT", "GEOMETRY")
"""Parts of the names of types whose values have no fixed size."""


def readable_columns(types: Mapping[str, str]) -> list[str]:
    """Return the select list of a file; columns of lists, records or binary data are empty texts.

    Parameters
    ----------
    types : mapping
        Column name -> name of its type.
    """
    return [
        f"NULL::VARCHAR AS {_quoted(name)}" if any(part in kind for part in _NESTED) else _quoted(name)
        for name, kind in types.items()
    ]


def check_parquet_content(path: Path, types: Mapping[str, str], fetch_row: Callable[[str], Sequence[Any]]) -> None:
    """Raise `DataError` if a Parquet file has far more content than its size allows.

    Parameters
    ----------
    path : Path
        The file.
    types : mapping
        Column name -> name of its type.
    fetch_row : callable
        Returns the first row of a query in which ``$path`` is the file.

    Raises
    ------
    DataError
        It has too many rows or columns, or texts that are too long.
    """
    check_width(len(types), path.name)
    texts = [name for name, kind in types.items() if kind == _TEXT]
    # Without nested functions, DuckDB computes a length once for each stored text.
    lengths = [f"{function}(strlen({_quoted(name)}))" for name in texts for function in ("max", "sum")]
    query = f"SELECT {', '.join(['count(*)', *lengths])} FROM read_parquet($path)"  # noqa: S608  # names are quoted
    rows, *found = (number or 0 for number in fetch_row(query))
    size = path.stat().st_size
    if rows > limits.MAX_PARQUET_ROWS and rows > size * limits.MAX_ROWS_PER_BYTE:
        raise DataError(f"{path.name} has {rows:,} rows in {size:,} bytes: nearly all are equal.", "Export it again.")
    for name, longest in zip(texts, found[::2], strict=True):
        if longest > limits.MAX_PARQUET_TEXT_BYTES:
            raise DataError(
                f"{path.name} has a text of {longest:,} bytes in the column {name[:100]}.",
                f"Leave the column out, or cut its texts to {limits.MAX_PARQUET_TEXT_BYTES:,} bytes.",
            )
    total = sum(found[1::2])
    if total > limits.MAX_PARQUET_CONTENT_BYTES + size * limits.MAX_PARQUET_RATIO:
        raise DataError(
            f"{path.name} has {total / 2**20:,.0f} MB of text in {size:,} bytes.",
            "Leave out columns with long texts, or export it as CSV.",
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
