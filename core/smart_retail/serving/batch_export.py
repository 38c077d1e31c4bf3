"""Recommendations of many customers as a CSV or Parquet file, with the ids unchanged.

The engine is queried in chunks. The rows of a CSV file are written as they come, and those of a Parquet file are
collected in a database on disk: memory does not grow with the number of customers. The file replaces an older one only
when it is complete.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import ALL, METHODS, ListQuery, RetailEngine, require_local
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.utils.atomic_file import atomic_file
from smart_retail.utils.spreadsheet import CsvRows, Row

RECOMMENDATION_COLUMNS: Final[dict[str, str]] = {
    "customer_id": "VARCHAR",
    "known": "BOOLEAN",
    "method": "VARCHAR",
    "rank": "INTEGER",
    "item_id": "VARCHAR",
    "item_name": "VARCHAR",
    "score": "DOUBLE",
    "source": "VARCHAR",
    "reason": "VARCHAR",
    "model_version": "VARCHAR",
}
"""Columns of a batch file, in order, with their Parquet types as DuckDB names them."""

CHUNK_CUSTOMERS = 1000
"""Customers per query at most."""
CHUNK_ROWS = 10_000
"""Rows per query at most, unless the lists of one customer have more."""
PARQUET_MEMORY = "256MB"
"""Memory in which DuckDB collects the rows of a Parquet file."""

DEFAULT_QUERY: Final = ListQuery()


def main_reason(item: Recommendation) -> str:
    """Return the text of the reason with the largest share; empty without reasons."""
    return max(item.reasons, key=lambda r: r.share).text if item.reasons else ""


def recommendation_rows(result: RecommendationList) -> Iterator[Row]:
    """Yield the items as rows of `RECOMMENDATION_COLUMNS`; for ``all``, the methods in alphabetical order."""
    for part in (result.lists[m] for m in sorted(result.lists)) if result.lists else (result,):
        for item in part.items:
            yield (
                result.customer_id or "",
                result.known,
                part.method,
                item.rank,
                item.item_id,
                item.item_name,
                item.score,
                item.source,
                main_reason(item),
                result.model_version,
            )


def write_recommendations(
    engine: RetailEngine,
    path: str | os.PathLike[str],
    *,
    customers: Iterable[str] | None = None,
    query: ListQuery = DEFAULT_QUERY,
    progress: Progress = SILENT,
) -> int:
    """Write the lists of many customers, sorted by customer, method and rank.

    Parameters
    ----------
    engine : RetailEngine
    path : path
        Ends in ``.csv`` or ``.parquet``.
    customers : iterable of str, optional
        Customer ids; unknown ones get popular items, repeated ones are written once. By default all customers of
        the bundle, which requires an engine in this process.
    query : ListQuery
        Options of every list.
    progress : Progress
        Reports the share of customers done.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    UsageError
        The file name has another suffix, or its folder does not exist.
    NeedsLocalEngineError
        `customers` is not given, and the engine is behind an API.
    """
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{target.name} is neither a .csv nor a .parquet file.", "End the name in one of the two.")
    if customers is None:
        hint = "Name the customers in a file with a customer_id column, or use the artifacts folder."
        customers = require_local(engine, "Listing all customers needs", hint).customer_ids()
    ids = sorted(set(customers))
    progress.stage("recommendations", 0.0)
    size = _customers_per_query(engine.resolve(query))
    written = 0

    def chunks() -> Iterator[list[Row]]:
        nonlocal written
        for start in range(0, len(ids), size):
            progress.check()
            lists = engine.query_customers(ids[start : start + size], query)
            rows = [row for result in lists for row in recommendation_rows(result)]
            written += len(rows)
            yield rows
            progress.update(min(start + size, len(ids)) / len(ids))

    write = _write_csv if target.suffix.lower() == ".csv" else _write_parquet
    with atomic_file(target, private=True) as part:
        write(part, chunks())
    return written


def _customers_per_query(query: ListQuery) -> int:
    rows = query.length * (len(METHODS) if query.method == ALL else 1)
    return max(1, min(CHUNK_CUSTOMERS, CHUNK_ROWS // rows))


def _write_csv(part: Path, chunks: Iterable[list[Row]]) -> None:
    with part.open("w", encoding="utf-8", newline="") as file:
        out = CsvRows(file, RECOMMENDATION_COLUMNS)
        for rows in chunks:
            out.write(rows)


def _write_parquet(part: Path, chunks: Iterable[list[Row]]) -> None:
    import duckdb
    import numpy as np

    # In a database on disk, DuckDB holds no more rows in memory than its limit allows.
    with (
        tempfile.TemporaryDirectory(prefix="smart-retail-") as folder,
        duckdb.connect(f"{folder}/lists.duckdb", config={"memory_limit": PARQUET_MEMORY, "threads": 1}) as connection,
    ):
        fields = ", ".join(f'"{name}" {kind}' for name, kind in RECOMMENDATION_COLUMNS.items())
        connection.execute(f"CREATE TABLE lists ({fields})")
        for rows in filter(None, chunks):
            columns = zip(RECOMMENDATION_COLUMNS.items(), zip(*rows, strict=True), strict=True)
            chunk = {
                name: np.array(values, dtype=object if kind == "VARCHAR" else None) for (name, kind), values in columns
            }
            connection.register("chunk", chunk)
            connection.execute("INSERT INTO lists SELECT * FROM chunk")
            connection.unregister("chunk")
        connection.table("lists").write_parquet(str(part))
