"""Tables of a bundle that do not depend on trained models: customers, items, purchases and sales totals.

In: a `Dataset`. Out: tables of a bundle, exports, and `ShopTables`. A fit writes them while it trains the models.
`serving.bundle_tables.BundleTables` reads them; a change here needs a change there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.dataset.catalogue_items import catalogue_arrays
from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.progress import Progress
from smart_retail.recommenders.variants import group_variants
from smart_retail.results import Item, WeekSales
from smart_retail.training.outputs.notebook_export import write_parquet
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.id_map import StringArray
from smart_retail.utils.set_ops import sorted_unique

RECENT_DAYS: Final = 28
CHUNK_ROWS: Final = 1_000_000
"""Number of purchases converted at a time for the export."""


@dataclass(frozen=True, slots=True)
class ShopTables:
    """Results of writing the tables that the fit needs later."""

    items: list[Item]
    """By item code."""
    statistics: dict[str, Any]
    """Statistics of the order lines, as JSON data."""
    weekly_sales: tuple[WeekSales, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """Counts by item code, shape ``(n_items,)`` each."""

    orders: NDArray[np.int32]
    customers: NDArray[np.int32]
    recent_orders: NDArray[np.int32]
    """Orders in the last four weeks of the history."""
    previous_orders: NDArray[np.int32]
    """Orders in the four weeks before."""

    @classmethod
    def from_history(cls, history: PurchaseHistory, guests: GuestOrders) -> ItemStatistics:
        """Count orders and customers of each item; guest orders count in the recent weeks only."""
        n = history.n_items
        counts = np.zeros((4, n), np.int64)
        for _, block in history.blocks():
            pairs = sorted_unique(block.customer.astype(np.int64) * n + block.item)
            counts[0] += np.bincount(block.item, minlength=n)
            counts[1] += np.bincount(pairs % max(n, 1), minlength=n)
            counts[2:] += cls._count_recent(block.item, block.day, history.last_day, n)
        counted = guests.until(history.last_day)
        counts[2:] += cls._count_recent(counted.item, counted.day, history.last_day, n)
        return cls(*counts.astype(np.int32))

    @staticmethod
    def _count_recent(
        item: NDArray[np.int32], day: NDArray[np.int32], last_day: int, n_items: int
    ) -> NDArray[np.int64]:
        """Return the rows of the recent and of the previous weeks by item, shape ``(2, n_items)``."""
        age = last_day - day
        recent = age < RECENT_DAYS
        previous = (age < 2 * RECENT_DAYS) & ~recent
        return np.stack([np.bincount(item[rows], minlength=n_items) for rows in (recent, previous)])


def write_shop_tables(
    writer: BundleWriter, dataset: Dataset, history: PurchaseHistory, progress: Progress, count_guests: bool
) -> ShopTables:
    """Write customers, items and purchases, with their exports; `progress` can cancel between the tables.

    With `count_guests`, guest orders are among the orders of recent weeks of each item.
    """
    statistics = ItemStatistics.from_history(history, dataset.guest_orders if count_guests else NO_GUESTS)
    items = build_items(dataset, statistics)
    progress.check()
    _write_tables(writer, dataset, history, statistics)
    progress.check()
    line_statistics, discounts = dataset.statistics(int(history.day.min()), int(history.day.max()))
    writer.array("daily/discount", discounts)
    columns = {k: [getattr(i, k) for i in items] for k in ("item_id", "item_name", "category")}
    write_parquet(writer.export / "items.parquet", columns)
    _export_purchases(writer.export / "purchases.parquet", dataset, history, progress)
    return ShopTables(items, line_statistics, dataset.weekly_sales(), dataset.fingerprint)


def _write_tables(writer: BundleWriter, dataset: Dataset, history: PurchaseHistory, items: ItemStatistics) -> None:
    _write_texts(writer, "customers/ids", dataset.customers.ids)
    _write_texts(writer, "customers/names", dataset.customer_names)
    _write_texts(writer, "customers/countries", dataset.customer_countries)
    _write_texts(writer, "customers/search", _search_texts(dataset.customers.ids, dataset.customer_names))
    writer.array("customers/returned_share", dataset.returned_share)
    _write_texts(writer, "items/ids", dataset.items.ids)
    _write_texts(writer, "items/names", dataset.item_names)
    _write_texts(writer, "items/search", _search_texts(dataset.items.ids, dataset.item_names))
    writer.array("items/category", dataset.item_category)
    writer.array("items/subcategory", dataset.item_subcategory)
    writer.array("items/price", dataset.item_price)
    writer.array("items/discount", dataset.item_discount)
    for name in ("orders", "customers", "recent_orders", "previous_orders"):
        writer.array(f"items/{name}", getattr(items, name))
    writer.array("items/variant", group_variants(dataset.item_names))
    arrays, texts = catalogue_arrays(dataset.items, dataset.catalogue)
    writer.arrays("catalogue", arrays)
    for name, values in texts.items():
        _write_texts(writer, f"catalogue/{name}", values)
    writer.array("history/indptr", history.indptr)
    for name in ("order", "item", "day", "quantity", "amount"):
        writer.array(f"history/{name}", getattr(history, name))
    guests = dataset.guest_orders
    for name in ("order", "item", "day", "quantity", "amount") if len(guests) else ():
        writer.array(f"guest_orders/{name}", getattr(guests, name))
    customer, item = dataset.fully_returned
    writer.array("fully_returned/indptr", np.searchsorted(customer, np.arange(len(dataset.customers) + 1)))
    writer.array("fully_returned/item", item)
    returned = dataset.returned_purchases()
    writer.array("returned_purchases/indptr", np.searchsorted(returned.customer, np.arange(len(dataset.customers) + 1)))
    for name in ("order", "item", "day", "quantity", "amount"):
        writer.array(f"returned_purchases/{name}", getattr(returned, name))


def build_items(dataset: Dataset, statistics: ItemStatistics) -> list[Item]:
    """Return all items by code, with names and prices."""
    ids = list(dataset.items.ids)
    return [
        Item(
            item_id=ids[i],
            item_name=dataset.item_names[i] or ids[i],
            category=_name_of(dataset.category_names, int(dataset.item_category[i])),
            subcategory=_name_of(dataset.subcategory_names, int(dataset.item_subcategory[i])),
            unit_price=None if np.isnan(dataset.item_price[i]) else round(float(dataset.item_price[i]), 6),
            orders=int(statistics.orders[i]),
            customers=int(statistics.customers[i]),
        )
        for i in range(len(ids))
    ]


def _export_purchases(path: Path, dataset: Dataset, history: PurchaseHistory, progress: Progress) -> None:
    """Write the rows of the history in chunks: converting whole columns would double the memory needed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    customers, items = (pa.array(list(ids), pa.string()) for ids in (dataset.customers.ids, dataset.items.ids))
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
