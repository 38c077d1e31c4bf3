"""Find columns that belong to an order and not to its lines, from a sample of rows in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from smart_retail.data import columns as c
from smart_retail.data.parsing.column_profile import is_number

MIN_ORDERS: Final = 5
"""Orders of several lines that the sample must have."""
MIN_SHARE: Final = 0.9
"""Share of these orders (0 to 1) that must show the pattern."""
_FILLED_COLUMNS: Final = (
    c.CUSTOMER_ID, c.CUSTOMER_NAME, c.COUNTRY, c.TIMESTAMP, c.SHIP_TIMESTAMP, c.MARKET, c.ORDER_STATUS,
    c.PAYMENT_STATUS, c.CANCELLED_AT,
)  # fmt: skip

Rows = Sequence[Sequence[str]]


def find_order_total(columns: Mapping[str, str], headers: Sequence[str], sample: Rows) -> str:
    """Return the header of the amount if it is the total of an order, else an empty text.

    A total repeats on every line of an order, or is only in its first line, while it differs between orders. A
    column that equals quantity times unit price is never a total.
    """
    if c.AMOUNT not in columns or c.ORDER_ID not in columns:
        return ""
    orders = _orders_of_several_lines(columns, headers, sample)
    amount = headers.index(columns[c.AMOUNT])
    totals = {_cell(rows[0], amount) for rows in orders}
    if len(orders) < MIN_ORDERS or len(totals) < MIN_ORDERS or _is_line_total(columns, headers, sample):
        return ""
    repeated = sum(len({_cell(row, amount) for row in rows}) == 1 and bool(_cell(rows[0], amount)) for rows in orders)
    first_only = sum(_is_first_only(rows, amount) for rows in orders)
    return columns[c.AMOUNT] if max(repeated, first_only) >= MIN_SHARE * len(orders) else ""


def find_fill_down(columns: Mapping[str, str], headers: Sequence[str], sample: Rows) -> tuple[str, ...]:
    """Return the canonical columns that only the first row of an order has."""
    if c.ORDER_ID not in columns:
        return ()
    orders = _orders_of_several_lines(columns, headers, sample)
    if len(orders) < MIN_ORDERS:
        return ()
    found = []
    for column in _FILLED_COLUMNS:
        if column in columns:
            at = headers.index(columns[column])
            filled = [rows for rows in orders if any(_cell(row, at) for row in rows)]
            first_only = sum(_is_first_only(rows, at) for rows in filled)
            if first_only >= max(MIN_ORDERS, MIN_SHARE * len(filled)):
                found.append(column)
    return tuple(found)


def _orders_of_several_lines(
    columns: Mapping[str, str], headers: Sequence[str], sample: Rows
) -> list[list[Sequence[str]]]:
    order = headers.index(columns[c.ORDER_ID])
    groups = (list(rows) for key, rows in groupby(sample, lambda row: _cell(row, order)) if key)
    return [rows for rows in groups if len(rows) > 1]


def _is_first_only(rows: Sequence[Sequence[str]], column: int) -> bool:
    return bool(_cell(rows[0], column)) and not any(_cell(row, column) for row in rows[1:])


def _is_line_total(columns: Mapping[str, str], headers: Sequence[str], sample: Rows) -> bool:
    """Whether the amount is quantity times unit price in most rows."""
    if c.QUANTITY not in columns or c.UNIT_PRICE not in columns:
        return False
    positions = [headers.index(columns[n]) for n in (c.QUANTITY, c.UNIT_PRICE, c.AMOUNT)]
    equal = compared = 0
    for row in sample:
        quantity, price, amount = (_number(_cell(row, at)) for at in positions)
        if quantity is not None and price is not None and amount is not None:
            compared += 1
            equal += abs(quantity * price - amount) < 0.011
    return compared > 0 and equal >= 0.5 * compared


def _number(text: str) -> float | None:
    if not is_number(text):
        return None
    digits = "".join(s for s in text if s.isdigit() or s in ".,-")
    decimal = max(digits.rfind("."), digits.rfind(","))
    whole = digits if decimal < 0 else digits[:decimal].replace(".", "").replace(",", "") + "." + digits[decimal + 1 :]
    try:
        return float(whole)
    except ValueError:
        return None


def _cell(row: Sequence[str], at: int) -> str:
    return (row[at] or "").strip() if at < len(row) else ""
