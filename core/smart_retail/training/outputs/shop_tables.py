"""What is told of the shop itself: customers, items, purchases and what its lines add up to.

In: a `Prepared`. Out: tables of a bundle, exports, and a `Shop`. None of it needs a fitted part, so a fit writes it
while it learns. The counterpart of `store`: whoever changes one changes the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.progress import Progress
from smart_retail.results import Item, WeekSales
from smart_retail.training.outputs.notebook_export import write_parquet
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.id_map import StringArray
from smart_retail.utils.set_ops import sorted_unique

RECENT_DAYS = 28
CHUNK_ROWS = 1_000_000
"""Purchases that are exported at once."""


@dataclass(frozen=True, slots=True)
class ShopTables:
    """What was learnt on the way."""

    items: list[Item]
    """By item code."""
    statistics: dict[str, Any]
    """Of the lines, as JSON data."""
    weekly_sales: tuple[WeekSales, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """By item code."""

    orders: NDArray[np.int32]
    customers: NDArray[np.int32]
    recent_orders: NDArray[np.int32]
    """In the last four weeks of the history."""

    @classmethod
    def from_history(cls, history: PurchaseHistory) -> ItemStatistics:
        n = history.n_items
        pairs = sorted_unique(history.customer.astype(np.int64) * n + history.item)
        recent = history.day > history.last_day - RECENT_DAYS
        return cls(
            np.bincount(history.item, minlength=n).astype(np.int32),
            np.bincount(pairs % max(n, 1), minlength=n).astype(np.int32),
            np.bincount(history.item[recent], minlength=n).astype(np.int32),
        )


def write_shop_tables(
    writer: BundleWriter, prepared: Dataset, history: PurchaseHistory, progress: Progress
) -> ShopTables:
    """Write customers, items and purchases, with their exports; `progress` may cancel on the way."""
    statistics = ItemStatistics.from_history(history)
    items = build_items(prepared, statistics)
    progress.check()
    _write_tables(writer, prepared, history, statistics)
    progress.check()
    facts, discounts = prepared.statistics(int(history.day.min()), int(history.day.max()))
    writer.array("daily/discount", discounts)
    columns = {k: [getattr(i, k) for i in items] for k in ("item_id", "item_name", "category")}
    write_parquet(writer.export / "items.parquet", columns)
    _export_purchases(writer.export / "purchases.parquet", prepared, history, progress)
    return ShopTables(items, facts, prepared.weekly_sales(), prepared.fingerprint)


def _write_tables(writer: BundleWriter, prepared: Dataset, history: PurchaseHistory, items: ItemStatistics) -> None:
    _write_texts(writer, "customers/ids", prepared.customers.ids)
    _write_texts(writer, "customers/names", prepared.customer_names)
    _write_texts(writer, "customers/countries", prepared.customer_countries)
    _write_texts(writer, "customers/search", _search_texts(prepared.customers.ids, prepared.customer_names))
    writer.array("customers/returned_share", prepared.returned_share)
    _write_texts(writer, "items/ids", prepared.items.ids)
    _write_texts(writer, "items/names", prepared.item_names)
    _write_texts(writer, "items/search", _search_texts(prepared.items.ids, prepared.item_names))
    writer.array("items/category", prepared.item_category)
    writer.array("items/subcategory", prepared.item_subcategory)
    writer.array("items/price", prepared.item_price)
    writer.array("items/discount", prepared.item_discount)
    for name in ("orders", "customers", "recent_orders"):
        writer.array(f"items/{name}", getattr(items, name))
    writer.array("history/indptr", history.indptr)
    for name in ("order", "item", "day", "quantity", "amount"):
        writer.array(f"history/{name}", getattr(history, name))
    customer, item = prepared.fully_returned
    writer.array("returned/indptr", np.searchsorted(customer, np.arange(len(prepared.customers) + 1)))
    writer.array("returned/item", item)
    back = prepared.returned_purchases()
    writer.array("returned_purchases/indptr", np.searchsorted(back.customer, np.arange(len(prepared.customers) + 1)))
    for name in ("order", "item", "day", "quantity", "amount"):
        writer.array(f"returned_purchases/{name}", getattr(back, name))


def build_items(prepared: Dataset, statistics: ItemStatistics) -> list[Item]:
    """Every item as people see it."""
    ids = list(prepared.items.ids)
    return [
        Item(
            item_id=ids[i],
            item_name=prepared.item_names[i] or ids[i],
            category=_name_of(prepared.category_names, int(prepared.item_category[i])),
            subcategory=_name_of(prepared.subcategory_names, int(prepared.item_subcategory[i])),
            unit_price=None if np.isnan(prepared.item_price[i]) else round(float(prepared.item_price[i]), 6),
            orders=int(statistics.orders[i]),
            customers=int(statistics.customers[i]),
        )
        for i in range(len(ids))
    ]


def _export_purchases(path: Path, prepared: Dataset, history: PurchaseHistory, progress: Progress) -> None:
    """The rows of the history, some at a time: whole columns of other types would take as much memory again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    customers, items = (pa.array(list(ids), pa.string()) for ids in (prepared.customers.ids, prepared.items.ids))
    writer = None
    for start in range(0, max(len(history), 1), CHUNK_ROWS):
        progress.check()
        rows = slice(start, start + CHUNK_ROWS)
        table = pa.table(
            {
                "customer_id": pa.DictionaryArray.from_arrays(pa.array(history.customer[rows]), customers),
                "order": history.order[rows],
                "item_id": pa.DictionaryArray.from_arrays(pa.array(history.item[rows]), items),
                "day": history.day[rows].astype("datetime64[D]"),
                "quantity": history.quantity[rows] / MILLION,
                "amount": history.amount[rows] / MILLION,
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, use_dictionary=["customer_id", "item_id"])
        writer.write_table(table)
    if writer:
        writer.close()


def _write_texts(writer: BundleWriter, name: str, texts: Iterable[str]) -> None:
    packed = texts if isinstance(texts, StringArray) else StringArray.of(texts)
    writer.array(f"{name}/data", packed.data)
    writer.array(f"{name}/offsets", packed.offsets)


def _search_texts(ids: Sequence[str], names: Sequence[str]) -> Iterable[str]:
    return (f"{i}\n{name}".casefold() for i, name in zip(ids, names, strict=True))


def _name_of(names: Sequence[str], code: int) -> str:
    return names[code] if code >= 0 else ""
