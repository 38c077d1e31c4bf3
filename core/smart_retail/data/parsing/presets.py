"""Presets: the headers and row conventions of well-known exports, and the header aliases of all other sources.

A preset is recognised by its headers; ``--map`` and the settings override it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smart_retail.data import columns as c


@dataclass(frozen=True, slots=True)
class Preset:
    """The headers of a known export and the conventions of its rows."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    """Canonical column name -> possible headers."""
    required: tuple[str, ...]
    """Canonical columns that must be present for the preset to be recognised."""
    merchandise: str = ""
    """Pattern of the item codes of products; empty: all are products."""
    fold_item_case: bool = False
    """Whether item codes are converted to capital letters."""
    drop_duplicates: bool = False
    """Whether repeated rows of one source are rejected as duplicates."""
    cancel_prefix: str = ""
    """Prefix of the order ids of cancellations, in addition to negative quantities."""
    free_lines: bool = True
    """Whether a line with price 0 is a purchase."""
    money_discounts: tuple[str, ...] = ()
    """Headers of discounts in money, which are added up."""
    notes: tuple[str, ...] = field(default=())
    """Notes for the cleaning report."""


CANONICAL = Preset("canonical", {name: (name,) for name in c.CANONICAL}, c.REQUIRED)

SUPERSTORE = Preset(
    "superstore",
    {
        c.CUSTOMER_ID: ("Customer ID",),
        c.ORDER_ID: ("Order ID",),
        c.ITEM_ID: ("Product ID",),
        c.TIMESTAMP: ("Order Date",),
        c.QUANTITY: ("Quantity",),
        c.AMOUNT: ("Sales",),
        c.ITEM_NAME: ("Product Name",),
        c.CATEGORY: ("Category",),
        c.SUBCATEGORY: ("Sub-Category",),
        c.SHIP_TIMESTAMP: ("Ship Date",),
        c.DISCOUNT: ("Discount",),
        c.PROFIT: ("Profit",),
        c.CUSTOMER_NAME: ("Customer Name",),
        c.COUNTRY: ("Country", "Country/Region"),
        c.MARKET: ("Market",),
        c.RETURNED: ("Returned",),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.AMOUNT),
)

UCI = Preset(
    "uci online retail",
    {
        c.CUSTOMER_ID: ("CustomerID", "Customer ID"),
        c.ORDER_ID: ("InvoiceNo", "Invoice"),
        c.ITEM_ID: ("StockCode",),
        c.TIMESTAMP: ("InvoiceDate",),
        c.QUANTITY: ("Quantity",),
        c.UNIT_PRICE: ("UnitPrice", "Price"),
        c.ITEM_NAME: ("Description",),
        c.COUNTRY: ("Country",),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.QUANTITY, c.UNIT_PRICE),
    merchandise=r"^[0-9]{5}",
    fold_item_case=True,
    drop_duplicates=True,
    cancel_prefix="C",
    free_lines=False,
    notes=(
        "Item codes are converted to capital letters; codes that do not start with five digits are not products; "
        "lines with price 0 are not purchases; repeated rows of one file are counted once.",
    ),
)

COMPLETE_JOURNEY = Preset(
    "complete journey",
    {
        c.CUSTOMER_ID: ("household_id", "household_key"),
        c.ORDER_ID: ("basket_id",),
        c.ITEM_ID: ("product_id",),
        c.TIMESTAMP: ("transaction_timestamp",),
        c.QUANTITY: ("quantity",),
        c.AMOUNT: ("sales_value",),
        c.ITEM_NAME: ("item_name", "product_type"),
        c.CATEGORY: ("category", "department"),
        c.SUBCATEGORY: ("subcategory", "product_category"),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.AMOUNT),
    money_discounts=("retail_disc", "coupon_disc", "coupon_match_disc"),
    notes=("Discounts are in money and are divided by (amount + discount).",),
)

NO_PRESET = Preset("aliases", {}, ())
"""No known export: columns are recognised by aliases, and there are no special rules for rows."""

PRESETS = (CANONICAL, SUPERSTORE, UCI, COMPLETE_JOURNEY)

ALIASES: Mapping[str, tuple[str, ...]] = {
    c.CUSTOMER_ID: (
        "customer id", "customer", "customer no", "customer number", "customer code", "customer key", "cust id",
        "cust no", "cust", "client", "client id", "client no", "client number", "client code", "buyer", "buyer id",
        "user", "user id", "userid", "member", "member id", "household", "household id", "household key", "account",
        "account id", "shopper id", "loyalty id", "card number", "customer email", "email",
    ),
    c.ITEM_ID: (
        "item id", "item", "item no", "item number", "item code", "product id", "product code", "product no",
        "product number", "product key", "product", "sku", "sku id", "stock code", "article", "article id",
        "article no", "article number", "ean", "upc", "gtin", "asin", "material", "lineitem sku",
    ),
    c.TIMESTAMP: (
        "timestamp", "date", "order date", "order time", "order datetime", "order timestamp", "invoice date",
        "invoice time", "transaction date", "transaction time", "transaction timestamp", "transaction datetime",
        "purchase date", "purchase time", "sale date", "sales date", "date of purchase", "created at", "datetime",
        "time", "order purchase timestamp",
    ),
    c.ORDER_ID: (
        "order id", "order", "order no", "order number", "order code", "invoice", "invoice id", "invoice no",
        "invoice number", "transaction id", "transaction", "transaction no", "basket", "basket id", "receipt",
        "receipt id", "receipt no", "receipt number", "bill no", "ticket", "ticket id", "sales order", "name order",
    ),
    c.QUANTITY: (
        "quantity", "qty", "units", "order quantity", "quantity ordered", "units sold", "pieces", "number of items",
        "lineitem quantity", "item quantity", "count", "pcs",
    ),
    c.AMOUNT: (
        "amount", "sales", "revenue", "total", "line total", "net amount", "net sales", "sales value", "sales amount",
        "total price", "total amount", "total sales", "turnover", "value", "net revenue", "line amount",
        "extended price", "subtotal", "total spent", "net value",
    ),
    c.UNIT_PRICE: (
        "unit price", "price", "item price", "price each", "price per unit", "product price", "lineitem price",
        "selling price", "sale price",
    ),
    c.ITEM_NAME: (
        "item name", "product name", "description", "item description", "product description", "title",
        "product title", "article name", "lineitem name", "product type",
    ),
    c.CATEGORY: ("category", "product category", "item category", "department", "product line", "category name"),
    c.SUBCATEGORY: ("subcategory", "sub category", "product subcategory", "sub category name", "commodity"),
    c.SHIP_TIMESTAMP: (
        "ship timestamp", "ship date", "shipping date", "shipped date", "shipped at", "dispatch date", "delivery date",
        "date shipped", "fulfilled at",
    ),
    c.DISCOUNT: (
        "discount", "discount rate", "discount percent", "discount percentage", "discount pct", "discount amount",
        "rebate",
    ),
    c.PROFIT: ("profit", "margin", "gross profit", "profit amount"),
    c.CUSTOMER_NAME: ("customer name", "client name", "buyer name", "full name", "billing name"),
    c.COUNTRY: ("country", "country region", "country name", "customer country", "shipping country", "country code"),
    c.RETURNED: ("returned", "is returned", "return flag", "returned flag", "return status"),
    c.MARKET: ("market", "marketplace", "sales channel"),
}  # fmt: skip
"""Other headers of a column, in order of preference; case, spaces and punctuation are ignored."""
