"""The accounts of a history: its lines added up by order, and by what is told of them, in one reading.

In: canonical lines with their verdicts. Out: `Tally`, two tables far smaller than the lines. All that
a report and an RFM table need can be told from them where nothing came back; the lines themselves
need not be kept for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.row_validation import (
    DAY,
    EXAMPLE,
    FLAG,
    IDS,
    KIND,
    REASON,
    REASONS,
    TEXTS,
    UNREAD,
    Frame,
)
from smart_retail.data.parsing.whitespace import is_not_blank
from smart_retail.errors import DataError
from smart_retail.utils.fixed_point import MILLION

VERDICT: Final = "verdict"
"""Reason (4 bits), cancellation (1), flag (2) and unread columns (the rest) as one number: engines group
by one key far quicker than by four."""
TOLD: Final = "told"
"""The item of an accepted line, the example of one that is set aside."""
LAST: Final = DAY + "_most"
_LARGEST_TOTAL: Final = 9 * 10**18

ACCEPTED: Final = nw.col(VERDICT) % 16 == 0
BOUGHT: Final = nw.col(VERDICT) % 32 == 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the lines."""

    rows: dict[int, int]
    """Reason code -> rows."""
    unread: dict[int, int]
    """Bits of the columns that could not be read -> rows."""
    purchases: int
    cancellations: int
    amount: int
    """Of the accepted purchases, millionths."""
    flagged: dict[int, tuple[int, int]]
    """Flag (1 by a table, 2 by a column) -> lines and amount of purchases that came back."""
    first_day: int
    last_day: int
    mixed: bool
    """Whether purchases of one order may stand in several rows of `Tally.orders`."""

    @classmethod
    def of(cls, orders: Frame, backend: Backend) -> Totals:
        """Count and add up `Tally.orders`."""
        # Units and millionths are added apart, so that no sum can overflow.
        money = nw.col(c.AMOUNT)
        units = (money // MILLION).cast(nw.Int64)
        table = orders.with_columns(_units=units, _large=(money.is_null() & BOUGHT).cast(nw.Int64))
        table = table.with_columns(_rest=money - nw.col("_units") * MILLION)
        sums = ("n", "_units", "_rest", "_large")
        grouped = table.group_by(VERDICT).agg(nw.col(*sums).sum(), nw.col(DAY).min(), nw.col(LAST).max())
        found = backend.fetch(grouped.with_columns(nw.col(*sums).fill_null(0).cast(nw.Int64)))
        rows: dict[int, int] = {}
        unread: dict[int, int] = {}
        flagged: dict[int, tuple[int, int]] = {}
        purchases = cancellations = amount = kinds = 0
        days: list[int] = []
        for i, verdict in enumerate(int(v) for v in found[VERDICT]):
            n, reason, flag = int(found["n"][i]), verdict % 16, verdict // 32 % 4
            rows[reason] = rows.get(reason, 0) + n
            unread[verdict // 128] = unread.get(verdict // 128, 0) + n
            if verdict % 32 == 0:
                value = int(found["_units"][i]) * MILLION + int(found["_rest"][i])
                purchases, amount, kinds = purchases + n, amount + value, kinds + 1
                days += [int(found[DAY][i]), int(found[LAST][i])]
                if flag:
                    lines, sum_ = flagged.get(flag, (0, 0))
                    flagged[flag] = (lines + n, sum_ + value)
            elif reason == 0:
                cancellations += n
        if amount > _LARGEST_TOTAL or found["_large"].any():
            raise DataError(
                "The amounts add up to more than 9 million million.", "Give them in thousands of the currency."
            )
        first, last = min(days, default=0), max(days, default=0)
        return cls(rows, unread, purchases, cancellations, amount, flagged, first, last, kinds > 1)


@dataclass(frozen=True, slots=True)
class LineTotals:
    """Lines added up."""

    orders: Frame
    """By customer, order and verdict: lines `n`, amount in millionths, first and last day."""
    item_totals: Frame
    """By `told` and verdict: lines `n`."""
    totals: Totals

    @classmethod
    def of(cls, lines: Frame, backend: Backend) -> LineTotals:
        """Read the lines once.

        Raises
        ------
        DataError
            The amounts are beyond what an int64 of millionths holds.
        """
        there = lines.collect_schema().names()
        unread = nw.col(UNREAD) if UNREAD in there else nw.lit(0)
        verdict = (
            nw.col(REASON).cast(nw.Int32)
            + (1 - nw.col(KIND).cast(nw.Int32)) * 8
            + nw.col(FLAG).cast(nw.Int32) * 32
            + unread.cast(nw.Int32) * 128
        )
        told = nw.when(nw.col(REASON) == 0).then(nw.col(c.ITEM_ID).cast(nw.String)).otherwise(nw.col(EXAMPLE))
        frame = lines.with_columns(**{VERDICT: verdict, TOLD: told})
        keys = ((c.CUSTOMER_ID, c.ORDER_ID, VERDICT), (TOLD, VERDICT))
        # What is only kept later must be known to be readable.
        names = [n for n in TEXTS if n in there and n not in IDS]
        orders, items = backend.group_twice(frame, keys, c.AMOUNT, DAY, names)
        return cls(orders, items, Totals.of(orders, backend))

    def bought(self) -> Frame:
        """Purchases by customer and order: first day and amount, whatever came back of them."""
        frame = self.orders.filter(BOUGHT)
        if self.totals.mixed:
            frame = frame.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(c.AMOUNT).sum())
        return frame.select(c.CUSTOMER_ID, c.ORDER_ID, DAY, nw.col(c.AMOUNT).cast(nw.Int64))

    def count_orders(self, backend: Backend) -> int:
        """Orders with an accepted purchase."""
        return int(backend.fetch(self.bought().select(nw.len().alias("n")))["n"][0])

    def over_days(self, backend: Backend) -> bool:
        """Whether some order's accepted lines are of several days."""
        spread = self.orders.filter(ACCEPTED & (nw.col(LAST) > nw.col(DAY)))
        return bool(int(backend.fetch(spread.select(nw.len().alias("n")))["n"][0]))

    def accepted_orders(self) -> Frame:
        """Customer, order and first day of accepted lines; an order stands as often as it has verdicts."""
        return self.orders.filter(ACCEPTED).select(c.CUSTOMER_ID, c.ORDER_ID, DAY)

    def bought_items(self) -> Frame:
        """The items of accepted purchases, in no order."""
        return self.item_totals.filter(BOUGHT).select(nw.col(TOLD).alias(c.ITEM_ID)).unique()

    def items(self, backend: Backend) -> list[str]:
        """The items of accepted purchases, in no order."""
        found: list[str] = backend.fetch(self.bought_items())[c.ITEM_ID].tolist()
        return found

    def longest_id(self, backend: Backend) -> int:
        """Characters of the longest id of an accepted line."""
        ids = ((self.orders, (c.CUSTOMER_ID, c.ORDER_ID)), (self.item_totals, (TOLD,)))
        frames = (table.filter(ACCEPTED).select(nw.col(*names).str.len_chars().max()) for table, names in ids)
        found = [backend.fetch(frame.with_columns(nw.all().fill_null(0))) for frame in frames]
        return max(int(most[0]) for columns in found for most in columns.values())

    def customers(self, backend: Backend) -> list[str]:
        """Whoever is named in any line, in no order."""
        names = backend.fetch(self.orders.select(c.CUSTOMER_ID).unique())[c.CUSTOMER_ID].tolist()
        return [name for name in names if name is not None]

    def examples(self, reason: int, n: int, backend: Backend) -> list[str]:
        """The first `n` in text order of the rows that were set aside for a reason."""
        shown = (
            self.item_totals.filter((nw.col(VERDICT) % 16 == reason) & is_not_blank(nw.col(TOLD))).select(TOLD).unique()
        )
        found: list[str] = backend.fetch(shown.sort(TOLD).head(n))[TOLD].tolist()
        return found


def kept(lines: Frame, found: LineTotals, backend: Backend) -> Frame:
    """The lines that were only read so far, calculated once; ids that are whole numbers throughout as such.

    Raises
    ------
    DataError
        They are not those that were added up.
    """
    whole = [
        name
        for table, column, name in (
            (found.orders, c.CUSTOMER_ID, c.CUSTOMER_ID),
            (found.orders, c.ORDER_ID, c.ORDER_ID),
            (found.item_totals, TOLD, c.ITEM_ID),
        )
        if _is_whole(table.filter(ACCEPTED).select(column).unique(), column, backend)
    ]
    table = backend.materialize(backend.compact(lines, whole))
    rows = int(backend.fetch(table.select(nw.len().alias("n")))["n"][0])
    if rows != sum(found.totals.rows.values()):
        raise DataError("The source changed while it was being read.", "Try again when nothing writes to it.")
    return table


def _is_whole(ids: Frame, column: str, backend: Backend) -> bool:
    """Whether every text can be held as a whole number."""
    missing = backend.compact(ids, [column]).select(nw.col(column).is_null().cast(nw.Int64).sum().alias("n"))
    return not int(backend.fetch(missing)["n"][0] or 0)


assert len(REASONS) <= 16
