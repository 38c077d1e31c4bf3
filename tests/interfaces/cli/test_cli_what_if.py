"""The command what-if, and commands over the API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.served_api import add_version, run_jobs_in_threads, served_api

from smart_retail.analysis.what_if import what_if
from smart_retail.analysis.what_if_engine import Scenario
from smart_retail.bundle.reader import read_pointer
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_cli.context import CliContext


@pytest.fixture
def artifacts(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted[0], tmp_path / "served" / "artifacts"))


@pytest.fixture
def url(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    run_jobs_in_threads(monkeypatch)
    with served_api(artifacts) as address:
        yield address


def test_rules_are_tried_and_not_saved(run: Any, engine: Engine, tmp_path: Path) -> None:
    banned = engine.popular(1).items[0].item_id
    (tmp_path / "new.toml").write_text(f'ban = ["{banned}"]\n', encoding="utf-8")
    result = run("what-if", "--with-rules", "new.toml", "--sample", 40, "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == what_if(engine, Scenario({"ban": [banned]}), sample=40).as_dict()
    text = run("what-if", "--with-rules", "new.toml", "--sample", 40)
    assert "of 40 customers" in text.stderr
    assert "Share of the catalogue that is in a list" in text.stdout


@pytest.mark.parametrize("words", [(), ("--weight", "popular"), ("--weight", "magic=1"), ("--as-of", "soon")])
def test_a_bad_change_is_a_usage_error(run: Any, words: tuple[str, ...]) -> None:
    assert run("what-if", *words).exit_code == 2


def test_versions_and_rules_of_an_api_are_listed_and_changed(run: Any, url: str, artifacts: Path) -> None:
    first = read_pointer(artifacts)[0]
    second = add_version(artifacts, 2)

    def over_api(*words: object) -> Any:
        result = run("--api-url", url, *words, context=CliContext())
        assert result.exit_code == 0, result.stderr
        return result

    listed = json.loads(over_api("versions", "--format", "json").stdout)
    assert [(v["version"], v["active"]) for v in listed] == [(second, True), (first, False)]
    undone = over_api("rollback")
    assert first in undone.stdout
    assert f"rollback {second}" in undone.stderr
    assert read_pointer(artifacts)[0] == first
    Path("rules.toml").write_text("max_per_category = 2\n", encoding="utf-8")
    over_api("rules", "save", "rules.toml")
    assert (artifacts / "rules.toml").read_text(encoding="utf-8") == "max_per_category = 2\n"
    assert "max_per_category" in over_api("rules", "show").stdout
    assert len(json.loads(over_api("rules", "history", "--format", "json").stdout)) == 1


def test_a_campaign_over_an_api_is_the_file_of_the_local_one(run: Any, url: str, artifacts: Path) -> None:
    Path("contacts.csv").write_text("customer_id,mail\nc0001,one@shop.example\n", encoding="utf-8")
    words = ("-n", 1, "--contacts", "contacts.csv")
    for name, where in (("there.csv", ("--api-url", url)), ("here.csv", ("--artifacts", artifacts))):
        result = run(*where, "campaign", "-o", name, *words, context=CliContext())
        assert result.exit_code == 0, result.stderr
    assert Path("there.csv").read_bytes() == Path("here.csv").read_bytes()
