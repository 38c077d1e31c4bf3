"""Exports of shop systems are imported with the exact totals, without any option."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from tests.core.data import shop_exports as exports

from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.errors import ColumnError

ORDERS = exports.make_orders()
ERP = ("Customer No", "Customer", "Date", "Invoice No", "Article No", "Article", "Quantity", "Amount (EUR)")
GERMAN = ("Kundennummer", "Kunde", "Datum", "Belegnummer", "Artikelnummer", "Artikel", "Menge", "Betrag")


def found(dataset: Dataset) -> exports.Totals:
    report = dataset.report
    assert report.rows_in == report.rows_accepted + sum(r.rows for r in report.rejected)
    amount = Decimal(str(report.amount))
    return exports.Totals(report.rows_accepted, report.customers, report.items, report.orders, amount)


def rejected(dataset: Dataset) -> dict[str, int]:
    return {r.reason: r.rows for r in dataset.report.rejected}


def lines_of(*statuses: str) -> int:
    return sum(len(order.lines) for order in ORDERS if order.status in statuses)


def check_statuses(dataset: Dataset, preset: str) -> None:
    """Cancelled, failed and unpaid orders are rejected; refunded orders are returns."""
    assert dataset.sources[0].schema.preset.name == preset
    assert found(dataset) == exports.totals(ORDERS)
    assert rejected(dataset) == {
        "cancelled order": lines_of("cancelled", "failed"), "unpaid order": lines_of("pending"),
    }  # fmt: skip
    (returns,) = dataset.report.returns
    refunded = exports.totals(ORDERS, ("refunded",))
    assert (returns.form, returns.lines, returns.amount) == (
        "flag",
        refunded.rows,
        pytest.approx(float(refunded.amount)),
    )
    assert dataset.report.net_amount == pytest.approx(float(exports.totals(ORDERS, ("paid",)).amount))


def test_a_shopify_export_is_read_by_lines_and_filled_down_within_orders(tmp_path: Path) -> None:
    with prepare([exports.write_shopify(tmp_path / "orders_export.csv", ORDERS)]) as dataset:
        check_statuses(dataset, "shopify")
        assert set(dataset.customer_countries) == {"DE"}


def test_a_shopify_order_without_an_email_stays_without_a_customer(tmp_path: Path) -> None:
    path = exports.write_shopify(tmp_path / "orders_export.csv", ORDERS)
    guest = next(order for order in ORDERS if order.status == "paid" and len(order.lines) > 1)
    path.write_text(path.read_text().replace(f"#{guest.number},{guest.email}", f"#{guest.number},"))
    with prepare([path]) as dataset:
        assert rejected(dataset)["no customer"] == len(guest.lines)


def test_a_line_without_a_sku_is_identified_by_its_name(tmp_path: Path) -> None:
    path = exports.write_shopify(tmp_path / "orders_export.csv", ORDERS)
    path.write_text(path.read_text().replace("SKU-040", ""))
    with prepare([path]) as dataset:
        assert found(dataset) == exports.totals(ORDERS)
        assert dataset.items.code("Article 40") >= 0


def test_a_woocommerce_export_counts_no_cancelled_or_refunded_orders_as_sales(tmp_path: Path) -> None:
    with prepare([exports.write_woocommerce(tmp_path / "orders.csv", ORDERS)]) as dataset:
        check_statuses(dataset, "woocommerce")


@pytest.mark.parametrize(("header", "separator", "decimal"), [(ERP, ",", "."), (GERMAN, ";", ",")])
def test_codes_are_the_ids_and_bare_columns_the_names(
    tmp_path: Path, header: tuple[str, ...], separator: str, decimal: str
) -> None:
    rows = exports.simple_rows(ORDERS, header, decimal)
    with prepare([exports.write_rows(tmp_path / "erp.csv", header, rows, separator)]) as dataset:
        assert found(dataset) == exports.totals(ORDERS, exports.STATUSES)
        assert dataset.customer_names[dataset.customers.code("K0001")] == "Customer 2"
        assert dataset.item_names[dataset.items.code("SKU-001")] == "Article 4"


def test_german_headers_without_codes_are_recognised(tmp_path: Path) -> None:
    header = ("Kunde", "Datum", "Artikel", "Menge", "Betrag")
    rows = [
        {"Kunde": o.email, "Datum": f"{o.time:%d.%m.%Y}", "Artikel": line.item, "Menge": line.quantity,
         "Betrag": str(line.quantity * line.price).replace(".", ",")}
        for o in ORDERS for line in o.lines
    ]  # fmt: skip
    with prepare([exports.write_rows(tmp_path / "verkauf.csv", header, rows, ";")]) as dataset:
        expected = exports.totals(ORDERS, exports.STATUSES)
        assert (found(dataset).rows, found(dataset).amount) == (expected.rows, expected.amount)
        assert found(dataset).items == expected.items


TITLE = (["Sales report of Shop Ltd"], ["Period: 01.01.2024 - 31.12.2024"], [])


def test_a_header_below_title_rows_of_a_text_file_is_found(tmp_path: Path) -> None:
    path = exports.write_rows(tmp_path / "erp.csv", ERP, exports.simple_rows(ORDERS, ERP), ";")
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(TITLE)
    path.write_text(text.getvalue() + path.read_text())
    with prepare([path]) as dataset:
        assert found(dataset) == exports.totals(ORDERS, exports.STATUSES)
        assert any("the header was found in line 4" in note for note in dataset.report.notes)


def test_a_header_below_title_rows_of_a_workbook_is_found(tmp_path: Path) -> None:
    rows = [*TITLE, list(ERP), *(list(row.values()) for row in exports.simple_rows(ORDERS, ERP))]
    book = xlsxwriter.Workbook(str(tmp_path / "erp.xlsx"))
    sheet = book.add_worksheet("Report")
    for n, row in enumerate(rows):
        sheet.write_row(n, 0, row)
    book.close()
    with prepare([tmp_path / "erp.xlsx"]) as dataset:
        assert found(dataset) == exports.totals(ORDERS, exports.STATUSES)


def test_all_unrecognised_columns_are_named_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("A,B,C,Menge\nx,y,z,1\n")
    with pytest.raises(ColumnError) as error:
        prepare([path])
    assert "customer and the item and the date and the amount" in error.value.message
    assert "Menge" not in error.value.hint, "a column that is already used is not suggested"
