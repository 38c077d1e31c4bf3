"""Small tables that are edited by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.analysis.small_tables import find_customer_column, read_small_table
from smart_retail.errors import DataError


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_text_is_read_with_any_separator_and_encoding(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "table.csv"
    lines = [separator.join(row) for row in (("customer_id", "name"), ("00012", "Zoë"), ("1e5", "Bo"))]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    header, rows = read_small_table(path)
    assert header == ["customer_id", "name"]
    assert rows == [{"customer_id": "00012", "name": "Zoë"}, {"customer_id": "1e5", "name": "Bo"}]


def test_a_workbook_is_read(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("python_calamine")
    path = tmp_path / "table.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Table")
        for number, row in enumerate([("customer_id", "n"), ("00012", 3), ("x", 2.5)]):
            sheet.write_row(number, 0, row)
    assert read_small_table(path)[1] == [{"customer_id": "00012", "n": "3"}, {"customer_id": "x", "n": "2.5"}]


def test_missing_cells_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("customer_id,name\na\n\nb,B\n", encoding="utf-8")
    assert read_small_table(path)[1] == [{"customer_id": "a", "name": ""}, {"customer_id": "b", "name": "B"}]


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError):
        read_small_table(path)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (["email", "customer_id"], "customer_id"),
        (["E-Mail", "Client No."], "Client No."),
        (["Customer ID", "mail"], "Customer ID"),
        (["id", "email"], None),
        ([], None),
    ],
)
def test_the_customer_column_is_recognised(header: list[str], column: str | None) -> None:
    assert find_customer_column(header) == column
