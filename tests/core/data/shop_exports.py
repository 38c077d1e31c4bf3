"""Generate exports of shop systems from one list of orders with known totals.

Each writer has the columns of the vendor's documentation, which `smart_retail.data.parsing.presets` names.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

SHOPIFY = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing",
    "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount",
    "Shipping Method", "Created at",
    "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku",
    "Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status", "Billing Name", "Billing Country",
    "Notes", "Cancelled at", "Payment Method", "Refunded Amount", "Vendor", "Id", "Tags", "Source", "Lineitem discount",
)  # fmt: skip
WOOCOMMERCE = (
    "Order Number", "Order Status", "Order Date", "Customer Note", "First Name (Billing)", "Last Name (Billing)",
    "Email (Billing)", "Country Code (Billing)", "Payment Method Title", "Order Subtotal Amount", "Order Refund Amount",
    "Order Total Amount", "SKU", "Item #", "Item Name", "Quantity", "Item Cost",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    item: str
    name: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Order:
    number: int
    customer: int
    time: datetime
    lines: tuple[Line, ...]
    status: str = "paid"
    """paid, refunded, cancelled, failed or pending."""

    @property
    def email(self) -> str:
        return f"customer{self.customer}@example.com"

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.price for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Totals:
    rows: int
    customers: int
    items: int
    orders: int
    amount: Decimal


STATUSES = ("paid",) * 16 + ("refunded", "cancelled", "failed", "pending")


def make_orders(count: int = 300, seed: int = 5) -> list[Order]:
    """Orders of 80 customers; customers 1 and 2, and items 3 and 4, share a name."""
    draw = random.Random(seed)
    orders = []
    for number in range(1, count + 1):
        items = draw.sample(range(1, 41), draw.randint(1, 4))
        lines = tuple(
            Line(f"SKU-{i:03}", f"Article {max(i, 4)}", draw.randint(1, 3), Decimal(draw.randint(100, 9000)) / 100)
            for i in items
        )
        time = datetime(2024, 1, 3, 9) + timedelta(hours=number * 11)
        orders.append(Order(1000 + number, draw.randint(1, 80), time, lines, draw.choice(STATUSES)))
    return orders


def totals(orders: Sequence[Order], statuses: Sequence[str] = ("paid", "refunded")) -> Totals:
    """What an import must find: accepted lines, before returns are netted."""
    kept = [order for order in orders if order.status in statuses]
    lines = [line for order in kept for line in order.lines]
    return Totals(
        len(lines), len({o.customer for o in kept}), len({line.item for line in lines}), len(kept),
        sum((o.total for o in kept), Decimal(0)),
    )  # fmt: skip


def write_rows(path: Path, header: Sequence[str], rows: Sequence[dict[str, object]], separator: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_shopify(path: Path, orders: Sequence[Order]) -> Path:
    """One row per line item; fields of the order are in its first row only."""
    status = {"paid": "paid", "refunded": "refunded", "cancelled": "voided", "failed": "voided", "pending": "pending"}
    rows = []
    for order in orders:
        for n, line in enumerate(order.lines):
            row: dict[str, object] = {
                "Name": f"#{order.number}", "Created at": f"{order.time:%Y-%m-%d %H:%M:%S} +0100",
                "Lineitem quantity": line.quantity, "Lineitem name": line.name, "Lineitem price": line.price,
                "Lineitem sku": line.item, "Lineitem discount": "0.00", "Vendor": "Shop",
            }  # fmt: skip
            if n == 0:
                row |= {
                    "Email": order.email, "Financial Status": status[order.status], "Subtotal": order.total,
                    "Shipping": "4.90", "Total": order.total + Decimal("4.90"), "Currency": "EUR",
                    "Billing Name": f"Customer {max(order.customer, 2)}", "Billing Country": "DE",
                    "Cancelled at": f"{order.time:%Y-%m-%d}" if order.status == "cancelled" else "",
                    "Refunded Amount": order.total if order.status == "refunded" else "0.00",
                }  # fmt: skip
            rows.append(row)
    return write_rows(path, SHOPIFY, rows)


def write_woocommerce(path: Path, orders: Sequence[Order]) -> Path:
    status = {"paid": "Completed", "refunded": "Refunded", "cancelled": "Cancelled", "failed": "Failed",
              "pending": "Pending payment"}  # fmt: skip
    rows = [
        {
            "Order Number": order.number, "Order Status": status[order.status],
            "Order Date": f"{order.time:%Y-%m-%d %H:%M}", "Customer Note": "", "First Name (Billing)": "Sam",
            "Last Name (Billing)": "Roe", "Email (Billing)": order.email, "Country Code (Billing)": "DE",
            "Order Total Amount": order.total + 5, "Order Subtotal Amount": order.total, "SKU": line.item, "Item #": n,
            "Item Name": line.name, "Quantity": line.quantity, "Item Cost": line.price,
        }
        for order in orders for n, line in enumerate(order.lines, 1)
    ]  # fmt: skip
    return write_rows(path, WOOCOMMERCE, rows)


def simple_rows(orders: Sequence[Order], header: Sequence[str], decimal: str = ".") -> list[dict[str, object]]:
    """Rows under own headers: customer code and name, date, order, article code and name, quantity, line amount."""
    rows = []
    for order in orders:
        for line in order.lines:
            values = (
                f"K{order.customer:04}", f"Customer {max(order.customer, 2)}", f"{order.time:%d.%m.%Y}", order.number,
                line.item, line.name, line.quantity, str(line.quantity * line.price).replace(".", decimal),
            )  # fmt: skip
            rows.append(dict(zip(header, values, strict=True)))
    return rows
