"""The commands `items ...`: search, and products that are added or changed between two fits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_cli.context import CliContext

Run = Callable[..., Any]


@pytest.fixture
def folder(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A folder with a bundle that may be written to."""
    return Path(shutil.copytree(fitted[0], tmp_path / "own"))


@pytest.fixture
def call(run: Run, folder: Path) -> Run:
    """A function that calls the program over that folder."""
    return lambda *words: run(*words, "--artifacts", str(folder), context=CliContext())


def test_added_products_are_listed_found_shown_and_removed(call: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("item_id,item_name,category,price,stock\nNEW-1,Garden thing deluxe,Garden,9.5,4\ntypo,,,1,\n")
    added = call("items", "add", str(file))
    assert added.exit_code == 0
    assert added.stdout.startswith("2 products read: 1 added, 0 changed.")
    assert "1 unknown item has no item_name and was not stored: typo." in added.stderr
    listed = call("items", "list", "--format", "json")
    assert [(row["item_id"], row["stock"]) for row in json.loads(listed.stdout)] == [("NEW-1", 4.0)]
    assert "NEW-1" in call("items", "deluxe", "-n", "3").stdout
    assert "Garden thing deluxe" in call("item", "NEW-1").stdout
    assert call("items", "remove", "NEW-1").stdout == "1 product removed.\n"
    gone = call("items", "remove", "NEW-1")
    assert gone.exit_code == 3
    assert "Nothing was added or changed of NEW-1." in gone.stderr


def test_a_file_without_product_ids_is_an_error(call: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("colour,shape\nred,round\n")
    failed = call("items", "add", str(file))
    assert failed.exit_code == 3
    assert "Name that column Item ID." in failed.stderr
    assert not (folder / "items.json").exists()


def test_products_are_added_to_a_local_folder_only(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("item_id,item_name\nN,New\n")
    failed = run("items", "add", str(file), "--api-url", "http://127.0.0.1:9")
    assert failed.exit_code == 2
    assert "PUT /v1/items" in failed.stderr


def test_a_word_that_names_a_subcommand_is_searched_by_search(call: Run) -> None:
    assert call("items", "search", "garden", "-n", "1").stdout.count("G-0") == 1
    assert "No product has 'list'" in call("items", "search", "list").stderr


def test_the_diversity_of_a_list_is_an_option(run: Run, engine: Engine) -> None:
    listed = run("recommend", "c0001", "-n", "30", "-d", "0.7", "--format", "json")
    expected = [item.item_id for item in engine.recommend("c0001", n=30, diversity=0.7).items]
    assert [item["item_id"] for item in json.loads(listed.stdout)["items"]] == expected
    assert run("recommend", "c0001", "-d", "1.5").exit_code == 2
