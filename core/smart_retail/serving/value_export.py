"""Customer value as a CSV file, one row per customer with the ids unchanged."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import UsageError
from smart_retail.protocol import CHURN_RISKS, DEFAULT_HORIZON_DAYS, RetailEngine, require_local
from smart_retail.results import CustomerValue
from smart_retail.serving.customer_values import CustomerValues, ValueTable
from smart_retail.utils.atomic_file import atomic_file

VALUE_COLUMNS: Final = (
    "customer_id",
    "expected_orders",
    "expected_spend",
    "return_probability",
    "next_order_date",
    "next_order_low",
    "next_order_high",
    "lifetime_value",
    "orders",
    "spend",
    "active_probability",
    "usual_interval_days",
    "churn_risk",
    "known",
)
CHUNK = 50_000
"""Rows written at a time."""
SPECIAL_CHARACTERS: Final = (",", '"', "\r", "\n")
"""Characters of an id that the CSV format may require to quote."""


def value_row(value: CustomerValue) -> list[Any]:
    """Return a forecast as a row of `VALUE_COLUMNS`."""
    return [getattr(value, name) if name != "known" else str(value.known).lower() for name in VALUE_COLUMNS]


def write_values(engine: RetailEngine, path: str | os.PathLike[str], horizon_days: int = DEFAULT_HORIZON_DAYS) -> int:
    """Write the value of every customer to a CSV file, in id order.

    Parameters
    ----------
    engine : RetailEngine
        An engine in this process; an API does not list all customers.
    path : path
        Ends in ``.csv``.
    horizon_days : int
        Length of the forecast in days, 1 to 3650.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    UsageError
        The file name has another suffix, its folder does not exist, or the horizon is out of range.
    NeedsLocalEngineError
        The engine is behind an API.
    """
    target = Path(path)
    if target.suffix.lower() != ".csv":
        raise UsageError(f"{target.name} is not a .csv file.", "End the name in .csv.")
    values = require_local(engine, "Listing the value of all customers needs").values
    with atomic_file(target, private=True) as part, part.open("w", encoding="utf-8", newline="") as file:
        return write_rows(values, file, horizon_days)


def write_rows(values: CustomerValues, file: TextIO, horizon_days: int) -> int:
    """Write header and rows of all customers to an open file; return the number of rows."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow(VALUE_COLUMNS)
    written = 0
    for columns in _chunks(values, horizon_days):
        rows = zip(*columns, strict=True)
        ids = "".join(columns[0])
        if any(character in ids for character in SPECIAL_CHARACTERS):
            out.writerows(rows)
        else:  # the other columns are numbers, dates and words; joining is several times as fast
            file.write("\n".join(map(",".join, rows)) + "\n")
        written += len(columns[0])
    return written


def _chunks(values: CustomerValues, horizon_days: int) -> Iterator[list[list[str]]]:
    """Yield the columns of all customers in chunks; customers with events since the fit are forecast one by one."""
    table, ids = values.table(horizon_days), values.customer_ids()
    risks = table.forecast.churn_risk()
    live = values.customers_with_events()
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        columns = _columns(table, risks, chunk, start)
        for i, customer_id in enumerate(chunk if live else ()):
            if customer_id in live:
                for column, cell in zip(columns, value_row(values.of(customer_id, horizon_days)), strict=True):
                    column[i] = str(cell)
        yield columns
    new = [value_row(values.of(customer_id, horizon_days)) for customer_id in sorted(live.difference(ids))]
    if new:
        yield [list(map(str, column)) for column in zip(*new, strict=True)]


def _columns(table: ValueTable, risks: NDArray[np.int8], ids: list[str], start: int) -> list[list[str]]:
    """Cells of the customers from code `start` on, one list for each of `VALUE_COLUMNS`."""
    f, s, at = table.forecast, table.statistics, slice(start, start + len(ids))
    dates = np.arange(table.end_day, table.end_day + table.horizon, dtype="datetime64[D]").astype(str).tolist()

    def number(values: NDArray[np.float64], digits: int) -> list[str]:
        return list(map(repr, np.round(values[at], digits).tolist()))

    def word(words: Sequence[str], codes: NDArray[np.integer] | NDArray[np.bool_]) -> list[str]:
        return list(map(words.__getitem__, codes[at].tolist()))

    return [
        ids,
        number(f.expected_orders, 6),
        number(f.expected_spend, 4),
        number(f.return_probability, 6),
        word(dates, f.next_order),
        word(dates, f.next_order_low),
        word(dates, f.next_order_high),
        number(table.lifetime_value, 4),
        list(map(str, s.orders[at].astype(np.int64).tolist())),
        number(s.amount, 4),
        number(f.active_probability, 6),
        number(f.usual_interval, 2),
        word(CHURN_RISKS, risks),
        word(("false", "true"), s.known),
    ]
