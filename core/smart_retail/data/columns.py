"""Canonical column names of an order line and of a catalogue of items.

`data.parsing.column_mapping` maps the headers of a source to these names; all later code uses only these.
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
ORDER_STATUS: Final = "order_status"
PAYMENT_STATUS: Final = "payment_status"
CANCELLED_AT: Final = "cancelled_at"
LINE_DISCOUNT: Final = "line_discount"
REFUNDED_QUANTITY: Final = "refunded_quantity"
REFUNDED_AMOUNT: Final = "refunded_amount"

BRAND: Final = "brand"
DESCRIPTION: Final = "description"
COST: Final = "cost"
STOCK: Final = "stock"
IMAGE_URL: Final = "image_url"
LAUNCH_DATE: Final = "launch_date"

SHIPPING_DAYS: Final = "shipping_days"
DISCOUNT_RATE: Final = "discount_rate"
SALES_CATEGORY: Final = "sales_category"
ORDER_YEAR: Final = "order_year"
ORDER_MONTH: Final = "order_month"

REQUIRED: Final = (CUSTOMER_ID, ITEM_ID, TIMESTAMP)
"""Columns that every source must have."""

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
    ORDER_STATUS,
    PAYMENT_STATUS,
    CANCELLED_AT,
    LINE_DISCOUNT,
    REFUNDED_QUANTITY,
    REFUNDED_AMOUNT,
)
"""Columns that are used if the source has them. Without an order id, all lines of a customer on one day are one order;
without an amount, it is quantity times unit price; without a quantity, it is 1."""

CANONICAL: Final = REQUIRED + OPTIONAL

CATALOGUE: Final = (
    ITEM_ID,
    ITEM_NAME,
    CATEGORY,
    SUBCATEGORY,
    BRAND,
    DESCRIPTION,
    UNIT_PRICE,
    COST,
    STOCK,
    IMAGE_URL,
    LAUNCH_DATE,
)
"""Columns of a catalogue of items; only the item id is required. Its other columns are attributes of the items."""
