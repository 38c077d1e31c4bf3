"""Ten files that must not be guessed: each is asked about, with plausible candidates, or refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.core.data import shop_exports as exports
from tests.core.data.import_files import ORDERS

from smart_retail.data.pipeline import prepare
from smart_retail.errors import ColumnError, DataError, RetailError

LINES = [(order, line) for order in ORDERS for line in order.lines]
Rows = list[tuple[object, ...]]


def rows(*columns: str) -> Rows:
    """Rows with the named values of each line."""
    values = {
        "code": lambda o, i: f"K{o.customer:04}", "name": lambda o, i: f"Kim Roe {o.customer}",
        "date": lambda o, i: f"{o.time:%Y-%m-%d}", "due": lambda o, i: f"{o.time:%Y-%m-28}",
        "order": lambda o, i: o.number, "sku": lambda o, i: i.item, "item": lambda o, i: i.name,
        "qty": lambda o, i: i.quantity, "amount": lambda o, i: i.quantity * i.price, "total": lambda o, i: o.total,
        "blank": lambda o, i: "", "quarter": lambda o, i: f"Q{(o.time.month + 2) // 3} 2024",
    }  # fmt: skip
    return [tuple(values[column](order, line) for column in columns) for order, line in LINES]


AMAZON_ALL_ORDERS = (
    "amazon-order-id", "merchant-order-id", "purchase-date", "order-status", "product-name", "sku", "quantity",
    "currency", "item-price", "ship-city", "ship-country",
)  # fmt: skip
CASES: dict[str, tuple[Sequence[str], Rows, str, str]] = {
    "two customer codes": (
        ("Customer No", "Customer-No", "Date", "SKU", "Qty", "Amount"),
        rows("code", "sku", "date", "sku", "qty", "amount"),
        "Several columns of orders.csv could identify the customer", "Customer-No",
    ),
    "unknown headers": (
        ("A", "B", "C", "D", "E"), rows("code", "date", "sku", "qty", "amount"),
        "recognised as the customer and the item and the date and the amount", "--map timestamp=B",
    ),
    "an order total without prices": (
        ("Customer", "Date", "Order", "SKU", "Qty", "Total"), rows("code", "date", "order", "sku", "qty", "total"),
        "Total of orders.csv is the total of an order", "",
    ),
    "orders without items": (
        ("Order", "Customer", "Date", "Total"), rows("order", "code", "date", "total"), "recognised as the item", "",
    ),
    "no customer": (
        ("Date", "Order", "SKU", "Qty", "Amount"), rows("date", "order", "sku", "qty", "amount"),
        "recognised as the customer", "",
    ),
    "the Amazon report of all orders": (
        AMAZON_ALL_ORDERS,
        [(o.number, "", f"{o.time:%Y-%m-%d}", "Shipped", i.name, i.item, i.quantity, "EUR", i.price, "Berlin", "DE")
         for o, i in LINES],
        "recognised as the customer", "",
    ),
    "a customer column that is empty": (
        ("Customer Note", "Date", "SKU", "Amount"), rows("blank", "date", "sku", "amount"),
        "recognised as the customer", "",
    ),
    "quarters instead of dates": (
        ("Customer", "Date", "SKU", "Amount"), rows("code", "quarter", "sku", "amount"), "bad date", "",
    ),
    "two dates without a known header": (
        ("Customer", "Due on", "Booked on", "SKU", "Amount"), rows("code", "due", "date", "sku", "amount"),
        "recognised as the date", "Booked on",
    ),
    "amounts without a known header": (
        ("Customer", "Date", "SKU", "Quantity", "Net worth"), rows("code", "date", "sku", "qty", "amount"),
        "recognised as the amount", '--map "amount=Net worth"',
    ),
}  # fmt: skip


def test_there_are_ten_files() -> None:
    assert len(CASES) == 10


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_asked_about_or_refused(tmp_path: Path, case: str) -> None:
    header, lines, message, hint = CASES[case]
    table = [dict(zip(header, line, strict=True)) for line in lines]
    with pytest.raises(RetailError) as caught:
        prepare([exports.write_rows(tmp_path / "orders.csv", header, table)])
    assert isinstance(caught.value, ColumnError if "recognised" in message or "column" in message else DataError)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
    assert "Note" not in caught.value.hint, "an empty column is not suggested"
