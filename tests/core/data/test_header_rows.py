"""The header of a table: a chosen row or sheet, merged cells above it, units below it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
import xlsxwriter
from tests.core.data import shop_exports as exports

from smart_retail.data.files.header_detection import is_unit_row, refine_header
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.errors import ColumnError, DataError, UsageError

ORDERS = exports.make_orders(60)
HEADER = ("Customer No", "Customer", "Date", "Invoice No", "Article No", "Article", "Quantity", "Amount")
ROWS = [list(row.values()) for row in exports.simple_rows(ORDERS, HEADER)]
EXPECTED = exports.totals(ORDERS, exports.STATUSES)
MERGED = (
    ("Customer", "", "Date", "Invoice", "Article", "", "", "Amount"),
    ("No", "Name", "", "No", "No", "Name", "Quantity", ""),
)


def write_book(path: Path, sheets: dict[str, Sequence[Sequence[object]]], start: int = 0) -> Path:
    book = xlsxwriter.Workbook(str(path))
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for n, row in enumerate(rows):
            sheet.write_row(n + start, 0, row)
    book.close()
    return path


def write_text(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    return path


def check(dataset: Dataset) -> None:
    report = dataset.report
    assert (report.rows_in, report.rows_accepted, report.customers) == (
        EXPECTED.rows,
        EXPECTED.rows,
        EXPECTED.customers,
    )
    assert (report.items, report.orders) == (EXPECTED.items, EXPECTED.orders)
    assert report.amount == pytest.approx(float(EXPECTED.amount))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "top",
    [
        MERGED,
        (HEADER, ("", "", "", "", "", "", "pcs", "[EUR]")),
        (("Sales 2024",), HEADER, ("", "", "dd.mm.yyyy", "", "", "", "Stk", "EUR")),
    ],
    ids=["merged cells", "units", "title and units"],
)
def test_merged_cells_and_units_belong_to_the_header(tmp_path: Path, kind: str, top: Sequence[Sequence[str]]) -> None:
    rows = [*top, *ROWS]
    path = tmp_path / f"orders.{kind}"
    with prepare([write_text(path, rows) if kind == "csv" else write_book(path, {"Sheet1": rows})]) as dataset:
        check(dataset)
        assert dataset.customer_names[dataset.customers.code("K0001")] == "Customer 2"


def test_a_first_row_of_data_is_not_a_unit_row() -> None:
    assert is_unit_row(["", "EUR", "(pcs)"])
    assert not is_unit_row(["K1", "EUR", "1"])
    assert not is_unit_row(["", ""])
    assert refine_header([], HEADER, ["K1", "Kim", "1.2.2024", "7", "A1", "Cup", "1", "5"]) == (HEADER, 0)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_user_can_name_the_header_row(tmp_path: Path, kind: str) -> None:
    rows = [("Customer", "Date", "Article", "Amount"), ("a", "b", "c", "d"), HEADER, *ROWS]
    path = tmp_path / f"orders.{kind}"
    path = write_text(path, rows) if kind == "csv" else write_book(path, {"Sheet1": rows})
    with prepare([path], reading=ReadOptions(header_row=3)) as dataset:
        check(dataset)


def test_the_header_row_of_a_sheet_is_counted_as_the_spreadsheet_shows_it(tmp_path: Path) -> None:
    path = write_book(tmp_path / "orders.xlsx", {"Sheet1": [HEADER, *ROWS]}, start=4)
    with prepare([path], reading=ReadOptions(header_row=5)) as dataset:
        check(dataset)
    with prepare([path]) as dataset:
        check(dataset)


def test_a_header_row_that_is_empty_or_not_valid_is_refused(tmp_path: Path) -> None:
    path = write_text(tmp_path / "orders.csv", [HEADER, *ROWS[:5]])
    with pytest.raises(DataError, match=r"Row 90 of orders.csv is empty"):
        prepare([path], reading=ReadOptions(header_row=90))
    with pytest.raises(UsageError):
        ReadOptions(header_row=-1)


def test_the_sheet_with_the_best_header_is_read(tmp_path: Path) -> None:
    notes = [["Line", "Text"], *([n, f"note {n}"] for n in range(500))]
    path = write_book(tmp_path / "orders.xlsx", {"Notes": notes, "Sales": [HEADER, *ROWS]})
    with prepare([path]) as dataset:
        check(dataset)
        assert any("read from the sheet Sales" in note for note in dataset.report.notes)


def test_the_user_can_name_the_sheet(tmp_path: Path) -> None:
    other = [HEADER, *ROWS, *ROWS]
    path = write_book(tmp_path / "orders.xlsx", {"2023": other, "2024": [HEADER, *ROWS]})
    with prepare([path], reading=ReadOptions(sheet="2024")) as dataset:
        check(dataset)
    with pytest.raises(DataError, match=r"orders.xlsx has no sheet '2025' \(found: 2023, 2024\)") as caught:
        prepare([path], reading=ReadOptions(sheet="2025"))
    assert "Did you mean" in caught.value.hint


def test_a_row_that_is_not_a_header_is_asked_about(tmp_path: Path) -> None:
    path = write_text(tmp_path / "orders.csv", [HEADER, *ROWS])
    with pytest.raises(ColumnError):
        prepare([path], reading=ReadOptions(header_row=3))
