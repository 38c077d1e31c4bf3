"""Nothing runs that a bundle holds, and a bundle of another layout is told of as such."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle.reader import MANIFEST, read_pointer
from smart_retail.errors import ArtifactError, FormatVersionError
from smart_retail.results import FitReport

from .tampered_bundles import (
    Trial,
    ask_everything,
    exported,
    lambda_h5,
    pickled,
    replaced,
    reseal,
    trials,
    try_tampered,
    with_live_purchase,
)

Tell = Callable[[str], None]


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    with_live_purchase(root)
    return root


def test_the_bombs_go_off_where_they_are_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickled(tmp_path / "mark"))
    assert (tmp_path / "mark").is_dir()


@pytest.mark.slow
def test_the_lambda_layer_goes_off_where_keras_loads_it(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    (tmp_path / "model.h5").write_bytes(lambda_h5(tmp_path / "mark"))
    keras.saving.load_model(tmp_path / "model.h5", safe_mode=False, compile=False)
    assert (tmp_path / "mark").is_dir()


@pytest.mark.slow
def test_nothing_of_a_tampered_bundle_runs(root: Path, tmp_path: Path) -> None:
    assert refused_of(root, list(trials(root))[::7], tmp_path / "mark") > 40


def refused_of(root: Path, tried: list[Trial], mark: Path) -> int:
    """How many of the bundles were refused with a clear error: all, and none of them left a mark."""
    for trial in tried:
        error = try_tampered(root, trial, mark)
        assert error is not None, trial.name
        assert error.message, trial.name
        assert error.hint, trial.name
    return len(tried)


@pytest.mark.slow
def test_nothing_outside_the_tables_is_ever_read(root: Path, tmp_path: Path, tell: Tell) -> None:
    whole, tried = repr(ask_everything(root)), 0
    for trial in exported(root):
        with replaced(root, trial.key, trial.content(tmp_path / "mark")):
            assert repr(ask_everything(root)) == whole, trial.name
        assert not (tmp_path / "mark").exists(), trial.name
        tried += 1
    assert tried > 10
    tell(f"files outside the tables: {tried} tampered with, answers as before, 0 executions")


@pytest.mark.slow
def test_a_table_that_another_layout_has_not_is_told_of(root: Path) -> None:
    told = 0
    for key in json.loads(manifest_of(root).read_bytes())["files"]:
        with replaced(root, key, None):
            error = fault(root)
        if error is not None:  # else it is a table for reports
            told += 1
            assert isinstance(error, FormatVersionError), key
            assert "Fit again" in error.hint
    assert told > 90


@pytest.mark.slow
def test_a_fact_that_another_layout_has_not_is_told_of(root: Path) -> None:
    told = 0
    for key in [k for k in json.loads(manifest_of(root).read_bytes())["files"] if k.endswith(".json")]:
        whole = json.loads((manifest_of(root).parent / key).read_bytes())
        for name, less in without_each(whole):
            with replaced(root, key, json.dumps(less).encode()):
                error = fault(root)
            if error is not None:
                told += 1
                assert isinstance(error, FormatVersionError), (key, name)
                assert "Fit again" in error.hint
    assert told > 20


def fault(root: Path) -> ArtifactError | None:
    """The error with which some question is answered."""
    try:
        ask_everything(root)
    except ArtifactError as error:
        return error
    return None


def without_each(facts: Any) -> list[tuple[str, Any]]:
    """The facts without one of their names each; of a list, without one of the names of its first entry."""
    if isinstance(facts, list):
        return [(name, [less, *facts[1:]]) for name, less in without_each(facts[0])] if facts else []
    if not isinstance(facts, dict):
        return []
    return [(name, {k: v for k, v in facts.items() if k != name}) for name in facts]


def test_a_fact_of_the_manifest_that_is_missing_is_told_of(root: Path) -> None:
    whole = json.loads(manifest_of(root).read_bytes())
    for name in [n for n in whole if n not in ("version", "format", "files")]:
        reseal(root, {k: v for k, v in whole.items() if k != name})
        error = fault(root)
        assert error is None or "Fit again" in error.hint, name
    reseal(root, whole)
    ask_everything(root)


def manifest_of(root: Path) -> Path:
    return root / "versions" / read_pointer(root)[0] / MANIFEST
