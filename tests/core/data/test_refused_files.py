"""Files that are not tables are refused by what they are; values that are not valid, before a file is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from smart_retail.data.pipeline import prepare
from smart_retail.errors import ColumnError, DataError, SettingsError
from smart_retail.settings import DataSettings

PROSE = """Dear customer, thank you for your order of last week
We are sorry that it is late.
It will arrive on Monday, Tuesday, or Wednesday, at the latest, we hope
Kind regards,
Your shop
"""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image (PNG)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image (JPEG)"),
        (b"GIF89a\x01\0", "an image (GIF)"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive"),
        (b"<!DOCTYPE html><html><body><table>", "a web page (HTML)"),
        (b'\xef\xbb\xbf <?xml version="1.0"?><orders>', "an XML document"),
        (b'{"orders": [{"customer": 1}]}', "a JSON document"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (PROSE.encode(), "free text"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused_by_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        prepare([path])
    assert f"orders.csv is {what}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("member", "what"), [("a/orders.csv", "a ZIP archive"), ("word/document.xml", "a text doc")])
def test_a_zip_that_is_not_a_workbook_is_refused(tmp_path: Path, member: str, what: str) -> None:
    path = tmp_path / "orders.csv"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, "customer,item\n")
    with pytest.raises(DataError, match=what):
        prepare([path])


def test_a_header_that_begins_like_an_image_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("BM,Customer,SKU,Date,Total\n1,c1,s1,2024-01-01,5\n")
    with prepare([path]) as dataset:
        assert dataset.report.rows_accepted == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mapping": {"customer": "Client"}}, ColumnError, "There is no field 'customer'"),
        ({"settings": DataSettings(timezone="Europe/Berln")}, SettingsError, "'Europe/Berln' is not a valid time zone"),
    ],
)
def test_values_that_are_not_valid_are_refused_before_a_file_is_read(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepare(["missing.csv"], **options)
