"""An erased customer is in no managed file, and the lists of other customers are unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests import shop

from smart_retail.bundle import versions
from smart_retail.bundle.erasure import erase
from smart_retail.errors import UsageError
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
