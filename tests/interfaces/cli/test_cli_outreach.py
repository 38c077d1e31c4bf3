"""Files for people: a campaign, a forecast."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from tests.fake_engine import CUSTOMER_IDS, FakeEngine

from smart_retail_cli.session import Session


class Local(FakeEngine):
    def customer_ids(self) -> tuple[str, ...]:
        return CUSTOMER_IDS


@pytest.fixture
def local() -> Session:
    return Session(open=lambda _: Local())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_campaign_has_the_segments_asked_for_and_passes_contacts_through(
    run: Any, local: Session, tmp_path: Path
) -> None:
    (tmp_path / "mail.csv").write_text("customer_id,mail\nC-001,=one@shop.example\n", encoding="utf-8")
    words = ("campaign", "-o", "out.csv", "--segment", "Champions", "--segment", "New", "-n", 2)
    result = run(*words, "--contacts", "mail.csv", session=local)
    assert result.exit_code == 0, result.stderr
    table = rows(tmp_path / "out.csv")
    assert {row["Segment"] for row in table} == {"Champions", "New"}
    assert {row["mail"] for row in table if row["Customer id"] == "C-001"} == {"'=one@shop.example"}
    assert "Product 2" in table[0]
    assert "Product 3" not in table[0]
    assert {row["Model version"] for row in table} == {"fake-1"}


def test_a_campaign_can_be_a_workbook(run: Any, local: Session, tmp_path: Path) -> None:
    assert run("campaign", "-o", "out.xlsx", session=local).exit_code == 0
    assert (tmp_path / "out.xlsx").read_bytes().startswith(b"PK")


def test_a_report_is_one_page_that_asks_nobody(run: Any, tmp_path: Path) -> None:
    result = run("report", "-o", "report.html")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "fake-1" in page
    assert re.findall(r"(?:src|href)=[\"'](https?:)?//", page) == []


@pytest.mark.parametrize("words", [("--segment", "Nobody"), ("--holdout", "1"), ("-n", "21")])
def test_a_campaign_that_cannot_be_leaves_no_file(run: Any, local: Session, tmp_path: Path, words: Any) -> None:
    assert run("campaign", "-o", "out.csv", *words, session=local).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("campaign", "-o", "out.csv"), ("forecast",)])
def test_an_engine_behind_the_api_says_that_it_cannot(run: Any, words: tuple[str, ...]) -> None:
    result = run(*words, "--api-url", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--api-url" in result.stderr
