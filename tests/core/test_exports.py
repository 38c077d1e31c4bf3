"""Exported files: exact ids for programs, no formulas in spreadsheets, written completely or not at all."""

from __future__ import annotations

import csv
import hashlib
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import CancelledError, NeedsLocalEngineError, UsageError
from smart_retail.progress import Silent
from smart_retail.protocol import METHODS, ListQuery
from smart_retail.results import Reason, Recommendation, RecommendationList
from smart_retail.serving import batch_export
from smart_retail.serving.batch_export import RECOMMENDATION_COLUMNS, write_recommendations
from smart_retail.utils.spreadsheet import escape_formula, escape_row, write_table

NASTY = (
    "=1+1",
    "-2",
    "+3",
    "@x",
    "\tt",
    "\rr",
    "\n=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "a\rb",
    "a\nb",
    'q"q',
    "a,b",
    "00012",
    "1e5",
    " ",
    "",
    "é",
    "日本",
    "\x00z",
)


class Shop:
    """Returns to each customer items whose ids contain the customer id, so that a mix-up is detected."""

    version = "v1"
    is_local = True

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.ids = ids
        self.chunk_sizes: list[int] = []

    def customer_ids(self) -> Sequence[str]:
        return self.ids

    def resolve(self, query: ListQuery) -> ListQuery:
        return query

    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        self.chunk_sizes.append(len(customer_ids))
        method, n = query.method, query.n
        methods = METHODS if method == "all" else (method,)
        return [
            RecommendationList(c, c in self.ids, False, method, "v1", "", (), {m: self._list(c, m, n) for m in methods})
            if method == "all"
            else self._list(c, method, n)
            for c in customer_ids
        ]

    def _list(self, customer: str, method: str, n: int) -> RecommendationList:
        reasons = (Reason("popular", "popular", 1, 0.2, None, "weak"), Reason("cluster", "rfm", 1, 0.8, None, "strong"))
        items = tuple(
            Recommendation(r, f"{customer}|{r}", "=name", "c", 1 / r, "rfm", reasons) for r in range(1, n + 1)
        )
        return RecommendationList(customer, customer in self.ids, False, method, "v1", "", items)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8), unique=True))
def test_every_id_is_unchanged_in_csv_and_parquet(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("out.csv", "out.parquet"):
            assert write_recommendations(Shop(ids), folder / file, query=ListQuery(n=2)) == 2 * len(ids)  # type: ignore[arg-type]
        assert [row["customer_id"] for row in read(folder / "out.csv")] == [i for i in sorted(ids) for _ in "12"]
        table = duckdb.sql(f"SELECT customer_id, item_id FROM '{folder / 'out.parquet'}'").fetchall()
        assert table == [(i, f"{i}|{rank}") for i in sorted(ids) for rank in (1, 2)]


def test_a_batch_is_sorted_and_has_the_main_reason(tmp_path: Path) -> None:
    write_recommendations(Shop(["b", "a"]), tmp_path / "out.csv", query=ListQuery("all", 2))  # type: ignore[arg-type]
    rows = read(tmp_path / "out.csv")
    assert list(rows[0]) == list(RECOMMENDATION_COLUMNS)
    assert [(r["customer_id"], r["method"], r["rank"]) for r in rows] == [
        (c, m, rank) for c in "ab" for m in sorted(METHODS) for rank in "12"
    ]
    assert {r["reason"] for r in rows} == {"strong"}
    assert {r["known"] for r in rows} == {"true"}


def test_customers_are_queried_in_chunks(tmp_path: Path) -> None:
    shop = Shop([f"{i:05d}" for i in range(2500)])
    assert write_recommendations(shop, tmp_path / "out.csv", query=ListQuery(n=1)) == 2500  # type: ignore[arg-type]
    assert shop.chunk_sizes == [1000, 1000, 500]


@pytest.mark.parametrize(("query", "customers"), [(("hybrid", 100), 100), (("hybrid", 1000), 10), (("all", 1000), 2)])
def test_long_lists_are_queried_for_fewer_customers_at_once(
    tmp_path: Path, query: tuple[str, int], customers: int
) -> None:
    shop = Shop(["a", "b"] if query[0] == "all" else [f"{i:03d}" for i in range(101)])
    write_recommendations(shop, tmp_path / "out.csv", query=ListQuery(*query))  # type: ignore[arg-type]
    assert shop.chunk_sizes[0] == customers


class LazyShop(Shop):
    """Counts at each query what the export still holds of the chunks before, and looks at its file."""

    class Counted(RecommendationList, frozen=True, weakref=True):
        pass

    def __init__(self, ids: Sequence[str], folder: Path) -> None:
        super().__init__(ids)
        self.folder = folder
        self.held: list[int] = []
        """Lists of earlier chunks that still exist, at each query."""
        self.file_bytes: list[int] = []
        """Size of the unfinished file, at each query."""
        self._lists: list[weakref.ref[Any]] = []

    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        self._lists = [reference for reference in self._lists if reference() is not None]
        self.held.append(len(self._lists))
        self.file_bytes.append(sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()))
        lists = [self.Counted(*astuple(result)) for result in super().query_customers(customer_ids, query)]
        self._lists += map(weakref.ref, lists)
        return lists

    def _list(self, customer: str, method: str, n: int) -> RecommendationList:
        result = super()._list(customer, method, n)
        # The digests cannot be compressed below half of their 64 characters.
        items = tuple(replace(i, item_id=hashlib.sha256(i.item_id.encode()).hexdigest()) for i in result.items)
        return replace(result, items=items)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_rows_of_a_batch_are_written_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the rows of a Parquet file are collected
    shop = LazyShop([f"{i:05d}" for i in range(4000)], tmp_path)
    monkeypatch.setattr(batch_export, "CHUNK_CUSTOMERS", 100)
    assert write_recommendations(shop, tmp_path / f"out{suffix}", query=ListQuery(n=10)) == 40_000  # type: ignore[arg-type]
    assert len(shop.held) == 40
    assert max(shop.held) <= 100
    unwritten = [1000 * i - size // 32 for i, size in enumerate(shop.file_bytes)]
    assert max(unwritten) < 12_000


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_failed_batch_keeps_the_earlier_file(tmp_path: Path, suffix: str) -> None:
    class Broken(Shop):
        def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
            if self.chunk_sizes:
                raise UsageError("no")
            return super().query_customers(customer_ids, query)

    path = tmp_path / f"out{suffix}"
    path.write_text("before")
    with pytest.raises(UsageError, match=r"^no$"):
        write_recommendations(Broken([f"{i:05d}" for i in range(1500)]), path)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "before"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_cancelled_batch_writes_nothing(tmp_path: Path, suffix: str) -> None:
    class Cancel(Silent):
        done = 0.0

        def update(self, done: float) -> None:
            self.done = done

        def check(self) -> None:
            if self.done > 0:
                raise CancelledError("Cancelled.")

    progress = Cancel()
    with pytest.raises(CancelledError):
        write_recommendations(Shop([f"{i:05d}" for i in range(2500)]), tmp_path / f"out{suffix}", progress=progress)  # type: ignore[arg-type]
    assert progress.done == 0.4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_killed_batch_keeps_the_earlier_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("before")
    code = f"""
import os, signal
from tests.core.test_exports import Shop, write_recommendations

class Killed(Shop):
    def query_customers(self, customer_ids, query):
        if self.chunk_sizes:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().query_customers(customer_ids, query)

write_recommendations(Killed([f"{{i:05d}}" for i in range(1500)]), {str(path)!r})
"""
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "before"


def test_a_parquet_file_has_the_rows_of_the_csv_file_with_types(tmp_path: Path) -> None:
    shop = Shop(NASTY)
    for name in ("out.csv", "out.parquet"):
        write_recommendations(shop, tmp_path / name, customers=(*NASTY, "new"), query=ListQuery("all", 3))  # type: ignore[arg-type]
    table = duckdb.sql(f"FROM '{tmp_path / 'out.parquet'}'")
    assert dict(zip(table.columns, map(str, table.types), strict=True)) == RECOMMENDATION_COLUMNS
    cells = [[str(v).lower() if isinstance(v, bool) else str(v) for v in row] for row in table.fetchall()]
    assert cells == [list(row.values()) for row in read(tmp_path / "out.csv")]


def test_all_customers_need_a_local_engine(tmp_path: Path) -> None:
    with pytest.raises(NeedsLocalEngineError):
        write_recommendations(RemoteEngine("http://127.0.0.1:9"), tmp_path / "out.csv")  # type: ignore[arg-type]


def test_no_text_in_a_spreadsheet_table_is_a_formula(tmp_path: Path) -> None:
    rows = [{"text": text, "number": -1.5} for text in NASTY if "\x00" not in text]
    columns = {"text": "Text", "number": "Number"}
    assert write_table(tmp_path / "t.csv", rows, columns, {"Model": "=v1"}) == len(rows)
    dangerous = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert not [r["Text"] for r in table if r["Text"].startswith(dangerous)]
    assert [r["Text"].removeprefix("'") for r in table] == [r["text"] for r in rows]
    assert {r["Number"] for r in table} == {"-1.5"}
    assert {r["Model"] for r in table} == {"'=v1"}


def test_a_spreadsheet_contains_text_as_text_and_numbers_as_numbers(tmp_path: Path) -> None:
    rows = [{"id": text, "n": 2, "x": 0.5} for text in ("=1+1", "-2", "00012", "1e5")]
    write_table(tmp_path / "t.xlsx", rows, {"id": "Id", "n": "N", "x": "X"}, {"Model": "v1"})
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert [[c.value for c in row] for row in book["Table"].iter_rows()][1:] == [[r["id"], 2, 0.5] for r in rows]
    assert {c.data_type for c in book["Table"]["A"][1:]} == {"s"}
    assert [c.quotePrefix for c in book["Table"]["A"][1:]] == [True, True, False, False]
    assert [[c.value for c in row] for row in book["About"].iter_rows()] == [["Model", "v1"]]


def test_no_heading_of_a_table_is_a_formula(tmp_path: Path) -> None:
    columns = {"text": '=HYPERLINK("http://x")'}
    write_table(tmp_path / "t.csv", [{"text": "a"}], columns, {})
    assert (tmp_path / "t.csv").read_text(encoding="utf-8-sig").startswith("\"'=HYPERLINK")
    write_table(tmp_path / "t.xlsx", [{"text": "a"}], columns, {})
    cell = openpyxl.load_workbook(tmp_path / "t.xlsx")["Table"]["A1"]
    assert (cell.value, cell.data_type) == (columns["text"], "s")


def test_data_files_escape_names_and_keep_ids() -> None:
    header = ("customer_id", "item_id", "item_name", "rank")
    assert escape_row(header, ("-1", "=2", "=2", -3)) == ("-1", "=2", "'=2", -3)


@pytest.mark.parametrize("value", [-1, 2.5, None, "plain", "a=b", ""])
def test_harmless_values_are_unchanged(value: object) -> None:
    assert escape_formula(value) == value
