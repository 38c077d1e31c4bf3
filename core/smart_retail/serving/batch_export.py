"""Answers into files: recommendations of many customers for machines, tables for people.

`write_recommendations` asks an engine in chunks and writes CSV or Parquet with the ids exactly as they came in.
`write_table` writes CSV or XLSX for a spreadsheet, where no cell may be taken for a formula.
Every file appears whole under its name or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import ListQuery, RetailEngine, require_local
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
"""Customers asked for at a time: enough to share work, few enough to hold their lists."""

DEFAULT_QUERY: Final = ListQuery()


def main_reason(item: Recommendation) -> str:
    """The text of the reason with the largest share; empty where none was asked for."""
    return max(item.reasons, key=lambda r: r.share).text if item.reasons else ""


def recommendation_rows(answer: RecommendationList) -> Iterator[Row]:
    """An answer as rows of `RECOMMENDATION_COLUMNS`; for ``all`` method by method."""
    for part in (answer.lists[m] for m in sorted(answer.lists)) if answer.lists else (answer,):
        for item in part.items:
            yield (
                answer.customer_id or "",
                answer.known,
                part.method,
                item.rank,
                item.item_id,
                item.item_name,
                item.score,
                item.source,
                main_reason(item),
                answer.model_version,
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
        Ids, unknown ones included (they get popularity); each is answered once. Without it all customers of
        the bundle, which only an engine in this process can name.
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
        The file name ends in something else or its folder does not exist.
    NeedsLocalEngineError
        No customers were named and the engine is behind the API.
    """
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{target.name} is neither a .csv nor a .parquet file.", "End the name in one of the two.")
    if customers is None:
        hint = "Name the customers in a file with a customer_id column, or use the artifacts folder."
        customers = require_local(engine, "Listing all customers needs", hint).customer_ids()
    ids = sorted(set(customers))
    progress.stage("recommendations", 0.0)

    def chunks() -> Iterator[list[Row]]:
        for start in range(0, len(ids), CHUNK_CUSTOMERS):
            progress.check()
            lists = engine.query_customers(ids[start : start + CHUNK_CUSTOMERS], query)
            yield [row for result in lists for row in recommendation_rows(result)]
            progress.update(min(start + CHUNK_CUSTOMERS, len(ids)) / len(ids))

    with atomic_file(target) as part:
        return _write_csv(part, chunks()) if target.suffix.lower() == ".csv" else _write_parquet(part, chunks())


def _write_csv(part: Path, chunks: Iterable[list[Row]]) -> int:
    written = 0
    with part.open("w", encoding="utf-8", newline="") as file:
        out = CsvRows(file, RECOMMENDATION_COLUMNS)
        for rows in chunks:
            out.write(rows)
            written += len(rows)
    return written


def _write_parquet(part: Path, chunks: Iterable[list[Row]]) -> int:
    import duckdb
    import numpy as np

    written = 0
    with duckdb.connect() as connection:
        fields = ", ".join(f'"{name}" {kind}' for name, kind in RECOMMENDATION_COLUMNS.items())
        connection.execute(f"CREATE TABLE lists ({fields})")
        for rows in chunks:
            columns = zip(*rows, strict=True)
            chunk = {
                name: np.array(values, dtype=object if kind == "VARCHAR" else None)
                for (name, kind), values in zip(RECOMMENDATION_COLUMNS.items(), columns, strict=False)
            }
            if rows:
                connection.register("chunk", chunk)
                connection.execute("INSERT INTO lists SELECT * FROM chunk")
                connection.unregister("chunk")
                written += len(rows)
        connection.table("lists").write_parquet(str(part))
    return written
