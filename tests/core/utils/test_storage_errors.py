"""A full or write-protected disk is an error with a hint, whichever library found it, and published versions stay."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.bundle import versions
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.writer import ArrayFile, BundleWriter
from smart_retail.errors import ArtifactError
from smart_retail.results import FitReport
from smart_retail.training.fit import fit
from smart_retail.utils import atomic_file
from smart_retail.utils.storage_errors import storage_error


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def own(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted[0], tmp_path / "own"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("1000000 requested and 38384 written"),
        RuntimeError('IO Error: Could not write file "/tmp/a.parquet": No space left on device'),
    ],
)
def test_a_full_disk_is_recognised(error: Exception) -> None:
    outer = RuntimeError("writing failed")
    outer.__cause__ = error
    for each in (error, outer):
        found = storage_error(each)
        assert found is not None
        assert (found.exit_code, "disk is full" in found.message, bool(found.hint)) == (5, True, True)


def test_a_protected_folder_is_named_without_its_path() -> None:
    found = storage_error(PermissionError(errno.EACCES, "Permission denied", "/srv/shop/artifacts/versions"))
    assert found is not None
    assert (found.exit_code, found.message) == (5, "A file or folder cannot be written (versions): Permission denied.")


def test_other_errors_are_not_storage_errors() -> None:
    assert storage_error(ZeroDivisionError("3 requested")) is None
    assert storage_error(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None


def test_an_erasure_on_a_full_disk_changes_no_pointer(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (own / "current").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(ArrayFile, "append", full)
        with pytest.raises(ArtifactError, match="disk is full"):
            erase(own, "c0100")
    assert (own / "current").read_bytes() == before
    assert versions.verify(own) == []
    assert erase(own, "c0100")["purchase_rows"] > 0


def test_a_rollback_on_a_full_disk_changes_no_pointer(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    active = (own / "current").read_bytes()
    copy_active_version(own)
    before = (own / "current").read_bytes()
    assert before != active
    with monkeypatch.context() as patch:
        patch.setattr(atomic_file.os, "fsync", full)
        with pytest.raises(ArtifactError, match="disk is full"):
            versions.rollback(own)
    assert (own / "current").read_bytes() == before
    versions.rollback(own)
    assert (own / "current").read_bytes() == active


def copy_active_version(root: Path) -> None:
    """Publish the active version again, with another manifest entry."""
    bundle, writer = versions.Bundle.open(root), BundleWriter(root)
    for key in bundle.manifest["files"]:
        name, kind = key.removeprefix("tables/").rsplit(".", 1)
        if kind == "npy":
            writer.array(name, bundle.array(name))
        else:
            writer.json(name, bundle.json(name))
    facts = {k: v for k, v in bundle.manifest.items() if k not in ("files", "version", "format")}
    writer.publish(facts | {"number": 1})


def test_a_fit_with_a_full_temporary_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(ArtifactError, match="disk is full"):
        fit(shop.write(tmp_path / "orders.csv", 40), artifacts=tmp_path / "artifacts")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match="cannot be written"),
        versions.lock(tmp_path / "file" / "artifacts", create=True),
    ):
        pass
