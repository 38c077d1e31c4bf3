"""The commands about relations of products: tables, files and JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from smart_retail.serving.engine import Engine

Run = Any


def test_bundles_as_table_json_and_csv(run: Run, engine: Engine) -> None:
    text = run("bundles", "--sort", "revenue", "-n", "3")
    assert text.exit_code == 0
    assert f"3 of {engine.bundles().total} bundles" in text.stdout
    assert "Confidence: share" in text.stderr
    found = json.loads(run("bundles", "G-004", "--size", "2", "--format", "json").stdout)
    assert found == engine.bundles("G-004", size=2).as_dict()
    rows = list(csv.DictReader(run("bundles", "--size", "2", "-n", "4", "--format", "csv").stdout.splitlines()))
    expected = engine.bundles(size=2, n=4).entries
    assert [(r["item_id_1"], r["item_id_2"], int(r["support"])) for r in rows] == [
        (b.items[0].item_id, b.items[1].item_id, b.support) for b in expected
    ]


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_all_bundles_are_written_to_a_file_with_the_model_version(
    run: Run, engine: Engine, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"bundles.{suffix}"
    done = run("bundles", "-o", str(path))
    assert done.exit_code == 0, done.output
    assert f"{engine.bundles().total} rows written" in done.stderr
    if suffix == "csv":
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
        assert len(rows) == engine.bundles().total
        assert {row["Model version"] for row in rows} == {engine.version}


def test_an_unsupported_file_type_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("bundles", "-o", str(tmp_path / "bundles.pdf")).exit_code == 2


def test_a_product_without_bundles_or_substitutes_is_a_sentence(run: Run) -> None:
    assert "No products are in so many orders" in run("bundles", "--min-orders", "100000").stderr
    assert "is a clear substitute" in run("substitutes", "G-001").stderr


def test_substitutes_state_what_was_counted(run: Run, engine: Engine) -> None:
    text = run("substitutes", "K-005")
    entry = engine.substitutes("K-005").entries[0]
    assert entry.item.item_id in text.stdout
    assert "Expected in one order" in text.stdout


def test_an_audience_of_any_length_is_printed_and_written(run: Run, engine: Engine, tmp_path: Path) -> None:
    found = engine.audience("K-005", 1000)
    text = run("audience", "K-005", "-n", "3")
    assert f"3 of {found.total} customers" in text.stdout
    assert found.entries[2].customer_id in text.stdout
    path = tmp_path / "audience.csv"
    done = run("audience", "K-005", "-n", "5000", "-o", str(path))
    assert f"{found.total} customers written" in done.stderr
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [row["Why"] for row in rows] == [member.text for member in found.entries]
    assert {row["Data period"] for row in rows} == {"2024-01-01 to 2025-02-23"}
    assert json.loads(run("audience", "K-005", "-n", "4", "--format", "json").stdout)["entries"] == [
        member.as_dict() for member in found.entries[:4]
    ]
