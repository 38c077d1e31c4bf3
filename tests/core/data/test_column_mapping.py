"""Headers are recognised, or an error names the exact option to use."""

from __future__ import annotations

import pytest

from smart_retail.data.parsing.column_mapping import match_preset, match_returns_columns
from smart_retail.data.parsing.presets import ALIASES, normalize_header
from smart_retail.errors import ColumnError

SUPERSTORE = [
    "Row ID",
    "Order ID",
    "Order Date",
    "Ship Date",
    "Customer ID",
    "Customer Name",
    "Country/Region",
    "Product ID",
    "Category",
    "Sub-Category",
    "Product Name",
    "Sales",
    "Quantity",
    "Discount",
    "Profit",
]
UCI_1 = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
UCI_2 = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
JOURNEY = [
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "week",
    "transaction_timestamp",
]


@pytest.mark.parametrize(
    ("headers", "preset"),
    [
        (SUPERSTORE, "superstore"),
        (UCI_1, "uci online retail"),
        (UCI_2, "uci online retail"),
        (JOURNEY, "complete journey"),
        (["customer_id", "item_id", "order_id", "timestamp", "quantity", "amount"], "canonical"),
    ],
)
def test_known_exports(headers: list[str], preset: str) -> None:
    assert match_preset(headers, "orders.csv").preset.name == preset
    assert match_preset([h.upper() for h in headers], "orders.csv").preset.name in (preset, "aliases")


def test_money_discounts_of_the_complete_journey_are_added_up() -> None:
    assert match_preset(JOURNEY, "x").money_discounts == ("retail_disc", "coupon_disc", "coupon_match_disc")


@pytest.mark.parametrize(
    ("headers", "columns"),
    [
        (["Client", "Date", "SKU", "Total"], ["Client", "SKU", "Date", "Total"]),
        (
            ["customer no", "ORDER_DATE", "ProductCode", "Qty", "Price"],
            ["customer no", "ProductCode", "ORDER_DATE", None],
        ),
        (["User ID", "Item", "Created at", "Revenue"], ["User ID", "Item", "Created at", "Revenue"]),
        (
            ["Customer", "Customer ID", "Product", "Product ID", "Date", "Sales"],
            ["Customer ID", "Product ID", "Date", "Sales"],
        ),
    ],
)
def test_aliases(headers: list[str], columns: list[str | None]) -> None:
    found = match_preset(headers, "orders.csv").columns
    assert [found.get(n) for n in ("customer_id", "item_id", "timestamp", "amount")] == columns


def test_case_spaces_and_punctuation_are_ignored() -> None:
    assert (
        normalize_header("Sub-Category")
        == normalize_header("sub_category")
        == normalize_header("SubCategory")
        == normalize_header(" SUB CATEGORY ")
    )


def test_no_alias_belongs_to_two_columns() -> None:
    seen: dict[str, str] = {}
    for column, spellings in ALIASES.items():
        for spelling in {normalize_header(s) for s in (column, *spellings)}:
            assert seen.setdefault(spelling, column) == column, f"{spelling} is both {seen[spelling]} and {column}"


def test_the_mapping_of_the_user_overrides_presets_and_aliases() -> None:
    schema = match_preset(SUPERSTORE, "orders.csv", {"customer_id": "Customer Name"})
    assert schema.columns["customer_id"] == "Customer Name"
    assert schema.preset.name == "superstore"
    assert "customer_name" not in schema.columns


@pytest.mark.parametrize(
    ("headers", "mapping", "message", "hint"),
    [
        (
            ["Buyer ref", "Date", "SKU", "Total"],
            {},
            "No column of o.csv was recognised as the customer (found: Buyer ref, Date, SKU, Total).",
            '--map "customer_id=Buyer ref"',
        ),
        (["Client", "When", "SKU", "Total"], {}, "recognised as the date", "--map timestamp="),
        (["Client", "Date", "SKU", "Worth"], {}, "recognised as the amount", "--map amount="),
        (
            ["Client", "Date", "SKU", "Total", "client"],
            {},
            "Several columns of o.csv could identify the customer: Client, client",
            "--map customer_id=Client",
        ),
        (
            ["Date", "Date", "Client", "SKU", "Total"],
            {},
            "Several columns of o.csv could identify the date",
            "--map timestamp=",
        ),
        (["Client", "Date", "SKU", "Total"], {"customer": "Client"}, "There is no field 'customer'", "customer_id"),
        (
            ["Client", "Date", "SKU", "Total"],
            {"amount": "Totl"},
            "o.csv has no column 'Totl'",
            "--map amount=Total",
        ),
    ],
)
def test_an_undecided_column_is_an_error_with_the_option_to_use(
    headers: list[str], mapping: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(ColumnError) as caught:
        match_preset(headers, "o.csv", mapping)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_returns_table_needs_an_order_id() -> None:
    assert match_returns_columns(["Returned", "Order ID", "Market"], "r") == {
        "order_id": "Order ID", "market": "Market", "returned": "Returned",
    }  # fmt: skip
    with pytest.raises(ColumnError, match="no column with the order id"):
        match_returns_columns(["Returned", "Market"], "r")
