"""`value`, `replenishment` and `cohorts`: words of a shop in tables, field names in JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from tests.interfaces.cli.conftest import Run

from smart_retail.presentation.formatting import format_percent, value_facts

CUSTOMER = "c0001"


def test_one_customer_has_the_labels_of_the_screens(run: Run, engine: Any) -> None:
    value = engine.customer_value(CUSTOMER, 60)
    result = run("value", CUSTOMER, "--horizon", "60")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for label, text in value_facts(value, engine.model().currency).items():
        assert any(line.strip().startswith(label) and line.rstrip().endswith(text) for line in lines), label
    assert any(line.split() == ["Orders", "so", "far", str(value.orders)] for line in lines)
    assert "_" not in result.stdout


@pytest.mark.parametrize("words", [("value",), ("replenishment", "--days", "30"), ("cohorts",)])
def test_headings_are_words(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 0
    assert "_" not in result.stdout.replace(CUSTOMER, "")


def test_the_summary_names_segments_and_formats_shares(run: Run, engine: Any) -> None:
    summary = engine.value_summary(90)
    text = run("value").stdout
    for heading in ("Segment", "Customers", "Expected orders", "Expected spend", "Likely to order", "Lifetime value"):
        assert heading in text
    first = summary.segments[0]
    assert any(first.name in line and format_percent(first.return_probability) in line for line in text.splitlines())


def test_json_and_csv_keep_the_field_names(run: Run, engine: Any) -> None:
    value = engine.customer_value(CUSTOMER)
    assert json.loads(run("value", CUSTOMER, "--format", "json").stdout) == value.as_dict()
    (row,) = csv.DictReader(io.StringIO(run("value", CUSTOMER, "--format", "csv").stdout))
    assert row["return_probability"] == str(value.return_probability)
    assert row["next_order_date"] == value.next_order_date
