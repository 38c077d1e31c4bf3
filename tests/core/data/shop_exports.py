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
    """paid, refunded, partial (half of the amount refunded), cancelled, failed or pending."""

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
    status = {
        "paid": "paid",
        "refunded": "refunded",
        "partial": "partially_refunded",
        "cancelled": "voided",
        "failed": "voided",
        "pending": "pending",
    }
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
                    "Refunded Amount": {"refunded": order.total, "partial": order.total / 2}.get(order.status, "0.00"),
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


MAGENTO = (
    "increment_id", "created_at", "status", "customer_email", "sku", "name", "product_type", "parent_item_id",
    "qty_ordered", "qty_refunded", "price", "discount_amount", "row_total",
)  # fmt: skip
PRESTASHOP = (
    "id_order", "reference", "id_customer", "date_add", "valid", "current_state", "product_id", "product_name",
    "product_reference", "product_quantity", "product_quantity_refunded", "unit_price_tax_incl", "unit_price_tax_excl",
    "total_price_tax_incl", "total_price_tax_excl", "total_paid",
)  # fmt: skip
SQUARE = (
    "Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied",
    "Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes", "Details",
    "Event Type", "Location", "Dining Option", "Customer ID", "Customer Name", "Customer Reference ID", "Unit", "Count",
    "Itemization Type", "Commission", "Employee",
)  # fmt: skip
LIGHTSPEED = (
    "saleID", "saleLineID", "timeStamp", "customerID", "employeeID", "shopID", "itemID", "description", "unitQuantity",
    "unitPrice", "normalUnitPrice",
)  # fmt: skip
ETSY = (
    "Sale Date", "Item Name", "Buyer", "Quantity", "Price", "Coupon Code", "Coupon Details", "Discount Amount",
    "Shipping Discount", "Order Shipping", "Order Sales Tax", "Item Total", "Currency", "Transaction ID", "Listing ID",
    "Date Paid", "Date Shipped", "Ship Name", "Ship Country", "Order ID", "Variations", "Order Type", "SKU",
)  # fmt: skip
AMAZON = (
    "order-id", "order-item-id", "purchase-date", "payments-date", "buyer-email", "buyer-name", "buyer-phone-number",
    "sku", "product-name", "quantity-purchased", "currency", "item-price", "item-tax", "shipping-price", "shipping-tax",
    "ship-service-level", "ship-country", "item-promotion-discount", "sales-channel",
)  # fmt: skip
CENT = Decimal("0.01")


def write_magento(path: Path, orders: Sequence[Order]) -> Path:
    """One row per order item; a configurable product has a second row for its simple product, with price 0."""
    status = {"paid": "complete", "refunded": "closed", "cancelled": "canceled", "failed": "canceled",
              "pending": "pending_payment"}  # fmt: skip
    rows: list[dict[str, object]] = []
    for order in orders:
        for line in order.lines:
            row: dict[str, object] = {
                "increment_id": f"{order.number:09}", "created_at": f"{order.time:%Y-%m-%d %H:%M:%S}",
                "status": status[order.status], "customer_email": order.email, "sku": line.item, "name": line.name,
                "product_type": "configurable", "parent_item_id": "", "qty_ordered": f"{line.quantity}.0000",
                "qty_refunded": f"{line.quantity if order.status == 'refunded' else 0}.0000", "price": line.price,
                "discount_amount": "0.0000", "row_total": line.price * line.quantity,
            }  # fmt: skip
            part = {"product_type": "simple", "parent_item_id": len(rows) + 1, "price": "0.0000", "row_total": "0.0000",
                    "qty_refunded": "0.0000"}  # fmt: skip
            rows += [row, row | part]
    return write_rows(path, MAGENTO, rows)


def write_prestashop(path: Path, orders: Sequence[Order]) -> Path:
    rows = [
        {
            "id_order": order.number, "reference": f"REF{order.number}", "id_customer": order.customer,
            "date_add": f"{order.time:%Y-%m-%d %H:%M:%S}", "valid": int(order.status in ("paid", "refunded")),
            "current_state": 5, "product_id": line.item[-3:].lstrip("0"), "product_name": line.name,
            "product_reference": line.item, "product_quantity": line.quantity,
            "product_quantity_refunded": line.quantity if order.status == "refunded" else 0,
            "unit_price_tax_incl": line.price * 2, "unit_price_tax_excl": line.price,
            "total_price_tax_incl": line.quantity * line.price * 2, "total_price_tax_excl": line.quantity * line.price,
            "total_paid": order.total * 2,
        }
        for order in orders for line in order.lines
    ]  # fmt: skip
    return write_rows(path, PRESTASHOP, rows, ";")


def write_square(path: Path, orders: Sequence[Order]) -> Path:
    """Paid transactions; a refund is a later transaction with negative quantities and amounts."""
    rows = []
    for order in orders:
        for sign in (1, -1):
            if order.status not in ("paid", "refunded") or (sign < 0 and order.status != "refunded"):
                continue
            time = order.time + timedelta(days=sign < 0)
            for line in order.lines:
                money = f"{'-' if sign < 0 else ''}${line.quantity * line.price:,.2f}"
                rows.append(
                    {
                        "Date": f"{time:%Y-%m-%d}", "Time": f"{time:%H:%M:%S}", "Time Zone": "Berlin",
                        "Category": "Shop",
                        "Item": line.name, "Qty": f"{sign * line.quantity}.0", "Price Point Name": "Regular",
                        "SKU": line.item, "Gross Sales": money, "Discounts": "$0.00", "Net Sales": money,
                        "Tax": "$0.00",
                        "Transaction ID": f"{'T' if sign > 0 else 'R'}{order.number}", "Details": "https://example.com",
                        "Event Type": "Payment" if sign > 0 else "Refund", "Location": "Main",
                        "Customer ID": f"CUST{order.customer}", "Customer Name": f"Customer {max(order.customer, 2)}",
                        "Count": line.quantity, "Itemization Type": "Physical Good", "Commission": "$0.00",
                    }
                )  # fmt: skip
    return write_rows(path, SQUARE, rows)


def write_lightspeed(path: Path, orders: Sequence[Order]) -> Path:
    """Completed sales; customer 0 is a sale without a customer."""
    rows = [
        {
            "saleID": order.number, "saleLineID": n, "timeStamp": f"{order.time:%Y-%m-%dT%H:%M:%S}+00:00",
            "customerID": 0 if order.status == "pending" else order.customer, "employeeID": 1, "shopID": 1,
            "itemID": line.item[-3:], "description": line.name, "unitQuantity": line.quantity, "unitPrice": line.price,
            "normalUnitPrice": line.price,
        }
        for order in orders for n, line in enumerate(order.lines)
    ]  # fmt: skip
    return write_rows(path, LIGHTSPEED, rows)


def write_etsy(path: Path, orders: Sequence[Order]) -> Path:
    rows = [
        {
            "Sale Date": f"{order.time:%m/%d/%y}", "Item Name": line.name, "Buyer": f"buyer{order.customer}",
            "Quantity": line.quantity, "Price": line.price, "Discount Amount": "0.00", "Order Shipping": "4.90",
            "Item Total": line.quantity * line.price, "Currency": "EUR", "Transaction ID": f"{order.number}{n}",
            "Listing ID": line.item[-3:], "Date Paid": f"{order.time:%m/%d/%Y}", "Ship Name": "Kim Roe",
            "Ship Country": "Germany", "Order ID": order.number, "Order Type": "online", "SKU": line.item,
        }
        for order in orders for n, line in enumerate(order.lines)
    ]  # fmt: skip
    return write_rows(path, ETSY, rows)


def write_amazon(path: Path, orders: Sequence[Order]) -> Path:
    """The price is that of all units, before a promotion discount."""
    rows = [
        {
            "order-id": f"302-{order.number:07}", "order-item-id": f"{order.number}{n}",
            "purchase-date": f"{order.time:%Y-%m-%dT%H:%M:%S}+00:00", "payments-date": f"{order.time:%Y-%m-%d}",
            "buyer-email": order.email, "buyer-name": f"Customer {max(order.customer, 2)}", "sku": line.item,
            "product-name": line.name, "quantity-purchased": line.quantity, "currency": "EUR",
            "item-price": line.quantity * line.price + 1, "item-tax": "0.00", "shipping-price": "4.90",
            "ship-country": "DE", "item-promotion-discount": "1.00", "sales-channel": "Amazon.de",
        }
        for order in orders for n, line in enumerate(order.lines)
    ]  # fmt: skip
    return write_rows(path, AMAZON, rows, "\t")


ERP = ("Customer No", "Customer", "Date", "Invoice No", "Article No", "Article", "Quantity", "Amount (EUR)")


def write_erp(path: Path, orders: Sequence[Order]) -> Path:
    return write_rows(path, ERP, simple_rows(orders, ERP))


def write_titled_workbook(path: Path, orders: Sequence[Order]) -> Path:
    """A workbook with a title and a period above the header, and a total below the rows."""
    import xlsxwriter

    rows = [
        ["Sales report of Shop Ltd"], ["Period: 01.01.2024 - 31.12.2024"], [], list(ERP),
        *(list(row.values()) for row in simple_rows(orders, ERP)),
        ["", "", "", "", "", "", "Total", str(sum(order.total for order in orders))],
    ]  # fmt: skip
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Report")
    for n, row in enumerate(rows):
        sheet.write_row(n, 0, row)
    book.close()
    return path


def write_german(path: Path, orders: Sequence[Order]) -> Path:
    header = ("Kunde", "Datum", "Artikel", "Menge", "Betrag")
    rows = [
        {"Kunde": f"K{o.customer:04}", "Datum": f"{o.time:%d.%m.%Y}", "Artikel": line.item, "Menge": line.quantity,
         "Betrag": f"{line.quantity * line.price:.2f}".replace(".", ",")}
        for o in orders for line in o.lines
    ]  # fmt: skip
    return write_rows(path, header, rows, ";")


def write_ambiguous_dates(path: Path, orders: Sequence[Order]) -> Path:
    """Dates such as 01/02/2024 throughout: no day is above 12."""
    header = ("Customer", "Order", "Date", "SKU", "Quantity", "Price")
    rows = [
        {"Customer": o.email, "Order": o.number, "Date": f"{o.number % 12 + 1:02}/{o.number % 11 + 1:02}/2024",
         "SKU": line.item, "Quantity": line.quantity, "Price": line.price}
        for o in orders for line in o.lines
    ]  # fmt: skip
    return write_rows(path, header, rows)


def write_cut_off(path: Path, orders: Sequence[Order]) -> Path:
    """An export that was cut off after one row."""
    whole = write_erp(path, orders).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(whole[:2]), encoding="utf-8")
    return path
