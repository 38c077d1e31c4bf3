"""Bundles are read as published, changed files are rejected, and no code in a file is executed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest

from smart_retail.bundle import versions, writer
from smart_retail.bundle.erasure import check_tombstones, erase
from smart_retail.bundle.reader import Bundle, read_pointer
from smart_retail.bundle.writer import VERSIONS_KEPT, BundleWriter
from smart_retail.errors import (
    ArtifactError,
    DamagedBundleError,
    FormatVersionError,
    LockError,
    MissingBundleError,
    RetailError,
    UnknownVersionError,
    UsageError,
)
from smart_retail.events import SqliteEventStore


def publish(root: Path, numbers: int = 3) -> str:
    new = BundleWriter(root)
    new.array("recommender/numbers", np.arange(numbers, dtype=np.int32))
    new.array("recommender/nothing", np.empty((0, 4)))
    new.array("customers/ids/data", np.frombuffer(b"ab", np.uint8))
    new.array("customers/ids/offsets", np.array([0, 1, 2]))
    new.json("names", {"é": ["ü"]})
    (new.export / "notes.csv").write_text("notes\n")
    return new.publish({"last_day": 1})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish(tmp_path)
    return tmp_path


def test_a_bundle_is_read_as_written(root: Path) -> None:
    bundle = Bundle.open(root)
    assert bundle.array("recommender/numbers").tolist() == [0, 1, 2]
    assert bundle.array("recommender/nothing").shape == (0, 4)
    assert sorted(bundle.arrays("recommender")) == ["nothing", "numbers"]
    assert bundle.json("names") == {"é": ["ü"]}
    assert bundle.manifest["last_day"] == 1
    assert versions.verify(root) == []


def test_arrays_are_read_only(root: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        Bundle.open(root).array("recommender/numbers")[0] = 9


def test_the_error_of_an_empty_folder_names_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingBundleError) as error:
        Bundle.open(tmp_path)
    assert "smart-retail fit" in error.value.hint


def covered(root: Path) -> list[Path]:
    """Return every file whose bytes must be as published."""
    version = root / "versions" / Bundle.open(root).version
    return [
        root / "current",
        version / "manifest.json",
        *(p for p in sorted((version / "tables").rglob("*")) if p.is_file()),
    ]


def read_everything(root: Path) -> None:
    bundle = Bundle.open(root)
    if problems := bundle.verify():
        raise DamagedBundleError(problems[0])


def test_truncated_and_missing_files_are_rejected(root: Path) -> None:
    for path in covered(root):
        whole = path.read_bytes()
        path.write_bytes(whole[:-2])
        with pytest.raises(ArtifactError):
            read_everything(root)
        path.unlink()
        with pytest.raises(ArtifactError):
            read_everything(root)
        path.write_bytes(whole)


@pytest.mark.parametrize(("version", "word"), [(0, "older"), (99, "newer"), ("x", "older")])
def test_the_error_names_the_other_format(root: Path, version: object, word: str) -> None:
    change_manifest(root, format=version)
    with pytest.raises(FormatVersionError, match=word):
        Bundle.open(root)


class Bomb:
    """Create a file when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (os.mkdir, (str(self.mark),))


def change_manifest(root: Path, files: dict[str, object] | None = None, **facts: object) -> None:
    """Change the manifest and update the pointer, as an attacker with write access would."""
    version, _ = read_pointer(root)
    path = root / "versions" / version / "manifest.json"
    manifest = json.loads(path.read_text()) | facts
    manifest["files"] |= files or {}
    blob = json.dumps(manifest).encode()
    path.write_bytes(blob)
    (root / "current").write_text(f"{version} {hashlib.sha256(blob).hexdigest()}\n")


def replace_file(root: Path, key: str, content: bytes) -> None:
    """Replace a file and update every digest."""
    path = root / "versions" / Bundle.open(root).version / key
    if ".." not in key and not key.startswith("/"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    change_manifest(root, {key: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}})


def read_some(root: Path) -> None:
    bundle = Bundle.open(root)
    bundle.array("recommender/numbers")
    bundle.json("names")


def npy_of_objects(mark: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    return file.getvalue()


HOSTILE = {
    "object array": lambda mark: ("tables/recommender/numbers.npy", npy_of_objects(mark)),
    "bare pickle as npy": lambda mark: ("tables/recommender/numbers.npy", pickle.dumps(Bomb(mark))),
    "pickle as json": lambda mark: ("tables/names.json", pickle.dumps(Bomb(mark))),
    "zip as npy": lambda mark: ("tables/recommender/numbers.npy", b"PK\x03\x04" + pickle.dumps(Bomb(mark))),
    "empty npy": lambda mark: ("tables/recommender/numbers.npy", b""),
    "empty json": lambda mark: ("tables/names.json", b""),
    "code in the header": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00" + f"__import__('os').mkdir({str(mark)!r})".encode().ljust(117) + b"\n",
    ),
    "shape beyond the file": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999,), }".ljust(117)
        + b"\n",
    ),
    "negative shape": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<i4', 'fortran_order': False, 'shape': (-1,), }".ljust(117) + b"\n",
    ),
    "shape beyond all integers": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<i4', 'fortran_order': False, 'shape': (1%s,), }".replace(b"%s", b"0" * 30).ljust(117)
        + b"\n",
    ),
    "header that never ends": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }".ljust(117, b"["),
    ),
    "overflowing shape": lambda mark: (
        "tables/recommender/numbers.npy",
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }".ljust(117)
        + b"\n",
    ),
    "deep json": lambda mark: ("tables/names.json", b"[" * 100_000),
    "parent folder": lambda mark: ("tables/../../../stolen.npy", b"x"),
    "absolute path": lambda mark: ("/tables/stolen.npy", b"x"),
    "pickle by name": lambda mark: ("tables/model.pkl", pickle.dumps(Bomb(mark))),
    "joblib by name": lambda mark: ("tables/model.joblib", pickle.dumps(Bomb(mark))),
    "h5 by name": lambda mark: ("tables/autoencoder.h5", b"\x89HDF\r\n\x1a\n" + pickle.dumps(Bomb(mark))),
    "keras by name": lambda mark: ("tables/autoencoder.keras", pickle.dumps(Bomb(mark))),
    "python by name": lambda mark: ("tables/__init__.py", f"import os; os.mkdir({str(mark)!r})".encode()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_code_in_a_hostile_bundle_is_executed(tmp_path: Path, name: str) -> None:
    root, mark = tmp_path / "a", tmp_path / "mark"
    publish(root)
    key, content = HOSTILE[name](mark)
    replace_file(root, key, content)
    with pytest.raises(ArtifactError) as error:
        read_some(root)
    assert error.value.message
    assert error.value.hint
    assert not mark.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("key", ["tables/names.json", "manifest.json", "../../current"])
def test_links_are_rejected(root: Path, tmp_path: Path, key: str) -> None:
    path = root / "versions" / Bundle.open(root).version / key
    moved = tmp_path / "elsewhere"
    path.rename(moved)
    path.symlink_to(moved)
    with pytest.raises(DamagedBundleError, match="link"):
        read_everything(root)


def test_rollback_activates_the_previous_version_and_then_older_ones(root: Path) -> None:
    first = Bundle.open(root).version
    second, third = publish(root, numbers=4), publish(root, numbers=5)
    assert Bundle.open(root).version == third
    assert versions.rollback(root) == second
    assert versions.rollback(root) == first
    assert Bundle.open(root).array("recommender/numbers").tolist() == [0, 1, 2]
    with pytest.raises(UnknownVersionError, match="no previous version") as caught:
        versions.rollback(root)
    assert "rollback VERSION" in caught.value.hint
    assert Bundle.open(root).version == first


def test_publishing_twice_within_a_second_keeps_the_way_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OneSecond(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> OneSecond:
            return cls(2030, 1, 2, 3, 4, 5, tzinfo=tz)

    first = Bundle.open(root).version
    monkeypatch.setattr(writer, "datetime", OneSecond)
    second = publish(root, numbers=4)
    assert publish(root, numbers=4) == second
    third = publish(root, numbers=5)
    assert publish(root, numbers=5) == third
    assert [versions.rollback(root), versions.rollback(root)] == [second, first]


def test_rollback_reaches_any_version_by_its_id(root: Path) -> None:
    first = Bundle.open(root).version
    second, third = publish(root, numbers=4), publish(root, numbers=5)
    assert versions.rollback(root, first) == first
    assert versions.rollback(root, third) == third
    assert versions.rollback(root) == first  # a step forward can be undone
    assert versions.rollback(root, second) == second
    with pytest.raises(UsageError, match="active already"):
        versions.rollback(root, second)
    with pytest.raises(UnknownVersionError, match="20990101T000000Z-00000000"):
        versions.rollback(root, "20990101T000000Z-00000000")
    assert Bundle.open(root).version == second


def test_a_fit_after_a_rollback_can_be_rolled_back_to_the_version_before_it(root: Path) -> None:
    first = Bundle.open(root).version
    publish(root, numbers=4)
    versions.rollback(root)
    publish(root, numbers=5)
    assert versions.rollback(root) == first


def test_rollback_to_a_damaged_version_keeps_the_active_one(root: Path) -> None:
    first = Bundle.open(root).version
    second = publish(root, numbers=4)
    (root / "versions" / first / "tables" / "names.json").write_text("{}")
    with pytest.raises(DamagedBundleError):
        versions.rollback(root)
    assert Bundle.open(root).version == second


def test_rollback_without_a_previous_version_is_an_error(root: Path) -> None:
    with pytest.raises(UnknownVersionError, match="previous"):
        versions.rollback(root)


def test_versions_are_listed_newest_first_and_old_ones_pruned(tmp_path: Path) -> None:
    ids = [publish(tmp_path, numbers=n) for n in range(1, VERSIONS_KEPT + 3)]
    found = versions.versions(tmp_path)
    assert len(found) <= VERSIONS_KEPT + 1
    assert {v.version for v in found if v.active} == {ids[-1]}
    assert {v.version for v in found if v.previous} == {ids[-2]}
    assert all(v.size > 0 for v in found)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
@pytest.mark.parametrize("name", ["current", "previous", ".lock", "events.sqlite", "erased.txt", "receipts/a.json"])
def test_a_fifo_in_the_folder_does_not_hang_a_reader(root: Path, name: str) -> None:
    publish(root, numbers=4)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name)

    def attempt(call: Callable[[], object]) -> None:
        with suppress(RetailError):
            call()

    attempt(lambda: Bundle.open(root))
    attempt(lambda: versions.versions(root))
    attempt(lambda: versions.rollback(root))
    attempt(lambda: SqliteEventStore(root).erased_among(["a"]))
    attempt(lambda: check_tombstones(root, SqliteEventStore(root)))
    attempt(lambda: erase(root, "a"))


def test_only_one_writer_at_a_time(tmp_path: Path) -> None:
    with versions.lock(tmp_path), pytest.raises(LockError), versions.lock(tmp_path):
        pass
    with versions.lock(tmp_path):
        pass


def test_a_discarded_bundle_does_not_change_the_active_version(root: Path) -> None:
    before = Bundle.open(root).version
    new = BundleWriter(root)
    new.array("recommender/numbers", np.arange(9))
    new.discard()
    assert Bundle.open(root).version == before
    assert [p.name for p in (root / "versions").iterdir()] == [before]
