"""Files that ask for far more memory or time than their size suggests, or that block their reader.

Runs as a program, so that memory and time are those of the readers alone and a crash is detected:
``python -m tests.robustness.hostile_files WORKBOOKS_AND_PARQUET OTHERS FOLDER``. Another process writes the files, one
process reads all of them as sources of orders. Memory is the peak while a file is read, including processes that its
reader starts, and time is processor time.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import resource  # Linux only, as the files of /proc
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests import shop

from .mutated_files import TOKENS, csv_text, mutate, parquet, read_table, sheet, with_sheet, workbook
from .server import ENVIRONMENT, ROOT

Make = Callable[[Path, random.Random], None]
"""Writes a file from a random number generator."""
HEADER = ",".join(shop.HEADER).encode()
ROW = b"o1,c1,2024-01-01,i1,Mug,Kitchen,2,5.5,Ann,FR\n"
MIB = 2**20


def _column(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def stray_cell(path: Path, rng: random.Random) -> None:
    """A cell far away from the table."""
    reference = f"{_column(rng.choice((200, 2_000, 16_384)))}{rng.choice((60_000, 500_000, 1_048_576))}"
    row = f'<row><c r="{reference}" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'.encode()
    path.write_bytes(with_sheet(sheet().replace(b"</sheetData>", row)))


def huge_dimension(path: Path, rng: random.Random) -> None:
    """A stated size and merged cells of the whole sheet."""
    content = sheet().replace(b'<dimension ref="', b'<dimension ref="A1:XFD1048576" x="')
    merged = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    path.write_bytes(with_sheet(content.replace(b"</sheetData>", merged * rng.choice((1, 500)))))


def long_cells(path: Path, rng: random.Random) -> None:
    """Texts of megabytes, deep elements, or entities that refer to each other."""
    text = rng.choice(
        (b"x" * 30 * MIB, b"<is>" * 200_000, b"&amp;" * 2 * MIB, b"&lol;" * 1000, b"<r><t>y</t></r>" * 300_000)
    )
    cell = b'<row><c r="A99" t="inlineStr"><is><t>' + text + b"</t></is></c></row></sheetData>"
    prefix = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY lol "' + b"&a;" * 50_000 + b'">]>'
    content = sheet().replace(b"</sheetData>", cell)
    path.write_bytes(
        with_sheet(content.replace(b"<worksheet", prefix + b"<worksheet", 1) if b"lol" in text else content)
    )


def many_sheets(path: Path, rng: random.Random) -> None:
    """A workbook with thousands of references to one sheet, each of which is large."""
    count = rng.choice((200, 5_000))
    rows = b"".join(b'<row><c r="A%d"><v>1</v></c><c r="CV%d"><v>1</v></c></row>' % (n, n) for n in range(1, 20_000))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", rows + b"</sheetData>")
            elif name == "xl/workbook.xml":
                sheets = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(2, count))
                content = content.replace(b"</sheets>", sheets + b"</sheets>")
            new.writestr(name, content)
    path.write_bytes(out.getvalue())


def zip_tricks(path: Path, rng: random.Random) -> None:
    """Wrong sizes in the directory, repeated members, or members that expand a lot."""
    out = io.BytesIO(workbook())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/a.bin", b"\0" * rng.choice((1, 9, 200)) * MIB)
    content = bytearray(out.getvalue())
    for _ in range(rng.choice((0, 1, 6))):
        start = content.rfind(b"PK\x01\x02", 0, rng.randrange(200, len(content)))
        if start > 0:
            content[start + 24 : start + 28] = rng.randbytes(4)
    path.write_bytes(bytes(content))


def repeated_ods_cells(path: Path, rng: random.Random) -> None:
    """Cells and rows of an ODS file that are repeated up to the size of a sheet."""
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "table", "text"))
    columns, rows = rng.choice(((900, 100_000), (16_384, 1_048_576), (1, 1_048_576), (16_384, 1_000), (90, 1_000_000)))
    text = "x" * rng.choice((1, 1_000))
    cell = f'table:number-columns-repeated="{columns}" office:value-type="string"><text:p>{text}</text:p>'
    row = (
        f'<table:table-row table:number-rows-repeated="{rows}"><table:table-cell {cell}</table:table-cell>'
        "</table:table-row>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="Orders">{row}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )


def random_xls(path: Path, rng: random.Random) -> None:
    """A compound file (XLS) with a valid beginning and random sectors."""
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + rng.randbytes(rng.choice((488, 5_000, 60_000))))


def mutated_workbook(path: Path, rng: random.Random) -> None:
    """A workbook with changed bytes inside the sheet."""
    path.write_bytes(with_sheet(mutate(sheet(), rng)))


def repeated_text(path: Path, rng: random.Random) -> None:
    """A Parquet file with one long text, stored once, in every row."""
    import pyarrow as pa

    length, rows = rng.choice(((1_000_000, 100_000), (15_000, 300_000), (100_000_000, 10), (1_000, 4_000_000)))
    _write_parquet(path, rows, item_name=_constant(pa, "x" * length, rows))


def equal_rows(path: Path, rng: random.Random) -> None:
    """A Parquet file with millions of equal rows."""
    _write_parquet(path, rng.choice((6_000_000, 30_000_000)))


def large_page(path: Path, rng: random.Random) -> None:
    """A Parquet file with one page of hundreds of megabytes, compressed to almost nothing."""
    import pyarrow as pa

    rows = rng.choice((50, 150))
    values = pa.array(["x" * MIB] * rows)
    _write_parquet(path, rows, item_name=values, use_dictionary=False, data_page_size=2**30)


def wide_or_nested(path: Path, rng: random.Random) -> None:
    """A Parquet file with thousands of columns, many row groups, or lists of millions of values in a cell."""
    import pyarrow as pa

    kind = rng.randrange(3)
    if kind == 0:
        _write_parquet(path, 3, **{f"c{n}": pa.array([n] * 3) for n in range(rng.choice((1_900, 3_000)))})
    elif kind == 1:
        _write_parquet(path, 2_000, row_group_size=1)
    else:
        _write_parquet(path, 3, item_name=pa.array([["x" * 100] * 300_000] * 3))


def mutated_footer(path: Path, rng: random.Random) -> None:
    """A Parquet file with changed bytes in its metadata."""
    content = bytearray(parquet())
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for _ in range(rng.choice((1, 3, 20))):
        content[rng.randrange(start, len(content) - 4)] = rng.randrange(256)
    path.write_bytes(bytes(content))


def _constant(pa: Any, value: Any, rows: int) -> Any:
    import numpy as np

    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def _write_parquet(path: Path, rows: int, **options: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = dict(zip(shop.HEADER, ROW.decode().strip().split(","), strict=False))
    write = {
        name: options.pop(name) for name in ("use_dictionary", "data_page_size", "row_group_size") if name in options
    }
    table = {name: _constant(pa, value, rows) for name, value in values.items()} | options
    pq.write_table(pa.table(table), path, compression="zstd", store_schema=False, **write)


@cache
def _many_members() -> bytes:
    return gzip.compress(csv_text()) + gzip.compress(b"") * 300_000


def text_file(path: Path, rng: random.Random) -> None:
    """Text with a header, cells, lines or quotes of extreme sizes."""
    contents: tuple[Callable[[], bytes], ...] = (
        lambda: b"\xef\xbb\xbf",
        lambda: b"\xff\xfe" + b" \0" * 1000,
        lambda: HEADER + b"," + b"( x " * 150_000 + b"\n" + ROW,
        lambda: b"\n".join([b"( x " * 200_000] * 5) + b"\n" + HEADER + b"\n" + ROW,
        lambda: b",".join(b"c%d" % n for n in range(rng.choice((1_999, 500_000)))) + b"\n" + b"," * 1_998,
        lambda: HEADER + b"\n" + b'"' * rng.choice((1, 1001, 5 * MIB)),
        lambda: HEADER + b'\no1,"' + b"x\n" * 3 * MIB,
        lambda: HEADER + b"\n" + b"x" * 9 * MIB + b"\n" + ROW,
        lambda: b"\n" * 5 * MIB,
        lambda: HEADER + b"\r" + b"\r\n\n" * MIB,
        lambda: rng.choice((b",", b";", b"\t", b"|")) * 3 * MIB,
        lambda: (HEADER + b"\n" + ROW * 20_000).decode().encode("utf-16") + b"\0",
        lambda: HEADER + b"\n" + ROW * 2_000 + rng.choice(TOKENS) * 1_000,
        lambda: HEADER + b"\n" + "ｏ１,東京,".encode("shift_jis") * 100_000,
        lambda: b"sep=\0\n" + HEADER,
        lambda: HEADER + b"\n" + ROW.replace(b"2024-01-01", b"9" * 100_000) * 20,
        lambda: HEADER + b"\n" + ROW.replace(b"5.5", b"1e999") * 200 + ROW.replace(b",2,", b",-1e308,") * 200,
    )
    path.write_bytes(rng.choice(contents)())


def other_type(path: Path, rng: random.Random) -> None:
    """A file of another type under the name of a table."""
    starts = (b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"SQLite format 3\0", b"<html>", b"[" * 100_000, b"\x7fELF", b"MZ\0")
    path.write_bytes(rng.choice(starts) + rng.randbytes(rng.choice((0, 10, 50_000))))


def compressed_text(path: Path, rng: random.Random) -> None:
    """A gzip file with empty members, a high ratio, a wrong end, or bytes after it."""
    contents: tuple[Callable[[], bytes], ...] = (
        _many_members,
        lambda: gzip.compress(HEADER + b"\n" + b"\n" * 200 * MIB),
        lambda: gzip.compress(HEADER + b"\n" + b"x" * 100 * MIB),
        lambda: gzip.compress(csv_text())[: rng.randrange(10, 200)],
        lambda: gzip.compress(csv_text()) + rng.randbytes(100),
        lambda: gzip.compress(gzip.compress(csv_text())),
        lambda: gzip.compress(workbook()),
    )
    path.write_bytes(rng.choice(contents)())


def special_file(path: Path, rng: random.Random) -> None:
    """Something that is not a regular file: a pipe without a writer, a device, a folder, or a circular link."""
    kind = rng.randrange(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.symlink_to(rng.choice(("/dev/zero", "/dev/full", "/dev/null", "/dev/urandom")))
    elif kind == 2:
        path.mkdir()
    elif kind == 3:
        path.symlink_to(path)
    else:
        path.symlink_to("/proc/self/mem")


def mutated_text(path: Path, rng: random.Random) -> None:
    """A table with changed bytes."""
    path.write_bytes(mutate(csv_text(), rng))


WORKBOOKS: tuple[tuple[str, Make], ...] = (
    (".xlsx", stray_cell), (".xlsx", huge_dimension), (".xlsx", long_cells), (".xlsx", many_sheets),
    (".xlsx", zip_tricks), (".ods", repeated_ods_cells), (".xls", random_xls), (".xlsx", mutated_workbook),
)  # fmt: skip
PARQUET: tuple[tuple[str, Make], ...] = tuple(
    (".parquet", make) for make in (repeated_text, equal_rows, large_page, wide_or_nested, mutated_footer)
)
OTHERS: tuple[tuple[str, Make], ...] = (
    (".csv", text_file), (".csv", text_file), (".csv", other_type), (".csv.gz", compressed_text),
    (".csv", special_file), (".csv", mutated_text),
)  # fmt: skip


def hostile_files(folder: Path, kinds: tuple[tuple[str, Make], ...], writer: Executor) -> Iterator[tuple[str, Path]]:
    """Write hostile files in turn, without end; yield kind and path of each, and remove it afterwards."""
    for number, (suffix, make) in enumerate(cycle(kinds), 1):
        path = folder / f"hostile-{number}{suffix}"
        writer.submit(make, path, random.Random(f"{make.__name__}/{number}")).result()
        yield make.__name__, path
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def read_hostile_file(path: Path) -> tuple[str, float]:
    """Return the outcome (``read``, ``rejected`` or a traceback) and the processor time, seconds."""
    from smart_retail.errors import RetailError

    begin = _processor_seconds()
    try:
        read_table(path)
        outcome = "read"
    except RetailError as error:
        is_clear = error.message and error.hint and len(error.message) < 1_000 and "\n" not in error.message
        outcome = "rejected" if is_clear else f"not a clear error: {error.message[:500]!r} {error.hint!r}"
    except BaseException:
        outcome = traceback.format_exc()
    return outcome, _processor_seconds() - begin


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_mb() -> int:
    """Return the peak memory since the reset, or that of the largest finished child process, MB."""
    own = int(Path("/proc/self/status").read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024


def read_hostile_files(folder: Path, large: int, others: int, timeout: float | None = None) -> list[dict[str, Any]]:
    """Run this module as a program and return the objects that it prints, one for each file."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.hostile_files", str(large), str(others)]
    done = subprocess.run(
        [*command, str(folder)], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    large, others, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    groups = (
        ("workbooks", WORKBOOKS, large // 2),
        ("parquet", PARQUET, large - large // 2),
        ("others", OTHERS, others),
    )
    read_valid_file(folder)
    # Its memory is not a part of the peak of finished child processes, since it ends last.
    with ProcessPoolExecutor(1, get_context("spawn")) as writer:
        _read_groups(folder, groups, writer)


def _read_groups(
    folder: Path, groups: Sequence[tuple[str, tuple[tuple[str, Make], ...], int]], writer: Executor
) -> None:
    for group, kinds, count in groups:
        for kind, path in islice(hostile_files(folder, kinds, writer), count):
            _reset_peak()
            begin = time.monotonic()
            outcome, seconds = read_hostile_file(path)
            figures = {"seconds": round(seconds, 2), "wall": round(time.monotonic() - begin, 2), "peak_mb": _peak_mb()}
            line = {"group": group, "kind": kind, "name": path.name, "outcome": outcome, **figures}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def read_valid_file(folder: Path) -> None:
    """Read one valid file, so that imports count for none of the hostile ones."""
    path = folder / "valid.csv"
    path.write_bytes(csv_text())
    read_table(path)


if __name__ == "__main__":
    main()
