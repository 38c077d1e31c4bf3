"""The command `customers`: a search, and a table with filters that is printed or written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from smart_retail.protocol import CustomerQuery
from smart_retail.serving.engine import Engine

Run = Any


def test_without_an_option_a_text_is_searched(run: Run, engine: Engine) -> None:
    found = json.loads(run("customers", "c0001", "--format", "json").stdout)
    assert found == [match.as_dict() for match in engine.search_customers("c0001")]


def test_options_list_customers_with_key_figures(run: Run, engine: Engine) -> None:
    segment = engine.segments()[0].name
    text = run("customers", "--segment", segment, "--sort", "orders", "-n", "3")
    page = engine.customers(CustomerQuery(segment=segment, sort="orders", n=3))
    assert page.entries[0].customer_id in text.stdout
    assert f"3 of {page.total} customers; forecast of 90 days" in text.stdout
    found = json.loads(run("customers", "-n", "2", "--format", "json").stdout)
    assert found == engine.customers(CustomerQuery(n=2)).as_dict()
    assert run("customers", "--segment", "VIP").exception is not None
    assert "No customer passes the filters" in run("customers", "no such customer", "--sort", "orders").stderr


def test_all_customers_are_written_to_a_file_with_the_model_version(run: Run, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    done = run("customers", "--ascending", "-o", str(path))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    expected = engine.customers(CustomerQuery(ascending=True, n=1000)).entries
    assert [int(row["Orders"]) for row in rows] == [customer.orders for customer in expected]
    assert {row["Model version"] for row in rows} == {engine.version}
