"""Large order histories that look like a shop's: a number of lines in, Parquet and CSV files out.

Items are Zipf, in categories; customers differ in how much they buy, have favourite categories and a
shelf of things they buy again; weeks have weekends, years a December. Every part of a million lines
is drawn from its own seed, so that a history is the same on every machine and whatever its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINES_OF_PART = 1_000_000
CUSTOMERS_OF_PART = 10_000
ITEMS = 20_000
CATEGORIES = 50
DAYS = 730
FIRST_DAY = np.datetime64("2023-01-01")
SEED = 20_230_101
AGAIN = 0.35
"""Part of the lines that come off the customer's own shelf."""
FAVOURED = 0.35
"""Part of the lines that come from a favourite category."""
NO_CUSTOMER_SHARE = 0.004
"""Part of the lines without a customer."""
SHELF = 12
FAVOURITES = 3

COLUMNS = ("order_id", "customer_id", "item_id", "timestamp", "quantity", "amount", "category")


@dataclass(frozen=True, slots=True)
class Shop:
    """What all parts share."""

    share: NDArray[np.float64]
    """Cumulated chance of each item."""
    by_category: NDArray[np.int64]
    """Items ordered by category, within it the most wanted first."""
    first: NDArray[np.int64]
    """Where each category begins in it, one more at the end."""
    category: NDArray[np.int64]
    price: NDArray[np.float64]
    days: NDArray[np.float64]
    """Cumulated chance of each day."""


@cache
def shop(items: int = ITEMS) -> Shop:
    """Catalogue and calendar."""
    rng = np.random.default_rng(SEED)
    wanted = 1.0 / (np.arange(items) + 8.0)
    category = rng.integers(0, CATEGORIES, items)
    by_category = np.lexsort((np.arange(items), category))
    first = np.concatenate(([0], np.cumsum(np.bincount(category, minlength=CATEGORIES))))
    day = np.arange(DAYS)
    calendar = (1 + 0.35 * np.cos(2 * np.pi * (day % 365 - 350) / 365)) * np.where((day + 6) % 7 >= 5, 1.5, 1.0)
    return Shop(
        share=np.cumsum(wanted) / wanted.sum(),
        by_category=by_category,
        first=first,
        category=category,
        price=np.round(rng.lognormal(1.6, 0.9, items) + 0.2, 2),
        days=np.cumsum(calendar) / calendar.sum(),
    )


def part(number: int, items: int = ITEMS) -> dict[str, NDArray[Any]]:
    """One million lines of ten thousand customers of their own, in order of orders."""
    facts = shop(items)
    rng = np.random.default_rng([SEED, number])
    activity = rng.gamma(0.9, 1.0, CUSTOMERS_OF_PART) / 0.9
    orders_of = 1 + rng.poisson(9.0 * activity)
    customer = np.repeat(np.arange(CUSTOMERS_OF_PART), orders_of)
    n_orders = len(customer)
    start = np.maximum(rng.integers(-500, 690, CUSTOMERS_OF_PART), 0)
    before = np.concatenate(([0.0], facts.days))[start][customer]
    day = np.searchsorted(facts.days, before + (1 - before) * rng.random(n_orders)).clip(max=DAYS - 1)
    second = rng.integers(8 * 3600, 21 * 3600, n_orders)
    basket = rng.gamma(0.8, 1.0, n_orders) + 0.02
    lines_of = 1 + rng.multinomial(LINES_OF_PART - n_orders, basket / basket.sum())
    order = np.repeat(np.arange(n_orders), lines_of)
    item = _items(customer[order], rng, facts)
    quantity = 1 + rng.poisson(0.6, LINES_OF_PART) * rng.integers(1, 4, LINES_OF_PART)
    customer_id = (customer[order] + number * CUSTOMERS_OF_PART + 10_001).astype(np.int64)
    return {
        "order_id": order + number * 200_000 + 500_001,
        "customer_id": np.where(rng.random(LINES_OF_PART) < NO_CUSTOMER_SHARE, 0, customer_id),
        "item": item,
        "timestamp": (FIRST_DAY + day[order]).astype("datetime64[s]") + second[order].astype("timedelta64[s]"),
        "quantity": quantity,
        "amount": np.round(facts.price[item] * quantity, 2),
        "category": facts.category[item],
    }


def _items(customer: NDArray[np.int64], rng: np.random.Generator, facts: Shop) -> NDArray[np.int64]:
    """An item for each line: off the customer's shelf, of a favourite category, or whatever sells."""
    n = len(customer)
    favourites = rng.integers(0, CATEGORIES, (CUSTOMERS_OF_PART, FAVOURITES))
    by_popularity = np.searchsorted(facts.share, rng.random(n))
    liked = favourites[customer, rng.integers(0, FAVOURITES, n)]
    size = np.diff(facts.first)[liked]
    # The inverse of 1 / rank, cut at the size of the category.
    place = np.floor(np.exp(rng.random(n) * np.log(size + 1.0))).astype(np.int64) - 1
    favoured = facts.by_category[facts.first[liked] + place.clip(0, size - 1)]
    kind = rng.random(n)
    item = np.where(kind < FAVOURED, favoured, by_popularity)
    # A shelf holds things the customer bought anyway: the first lines drawn for each customer.
    first_line = np.searchsorted(customer, np.arange(CUSTOMERS_OF_PART))
    lines = np.searchsorted(customer, np.arange(CUSTOMERS_OF_PART), side="right") - first_line
    depth = np.minimum(lines, SHELF)[customer]
    shelf = np.floor(rng.random(n) ** 1.7 * depth).astype(np.int64)
    return np.where(kind > 1 - AGAIN, item[first_line[customer] + shelf], item)


def parquet(folder: Path, millions: int, n_items: int = ITEMS) -> Path:
    """The history of this size as Parquet, made when it is not there yet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{_name(millions, n_items)}.parquet"
    if path.exists():
        return path
    unfinished = path.with_suffix(".part")
    items = pa.array([f"P{i:05}" for i in range(n_items)])
    names = pa.array([f"Category {i:02}" for i in range(CATEGORIES)])
    writer = None
    for number in range(millions):
        lines = part(number, n_items)
        no_customer = lines["customer_id"] == 0
        table = pa.table(
            {
                "order_id": pa.array(lines["order_id"]).cast(pa.string()),
                "customer_id": pa.array(lines["customer_id"], mask=no_customer).cast(pa.string()),
                "item_id": pa.DictionaryArray.from_arrays(pa.array(lines["item"]), items).cast(pa.string()),
                "timestamp": pa.array(lines["timestamp"]),
                "quantity": pa.array(lines["quantity"]),
                "amount": pa.array(lines["amount"]),
                "category": pa.DictionaryArray.from_arrays(pa.array(lines["category"]), names).cast(pa.string()),
            }
        )
        writer = writer or pq.ParquetWriter(unfinished, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return unfinished.replace(path)


def _name(millions: int, n_items: int) -> str:
    return f"orders-{millions}m" if n_items == ITEMS else f"orders-{millions}m-{n_items}"


def csv(folder: Path, millions: int, n_items: int = ITEMS) -> Path:
    """The same as CSV, without the category: what a till exports."""
    import duckdb

    path = folder / f"{_name(millions, n_items)}.csv"
    if path.exists():
        return path
    source, unfinished = parquet(folder, millions, n_items), path.with_suffix(".part")
    wanted = ", ".join(COLUMNS[:-1])
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {wanted} FROM read_parquet('{source}')) TO '{unfinished}' (HEADER, DELIMITER ',')"
        )
    return unfinished.replace(path)
