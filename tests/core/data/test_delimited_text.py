"""Text files in common encodings, separators and line ends; damaged and oversize ones are refused."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import pytest

from smart_retail.data.files import delimited_text, gzip_file, limits
from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError

ROWS = [
    ["Customer", "SKU", "Order No", "Date", "Qty", "Total", "Description"],
    ["José", "i1", "o1", "2020-01-31", "2", "10.5", 'Café "crème", large'],
    ["Zoë", "i2", "o2", "2020-02-01", "1", "3", "line one; and | more"],
]


def delimited(separator: str = ",", newline: str = "\n") -> str:
    def cell(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if any(s in value for s in ',;\t|"\n\r') else value

    return newline.join(separator.join(cell(v) for v in row) for row in ROWS) + newline


def check(path: Path) -> tuple[str, ...]:
    with prepare([path]) as dataset:
        assert list(dataset.customers.ids) == ["José", "Zoë"]
        assert dataset.item_names == ['Café "crème", large', "line one; and | more"]
        assert dataset.report.amount == 13.5
        assert dataset.report.rows_in == 2
        return dataset.report.notes


@pytest.mark.slow
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_separator_and_line_end(tmp_path: Path, separator: str, newline: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(delimited(separator, newline).encode())
    check(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(delimited().encode(encoding))
    notes = check(path)
    assert any("cp1252" in n for n in notes) == (encoding == "cp1252")


def test_cp1252_is_detected_after_a_megabyte_of_ascii(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    filler = "".join(f"c{n % 90},i1,o{n},2020-01-01,1,1,{'x' * 40}\n" for n in range(20_000))
    path.write_bytes((",".join(ROWS[0]) + "\n" + filler).encode() + "José,i1,o,2020-01-01,1,1,x\n".encode("cp1252"))
    with prepare([path]) as dataset:
        assert dataset.customers.code("José") >= 0
        assert dataset.report.rows_in == 20_001


def test_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    lines = delimited().splitlines(keepends=True)
    path.write_bytes(b"".join(gzip.compress(line.encode()) for line in lines))
    check(path)


def test_a_gzip_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 2**23)
    path = tmp_path / "bomb.csv.gz"
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    path.write_bytes(b"".join(machine.compress(b"\n" * 2**20) for _ in range(32)) + machine.flush())
    with pytest.raises(DataError, match="decompresses to more"):
        prepare([path])


@pytest.mark.parametrize("cut", [10, 40])
def test_a_damaged_gzip_is_a_clear_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(delimited().encode())[:-cut])
    with pytest.raises(DataError, match="damaged gzip"):
        prepare([path])


def test_blank_lines_are_skipped_and_short_rows_are_filled(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Customer,SKU,Date,Total,Country\n\na,i1,2020-01-01,1,FR\n\nb,i2,2020-01-01,2\n\n")
    with prepare([path]) as dataset:
        assert dataset.report.rows_in == 2
        assert dataset.customer_countries == ["FR", ""]


def test_rows_with_too_many_fields_are_rejected_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Customer,SKU,Date,Total\na,i1,2020-01-01,1\na,i1,extra,2020-01-01,1\na,i2,2020-01-01,1,,\n")
    with prepare([path]) as dataset:
        report = dataset.report
    assert (report.rows_in, report.rows_accepted) == (3, 2)
    assert [(s.reason, s.rows, s.examples) for s in report.rejected] == [
        ("malformed row", 1, ("a,i1,extra,2020-01-01,1",))
    ]


def test_a_declared_separator_and_a_quoted_header_over_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text('sep=;\n"Customer\nID";SKU;Date;Total\na;i1;2020-01-01;1\n')
    with prepare([path], mapping={"customer_id": "Customer\nID"}) as dataset:
        assert list(dataset.customers.ids) == ["a"]


def test_line_breaks_inside_quotes_stay(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text('Customer,SKU,Date,Total,Description\na,i1,2020-01-01,1,"two\nlines"\nb,i2,2020-01-01,1\n')
    with prepare([path]) as dataset:
        assert dataset.item_names == ["two\nlines", ""]


@pytest.mark.parametrize(
    "content",
    [
        b"Customer,SKU,Date,Total\na,i\0,2020-01-01,1\n",
        b"Customer,SKU,Date,Total\n" + b"a,i,2020-01-01,1\n" * 80_000 + b"a,i\0,2020-01-01,1\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    ],
)
def test_a_file_with_nul_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(DataError):
        prepare([path]).items  # noqa: B018


def test_ten_thousand_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(",".join(f"c{n}" for n in range(10_000)) + "\n")
    with pytest.raises(DataError, match="10,000 columns"):
        prepare([path])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_huge_cell_is_refused_in_bounded_memory(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "orders.csv"
    with path.open("w") as out:
        out.write("Customer,SKU,Date,Total\na,i1,2020-01-01,1\na," + quote)
        for _ in range(20):
            out.write("x" * 2**20)
        out.write(quote + ",2020-01-01,1\n")
    with pytest.raises(DataError):
        prepare([path])


def test_a_file_name_with_glob_characters_is_not_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "orders[1]*'x.csv"
    path.write_text(delimited())
    (tmp_path / "orders1.csv").write_text("nothing,here\n")
    check(path)


def test_the_separator_gives_most_rows_the_width_of_the_header() -> None:
    assert delimited_text.sniff_separator("a;b;c\n1,5;2,5;3,5\n1;2;3\n") == ";"
    assert delimited_text.sniff_separator("name\tcity\nx, y\tz\n") == "\t"
    assert delimited_text.sniff_separator("only\n1\n") == ","


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n\r\n", b"\xff\xfe", b"\xfe\xff\0\n", b"\n \n"])
def test_a_file_with_a_byte_order_mark_and_nothing_else_is_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"orders\.csv is empty"):
        prepare([path])


def test_a_gzip_file_of_empty_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(delimited().encode()) + gzip.compress(b"") * 300_000)
    with pytest.raises(DataError, match="thousands of almost empty parts"):
        prepare([path])


@pytest.mark.parametrize("padding", [b"", b"\0" * 100])
def test_gzip_members_that_expand_a_lot_are_read_completely(tmp_path: Path, padding: bytes) -> None:
    path, content = tmp_path / "orders.csv.gz", b"".join(b"%d,2\n" % n for n in range(1_000_000))
    path.write_bytes(gzip.compress(content) + padding + gzip.compress(content) + padding)
    assert gzip_file.decompress(path, tmp_path).read_bytes() == content * 2


def test_bytes_after_a_gzip_file_make_it_damaged(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(delimited().encode()) + b"more")
    with pytest.raises(DataError, match="damaged gzip"):
        prepare([path])


def test_a_header_of_half_a_megabyte_is_refused_without_repeating_it(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Customer,SKU,Date,Total," + "( x " * 150_000 + "\na,i1,2020-01-01,1,2\n")
    with pytest.raises(DataError, match="a column header of 600,000 characters") as error:
        prepare([path])
    assert len(error.value.message) < 200


def test_a_title_of_half_a_megabyte_above_the_header_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("( x " * 150_000 + "\nCustomer,SKU,Date,Total\na,i1,2020-01-01,1\n")
    with prepare([path]) as dataset:
        assert dataset.report.rows_accepted == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["orders.csv", "orders.xlsx", "orders.parquet"])
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="is a pipe or a device, not a file"):
        prepare([tmp_path / name])


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
def test_a_file_that_the_system_cannot_read_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(DataError, match=r"orders\.csv cannot be read: "):
        prepare([path])


NAMES = {
    "shift_jis": ("Shift-JIS", "コーヒー豆 深煎り", "東京都 佐藤"),
    "euc_jp": ("EUC-JP", "コーヒー豆 深煎り", "東京都 佐藤"),
    "gb18030": ("GB18030", "咖啡豆 深度烘焙", "北京市 王小明"),
    "euc_kr": ("EUC-KR", "커피 원두 다크 로스트", "서울시 김민수"),
    "koi8_r": ("KOI8-R", "Кофе в зёрнах тёмной обжарки", "Москва Иванов"),
    "cp1251": ("Windows-1251", "Кофе в зёрнах тёмной обжарки", "Москва Иванов"),
}


@pytest.mark.parametrize("encoding", NAMES)
def test_text_in_another_script_is_warned_about_first(tmp_path: Path, encoding: str) -> None:
    usual_name, item, customer = NAMES[encoding]
    path = tmp_path / "orders.csv"
    rows = "".join(f"{customer},i{n},2020-01-0{n},1,{item}\n" for n in range(1, 9))
    path.write_bytes(("Customer,SKU,Date,Total,Description\n" + rows).encode(encoding))
    with prepare([path]) as dataset:
        assert dataset.report.rows_accepted == 8
        warning = dataset.report.notes[0]
    assert f"WARNING: the text is probably {usual_name}" in warning
    assert "Save the file as UTF-8" in warning


@pytest.mark.parametrize(
    "text", ["Crème brûlée créée à Noël", "Größe für Mädchen – „süß“", "“Niño’s” piñata…", "Ærø blåbær"]
)
def test_western_european_text_gets_no_warning(tmp_path: Path, text: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(f"Customer,SKU,Date,Total,Description\na,i1,2020-01-01,1,{text}\n".encode("cp1252"))
    with prepare([path]) as dataset:
        assert not any("WARNING" in note for note in dataset.report.notes)
        assert dataset.item_names == [text]


def test_headers_repeated_in_a_joined_export_are_duplicates_not_bad_dates(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"c{n % 9},i{n % 5},o{n},2020-01-{1 + n % 28:02},2,10.5,Mug\n" for n in range(60)]
    header = ",".join(ROWS[0]) + "\n"
    path.write_text(header + "".join(rows[:20]) + header + "".join(rows[20:40]) + header + "".join(rows[40:]))
    with prepare([path]) as dataset:
        report = dataset.report
    assert (report.rows_in, report.rows_accepted) == (62, 60)
    assert [(r.reason, r.rows, r.examples) for r in report.rejected] == [("duplicate", 2, ("Date",))]
