"""The report is one file with all sections, loads nothing from the network, and escapes all names."""

from __future__ import annotations

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import structs
from tests.fitted_shop import MakeEngine

from smart_retail.errors import CancelledError, UsageError
from smart_retail.progress import Silent
from smart_retail.reporting import html
from smart_retail.reporting.html_report import report_html, write_report
from smart_retail.results import Cluster, ClusterPoint, GridCell, ModelInfo, RecommendationList, Segment
from smart_retail.serving.engine import Engine

SECTIONS = [
    "Summary", "Data", "Sales", "Categories", "Discounts", "Shipping", "Returns", "Customers", "Segments", "Value",
    "Clusters", "Products", "Methods", "Numbers", "Settings",
]  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, addresses, ids and headings, and checks that tags are closed."""

    VOID = ("meta", "br", "link", "img", "input", "path", "use", "image", "rect", "stop")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [v or "" for n, v in attrs if n in ("src", "href", "xlink:href", "action", "srcset")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)


def check(text: str) -> Reader:
    """Check that the document is complete, loads nothing and runs no script."""
    reader = Reader(text)
    assert reader.headings == SECTIONS
    named = [i for i in reader.ids if i.startswith("figure-") or i.title() in SECTIONS]
    assert len(set(named)) == len(named) >= len(SECTIONS)
    assert all(address.startswith(("#", "data:")) for address in reader.addresses)
    assert not {"script", "link", "iframe", "object", "form"} & set(reader.tags)
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!#)", text), "styles load nothing"
    assert {a[1:] for a in reader.addresses if a.startswith("#") and a[1:].islower()} <= set(reader.ids)
    return reader


@pytest.mark.slow
def test_the_report_of_a_fitted_shop_is_complete(engine: Engine, tmp_path: Path) -> None:
    path = write_report(engine, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    reader = check(text)
    assert reader.tags.count("svg") >= 8, "charts are inside the page"
    assert engine.version in text
    assert list(tmp_path.iterdir()) == [path]
    assert report_html(engine) == text, "the same bundle gives the same report"


@pytest.mark.slow
def test_names_cannot_break_the_page(engine: Engine) -> None:
    check(report_html(engine))
    assert "<script>" not in html.table([{"name": "<script>", "share": 0.5}])
    assert "&lt;script&gt;" in html.table([{"name": "<script>", "share": 0.5}])


class EmptyShop(Engine):
    """A shop where everything was returned."""

    def segments(self) -> list[Segment]:
        return []

    def clusters(self) -> list[Cluster]:
        return []

    def rfm_grid(self) -> list[GridCell]:
        return []

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        return []

    def popular(self, n: int = 10, **_: object) -> RecommendationList:  # type: ignore[override]
        return RecommendationList(None, False, False, "popular", self.version, "", ())

    def model(self) -> ModelInfo:
        return structs.replace(super().model(), weekly_sales=(), cluster_choice=(), scorecard={}, statistics={})


def test_a_section_without_data_shows_the_reason(make_engine: MakeEngine, engine: Engine) -> None:
    text = report_html(make_engine(EmptyShop))
    check(text)
    assert "No chart of sales by week: no order is left after returns." in text
    assert "No chart of the methods: the history is too short to hold purchases back." in text
    assert text.count("No chart of discounts: this model has no sales statistics") == 1
    assert f"99.9 % of {engine.model().cleaning.rows_in:,} rows accepted" in text


def test_the_rows_of_a_chart_can_be_downloaded() -> None:
    rows = [{"part": "=1+1", "rows": 3, "share": 0.25}, {"part": "é, ü", "rows": -4, "share": 0.75}]
    link = html.csv_link("quality", rows)
    data = base64.b64decode(link.split("base64,")[1].split('"')[0]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(data))) == [
        ["part", "rows", "share"], ["'=1+1", "3", "0.25"], ["é, ü", "-4", "0.75"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("share", 0.1234, "12.3 %"), ("revenue", 1234567.891, "1,234,567.89"), ("customers", 12345, "12,345"),
        ("silhouette", 0.41234, "0.412"), ("skewness", None, "–"), ("chosen", True, "yes"), ("cut 1", 20.0, "20"),
    ],
)  # fmt: skip
def test_values_are_formatted_by_column(name: str, value: object, text: str) -> None:
    assert html.cell(name, value) == text


def test_long_tables_are_cut() -> None:
    text = html.table([{"n": i} for i in range(1000)])
    assert text.count("<tr>") == html.MAX_ROWS + 1
    assert "The first 200 of 1,000 rows." in text


def test_a_failed_or_cancelled_report_writes_nothing(tmp_path: Path, engine: Engine) -> None:
    class Stop(Silent):
        def check(self) -> None:
            raise CancelledError("Cancelled.")

    with pytest.raises(UsageError, match="does not exist"):
        write_report(engine, tmp_path / "nowhere" / "report.html")
    with pytest.raises(CancelledError):
        write_report(engine, tmp_path / "report.html", Stop())
    assert not list(tmp_path.iterdir())
