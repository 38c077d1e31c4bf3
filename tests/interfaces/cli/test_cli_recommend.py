"""The commands that return lists: output formats, filters, unchanged ids, batch files."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from tests import shop
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.protocol import ALL, METHODS
from smart_retail.results import RecommendationList
from smart_retail.serving.batch_export import RECOMMENDATION_COLUMNS
from smart_retail.serving.engine import Engine
from smart_retail_cli.context import CliContext
from smart_retail_cli.recommend_commands import print_list

ODD = tuple(c for c in shop.ODD_CUSTOMERS if not c.startswith("-"))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_json_equals_the_result_of_the_engine(run: Any, engine: Any, method: str) -> None:
    result = run("recommend", "c0003", "--method", method, "-n", 7, "--format", "json")
    assert json.loads(result.stdout) == engine.recommend("c0003", method, 7).as_dict()
    assert result.exit_code == 0


@pytest.mark.parametrize("customer", ODD)
def test_ids_are_printed_unchanged(run: Any, customer: str) -> None:
    result = run("recommend", customer, "--format", "json")
    assert json.loads(result.stdout)["customer_id"] == customer
    assert json.loads(result.stdout)["known"] is True
    table = rows(run("recommend", customer, "--format", "csv").stdout)
    assert {row["customer_id"] for row in table} == {customer}


def test_an_id_that_starts_with_a_dash_follows_two_dashes(run: Any) -> None:
    assert json.loads(run("recommend", "--format", "json", "--", "-dash").stdout)["known"] is True


def test_csv_has_the_columns_of_a_batch_file_sorted_by_rank(run: Any, engine: Engine) -> None:
    table = rows(run("recommend", "c0003", "-n", 4, "--format", "csv").stdout)
    assert list(table[0]) == list(RECOMMENDATION_COLUMNS)
    assert [row["rank"] for row in table] == ["1", "2", "3", "4"]
    assert {row["model_version"] for row in table} == {engine.version}


def test_an_unknown_customer_is_an_error_that_suggests_similar_ids(run: Any) -> None:
    result = run("recommend", "c000")
    assert result.exit_code == 3
    assert "No customer 'c000'" in result.stderr
    assert "Did you mean" in result.stderr


def test_a_new_customer_gets_a_list_marked_as_unknown(run: Any) -> None:
    result = run("recommend", "unknown-id", "--new-customer")
    assert result.exit_code == 0
    assert "unknown customer" in result.stdout
    assert json.loads(run("recommend", "unknown-id", "--new-customer", "--format", "json").stdout)["known"] is False


def test_the_table_shows_profile_products_and_reasons(run: Any, engine: Any) -> None:
    result = run("recommend", "c0003")
    profile, best = engine.customer("c0003"), engine.recommend("c0003").items[0]
    first = result.stdout.splitlines()[0]
    assert profile.customer_name in first
    assert profile.rfm.segment in first
    assert best.item_name in result.stdout
    assert all(word in result.stdout for word in best.reasons[0].text.split())  # a long text is wrapped
    assert result.stderr.splitlines()[-1].startswith("Next: ")


def test_all_prints_a_heading_per_method(run: Any) -> None:
    text = run("recommend", "c0003", "--method", "all", "-n", 2).stdout
    assert [line.split(":")[0] for line in text.splitlines() if ": " in line and line[0] not in "N "] == [
        "Hybrid", "Personalized", "RFM", "CF", "Popular",
    ]  # fmt: skip


def test_purchased_products_are_hidden_unless_allowed(run: Any, engine: Any) -> None:
    bought = {p.item_id for p in engine.customer("c0003").purchases}
    hidden = json.loads(run("recommend", "c0003", "-n", 100, "--format", "json").stdout)
    shown = json.loads(run("recommend", "c0003", "-n", 100, "--allow-purchased", "--format", "json").stdout)
    assert bought.isdisjoint(item["item_id"] for item in hidden["items"])
    assert not bought.isdisjoint(item["item_id"] for item in shown["items"])


def test_lists_are_made_for_a_date(run: Any, engine: Any, tmp_path: Path) -> None:
    last = date.fromisoformat(engine.model().last)
    on, past = (last + timedelta(days=20)).isoformat(), last.isoformat()
    found = json.loads(run("recommend", "c0003", "--allow-purchased", "--on", on, "--format", "json").stdout)
    assert found == json.loads(msgspec.json.encode(engine.recommend("c0003", exclude_purchased=False, on=on)))
    assert found != json.loads(run("recommend", "c0003", "--allow-purchased", "--format", "json").stdout)
    found = json.loads(run("basket", "G-001", "--customer", "c0003", "--on", on, "--format", "json").stdout)
    expected = engine.recommend_for_basket(["G-001"], customer_id="c0003", on=on)
    assert found == json.loads(msgspec.json.encode(expected))
    (tmp_path / "ids.csv").write_text("customer_id\nc0003\n")
    out = tmp_path / "lists.csv"
    run("batch", "--customers", tmp_path / "ids.csv", "--allow-purchased", "--on", on, "-o", out)
    with out.open(newline="") as file:
        ids = [row["item_id"] for row in csv.DictReader(file)]
    assert ids == [item.item_id for item in engine.recommend("c0003", exclude_purchased=False, on=on).items]
    result = run("recommend", "c0003", "--on", past)
    assert result.exit_code == 2
    assert f"the purchases end on {past}" in result.stderr


def test_the_category_option_is_repeatable(run: Any) -> None:
    result = run("recommend", "c0003", "-c", "Garden", "-c", "Kitchen", "-n", 50, "--format", "json")
    assert {item["category"] for item in json.loads(result.stdout)["items"]} == {"Garden", "Kitchen"}


def test_an_unknown_category_is_a_usage_error(run: Any) -> None:
    result = run("recommend", "c0003", "-c", "Garden gnomes")
    assert result.exit_code == 2
    assert "Garden gnomes" in result.stderr


def test_an_empty_list_prints_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    print_list("json", RecommendationList("c0003", True, False, "cf", "v1", "", ()))
    assert "no product passes the filters" in capsys.readouterr().err


@pytest.mark.parametrize("n", [0, -1, 1001, "ten"])
def test_a_length_out_of_range_is_a_usage_error(run: Any, n: object) -> None:
    assert run("recommend", "c0003", "-n", n).exit_code == 2


def test_similar_and_popular_support_every_format(run: Any, engine: Any) -> None:
    related = json.loads(run("similar", "G-001", "--format", "json").stdout)
    for relation in ("bought_together", "same_customers"):
        expected = engine.similar_items("G-001", relation=relation).as_dict()
        assert related[relation] == expected
        assert json.loads(run("similar", "G-001", "--relation", relation, "--format", "json").stdout) == expected
    output = run("similar", "G-001").stdout
    assert output.index("Bought together:") < output.index("Bought by the same customers:")
    basket = json.loads(run("basket", "G-001", "G-002", "--customer", "c0001", "--format", "json").stdout)
    assert basket == engine.recommend_for_basket(["G-001", "G-002"], customer_id="c0001").as_dict()
    popular = rows(run("popular", "-n", 3, "-c", "Garden", "--format", "csv").stdout)
    assert [row["item_id"] for row in popular] == [i.item_id for i in engine.popular(3, category="Garden").items]
    assert engine.popular(1).items[0].item_name in run("popular").stdout


def test_an_unknown_item_error_suggests_similar_ids(run: Any) -> None:
    result = run("similar", "G-01")
    assert result.exit_code == 3
    assert "Did you mean" in result.stderr
    assert result.stdout == ""


def test_the_share_is_shown_only_where_it_differs(run: Any) -> None:
    assert "Share" in run("recommend", "c0003").stdout
    assert "Share" not in run("popular").stdout


# Batch -----------------------------------------------------------------------------------------


def customers_file(folder: Path, ids: tuple[str, ...]) -> Path:
    path = folder / "customers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["name", "customer_id"])
        out.writerows(["name", i] for i in ids)
    return path


@pytest.mark.parametrize("method", ["hybrid", ALL])
def test_a_batch_contains_the_lists_of_single_requests(run: Any, engine: Any, tmp_path: Path, method: str) -> None:
    ids = (*ODD, "c0001", "unknown-id", "c0001")
    result = run("batch", "--customers", customers_file(tmp_path, ids), "-m", method, "-n", 3, "-o", "out.csv")
    assert result.exit_code == 0, result.stderr
    table = rows((tmp_path / "out.csv").read_text(encoding="utf-8"))
    assert [(r["customer_id"], r["method"], int(r["rank"])) for r in table] == sorted(
        (i, m, rank) for i in set(ids) for m in (METHODS if method == ALL else [method]) for rank in (1, 2, 3)
    )
    alone = [item.item_id for item in engine.recommend("A/B", "hybrid", 3).items]
    assert [r["item_id"] for r in table if r["customer_id"] == "A/B" and r["method"] == "hybrid"] == alone
    assert {r["known"] for r in table if r["customer_id"] == "unknown-id"} == {"false"}


def test_csv_and_parquet_have_equal_contents(run: Any, tmp_path: Path) -> None:
    file = customers_file(tmp_path, ODD)
    for name in ("out.csv", "out.parquet"):
        assert run("batch", "--customers", file, "-o", name).exit_code == 0
    parquet = duckdb.sql(f"SELECT * FROM '{tmp_path / 'out.parquet'}'")
    assert parquet.columns == list(RECOMMENDATION_COLUMNS)
    table = rows((tmp_path / "out.csv").read_text(encoding="utf-8"))
    assert [[str(v).lower() if isinstance(v, bool) else str(v) for v in row] for row in parquet.fetchall()] == [
        list(row.values()) for row in table
    ]


def test_a_customer_file_without_the_id_column_is_rejected(run: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("id\n1\n")
    result = run("batch", "--customers", "wrong.csv", "-o", "out.csv")
    assert result.exit_code == 3
    assert "customer_id" in result.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_batch_of_all_customers_needs_a_local_bundle(run: Any, make_engine: MakeEngine) -> None:
    remote = CliContext(open=lambda _: make_engine(RemoteLikeEngine))
    result = run("batch", "-o", "out.csv", context=remote)
    assert result.exit_code == 2
    assert "--customers" in result.stderr or "customer_id" in result.stderr


@pytest.mark.parametrize("name", ["out.xls", "out", "nowhere/out.csv"])
def test_an_invalid_output_path_is_rejected_before_any_work(run: Any, tmp_path: Path, name: str) -> None:
    result = run("batch", "--customers", customers_file(tmp_path, ("c0001",)), "-o", name)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "customers.csv"]
