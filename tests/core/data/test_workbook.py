"""Workbooks are read like text files."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from smart_retail.data.files import limits, sheet_size, workbook_process
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.files.workbook import open_workbook
from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError

HEADER = ["Order ID", "Order Date", "Customer ID", "Product ID", "Product Name", "Sales", "Quantity", "Market"]
ROWS: list[list[Any]] = [
    ["o1", dt.datetime(2020, 1, 31), "00012", 7, "Mug, large", 10.5, 2, "US"],
    ["o2", dt.datetime(2020, 2, 1, 12), "1e5", 8.0, "=1+1", 3, 1, "EU"],
]


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "dd/mm/yyyy", "strings_to_formulas": False})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for n, row in enumerate(rows):
            sheet.write_row(n, 0, row)
    book.close()
    return path


def test_the_orders_sheet_is_read_and_its_returns_are_joined(tmp_path: Path) -> None:
    returns = [["Returned", "Order ID", "Market"], ["Yes", "o2", "EU"], ["Yes", "o1", "EU"]]
    path = workbook(tmp_path / "shop.xlsx", Notes=[["x"]] * 9, Orders=[HEADER, *ROWS], Returns=returns)
    with prepare([path]) as dataset:
        assert list(dataset.customers.ids) == ["00012", "1e5"]
        assert list(dataset.items.ids) == ["7", "8"]
        assert dataset.item_names == ["Mug, large", "=1+1"]
        assert [(r.form, r.lines, r.amount) for r in dataset.report.returns] == [("table", 1, 3.0)]
        assert any("sheet Orders" in n for n in dataset.report.notes)


def test_without_a_sheet_named_orders_the_longest_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx", Cover=[["Our shop"]], Data=[[], HEADER, *ROWS])
    with prepare([path]) as dataset:
        assert dataset.report.rows_in == 2
        assert dataset.report.first == "2020-01-31"


def test_a_workbook_under_another_name_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx", Orders=[HEADER, *ROWS]).rename(tmp_path / "orders.csv")
    with prepare([path]) as dataset:
        assert dataset.report.rows_in == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\xd0\xcf\x11\xe0" + b"\0" * 600])
def test_a_damaged_workbook_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "shop.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"shop\.xlsx"):
        prepare([path])


def test_an_empty_workbook_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sheet with rows"):
        prepare([workbook(tmp_path / "shop.xlsx", Sheet=[])])


def test_a_zip_bomb_is_refused_before_it_is_decompressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "shop.xlsx", Orders=[HEADER, *ROWS])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/filler.bin", b"\0" * 2**25)
    with pytest.raises(DataError, match="would decompress to"):
        prepare([path])
    monkeypatch.setattr(limits, "MAX_WORKBOOK_RATIO", 10_000)
    monkeypatch.setattr(limits, "MAX_WORKBOOK_CONTENT_BYTES", 2**24)
    with pytest.raises(DataError, match="would decompress to"):
        open_workbook(path, tmp_path)


def test_a_workbook_with_too_many_columns_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx", Orders=[[f"c{n}" for n in range(3_000)], [1] * 3_000])
    with pytest.raises(DataError, match="columns; the maximum is 1,000"):
        prepare([path])


@pytest.mark.parametrize("stray", ["XFD1048576", "GR1048576"])
def test_a_stray_cell_far_from_the_table_is_refused_before_the_sheet_is_loaded(tmp_path: Path, stray: str) -> None:
    path = tmp_path / "shop.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Orders")
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ["o1", "2020-01-31", "c1", "i1", "Mug", 10.5, 2, "US"])
    sheet.write(stray, "x")
    book.close()
    assert path.stat().st_size < 10_000
    with (
        pytest.raises(DataError, match="almost all of them empty") as caught,
        prepare([path]),
    ):
        pass
    assert "stray cells" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'r="A2"', b'r="&#65;2"', "damaged workbook"),
        (b'<c r="A2"', b"<c\tr = 'XFD1048576'", "almost all of them empty"),
        (b"<?xml", b"\xff\xfe<\x00?\x00x\x00m\x00l\x00", "unknown encoding"),
    ],
)
def test_cell_references_cannot_be_hidden(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    source = workbook(tmp_path / "plain.xlsx", Orders=[HEADER, *ROWS])
    path = tmp_path / "shop.xlsx"
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(path, "w") as write:
        for part in read.namelist():
            content = read.read(part)
            write.writestr(part, content.replace(old, new, 1) if "worksheets/" in part else content)
    with pytest.raises(DataError, match=message), prepare([path]):
        pass


def test_a_reference_is_found_across_two_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_size, "CHUNK_BYTES", 7)
    path = workbook(tmp_path / "shop.xlsx", Orders=[HEADER, *ROWS])
    assert open_workbook(path, tmp_path).orders.header == tuple(HEADER)
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("Orders").write("XFD1048576", "x")
    book.close()
    with pytest.raises(DataError, match="almost all of them empty"):
        open_workbook(path, tmp_path)


ODS_TYPES = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<manifest:file-entry manifest:full-path="/" '
    'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>'
)


def ods(path: Path, rows: str) -> Path:
    namespaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("META-INF/manifest.xml", ODS_TYPES)
        parts.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {namespaces} office:version="1.2"><office:body>'
            f'<office:spreadsheet><table:table table:name="Orders">{rows}</table:table></office:spreadsheet>'
            "</office:body></office:document-content>",
        )
    return path


def ods_row(cells: list[str], repeat: str = "") -> str:
    texts = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in cells
    )
    return f"<table:table-row {repeat}>{texts}</table:table-row>"


ODS_ROWS = ods_row(HEADER) + ods_row(["o1", "2020-01-31", "c1", "i1", "Mug", "10.5", "2", "US"])


def test_an_ods_workbook_is_read(tmp_path: Path) -> None:
    with prepare([ods(tmp_path / "shop.ods", ODS_ROWS)]) as dataset:
        assert dataset.report.rows_accepted == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
def test_repeated_cells_of_an_ods_workbook_cannot_use_up_the_memory(tmp_path: Path) -> None:
    cell = '<table:table-cell table:number-columns-repeated="900" office:value-type="string"><text:p>x</text:p>'
    row = f'<table:table-row table:number-rows-repeated="100000">{cell}</table:table-cell></table:table-row>'
    path = ods(tmp_path / "shop.ods", ODS_ROWS + row)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="far more memory or time than a workbook of its size"):
        prepare([path])


def test_a_reader_that_ends_its_process_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "shop.xlsx", Orders=[HEADER, *ROWS])
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "")
    with pytest.raises(DataError, match="far more memory or time"):
        workbook_process.open_workbook_in_process(path, tmp_path, ReadOptions())


def test_a_workbook_is_the_same_in_both_processes(tmp_path: Path) -> None:
    path = workbook(tmp_path / "shop.xlsx", Orders=[HEADER, *ROWS], Returns=[["Order ID"], ["o2"]])
    (here := tmp_path / "here").mkdir()
    (there := tmp_path / "there").mkdir()
    own, other = open_workbook(path, here), workbook_process.open_workbook_in_process(path, there, ReadOptions())
    assert own.returns is not None
    assert other.returns is not None
    for mine, its in ((own.orders, other.orders), (own.returns, other.returns)):
        assert its.path.read_bytes() == mine.path.read_bytes()
        assert replace(its, path=mine.path) == mine
