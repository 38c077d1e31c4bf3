"""The commands `fit`, `versions`, `verify`, `rollback`, `batch` and `migration` on a small fitted shop."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests import shop

from smart_retail.errors import DataError, SettingsError, UsageError
from smart_retail_cli.fit_commands import build_settings, parse_mapping
from smart_retail_cli.main import cli

pytestmark = pytest.mark.slow

CONFIG = "[clusters]\nepochs = 20\n[recommend]\nlist_length = 20\n"


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], env={"COLUMNS": "140"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with orders, settings and two fitted versions; the second is active, its fit was verbose."""
    folder = tmp_path_factory.mktemp("cli")
    shop.write(folder / "orders.csv")
    (folder / "settings.toml").write_text(CONFIG)
    for k, options in ((4, ()), (3, ("--verbose",))):
        result = fit(folder, "--clusters", k, *options)
        assert result.exit_code == 0, result.stderr
        (folder / f"fit-{k}.log").write_text(result.stderr, encoding="utf-8")
    return folder


def fit(folder: Path, *options: object) -> Result:
    words = ("fit", folder / "orders.csv", "--config", folder / "settings.toml", "--merge", "blend", *options)
    return call("--artifacts", folder / "artifacts", *words)


def test_verbose_prints_the_figures_of_model_selection(folder: Path) -> None:
    plain, verbose = ((folder / f"fit-{k}.log").read_text(encoding="utf-8") for k in (4, 3))
    assert "NDCG@10" not in plain
    assert "NDCG@10" in verbose


@pytest.mark.slow
def test_a_dry_run_reports_accepted_and_rejected_rows(folder: Path) -> None:
    report = fit(folder, "--dry-run")
    assert report.exit_code == 0
    accepted = next(line for line in report.stdout.splitlines() if "accepted" in line)
    with (folder / "orders.csv").open(encoding="utf-8", newline="") as file:
        rows = sum(1 for _ in csv.reader(file)) - 1
    assert f"{rows:,}" in accepted or "rejected" in report.stdout
    assert f"{len(shop.customers()):,} customers" in report.stdout
    assert not report.stdout.count("Segments")


@pytest.mark.slow
def test_the_manifest_contains_settings_of_file_and_command_line(folder: Path) -> None:
    manifest = json.loads(call("inspect", "--artifacts", folder / "artifacts").stdout)
    assert manifest["settings"]["clusters"] | {"k": 3, "epochs": 20} == manifest["settings"]["clusters"]
    assert manifest["settings"]["recommend"]["merge"] == "blend"


@pytest.mark.slow
def test_rollback_activates_the_previous_and_a_named_version(folder: Path) -> None:
    place = ("--artifacts", folder / "artifacts")
    found = json.loads(call("versions", *place, "--format", "json").stdout)
    assert [(v["active"], v["previous"]) for v in found] == [(True, False), (False, True)]
    assert call("verify", *place).exit_code == 0
    assert found[1]["version"] in call("rollback", *place).stdout
    assert len(json.loads(call("clusters", *place, "--format", "json").stdout)) == 4
    assert call("rollback", *place).exit_code == 5
    assert found[0]["version"] in call("rollback", found[0]["version"], *place).stdout
    assert len(json.loads(call("clusters", *place, "--format", "json").stdout)) == 3
    assert call("doctor", *place).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
def test_a_batch_without_a_file_contains_every_customer(folder: Path, tmp_path: Path, name: str) -> None:
    import duckdb

    result = call("batch", "--artifacts", folder / "artifacts", "-n", 3, "-o", tmp_path / name)
    assert result.exit_code == 0, result.stderr
    read = "read_csv(?, all_varchar=true)" if name.endswith(".csv") else "read_parquet(?)"
    ids = duckdb.execute(f"SELECT customer_id FROM {read}", [str(tmp_path / name)]).fetchall()
    assert [i for (i,) in ids] == [c for c in sorted(shop.customers()) for _ in range(3)]


@pytest.mark.slow
def test_verify_detects_a_damaged_file(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder / "artifacts", tmp_path / "artifacts")
    table = next((tmp_path / "artifacts").glob("versions/*/tables/**/*.npy"))
    table.write_bytes(table.read_bytes()[:-1] + b"\x7f")
    for version in (tmp_path / "artifacts" / "versions").iterdir():
        if version in table.parents:
            result = call("verify", "--artifacts", tmp_path / "artifacts", "--version", version.name)
            assert result.exit_code == 5


@pytest.mark.slow
def test_the_program_returns_the_lists_of_the_python_engine(folder: Path) -> None:
    from smart_retail import Engine

    engine = Engine.load(folder / "artifacts")
    for customer in shop.ODD_CUSTOMERS:
        result = call("recommend", "--artifacts", folder / "artifacts", "--format", "json", "-n", 5, "--", customer)
        assert json.loads(result.stdout) == engine.recommend(customer, n=5).as_dict()


@pytest.mark.slow
def test_no_customer_changes_segment_between_two_fits_of_the_same_orders(folder: Path) -> None:
    result = call("migration", "--artifacts", folder / "artifacts", "--format", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert all(move["before"] == move["after"] for move in found["moves"])
    assert found["dropped"] == []
    assert "Champions" in call("migration", "--artifacts", folder / "artifacts").stdout


def test_a_dry_run_reads_the_catalogue(tmp_path: Path) -> None:
    orders, items = tmp_path / "orders.csv", tmp_path / "items.csv"
    orders.write_text("customer_id,item_id,timestamp,amount\nc,a,2024-01-01,2\n")
    items.write_text("item_id,name,price\na,Tea,2\nb,Cup,3\nc,Pot,cheap\n")
    result = call("fit", orders, "--catalogue", items, "--dry-run")
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "Catalogue items.csv: 2 of 3 rows are items (1 in the orders, 1 new)" in text
    assert "bad price 1 (cheap)" in text
    items.write_text("name,price\nTea,2\n")
    result = call("fit", orders, "--catalogue", items, "--dry-run")
    assert result.exit_code == 3
    assert "No column of the catalogue items.csv was recognised as the item id" in result.stderr
    missing = call("fit", orders, "--catalogue", tmp_path / "none.csv", "--dry-run")
    assert "'--catalogue'" in missing.stderr


def test_an_unrecognised_column_error_suggests_map(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("Wer,Nr,Was,Wann,Stk,Summe\na,1,x,2024-01-01,1,2\n")
    result = call("fit", tmp_path / "odd.csv", "--dry-run")
    assert result.exit_code == 3
    assert "--map customer_id=" in result.stderr
    mapping = ("customer_id=Wer", "order_id=Nr", "item_id=Was", "timestamp=Wann", "quantity=Stk", "amount=Summe")
    result = call("fit", tmp_path / "odd.csv", "--dry-run", *(w for m in mapping for w in ("--map", m)))
    assert result.exit_code == 0, result.stderr
    assert "1 customer " in result.stdout


@pytest.mark.parametrize("pair", ["customer_id", "=Client", "customer_id="])
def test_a_mapping_needs_field_and_column(pair: str) -> None:
    with pytest.raises(UsageError):
        parse_mapping((pair,))
    assert parse_mapping(("customer_id=a=b",)) == {"customer_id": "a=b"}


def test_options_override_the_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('seed = 4\n[data]\nreturns_policy = "keep"\n[clusters]\nk = 5\n')
    chosen = build_settings(
        str(config), 2, returns_policy=None, clusters=7, merge="ranker", recency="intervals", memory="4GB", seed=None
    )
    assert (chosen.data.returns_policy, chosen.clusters.k, chosen.recommend.merge) == ("keep", 7, "ranker")
    assert (chosen.seed, chosen.threads, chosen.rfm.recency, chosen.memory) == (4, 2, "intervals", "4GB")
    with pytest.raises(SettingsError, match="more memory"):
        build_settings(None, 0, memory="1GB")
    with pytest.raises(SettingsError):
        build_settings(None, 0, clusters=1)


@pytest.mark.parametrize("words", [("fit",), ("fit", "nowhere.csv"), ("fit", "--clusters", "many", "x.csv")])
def test_an_invalid_call_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


def test_invalid_settings_are_rejected_before_any_work(tmp_path: Path) -> None:
    shop.write(tmp_path / "orders.csv")
    assert call("fit", tmp_path / "orders.csv", "--clusters", 1).exit_code == 2
    (tmp_path / "settings.toml").write_text("[clusters]\nkk = 3\n")
    result = call("fit", tmp_path / "orders.csv", "--config", tmp_path / "settings.toml")
    assert result.exit_code == 2
    assert "clusters.kk" in result.stderr


@pytest.mark.parametrize("place", ["s3a://shop/orders.parquet", "hdfs://name/orders.csv", "warehouse.orders"])
def test_only_spark_accepts_urls_and_table_names(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def inspect_source(sources: tuple[str, ...], **options: Any) -> None:
        calls.append((sources, options["settings"].backend))
        raise DataError("stop here", "")

    monkeypatch.setattr("smart_retail.data.dry_run.inspect_source", inspect_source)
    rejected = call("fit", place, "--dry-run")
    assert rejected.exit_code == 2
    assert ("--backend spark" if "://" in place else "does not exist") in rejected.stderr
    assert not calls
    assert call("fit", place, "--dry-run", "--backend", "spark").exit_code == 3
    assert calls == [((place,), "spark")]


@pytest.mark.parametrize("text", ["31.12.2026", "2026-31-12", "tomorrow"])
def test_an_invalid_analysis_date_is_rejected_before_any_work(tmp_path: Path, text: str) -> None:
    shop.write(tmp_path / "orders.csv")
    result = call("fit", tmp_path / "orders.csv", "--analysis-date", text)
    assert result.exit_code == 2
    assert f"'{text}' is not a valid date (expected YYYY-MM-DD)." in result.stderr
    assert "reading" not in result.stderr
