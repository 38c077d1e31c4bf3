"""The table of files that are imported without any option, with totals that are known in advance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tests.core.data import shop_exports as exports
from tests.core.data.shop_exports import Order, Totals

ORDERS = exports.make_orders()
SOLD = ("paid", "refunded")
ALL = exports.STATUSES
Writer = Callable[[Path, Sequence[Order]], Path]


@dataclass(frozen=True)
class ImportFile:
    """One generated file."""

    what: str
    """First column of the table in the docs."""
    name: str
    write: Writer
    rows_in: int
    accepted: Totals


def lines_of(statuses: Sequence[str]) -> int:
    return exports.totals(ORDERS, statuses).rows


def by_day(orders: Sequence[Order]) -> int:
    """Number of orders where an order is a customer's day."""
    return len({(order.customer, order.time.date()) for order in orders})


_SOLD, _ALL = exports.totals(ORDERS, SOLD), exports.totals(ORDERS, ALL)
_WITH_CUSTOMER = exports.totals(ORDERS, [status for status in set(ALL) if status != "pending"])
_FIRST = ORDERS[0].lines[0]

FILES = (
    ImportFile("Shopify order export", "shopify.csv", exports.write_shopify, _ALL.rows, _SOLD),
    ImportFile("WooCommerce order export", "woocommerce.csv", exports.write_woocommerce, _ALL.rows, _SOLD),
    ImportFile("ERP invoice list with codes and names", "erp.csv", exports.write_erp, _ALL.rows, _ALL),
    ImportFile("Excel with title and period above the header, total below", "report.xlsx",
               exports.write_titled_workbook, _ALL.rows + 1, _ALL),
    ImportFile("`Kunde;Datum;Artikel;Menge;Betrag`", "verkauf.csv", exports.write_german, _ALL.rows,
               replace(_ALL, orders=by_day(ORDERS))),
    ImportFile("Dates such as 01/02/2024 throughout", "dates.csv", exports.write_ambiguous_dates, _ALL.rows, _ALL),
    ImportFile("Nightly export cut off after one row", "nightly.csv", exports.write_cut_off, 1,
               Totals(1, 1, 1, 1, _FIRST.quantity * _FIRST.price)),
    ImportFile("Adobe Commerce (Magento) order items", "magento.csv", exports.write_magento, 2 * _ALL.rows, _SOLD),
    ImportFile("PrestaShop order details", "prestashop.csv", exports.write_prestashop, _ALL.rows, _SOLD),
    ImportFile("Square Items Detail", "square.csv", exports.write_square, _SOLD.rows + lines_of(("refunded",)),
               replace(_SOLD, rows=_SOLD.rows + lines_of(("refunded",)))),
    ImportFile("Lightspeed sale lines", "lightspeed.csv", exports.write_lightspeed, _ALL.rows, _WITH_CUSTOMER),
    ImportFile("Etsy Sold Order Items", "etsy.csv", exports.write_etsy, _ALL.rows, _ALL),
    ImportFile("Amazon order report", "amazon.txt", exports.write_amazon, _ALL.rows, _ALL),
)  # fmt: skip

MESSY = {
    "superstore_semicolon_decimal_comma_cp1252.csv": "Superstore with semicolons, decimal comma, cp1252",
    "superstore_cr_line_ends_cp1252.csv": "Superstore with CR line ends, month first, cp1252",
}
"""Real files of the superstore, saved in unusual ways -> first column of the table."""
MESSY_TOTALS = Totals(9_994, 793, 1_862, 5_009, Decimal("2297200.8603"))


def table_rows() -> list[str]:
    """The rows of the table in `docs/data-format.md`."""
    files = [(f.what, f.rows_in, f.accepted) for f in FILES]
    files += [(what, MESSY_TOTALS.rows, MESSY_TOTALS) for what in MESSY.values()]
    return [
        f"| {what} | {rows:,} | {t.rows:,} | {t.customers:,} | {t.items:,} | {t.orders:,} | {t.amount:,.2f} |"
        for what, rows, t in files
    ]
