"""Purchases as the rest of the engine wants them: coded history, RFM, derived columns, weeks.

In: purchases with what is kept of them. Out: arrays by customer, a `History`, or a frame for reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset.returns_netting import KEPT_AMOUNT, KEPT_QUANTITY
from smart_retail.data.ingestion.row_validation import DAY, EXAMPLE, KIND, REASON, SOURCE, Frame
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import DataError
from smart_retail.results import WeekSales
from smart_retail.utils.dates import iso
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.id_map import IdMap

_LARGEST_SUM: Final = 9e18
SALES_CATEGORIES: Final = ("Low", "Medium", "High", "Very High")


def select_days(lines: Frame, first: int | None, end: int | None) -> Frame:
    """Lines of ``first <= day < end``."""
    if first is not None:
        lines = lines.filter(nw.col(DAY) >= first)
    return lines if end is None else lines.filter(nw.col(DAY) < end)


def build_history(kept: Frame, n_customers: int, n_items: int, last_day: int, backend: Backend) -> PurchaseHistory:
    """Rows of customer, order and item from coded purchases, in their one order."""
    lines = kept.select(c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, DAY, *_SUMS).sort(c.ORDER_ID, c.ITEM_ID)
    found = _sum_order_items(backend.fetch(lines))
    customer, number, item, day = (found[n].astype(np.int32) for n in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, DAY))
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    sizes = np.diff(starts, append=len(number))
    first = np.minimum.reduceat(day, starts) if len(starts) else day
    # Orders are numbered by the first day of all their lines. Where some were returned or cut off,
    # the first of those kept can be a later one, and orders change places.
    by_day = np.lexsort((first, customer[starts]))
    order = np.empty(len(starts), dtype=np.int32)
    order[by_day] = np.arange(len(starts), dtype=np.int32)
    order, day = np.repeat(order, sizes), np.repeat(first, sizes)
    rows: Any = slice(None) if (by_day[:-1] < by_day[1:]).all() else np.argsort(order, kind="stable")
    return PurchaseHistory(
        customer=customer[rows],
        order=order[rows],
        item=item[rows],
        day=day[rows],
        quantity=found[KEPT_QUANTITY][rows].astype(np.int64),
        amount=found[KEPT_AMOUNT][rows].astype(np.int64),
        n_customers=n_customers,
        n_items=n_items,
        last_day=last_day,
    )


_SUMS: Final = (KEPT_QUANTITY, KEPT_AMOUNT)


def _sum_order_items(lines: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """One row per order and item of lines that are sorted so; most are alone, and an engine takes longer to group.

    Raises
    ------
    DataError
        A sum is beyond what an int64 of millionths holds.
    """
    again = (np.diff(lines[c.ORDER_ID]) == 0) & (np.diff(lines[c.ITEM_ID]) == 0)
    if not again.any():
        return lines
    starts = np.flatnonzero(np.concatenate(([True], ~again)))
    found = {name: lines[name][starts] for name in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)}
    found[DAY] = np.minimum.reduceat(lines[DAY], starts)
    for name in _SUMS:
        if np.add.reduceat(lines[name], starts, dtype=np.float64).max() > _LARGEST_SUM:
            raise DataError("The lines of an order add up to more than 9 million million.", "Look at its quantities.")
        found[name] = np.add.reduceat(lines[name], starts, dtype=np.int64)
    return found


def slice_history(
    whole: PurchaseHistory, first: int | None, end: int | None, last_day: int, customers: NDArray[np.bool_] | None
) -> PurchaseHistory:
    """The rows of ``first <= day < end`` and of the customers that are True, with orders numbered afresh.

    It is what `history` makes of the lines cut so, where nothing came back and no order has lines of two days.
    """
    rows = np.ones(len(whole), bool) if customers is None else customers[whole.customer]
    if first is not None:
        rows &= whole.day >= first
    if end is not None:
        rows &= whole.day < end
    at = np.flatnonzero(rows)
    order = whole.order[at]
    return PurchaseHistory(
        customer=whole.customer[at],
        order=np.cumsum(np.diff(order, prepend=order[:1]) != 0, dtype=np.int32),
        item=whole.item[at],
        day=whole.day[at],
        quantity=whole.quantity[at],
        amount=whole.amount[at],
        n_customers=whole.n_customers,
        n_items=whole.n_items,
        last_day=last_day,
    )


def customer_sums_before(whole: PurchaseHistory, end: int, ids: Sequence[str]) -> CustomerSums:
    """`customer_sums` of what a coded history has before a day; `ids` by customer code."""
    rows = np.flatnonzero(whole.day < end)
    code = whole.customer[rows]
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    customer = code[starts]
    orders = np.bincount(code[np.diff(whole.order[rows], prepend=-1) != 0])
    if not len(starts):
        return CustomerSums((), *(np.empty(0, np.int64) for _ in range(3)))
    return CustomerSums(
        tuple(ids[i] for i in customer.tolist()),
        np.maximum.reduceat(whole.day[rows], starts).astype(np.int64),
        orders[customer],
        np.add.reduceat(whole.amount[rows], starts),
    )


def rfm_frame(kept: Frame) -> Frame:
    """By customer: day of the last order, orders, net amount. An order's day is that of its first line."""
    orders = kept.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(KEPT_AMOUNT).sum())
    return _by_customer(orders)


def _by_customer(orders: Frame) -> Frame:
    table = orders.group_by(c.CUSTOMER_ID).agg(nw.col(DAY).max(), nw.len().alias("orders"), nw.col(KEPT_AMOUNT).sum())
    return table.with_columns(nw.col(KEPT_AMOUNT).cast(nw.Int64)).sort(c.CUSTOMER_ID)


@dataclass(frozen=True, slots=True)
class CustomerSums:
    """One entry for each customer with a kept order, texts in their order."""

    ids: tuple[str, ...]
    last_day: NDArray[np.int64]
    orders: NDArray[np.int64]
    amount: NDArray[np.int64]
    """Millionths."""


def customer_sums(kept: Frame, backend: Backend) -> CustomerSums:
    """Days, orders and amounts by customer, added up in the engine."""
    return _sums(rfm_frame(kept), backend)


def customer_sums_from_orders(orders: Frame, backend: Backend) -> CustomerSums:
    """The same from purchases that are added up by order already (`Tally.bought`)."""
    return _sums(_by_customer(orders.rename({c.AMOUNT: KEPT_AMOUNT})), backend)


def _sums(table: Frame, backend: Backend) -> CustomerSums:
    found = backend.fetch(table)
    ids = tuple(map(str, found[c.CUSTOMER_ID].tolist()))
    return CustomerSums(ids, *(found[n].astype(np.int64) for n in (DAY, "orders", KEPT_AMOUNT)))


def rfm_table(sums: CustomerSums, customers: IdMap, analysis_day: int | None) -> RfmTable:
    """Recency, frequency and monetary by customer code; all of whom `sums` tells are among the customers."""
    at: Any = slice(None)
    if len(sums.ids) != len(customers):  # else they are the same, in the same order
        place = {name: i for i, name in enumerate(customers.ids)}
        at = np.fromiter((place[i] for i in sums.ids), dtype=np.int64, count=len(sums.ids))
    seen_from = analysis_day if analysis_day is not None else int(sums.last_day.max(initial=0)) + 1
    recency, frequency, monetary = (np.zeros(len(customers), dtype=np.int64) for _ in range(3))
    recency[at] = seen_from - sums.last_day
    frequency[at] = sums.orders
    monetary[at] = sums.amount
    return RfmTable(recency, frequency, monetary)


def add_derived_columns(kept: Frame, edges: Sequence[float], discounts: dict[int, float], backend: Backend) -> Frame:
    """Purchases with the derived columns.

    Parameters
    ----------
    kept : LazyFrame
        Purchases with what is kept of them.
    edges : sequence of float
        Upper edges, inclusive, of the sales categories but the last.
    discounts : dict
        Source -> what its discounts are to be divided by: 1 fractions, 100 percent, 0 money.
    """
    there = kept.collect_schema().names()
    moment = nw.col(c.TIMESTAMP)
    category = nw.lit(_sales_category(len(edges), len(edges)))
    for i, edge in reversed(list(enumerate(edges))):
        below = nw.col(c.AMOUNT) <= round(edge * MILLION)
        category = nw.when(below).then(nw.lit(_sales_category(i, len(edges)))).otherwise(category)
    texts = [nw.col(n).cast(nw.String) for n in (c.CUSTOMER_ID, c.ITEM_ID, c.ORDER_ID)]
    frame = kept.with_columns(
        *texts,
        **{c.ORDER_YEAR: moment.dt.year(), c.ORDER_MONTH: moment.dt.month(), c.SALES_CATEGORY: category},
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
    """Low, Medium, High, Very High; with other numbers of edges the band's number."""
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
    """Kept sales by week, Monday to Sunday, weeks without a sale as zeros."""
    orders = kept.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(KEPT_AMOUNT).sum())
    # 1970-01-01 was a Thursday; the shift keeps the division among positive numbers.
    week = (nw.col(DAY) + 3 + 7 * 100_000) // 7 - 100_000
    table = orders.with_columns(week=week).group_by("week").agg(nw.len().alias("orders"), nw.col(KEPT_AMOUNT).sum())
    found = backend.fetch(table.with_columns(nw.col(KEPT_AMOUNT).cast(nw.Int64)))
    sold: dict[int, tuple[int, int]] = {
        int(w): (int(a), int(n)) for w, a, n in zip(found["week"], found[KEPT_AMOUNT], found["orders"], strict=True)
    }
    weeks = range(min(sold, default=0), max(sold, default=-1) + 1)
    return tuple(_week_sales(w, *sold.get(w, (0, 0))) for w in weeks)


def _week_sales(week: int, amount: int, orders: int) -> WeekSales:
    return WeekSales(iso(week * 7 - 3), amount / MILLION, orders)
