"""Aggregate validated lines by order and by item (or rejection example) in a single scan.

The two tables are far smaller than the lines. Without returns they are enough for the cleaning report and RFM, so
that the lines need not be materialized for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.ingestion.row_validation import (
    DAY,
    EXAMPLE,
    FLAG,
    ID_COLUMNS,
    KIND,
    REASON,
    REASONS,
    SOURCE,
    TEXT_COLUMNS,
    UNPARSED,
    Frame,
)
from smart_retail.data.parsing.whitespace import is_not_blank
from smart_retail.errors import DataError
from smart_retail.utils.fixed_point import MILLION

OUTCOME: Final = "outcome"
"""Rejection reason (5 bits), cancellation (1), return flag (2) and unparsed columns (the rest) as one number, since
engines group by one key much faster than by four."""
_REASONS: Final = 32
"""Values of the reason in an outcome; the factor of the cancellation."""
_FLAG: Final = 2 * _REASONS
"""Factor of the return flag."""
_UNPARSED: Final = 4 * _FLAG
"""Factor of the unparsed columns."""
ITEM_OR_EXAMPLE: Final = "item_or_example"
"""Item of an accepted line, example of a rejected one."""
LAST_DAY: Final = DAY + "_most"
MAX_TOTAL: Final = 9 * 10**18
"""Largest sum of amounts or quantities, millionths; it fits into int64."""

IS_ACCEPTED: Final = nw.col(OUTCOME) % _REASONS == 0
IS_PURCHASE: Final = nw.col(OUTCOME) % _FLAG == 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all lines."""

    rows: dict[int, int]
    """Code of the rejection reason (0: accepted) -> number of rows."""
    unparsed: dict[int, int]
    """Bits of the columns that could not be parsed -> number of rows."""
    purchases: int
    cancellations: int
    amount: int
    """Amount of the accepted purchases, millionths."""
    flagged: dict[int, tuple[int, int]]
    """Return flag (1: returns table, 2: column) -> lines and amount (millionths) of returned purchases."""
    first_day: int
    last_day: int
    orders_may_repeat: bool
    """Whether an order may have several rows in `LineTotals.orders`."""

    @classmethod
    def of(cls, orders: Frame, backend: Backend) -> Totals:
        """Add up the rows of `LineTotals.orders`; `OverflowError` if the amounts exceed `MAX_TOTAL`."""
        # Units and millionths are added separately, so that no sum can overflow.
        money = nw.col(c.AMOUNT)
        units = (money // MILLION).cast(nw.Int64)
        table = orders.with_columns(_units=units, _large=(money.is_null() & IS_PURCHASE).cast(nw.Int64))
        table = table.with_columns(_rest=money - nw.col("_units") * MILLION)
        sums = ("n", "_units", "_rest", "_large")
        grouped = table.group_by(OUTCOME).agg(nw.col(*sums).sum(), nw.col(DAY).min(), nw.col(LAST_DAY).max())
        found = backend.fetch(grouped.with_columns(nw.col(*sums).fill_null(0).cast(nw.Int64)))
        rows: dict[int, int] = {}
        unparsed: dict[int, int] = {}
        flagged: dict[int, tuple[int, int]] = {}
        purchases = cancellations = amount = kinds = 0
        days: list[int] = []
        for i, outcome in enumerate(int(v) for v in found[OUTCOME]):
            n, reason, flag = int(found["n"][i]), outcome % _REASONS, outcome // _FLAG % 4
            rows[reason] = rows.get(reason, 0) + n
            unparsed[outcome // _UNPARSED] = unparsed.get(outcome // _UNPARSED, 0) + n
            if outcome % _FLAG == 0:
                value = int(found["_units"][i]) * MILLION + int(found["_rest"][i])
                purchases, amount, kinds = purchases + n, amount + value, kinds + 1
                days += [int(found[DAY][i]), int(found[LAST_DAY][i])]
                if flag:
                    lines, sum_ = flagged.get(flag, (0, 0))
                    flagged[flag] = (lines + n, sum_ + value)
            elif reason == 0:
                cancellations += n
        if amount > MAX_TOTAL or found["_large"].any():
            raise OverflowError("amount")
        first, last = min(days, default=0), max(days, default=0)
        return cls(rows, unparsed, purchases, cancellations, amount, flagged, first, last, kinds > 1)


@dataclass(frozen=True, slots=True)
class LineTotals:
    """Aggregated lines."""

    orders: Frame
    """By customer, order and outcome: number of lines `n`, amount in millionths, first and last day."""
    item_totals: Frame
    """By `ITEM_OR_EXAMPLE` and outcome: number of lines `n`."""
    totals: Totals

    @classmethod
    def of(cls, lines: Frame, backend: Backend, sources: Mapping[int, str]) -> LineTotals:
        """Aggregate lines in one scan.

        Parameters
        ----------
        lines : LazyFrame
        backend : Backend
        sources : mapping
            Index of a source -> its name, for errors.

        Raises
        ------
        DataError
            The amounts exceed int64 millionths.
        """
        names_present = lines.collect_schema().names()
        unparsed = nw.col(UNPARSED) if UNPARSED in names_present else nw.lit(0)
        outcome = (
            nw.col(REASON).cast(nw.Int32)
            + (1 - nw.col(KIND).cast(nw.Int32)) * (_REASONS // 2)
            + nw.col(FLAG).cast(nw.Int32) * _FLAG
            + unparsed.cast(nw.Int32) * _UNPARSED
        )
        item_or_example = (
            nw.when(nw.col(REASON) == 0).then(nw.col(c.ITEM_ID).cast(nw.String)).otherwise(nw.col(EXAMPLE))
        )
        frame = lines.with_columns(**{OUTCOME: outcome, ITEM_OR_EXAMPLE: item_or_example})
        keys = ((c.CUSTOMER_ID, c.ORDER_ID, OUTCOME), (ITEM_OR_EXAMPLE, OUTCOME))
        # Columns that are only used later must be readable too.
        names = [n for n in TEXT_COLUMNS if n in names_present and n not in ID_COLUMNS]
        orders, items = backend.group_twice(frame, keys, c.AMOUNT, DAY, names)
        try:
            return cls(orders, items, Totals.of(orders, backend))
        except OverflowError as error:
            raise _overflow_error(lines.filter(nw.col(REASON) == 0), c.AMOUNT, backend, sources) from error

    def purchases_by_order(self) -> Frame:
        """Return gross purchases by customer and order: first day and amount (millionths)."""
        frame = self.orders.filter(IS_PURCHASE)
        if self.totals.orders_may_repeat:
            frame = frame.group_by(c.CUSTOMER_ID, c.ORDER_ID).agg(nw.col(DAY).min(), nw.col(c.AMOUNT).sum())
        return frame.select(c.CUSTOMER_ID, c.ORDER_ID, DAY, nw.col(c.AMOUNT).cast(nw.Int64))

    def count_orders(self, backend: Backend) -> int:
        """Return the number of orders with an accepted purchase."""
        return int(backend.fetch(self.purchases_by_order().select(nw.len().alias("n")))["n"][0])

    def has_orders_over_several_days(self, backend: Backend) -> bool:
        """Return whether any order has accepted lines of several days."""
        spread = self.orders.filter(IS_ACCEPTED & (nw.col(LAST_DAY) > nw.col(DAY)))
        return bool(int(backend.fetch(spread.select(nw.len().alias("n")))["n"][0]))

    def accepted_orders(self) -> Frame:
        """Return customer, order and first day of accepted lines; an order has one row per outcome."""
        return self.orders.filter(IS_ACCEPTED).select(c.CUSTOMER_ID, c.ORDER_ID, DAY)

    def purchased_item_ids(self) -> Frame:
        """Return the items of accepted purchases, in no particular order."""
        return self.item_totals.filter(IS_PURCHASE).select(nw.col(ITEM_OR_EXAMPLE).alias(c.ITEM_ID)).unique()

    def items(self, backend: Backend) -> list[str]:
        """Return the items of accepted purchases, in no particular order."""
        found: list[str] = backend.fetch(self.purchased_item_ids())[c.ITEM_ID].tolist()
        return found

    def longest_id(self, backend: Backend) -> int:
        """Return the number of characters of the longest id of an accepted line."""
        ids = ((self.orders, (c.CUSTOMER_ID, c.ORDER_ID)), (self.item_totals, (ITEM_OR_EXAMPLE,)))
        frames = (table.filter(IS_ACCEPTED).select(nw.col(*names).str.len_chars().max()) for table, names in ids)
        found = [backend.fetch(frame.with_columns(nw.all().fill_null(0))) for frame in frames]
        return max(int(most[0]) for columns in found for most in columns.values())

    def customers(self, backend: Backend) -> list[str]:
        """Return the customer ids of all lines, rejected ones included, in no particular order."""
        names = backend.fetch(self.orders.select(c.CUSTOMER_ID).unique())[c.CUSTOMER_ID].tolist()
        return [name for name in names if name is not None]

    def examples(self, reason: int, n: int, backend: Backend) -> list[str]:
        """Return the first `n` examples in text order of the rows rejected for a reason."""
        shown = (
            self.item_totals.filter((nw.col(OUTCOME) % _REASONS == reason) & is_not_blank(nw.col(ITEM_OR_EXAMPLE)))
            .select(ITEM_OR_EXAMPLE)
            .unique()
        )
        found: list[str] = backend.fetch(shown.sort(ITEM_OR_EXAMPLE).head(n))[ITEM_OR_EXAMPLE].tolist()
        return found


def check_sums(accepted: Frame, backend: Backend, sources: Mapping[int, str]) -> None:
    """Check that quantities and amounts of the accepted lines, cancellations included, can be added up.

    Raises
    ------
    DataError
        A sum exceeds `MAX_TOTAL`; the message names the source and the largest line.
    """
    sums = backend.fetch(accepted.select(nw.col(c.QUANTITY, c.AMOUNT).cast(nw.Float64).sum()))
    for column in (c.QUANTITY, c.AMOUNT):
        if len(sums[column]) and float(sums[column][0] or 0) > MAX_TOTAL:
            raise _overflow_error(accepted, column, backend, sources)


def _overflow_error(accepted: Frame, column: str, backend: Backend, sources: Mapping[int, str]) -> DataError:
    """Return the error of a sum that is too large, with the line that has the largest value."""
    columns = (column, SOURCE, c.ORDER_ID, c.ITEM_ID)
    largest = accepted.sort(column, SOURCE, c.ORDER_ID, c.ITEM_ID, descending=[True, False, False, False]).head(1)
    found = backend.fetch(largest.select(*columns))
    value, source, order, item = (found[name][0] for name in columns)
    what = "quantities" if column == c.QUANTITY else "amounts"
    return DataError(
        f"The {what} add up to more than 9 trillion. The largest is {int(value) // MILLION:,} in "
        f"{sources[int(source)]}, order {str(order)!r}, item {str(item)!r}.",
        "Correct the line, or use thousands of the currency as the unit.",
    )


def materialize_lines(lines: Frame, line_totals: LineTotals, backend: Backend) -> Frame:
    """Materialize lines that were only aggregated so far; ids that are all whole numbers become int64.

    Raises
    ------
    DataError
        The source has changed since the lines were aggregated.
    """
    whole_number_ids = [
        name
        for table, column, name in (
            (line_totals.orders, c.CUSTOMER_ID, c.CUSTOMER_ID),
            (line_totals.orders, c.ORDER_ID, c.ORDER_ID),
            (line_totals.item_totals, ITEM_OR_EXAMPLE, c.ITEM_ID),
        )
        if _are_whole_numbers(table.filter(IS_ACCEPTED).select(column).unique(), column, backend)
    ]
    table = backend.materialize(backend.compact(lines, whole_number_ids))
    rows = int(backend.fetch(table.select(nw.len().alias("n")))["n"][0])
    if rows != sum(line_totals.totals.rows.values()):
        raise DataError("The source changed while it was being read.", "Try again when no other program writes to it.")
    return table


def _are_whole_numbers(ids: Frame, column: str, backend: Backend) -> bool:
    """Return whether every text is a whole number."""
    missing = backend.compact(ids, [column]).select(nw.col(column).is_null().cast(nw.Int64).sum().alias("n"))
    return not int(backend.fetch(missing)["n"][0] or 0)


assert len(REASONS) <= _REASONS
