"""The commands campaign, campaign lift, report, migration and forecast."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.serving.engine import Engine
from smart_retail_cli.context import CliContext


@pytest.fixture
def local(engine: Engine) -> CliContext:
    return CliContext(open=lambda _: engine)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_campaign_has_the_chosen_segments_and_the_contact_columns(
    run: Any, local: CliContext, tmp_path: Path, engine: Engine
) -> None:
    member = next(c for c in shop.customers() if (rfm := engine.customer(c).rfm) and rfm.segment == "Champions")
    (tmp_path / "mail.csv").write_text(f"customer_id,mail\n{member},=one@shop.example\n", encoding="utf-8")
    words = ("campaign", "-o", "out.csv", "--segment", "Champions", "--segment", "Lost", "-n", 2)
    result = run(*words, "--contacts", "mail.csv", context=local)
    assert result.exit_code == 0, result.stderr
    table = rows(tmp_path / "out.csv")
    assert {row["Segment"] for row in table} == {"Champions", "Lost"}
    assert {row["mail"] for row in table if row["Customer id"] == member} == {"'=one@shop.example"}
    assert "Product 2" in table[0]
    assert "Product 3" not in table[0]
    assert {row["Model version"] for row in table} == {engine.version}


@pytest.mark.parametrize(
    "text",
    [
        "customer_id;mail\nc0001;one@shop.example\n",
        "mail\tClient No.\none@shop.example\tc0001\n",
        "Customer ID,mail\r\nc0001,one@shop.example\r\n",
    ],
    ids=["semicolon", "alias", "windows"],
)
def test_contact_files_may_have_other_separators_and_column_names(
    run: Any, local: CliContext, tmp_path: Path, text: str
) -> None:
    (tmp_path / "contacts.csv").write_text(text, encoding="utf-8", newline="")
    result = run("campaign", "-o", "out.csv", "-n", 1, "--contacts", "contacts.csv", context=local)
    assert result.exit_code == 0, result.stderr
    assert {row["Customer id"]: row["mail"] for row in rows(tmp_path / "out.csv")}["c0001"] == "one@shop.example"


def test_a_contact_file_without_customer_ids_names_its_columns(run: Any, local: CliContext, tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_text("name,phone\nA,1\n", encoding="utf-8")
    result = run("campaign", "-o", "out.csv", "--contacts", "contacts.csv", context=local)
    assert result.exit_code == 3
    assert "columns: name, phone" in result.stderr


def test_a_campaign_can_be_a_workbook(run: Any, local: CliContext, tmp_path: Path) -> None:
    assert run("campaign", "-o", "out.xlsx", context=local).exit_code == 0
    assert (tmp_path / "out.xlsx").read_bytes().startswith(b"PK")


@pytest.mark.slow
def test_a_report_is_one_page_without_external_requests(run: Any, tmp_path: Path, engine: Engine) -> None:
    result = run("report", "-o", "report.html")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert engine.version in page
    assert re.findall(r"(?:src|href)=[\"'](https?:)?//", page) == []


@pytest.mark.parametrize("words", [("--segment", "Unknown"), ("--holdout", "1"), ("-n", "21")])
def test_an_invalid_campaign_writes_no_file(run: Any, local: CliContext, tmp_path: Path, words: Any) -> None:
    assert run("campaign", "-o", "out.csv", *words, context=local).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sent", ["sent.csv", "sent.xlsx"])
def test_lift_compares_contacted_with_held_out_customers(
    run: Any, local: CliContext, tmp_path: Path, sent: str
) -> None:
    for name in ("sent.csv", sent):
        assert run("campaign", "-o", name, "--holdout", "0.5", context=local).exit_code == 0
    groups = {row["Customer id"]: row["Group"] for row in rows(tmp_path / "sent.csv")}
    assert set(groups.values()) == {"treated", "holdout"}
    with (tmp_path / "later.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["customer_id", "order_id", "item_id", "timestamp", "quantity", "amount"])
        for number, (customer, group) in enumerate(groups.items()):
            amount = 12 if group == "treated" else 10
            out.writerow([customer.removeprefix("'"), number, "x", "2025-03-01", 1, amount])
            out.writerow([customer.removeprefix("'"), f"before {number}", "x", "2025-01-01", 1, 500])
    result = run("campaign", "lift", sent, "later.csv", "--since", "2025-02-01", "--format", "json")
    assert result.exit_code == 0, result.stderr
    revenue, buyers = json.loads(result.stdout)
    assert revenue["uplift"] == pytest.approx(0.2)
    assert (buyers["treated"], buyers["holdout"], buyers["uplift"]) == (1, 1, 0)


@pytest.mark.parametrize("words", [("campaign",), ("campaign", "lift", "sent.csv"), ("migration",)])
def test_missing_options_are_a_usage_error(run: Any, local: CliContext, words: tuple[str, ...]) -> None:
    assert run(*words, context=local).exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("migration", "--to-date", "2024-01-01"), ("migration", "--from-date", "2024-01-01", "--before", "x"),
        ("migration", "--plot", "m.pdf"), ("forecast", "--planned", "0.2"), ("forecast", "--plot", "f.pdf"),
        ("forecast", "--regressor", "weather"),
    ],
)  # fmt: skip
def test_conflicting_options_are_a_usage_error(
    run: Any, fitted: tuple[Path, Any], tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = run("--artifacts", fitted[0], *words, context=CliContext())
    assert result.exit_code == 2, result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_migration_between_two_dates_is_printed_and_drawn(run: Any, fitted: tuple[Path, Any], tmp_path: Path) -> None:
    words = ("migration", "--from-date", "2024-10-01", "--plot", "moved.html")
    result = run("--artifacts", fitted[0], *words, "--format", "json", context=CliContext())
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["before"] == "2024-10-01"
    assert sum(move["customers"] for move in found["moves"]) > 100
    assert all(f["last_item"] for f in found["dropped"])
    page = (tmp_path / "moved.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "Customers who dropped" in page
    assert run("--artifacts", fitted[0], "migration", "--from-date", "2024-10-01", context=CliContext()).exit_code == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_forecast_is_printed_written_and_drawn(run: Any, fitted: tuple[Path, Any], tmp_path: Path) -> None:
    pytest.importorskip("prophet")
    words = ("forecast", "--days", 7, "--overall", "-o", "ahead.csv", "--plot", "ahead.svg", "--format", "json")
    result = run("--artifacts", fitted[0], *words, context=CliContext())
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)
    assert [e["model"] for e in found["errors"]] == ["seasonal naive", "prophet"]
    assert len(rows(tmp_path / "ahead.csv")) == 7
    assert (tmp_path / "ahead.svg").read_text(encoding="utf-8").startswith("<svg")
