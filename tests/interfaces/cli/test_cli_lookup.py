"""The look-up commands: customer, customers, items, segments, clusters."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.results import FitReport


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("customer", "c0003"), lambda e: e.customer("c0003").as_dict()),
        (("customer", "unknown-id", "--new-customer"), lambda e: e.customer("unknown-id").as_dict()),
        (("customers", "c000"), lambda e: [m.as_dict() for m in e.search_customers("c000")]),
        (("items", "thing 9", "-n", 2), lambda e: [i.as_dict() for i in e.search_items("thing 9", 2)]),
        (("item", "G-004"), lambda e: e.item("G-004").as_dict()),
        (("segments",), lambda e: [s.as_dict() for s in e.segments()]),
        (("clusters",), lambda e: [c.as_dict() for c in e.clusters()]),
        (("sales",), lambda e: e.sales().as_dict()),
        (
            ("sales", "--from", "2025-01-06", "--to", "2025-02-09", "-c", "garden"),
            lambda e: e.sales("2025-01-06", "2025-02-09", "garden").as_dict(),
        ),
    ],
)
def test_json_equals_the_result_of_the_engine(run: Any, engine: Any, words: tuple[object, ...], expected: Any) -> None:
    result = run(*words, "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == expected(engine)


@pytest.mark.parametrize(
    "words",
    [
        ("customer", "c0003"),
        ("customers", "c00"),
        ("items", "thing 9"),
        ("item", "G-004"),
        ("segments",),
        ("clusters",),
    ],
)
def test_csv_has_one_row_per_result(run: Any, words: tuple[str, ...]) -> None:
    plain = json.loads(run(*words, "--format", "json").stdout)
    table = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout)))
    assert len(table) == (len(plain) if isinstance(plain, list) else 1)
    assert None not in table[0].values()


def test_an_item_is_shown_by_field(run: Any) -> None:
    result = run("item", "G-004")
    assert result.exit_code == 0
    assert "Garden thing 4" in result.stdout
    unknown = run("item", "G-0004")
    assert unknown.exit_code != 0
    assert "No item has the id 'G-0004'" in unknown.stderr


def test_a_customer_who_returned_everything_is_known_without_rfm(run: Any) -> None:
    result = run("customer", shop.RETURNED_ALL)
    assert result.exit_code == 0
    assert "all orders returned" in result.stdout


def test_segments_show_size_revenue_and_share(run: Any, engine: Any) -> None:
    text = run("segments").stdout
    for segment in engine.segments():
        assert segment.name in text
        assert f"{segment.revenue:,.2f}" in text
        assert f"{100 * segment.share:.1f} %" in text


def test_a_search_without_a_match_prints_a_note(run: Any) -> None:
    result = run("items", "zebra")
    assert result.exit_code == 0
    assert "zebra" in result.stderr


def test_sales_show_each_figure_with_its_changes(run: Any, engine: Any) -> None:
    result = run("sales", "--from", "2025-01-06", "--to", "2025-02-09")
    assert result.exit_code == 0
    found = engine.sales("2025-01-06", "2025-02-09")
    assert f"{found.current.revenue:,.2f}" in result.stdout
    assert "Against the 35 days before" in result.stdout
    assert "Against a year ago" in result.stdout
    assert "Net revenue of 35 days" in result.stderr
    rows = list(csv.DictReader(io.StringIO(run("sales", "--format", "csv").stdout)))
    assert [row["figure"] for row in rows][:3] == ["revenue", "orders", "customers"]
    assert run("sales", "--from", "2031-01-01").exit_code == 2


def test_a_rules_file_is_checked_before_it_is_used(run: Any, engine: Any, tmp_path: Any) -> None:
    file = tmp_path / "new.toml"
    file.write_text(f'ban = ["{shop.item_ids()[0]}", "no such item"]', encoding="utf-8")
    result = run("rules", "check", file)
    assert result.exit_code == 0
    assert "excludes 1 item" in result.stdout
    assert "59 of 60 products can be recommended" in result.stderr
    assert "no such item" in result.stderr
    checked = json.loads(run("rules", "check", file, "--format", "json").stdout)
    assert checked["unknown_ids"] == ["no such item"]
    missing = run("rules", "show")
    assert missing.exit_code == 2
    assert "There is no rules file" in missing.stderr


def test_rules_are_saved_and_restored_even_if_those_in_force_are_broken(
    run: Any, fitted: tuple[Path, FitReport], tmp_path: Path
) -> None:
    artifacts = shutil.copytree(fitted[0], tmp_path / "artifacts")
    words = ("--artifacts", artifacts, "rules")
    file = tmp_path / "new.toml"
    file.write_text(f'ban = ["{shop.item_ids()[0]}"]  # recalled', encoding="utf-8")
    saved = run(*words, "save", file)
    assert saved.exit_code == 0, saved.stderr
    assert "59 of 60 products can be recommended" in saved.stderr
    (artifacts / "rules.toml").write_text("ban = [", encoding="utf-8")
    states = json.loads(run(*words, "history", "--format", "json").stdout)
    assert [(state["rules"], state["current"]) for state in states] == [(["ban"], False)]
    assert run(*words, "restore", states[0]["name"]).exit_code == 0
    assert (artifacts / "rules.toml").read_text(encoding="utf-8") == file.read_text(encoding="utf-8")
    file.write_text("stock = []", encoding="utf-8")
    rejected = run(*words, "save", file)
    assert (rejected.exit_code, "leave no item" in rejected.stderr) == (2, True)
    assert run(*words, "restore", "unknown").exit_code == 2
    assert run("--api-url", "http://127.0.0.1:9", *words, "save", file).exit_code == 2
