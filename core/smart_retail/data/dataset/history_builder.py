"""Build purchase histories, RFM tables, derived columns and weekly sales from net purchases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT, KEPT_QUANTITY
from smart_retail.data.ingestion.row_validation import DAY, EXAMPLE, KIND, REASON, SOURCE, Frame
from smart_retail.data.purchase_history import BLOCK_ROWS, COLUMNS, PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.results import MonthTotals, WeekSales
from smart_retail.utils.column_files import ColumnFiles
from smart_retail.utils.dates import iso
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.id_map import IdMap

_SUMS: Final = (KEPT_QUANTITY, KEPT_AMOUNT)
HISTORY_COLUMNS: Final = (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, DAY, *_SUMS)
"""Columns of encoded purchases that a history is built from."""
SALES_CATEGORIES: Final = ("Low", "Medium", "High", "Very High")


def select_days(lines: Frame, first: int | None, end: int | None) -> Frame:
    """Return the lines with ``first <= day < end`` (days since 1970-01-01); None means no limit."""
    if first is not None:
        lines = lines.filter(nw.col(DAY) >= first)
    return lines if end is None else lines.filter(nw.col(DAY) < end)


def select_customers(lines: Frame, customers: NDArray[np.bool_], backend: Backend) -> Frame:
    """Return the encoded lines of the selected customers; `customers` has shape ``(n_customers,)``."""
    import pyarrow as pa

    codes = pa.table({c.CUSTOMER_ID: np.flatnonzero(customers).astype(np.int32)})
    return lines.join(backend.from_dataframe(codes), on=c.CUSTOMER_ID, how="semi")


def build_history(
    kept: Frame,
    n_customers: int,
    n_items: int,
    last_day: int,
    backend: Backend,
    folder: Path | None = None,
    block_rows: int = BLOCK_ROWS,
) -> PurchaseHistory:
    """Build the history of encoded purchases.

    Parameters
    ----------
    kept : LazyFrame
        Encoded purchases with `kept_quantity` and `kept_amount`.
    n_customers, n_items : int
        Numbers of customer and item codes.
    last_day : int
        End of the history, days since 1970-01-01.
    backend : Backend
    folder : Path, optional
        For the columns of a history of more than one block, which are files; None holds them in memory.
    block_rows : int
        Rows that are held at a time.

    Returns
    -------
    PurchaseHistory
    """
    lines = kept.select(nw.col(n).cast(nw.Int64) if n in _SUMS else nw.col(n) for n in HISTORY_COLUMNS)
    batches = backend.fetch_batches(lines.sort(c.ORDER_ID, c.ITEM_ID), block_rows)
    blocks = _build_blocks(_split_at_customers(batches, block_rows))
    first, second = next(blocks, _NO_ROWS), next(blocks, None)
    if second is None:
        columns: dict[str, Any] = first
    elif folder is None:
        whole = [first, second, *blocks]
        columns = {name: np.concatenate([block[name] for block in whole]) for name in COLUMNS}
    else:
        with ColumnFiles(folder, {name: values.dtype for name, values in first.items()}) as files:
            for block in chain((first, second), blocks):
                files.append(block)
            columns = files.arrays()
    return PurchaseHistory(
        **columns, n_customers=n_customers, n_items=n_items, last_day=last_day, block_rows=block_rows
    )


def history_from_lines(
    lines: dict[str, NDArray[Any]], n_customers: int, n_items: int, last_day: int
) -> PurchaseHistory:
    """Build the history of encoded lines that are in memory.

    Parameters
    ----------
    lines : dict of arrays
        `HISTORY_COLUMNS` by name, sorted by order and item.
    n_customers, n_items, last_day : int
        See `build_history`.
    """
    columns: dict[str, Any] = _build_columns(lines, 0) if len(lines[c.ORDER_ID]) else _NO_ROWS
    return PurchaseHistory(**columns, n_customers=n_customers, n_items=n_items, last_day=last_day)


_NO_ROWS: Final[dict[str, NDArray[Any]]] = {
    name: np.empty(0, np.int64 if name in ("quantity", "amount") else np.int32) for name in COLUMNS
}


def _split_at_customers(batches: Iterable[dict[str, NDArray[Any]]], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
    """Join batches to blocks of about this many rows that end with the last row of a customer."""
    held: list[dict[str, NDArray[Any]]] = []
    size = 0
    for batch in batches:
        customer = batch[c.CUSTOMER_ID]
        held.append(batch)
        size += len(customer)
        if size < rows or not len(customer) or customer[0] == customer[-1]:
            continue
        # Customers are sorted: the rows of the last one may continue in the next batch.
        end = int(np.searchsorted(customer, customer[-1]))
        held[-1], rest = (
            {name: values[part] for name, values in batch.items()} for part in (slice(end), slice(end, None))
        )
        yield {name: np.concatenate([part[name] for part in held]) for name in batch}
        held, size = [rest], len(customer) - end
    if size:
        yield {name: np.concatenate([part[name] for part in held]) for name in held[0]}


def _build_blocks(lines: Iterable[dict[str, NDArray[Any]]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Build the columns of a history from blocks of encoded purchases of whole customers, sorted by order and item."""
    first_order = 0
    for block in lines:
        columns = _build_columns(block, first_order)
        first_order = int(columns["order"][-1]) + 1
        yield columns


def _build_columns(lines: dict[str, NDArray[Any]], first_order: int) -> dict[str, NDArray[Any]]:
    found = _sum_order_items(lines)
    customer, number, item, day = (found[n].astype(np.int32) for n in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, DAY))
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    sizes = np.diff(starts, append=len(number))
    first = np.minimum.reduceat(day, starts)
    # Orders are numbered by the first day of all their lines. If some lines were returned or cut off, the first
    # kept line may be later, which changes the order of the orders.
    by_day = np.lexsort((first, customer[starts]))
    order = np.empty(len(starts), dtype=np.int32)
    order[by_day] = np.arange(first_order, first_order + len(starts), dtype=np.int32)
    order, day = np.repeat(order, sizes), np.repeat(first, sizes)
    rows: Any = slice(None) if (by_day[:-1] < by_day[1:]).all() else np.argsort(order, kind="stable")
    return {
        "customer": customer[rows],
        "order": order[rows],
        "item": item[rows],
        "day": day[rows],
        "quantity": found[KEPT_QUANTITY][rows],
        "amount": found[KEPT_AMOUNT][rows],
    }


def _sum_order_items(lines: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Add up the lines of one order and item; `lines` are sorted by both. Faster than grouping in the engine."""
    repeated = (np.diff(lines[c.ORDER_ID]) == 0) & (np.diff(lines[c.ITEM_ID]) == 0)
    if not repeated.any():
        return lines
    starts = np.flatnonzero(np.concatenate(([True], ~repeated)))
    found = {name: lines[name][starts] for name in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)}
    found[DAY] = np.minimum.reduceat(lines[DAY], starts)
    for name in _SUMS:
        found[name] = np.add.reduceat(lines[name], starts, dtype=np.int64)
    return found


def slice_history(
    whole: PurchaseHistory, first: int | None, end: int | None, last_day: int, customers: NDArray[np.bool_] | None
) -> PurchaseHistory:
    """Return the rows with ``first <= day < end`` of the selected customers, with orders renumbered.

    The result equals `build_history` of the selected lines if there are no returns and no order has lines of several
    days.

    Parameters
    ----------
    whole : PurchaseHistory
    first, end : int or None
        Days since 1970-01-01; None means no limit.
    last_day : int
        End of the result.
    customers : bool array, shape (n_customers,), or None
        Selected customers; None selects all.
    """
    part = whole.between(first, end, customers)
    order = np.cumsum(np.diff(part.order, prepend=part.order[:1]) != 0, dtype=np.int32)
    return replace(part, order=order, last_day=last_day)


def customer_sums_before(whole: PurchaseHistory, end: int, ids: Sequence[str]) -> CustomerSums:
    """Return `customer_sums` of the rows of a history before the day `end`; `ids` are the customer ids by code."""
    parts = [_sum_by_customer(block, start, end) for start, block in whole.blocks()]
    customer, *sums = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return CustomerSums(tuple(ids[i] for i in customer.tolist()), *sums)


def _sum_by_customer(block: PurchaseHistory, first_customer: int, end: int) -> tuple[NDArray[np.int64], ...]:
    """Return code, last day, orders and amount of each customer of a block with a row before the day `end`."""
    rows = np.flatnonzero(block.day < end)
    code = block.customer[rows]
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    if not len(starts):
        return (np.empty(0, np.int64),) * 4
    customer = code[starts].astype(np.int64)
    orders = np.bincount(code[np.diff(block.order[rows], prepend=-1) != 0])
    return (
        first_customer + customer,
        np.maximum.reduceat(block.day[rows], starts).astype(np.int64),
        orders[customer],
        np.add.reduceat(block.amount[rows], starts),
    )


def rfm_frame(kept: Frame) -> Frame:
    """Group by customer: day of the last order, number of orders, net amount.

    The day of an order is that of its first line.
    """
    orders = kept.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(KEPT_AMOUNT).sum())
    return _by_customer(orders)


def _by_customer(orders: Frame) -> Frame:
    table = orders.group_by(c.CUSTOMER_ID).agg(nw.col(DAY).max(), nw.len().alias("orders"), nw.col(KEPT_AMOUNT).sum())
    return table.with_columns(nw.col(KEPT_AMOUNT).cast(nw.Int64)).sort(c.CUSTOMER_ID)


@dataclass(frozen=True, slots=True)
class CustomerSums:
    """Sums by customer with a kept order, in text order of the ids; all arrays have shape (len(ids),)."""

    ids: tuple[str, ...]
    last_day: NDArray[np.int64]
    """Day of the last order, days since 1970-01-01."""
    orders: NDArray[np.int64]
    """Number of orders."""
    amount: NDArray[np.int64]
    """Net amount, millionths."""


def customer_sums(kept: Frame, backend: Backend) -> CustomerSums:
    """Return the sums by customer, computed in the engine."""
    return _sums(rfm_frame(kept), backend)


def customer_sums_from_orders(orders: Frame, backend: Backend) -> CustomerSums:
    """Return the sums by customer from sums by order (`LineTotals.purchases_by_order`)."""
    return _sums(_by_customer(orders.rename({c.AMOUNT: KEPT_AMOUNT})), backend)


def _sums(table: Frame, backend: Backend) -> CustomerSums:
    found = backend.fetch(table)
    ids = tuple(map(str, found[c.CUSTOMER_ID].tolist()))
    return CustomerSums(ids, *(found[n].astype(np.int64) for n in (DAY, "orders", KEPT_AMOUNT)))


def rfm_table(sums: CustomerSums, customers: IdMap, analysis_day: int | None) -> RfmTable:
    """Return recency, frequency and monetary by customer code.

    Parameters
    ----------
    sums : CustomerSums
        Of some or all of `customers`.
    customers : IdMap
    analysis_day : int or None
        Day (since 1970-01-01) to which recency is counted; None is the day after the last order.
    """
    codes: Any = slice(None)
    if len(sums.ids) != len(customers):  # else they are the same, in the same order
        code_of = {name: i for i, name in enumerate(customers.ids)}
        codes = np.fromiter((code_of[i] for i in sums.ids), dtype=np.int64, count=len(sums.ids))
    analysis_day = analysis_day if analysis_day is not None else int(sums.last_day.max(initial=0)) + 1
    recency, frequency, monetary = (np.zeros(len(customers), dtype=np.int64) for _ in range(3))
    recency[codes] = analysis_day - sums.last_day
    frequency[codes] = sums.orders
    monetary[codes] = sums.amount
    return RfmTable(recency, frequency, monetary)


def add_derived_columns(kept: Frame, edges: Sequence[float], discounts: dict[int, float], backend: Backend) -> Frame:
    """Add the derived columns to purchases.

    Parameters
    ----------
    kept : LazyFrame
        Purchases with `kept_quantity` and `kept_amount`.
    edges : sequence of float
        Upper edges (inclusive) of all sales categories but the last.
    discounts : dict
        Index of a source -> divisor of its discounts: 1 for fractions, 100 for percent, 0 for money.
    backend : Backend
    """
    there = kept.collect_schema().names()
    timestamp = nw.col(c.TIMESTAMP)
    category = nw.lit(_sales_category(len(edges), len(edges)))
    for i, edge in reversed(list(enumerate(edges))):
        below = nw.col(c.AMOUNT) <= round(edge * MILLION)
        category = nw.when(below).then(nw.lit(_sales_category(i, len(edges)))).otherwise(category)
    texts = [nw.col(n).cast(nw.String) for n in (c.CUSTOMER_ID, c.ITEM_ID, c.ORDER_ID)]
    frame = kept.with_columns(
        *texts,
        **{c.ORDER_YEAR: timestamp.dt.year(), c.ORDER_MONTH: timestamp.dt.month(), c.SALES_CATEGORY: category},
    ).drop(REASON, EXAMPLE, KIND)
    if c.SHIP_TIMESTAMP in there:
        frame = backend.day_number(frame, c.SHIP_TIMESTAMP, c.SHIPPING_DAYS)
        shipped = nw.col(c.SHIPPING_DAYS) - nw.col(DAY)
        frame = frame.with_columns(**{c.SHIPPING_DAYS: nw.when(shipped >= 0).then(shipped)})
    if c.DISCOUNT in there:
        frame = frame.with_columns(_discount_fraction(discounts).alias(c.DISCOUNT))
        fraction = nw.col(c.DISCOUNT)
        rate = nw.when((fraction >= 0) & (fraction < 1)).then(fraction / (1.0 - fraction))
        frame = frame.with_columns(rate.alias(c.DISCOUNT_RATE))
    return frame


def _sales_category(i: int, last: int) -> str:
    """Return Low, Medium, High or Very High; for another number of edges the number of the band."""
    return SALES_CATEGORIES[i] if last == len(SALES_CATEGORIES) - 1 else f"Band {i + 1}"


def _discount_fraction(discounts: dict[int, float]) -> nw.Expr:
    discount, amount = nw.col(c.DISCOUNT), nw.col(c.AMOUNT).cast(nw.Float64) / MILLION
    result = discount
    for source, unit in discounts.items():
        if unit != 1:
            part = discount / unit if unit else discount / (amount + discount)
            result = nw.when(nw.col(SOURCE) == source).then(part).otherwise(result)
    return result


def weekly_sales(kept: Frame, backend: Backend) -> tuple[WeekSales, ...]:
    """Return net sales by week, Monday to Sunday; weeks without sales have zeros."""
    orders = kept.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(KEPT_AMOUNT).sum())
    # 1970-01-01 was a Thursday; the shift keeps the dividend positive.
    week = (nw.col(DAY) + 3 + 7 * 100_000) // 7 - 100_000
    table = orders.with_columns(week=week).group_by("week").agg(nw.len().alias("orders"), nw.col(KEPT_AMOUNT).sum())
    found = backend.fetch(table.with_columns(nw.col(KEPT_AMOUNT).cast(nw.Int64)))
    sold: dict[int, tuple[int, int]] = {
        int(w): (int(a), int(n)) for w, a, n in zip(found["week"], found[KEPT_AMOUNT], found["orders"], strict=True)
    }
    weeks = range(min(sold, default=0), max(sold, default=-1) + 1)
    return tuple(_week_sales(w, *sold.get(w, (0, 0))) for w in weeks)


def monthly_totals(lines: Frame, backend: Backend) -> tuple[MonthTotals, ...]:
    """Return rows and amounts of all lines and of the accepted ones by month; rows without a date come last."""
    accepted = (nw.col(REASON) == 0).cast(nw.Int64)
    signed = nw.col(c.AMOUNT).cast(nw.Float64).fill_null(0.0) * nw.col(KIND).cast(nw.Float64)
    frame = lines.select(nw.col(DAY), n_accepted=accepted, signed=signed, n=nw.lit(1))
    frame = frame.with_columns(kept=nw.col("signed") * nw.col("n_accepted").cast(nw.Float64))
    found = backend.fetch(frame.group_by(DAY).agg(nw.col("n", "n_accepted", "signed", "kept").sum()))
    sums: dict[str, list[float]] = {}
    for i, day in enumerate(found[DAY].tolist()):
        month = "" if day is None or day != day else iso(int(day))[:7]
        total = sums.setdefault(month, [0.0] * 4)
        for k, name in enumerate(("n", "n_accepted", "signed", "kept")):
            total[k] += float(found[name][i])
    months = sorted(sums, key=lambda month: (not month, month))
    return tuple(
        MonthTotals(m, int(n), int(ok), round(amount / MILLION, 2), round(kept / MILLION, 2))
        for m in months
        for n, ok, amount, kept in (sums[m],)
    )


def _week_sales(week: int, amount: int, orders: int) -> WeekSales:
    return WeekSales(iso(week * 7 - 3), amount / MILLION, orders)
