"""Canonical column names of a transaction line: the only place where they are spelled.

Raw tables come in under any header; `data.schema` maps them to these names, and nothing
behind it knows another.
"""

from __future__ import annotations

from typing import Final

CUSTOMER_ID: Final = "customer_id"
ORDER_ID: Final = "order_id"
ITEM_ID: Final = "item_id"
TIMESTAMP: Final = "timestamp"
QUANTITY: Final = "quantity"
AMOUNT: Final = "amount"

ITEM_NAME: Final = "item_name"
CATEGORY: Final = "category"
SUBCATEGORY: Final = "subcategory"
SHIP_TIMESTAMP: Final = "ship_timestamp"
DISCOUNT: Final = "discount"
PROFIT: Final = "profit"
UNIT_PRICE: Final = "unit_price"
CUSTOMER_NAME: Final = "customer_name"
COUNTRY: Final = "country"
RETURNED: Final = "returned"
MARKET: Final = "market"

SHIPPING_DAYS: Final = "shipping_days"
DISCOUNT_RATE: Final = "discount_rate"
SALES_CATEGORY: Final = "sales_category"
ORDER_YEAR: Final = "order_year"
ORDER_MONTH: Final = "order_month"

REQUIRED: Final = (CUSTOMER_ID, ITEM_ID, TIMESTAMP)
"""A history cannot be read without these."""

OPTIONAL: Final = (
    ORDER_ID,
    QUANTITY,
    AMOUNT,
    UNIT_PRICE,
    ITEM_NAME,
    CATEGORY,
    SUBCATEGORY,
    SHIP_TIMESTAMP,
    DISCOUNT,
    PROFIT,
    CUSTOMER_NAME,
    COUNTRY,
    RETURNED,
    MARKET,
)
"""Used where the source has them. Without an order id an order is one customer's day; without
an amount it is quantity times unit price; without a quantity it is one."""

CANONICAL: Final = REQUIRED + OPTIONAL
