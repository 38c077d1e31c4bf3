"""No code in a bundle runs, and a bundle with another layout gets an error that names the cause."""

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
    Tampering,
    add_live_purchase,
    call_all_methods,
    error_of,
    export_tamperings,
    lambda_layer_bytes,
    pickle_bytes,
    replaced_file,
    tamperings,
    write_manifest,
)

RecordFigure = Callable[[str], None]


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    add_live_purchase(root)
    return root


def test_payload_runs_when_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle_bytes(tmp_path / "mark"))
    assert (tmp_path / "mark").is_dir()


@pytest.mark.slow
def test_lambda_layer_runs_when_keras_loads_it(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    (tmp_path / "model.h5").write_bytes(lambda_layer_bytes(tmp_path / "mark"))
    keras.saving.load_model(tmp_path / "model.h5", safe_mode=False, compile=False)
    assert (tmp_path / "mark").is_dir()


@pytest.mark.slow
def test_tampered_bundles_are_rejected_and_run_no_code(root: Path, tmp_path: Path) -> None:
    assert count_rejected(root, list(tamperings(root))[::7], tmp_path / "mark") > 40


def count_rejected(root: Path, attempts: list[Tampering], mark: Path) -> int:
    """Assert that each tampered bundle is rejected with message and hint; return their number."""
    for tampering in attempts:
        error = error_of(root, tampering, mark)
        assert error is not None, tampering.name
        assert error.message, tampering.name
        assert error.hint, tampering.name
    return len(attempts)


@pytest.mark.slow
def test_files_outside_the_tables_are_not_read(root: Path, tmp_path: Path, record_figure: RecordFigure) -> None:
    expected, attempts = repr(call_all_methods(root)), 0
    for tampering in export_tamperings(root):
        with replaced_file(root, tampering.key, tampering.content(tmp_path / "mark")):
            assert repr(call_all_methods(root)) == expected, tampering.name
        assert not (tmp_path / "mark").exists(), tampering.name
        attempts += 1
    assert attempts > 10
    record_figure(f"files outside the tables: {attempts} replaced, results unchanged, no code executed")


@pytest.mark.slow
def test_missing_array_is_reported_as_a_format_error(root: Path) -> None:
    errors = 0
    for key in json.loads(manifest_of(root).read_bytes())["files"]:
        with replaced_file(root, key, None):
            error = serving_error(root)
        if error is not None:  # arrays for reports only are not read here
            errors += 1
            assert isinstance(error, FormatVersionError), key
            assert "Fit again" in error.hint
    assert errors > 90


@pytest.mark.slow
def test_missing_json_key_is_reported_as_a_format_error(root: Path) -> None:
    errors = 0
    for key in [k for k in json.loads(manifest_of(root).read_bytes())["files"] if k.endswith(".json")]:
        document = json.loads((manifest_of(root).parent / key).read_bytes())
        for name, reduced in without_each_key(document):
            with replaced_file(root, key, json.dumps(reduced).encode()):
                error = serving_error(root)
            if error is not None:
                errors += 1
                assert isinstance(error, FormatVersionError), (key, name)
                assert "Fit again" in error.hint
    assert errors > 20


def serving_error(root: Path) -> ArtifactError | None:
    """Return the error of the first engine method that fails, or None."""
    try:
        call_all_methods(root)
    except ArtifactError as error:
        return error
    return None


def without_each_key(document: Any) -> list[tuple[str, Any]]:
    """Return copies of a document without one key each; for a list, keys are removed from its first element."""
    if isinstance(document, list):
        rest = document[1:]
        return [(name, [reduced, *rest]) for name, reduced in without_each_key(document[0])] if document else []
    if not isinstance(document, dict):
        return []
    return [(name, {k: v for k, v in document.items() if k != name}) for name in document]


def test_missing_manifest_key_is_reported_with_a_hint(root: Path) -> None:
    manifest = json.loads(manifest_of(root).read_bytes())
    for name in [n for n in manifest if n not in ("version", "format", "files")]:
        write_manifest(root, {k: v for k, v in manifest.items() if k != name})
        error = serving_error(root)
        assert error is None or "Fit again" in error.hint, name
    write_manifest(root, manifest)
    call_all_methods(root)


def manifest_of(root: Path) -> Path:
    return root / "versions" / read_pointer(root)[0] / MANIFEST
