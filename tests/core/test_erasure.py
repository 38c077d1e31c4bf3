"""An erased customer is in no managed file, and the lists of other customers are unchanged."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from tests import shop

from smart_retail.bundle import versions
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.layout import EXPORT_FILES
from smart_retail.errors import DamagedBundleError, UsageError
from smart_retail.events import Event, SqliteEventStore
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


@pytest.mark.parametrize("customer", ["never seen", CUSTOMER])
@pytest.mark.parametrize("pointer", ["current", "previous"])
def test_erasing_makes_no_damaged_version_valid(shop_again: Path, customer: str, pointer: str) -> None:
    version = (shop_again / pointer).read_text(encoding="ascii").split()[0]
    manifest = shop_again / "versions" / version / "manifest.json"
    changed = json.loads(manifest.read_text(encoding="utf-8")) | {"number": 3}
    manifest.write_text(json.dumps(changed), encoding="utf-8")
    SqliteEventStore(shop_again).add([Event("e1", customer, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    before = (shop_again / pointer).read_bytes()
    with pytest.raises(DamagedBundleError):
        erase(shop_again, customer)
    assert (shop_again / pointer).read_bytes() == before
    assert SqliteEventStore(shop_again).last_sequence() == 1


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
    with pytest.raises(DamagedBundleError):
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
