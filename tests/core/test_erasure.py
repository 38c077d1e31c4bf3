"""An erased customer is in no managed file, and the lists of other customers are unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, tzinfo
from pathlib import Path

import duckdb
import pytest
from tests import shop
from tests.served_api import add_version

from smart_retail.bundle import versions, writer
from smart_retail.bundle.erasure import check_tombstones, erase
from smart_retail.bundle.layout import EXPORT_FILES
from smart_retail.bundle.reader import read_pointer
from smart_retail.errors import ArtifactError, ErasureError, LockError, MissingBundleError, UsageError
from smart_retail.events import Event, SqliteEventStore, sqlite_store
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine

CUSTOMER = "c0100"


@pytest.fixture
def own(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted[0], tmp_path / "own"))


def test_an_erased_customer_is_in_no_managed_file(own: Path) -> None:
    SqliteEventStore(own).add([Event("e1", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    receipt = erase(own, CUSTOMER)
    assert receipt["events"] == 1
    assert receipt["purchase_rows"] > 0
    looked = 0
    for path in own.rglob("*"):
        if path.is_file():
            looked += 1
            assert CUSTOMER.encode() not in path.read_bytes(), path
    assert looked > 50
    assert versions.verify(own) == []


def test_lists_of_other_customers_are_unchanged(own: Path) -> None:
    before = Engine.load(own)
    others = [c for c in shop.customers() if c != CUSTOMER]
    expected = [a.items for a in before.recommend_many(others, n=10)]
    profiles = [before.customer(c) for c in others]
    erase(own, CUSTOMER)
    after = Engine.load(own)
    assert [a.items for a in after.recommend_many(others, n=10)] == expected
    assert [after.customer(c) for c in others] == profiles
    assert not after.recommend(CUSTOMER).known
    assert after.version != before.version


def test_older_versions_are_removed(own: Path, shop_again: Path) -> None:
    erase(shop_again, CUSTOMER)
    assert len(versions.versions(shop_again)) == 2
    versions.rollback(shop_again)
    assert not Engine.load(shop_again).customer(CUSTOMER).known


@pytest.fixture
def shop_again(own: Path) -> Path:
    """Artifacts with a second and a third version that differ in one manifest entry."""
    from smart_retail.bundle.reader import Bundle
    from smart_retail.bundle.writer import BundleWriter

    for number in (1, 2):
        bundle, writer = Bundle.open(own), BundleWriter(own)
        for key in bundle.manifest["files"]:
            name, kind = key.removeprefix("tables/").rsplit(".", 1)
            if kind == "npy":
                writer.array(name, bundle.array(name))
            else:
                writer.json(name, bundle.json(name))
        for path in (bundle.folder / "export").iterdir():
            shutil.copyfile(path, writer.export / path.name)
        kept = {k: v for k, v in bundle.manifest.items() if k not in ("files", "version", "format")}
        writer.publish(kept | {"number": number})
    assert len(versions.versions(own)) == 3
    return own


def test_two_versions_with_equal_content_stay_two(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> StoppedClock:
            return cls(2026, 1, 31, 8, tzinfo=tz)

    add_version(own, 2)
    monkeypatch.setattr(writer, "datetime", StoppedClock)
    erase(own, "c0100")
    active, previous = read_pointer(own)[0], read_pointer(own, "previous")[0]
    assert active != previous
    assert versions.rollback(own) == previous


def test_erasing_without_an_id_is_a_usage_error(own: Path) -> None:
    with pytest.raises(UsageError):
        erase(own, "")


def test_erasing_an_unknown_customer_changes_no_bundle(own: Path) -> None:
    version = Engine.load(own).version
    assert erase(own, "never seen")["purchase_rows"] == 0
    assert Engine.load(own).version == version


def export_of(artifacts: Path) -> Path:
    return Engine.load(artifacts).bundle.folder / "export"


def test_the_files_of_the_export_folder_are_known(own: Path) -> None:
    assert {path.name for path in export_of(own).iterdir()} == EXPORT_FILES


def damage(artifacts: Path, pointer: str) -> str:
    """Change the manifest of the version that a pointer names, and return the id of the version."""
    version = (artifacts / pointer).read_text(encoding="ascii").split()[0]
    manifest = artifacts / "versions" / version / "manifest.json"
    changed = json.loads(manifest.read_text(encoding="utf-8")) | {"number": 3}
    manifest.write_text(json.dumps(changed), encoding="utf-8")
    return version


def mentions(artifacts: Path) -> set[Path]:
    """Return the files that contain the id of the customer."""
    return {path for path in artifacts.rglob("*") if path.is_file() and CUSTOMER.encode() in path.read_bytes()}


@pytest.mark.parametrize("customer", ["never seen", CUSTOMER])
def test_a_damaged_active_version_stays_and_is_named(shop_again: Path, customer: str) -> None:
    version = damage(shop_again, "current")
    SqliteEventStore(shop_again).add([Event("e1", customer, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    before = (shop_again / "current").read_bytes()
    with pytest.raises(ErasureError, match="the events and the previous version, but not from the active") as error:
        erase(shop_again, customer)
    assert "erase the customer again" in error.value.hint
    assert version in error.value.message
    assert (shop_again / "current").read_bytes() == before
    assert SqliteEventStore(shop_again).last_sequence() == 0
    assert not (shop_again / "receipts").exists()
    previous = (shop_again / "previous").read_text(encoding="ascii").split()[0]
    assert not Engine.load(shop_again, version=previous).customer(customer).known
    versions.rollback(shop_again)
    receipt = erase(shop_again, customer)
    assert version in receipt["deleted_versions"]
    if customer == CUSTOMER:
        assert mentions(shop_again) == set()


@pytest.mark.parametrize("customer", ["never seen", CUSTOMER])
def test_a_damaged_previous_version_is_deleted(shop_again: Path, customer: str) -> None:
    version = damage(shop_again, "previous")
    receipt = erase(shop_again, customer)
    assert version in receipt["deleted_versions"]
    assert not (shop_again / "versions" / version).exists()
    assert not (shop_again / "previous").exists()
    assert len(versions.versions(shop_again)) == 1
    if customer == CUSTOMER:
        assert mentions(shop_again) == set()


def test_versions_are_kept_while_none_is_active(shop_again: Path) -> None:
    before = sorted(path.name for path in (shop_again / "versions").iterdir())
    (shop_again / "current").unlink()
    (shop_again / "previous").unlink()
    with pytest.raises(ErasureError, match="No version is active"):
        erase(shop_again, CUSTOMER)
    assert sorted(path.name for path in (shop_again / "versions").iterdir()) == before


def test_a_version_without_a_manifest_is_deleted(own: Path) -> None:
    active = Engine.load(own).bundle.folder
    incomplete = active.with_name("20240101T000000Z-00000000")
    shutil.copytree(active, incomplete)
    (incomplete / "manifest.json").unlink()
    assert incomplete.name in erase(own, CUSTOMER)["deleted_versions"]
    assert mentions(own) == set()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_copy_next_to_the_versions_is_refused_before_anything_changes(own: Path, kind: str) -> None:
    other = own / "versions" / ("20240101T000000Z-00000000" if kind == "link" else "copy of May")
    if kind == "file":
        other.write_text(CUSTOMER, encoding="utf-8")
    elif kind == "folder":
        other.mkdir()
    else:
        other.symlink_to(Engine.load(own).bundle.folder)
    with pytest.raises(ErasureError, match=r"is not a version.*nothing was erased") as error:
        erase(own, CUSTOMER)
    assert other.name in error.value.message
    assert "move it to another folder" in error.value.hint
    assert Engine.load(own).customer(CUSTOMER).known
    assert SqliteEventStore(own).count_erased() == 0


def test_the_files_of_killed_fits_are_removed_at_the_next_lock(own: Path) -> None:
    for folder in (".temporary/smart-retail-x", "versions/.writing-999999/tables"):
        (own / folder).mkdir(parents=True)
        (own / folder / "lines.csv").write_text(CUSTOMER, encoding="utf-8")
    erase(own, CUSTOMER)
    assert mentions(own) == set()
    assert not (own / ".temporary").exists()


READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM events").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


def test_copies_in_the_log_of_a_reader_are_not_reported_as_erased(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "TIMEOUT_SECONDS", 0.1)
    store = SqliteEventStore(own)
    store.add([Event("e1", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        with pytest.raises(LockError, match="another process reads the events") as error:
            erase(own, CUSTOMER)
        assert "again" in error.value.hint
        assert not (own / "receipts").exists()
        assert not Engine.load(own).customer(CUSTOMER).known
        reader.communicate("")
    erase(own, CUSTOMER)
    assert mentions(own) == set()


def remove_events_file(artifacts: Path) -> None:
    for path in artifacts.glob("events.sqlite*"):
        path.unlink()


def test_an_erasure_survives_the_removal_of_the_events_file(own: Path) -> None:
    erase(own, CUSTOMER)
    erase(own, "other")
    remove_events_file(own)
    store = SqliteEventStore(own)
    assert store.erased_among([CUSTOMER, "other", "c0101"]) == {CUSTOMER, "other"}
    assert store.add([Event("e1", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)]) == 0
    erase(own, "third")  # the new file has another salt
    assert store.erased_among([CUSTOMER, "other", "third", "c0101"]) == {CUSTOMER, "other", "third"}
    assert store.count_erased() == 3
    check_tombstones(own, store)


def test_a_restored_events_file_does_not_show_an_erased_customer(own: Path) -> None:
    store = SqliteEventStore(own)
    store.add([Event("e1", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    backup = store.path.read_bytes()
    erase(own, CUSTOMER)
    remove_events_file(own)
    store.path.write_bytes(backup)
    assert store.last_sequence() == 1
    assert not Engine.load(own).customer(CUSTOMER).known


def test_a_fit_without_the_hashes_of_erased_customers_is_refused(own: Path, tmp_path: Path) -> None:
    from smart_retail.training.fit import fit

    erase(own, CUSTOMER)
    erase(own, CUSTOMER)  # counts once
    check_tombstones(own, SqliteEventStore(own))
    erase(own, "other")
    remove_events_file(own)
    lines = (own / "erased.txt").read_text(encoding="ascii").splitlines(keepends=True)
    (own / "erased.txt").write_text(lines[0], encoding="ascii")
    with pytest.raises(ArtifactError, match="missing: 1 of 2 are stored") as error:
        fit(shop.write(tmp_path / "orders.csv"), artifacts=own)
    assert "erase these customers again" in error.value.hint
    (own / "erased.txt").write_text("customers\n", encoding="ascii")
    with pytest.raises(ArtifactError, match=r"erased\.txt\) cannot be read or is damaged"):
        fit(tmp_path / "orders.csv", artifacts=own)


def test_receipts_of_earlier_engines_need_one_hash(own: Path) -> None:
    (own / "receipts").mkdir()
    for name in ("a", "b"):
        (own / "receipts" / f"{name}.json").write_text('{"receipt": "1"}', encoding="utf-8")
    with pytest.raises(ArtifactError, match="missing: 0 of 1 are stored"):
        check_tombstones(own, SqliteEventStore(own))
    SqliteEventStore(own).erase(CUSTOMER)
    check_tombstones(own, SqliteEventStore(own))


def test_an_erasure_creates_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingBundleError):
        erase(tmp_path / "missing", CUSTOMER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and links need a privilege")
def test_erasing_copies_no_links_and_opens_no_fifos(own: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("customer_id,word\nc1,xyzzy\n", encoding="utf-8")
    export = export_of(own)
    (export / "rfm.csv").unlink()
    (export / "rfm.csv").symlink_to(secret)
    (export / "other.csv").symlink_to(secret)
    (export / "top_items.csv").unlink()
    os.mkfifo(export / "top_items.csv")
    os.mkfifo(export / "notes.csv")
    erase(own, CUSTOMER)
    assert {path.name for path in export_of(own).iterdir()} == EXPORT_FILES - {"rfm.csv", "top_items.csv"}
    assert not any(b"xyzzy" in path.read_bytes() for path in own.rglob("*") if path.is_file())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
@pytest.mark.parametrize("name", ["manifest.json", "tables/names.json"])
def test_a_fifo_in_a_version_is_an_error(own: Path, name: str) -> None:
    path = Engine.load(own).bundle.folder / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ErasureError):
        erase(own, CUSTOMER)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_exports_keep_their_permissions(own: Path) -> None:
    for path in export_of(own).iterdir():
        path.chmod(0o640)
    erase(own, CUSTOMER)
    assert {path.stat().st_mode & 0o777 for path in export_of(own).iterdir()} == {0o640}


def test_exports_that_cannot_be_read_are_left_out(own: Path) -> None:
    export = export_of(own)
    others = duckdb.read_parquet(str(export / "customers.parquet")).filter(f"customer_id <> '{CUSTOMER}'").fetchall()
    (export / "rfm.csv").write_bytes(b"\xff\xfe" * 10)
    (export / "segments.csv").write_text("name,customer_id\nshort\n", encoding="utf-8")
    (export / "purchases.parquet").write_bytes(b"PAR1 " + CUSTOMER.encode())
    erase(own, CUSTOMER)
    export = export_of(own)
    assert {path.name for path in export.iterdir()} == EXPORT_FILES - {"rfm.csv", "purchases.parquet"}
    assert duckdb.read_parquet(str(export / "customers.parquet")).fetchall() == others
