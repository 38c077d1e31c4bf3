"""A later fit includes new events, excludes erased customers, and is reproducible bit by bit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec import structs
from tests import shop
from tests.fitted_shop import SETTINGS

from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import Bundle
from smart_retail.errors import CancelledError, DataError, LockError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.progress import Silent
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.training.fit import fit

COUNT = 60


def digests(root: Path) -> dict[str, str]:
    return {k: v["sha256"] for k, v in Bundle.open(root).manifest["files"].items()}


@pytest.mark.slow
def test_the_same_data_and_seed_give_identical_files_in_any_row_order(tmp_path: Path) -> None:
    for name, shuffle in (("a", None), ("b", None), ("c", 5)):
        path = shop.write(tmp_path / f"{name}.csv", COUNT, shuffle=shuffle)
        fit(path, artifacts=tmp_path / name, settings=SETTINGS)
    first, second, shuffled = (digests(tmp_path / name) for name in "abc")
    assert first == second
    assert {k for k in first if first[k] != shuffled[k]} == set()
    one, other = (Bundle.open(tmp_path / name).manifest["data_fingerprint"] for name in "ac")
    assert one == other


@pytest.mark.slow
def test_the_next_fit_includes_events_and_excludes_erased_customers(tmp_path: Path) -> None:
    path = shop.write(tmp_path / "orders.csv", COUNT)
    root = tmp_path / "artifacts"
    fit(path, artifacts=root, settings=SETTINGS)
    SqliteEventStore(root).add(
        [
            Event.from_dict(
                {"event_id": f"e{k}", "customer_id": "newcomer", "item_id": i, "timestamp": "2025-03-01", "amount": 7.5}
            )
            for k, i in enumerate(("G-007", "brand new"))
        ]
    )
    erase(root, "c0020")
    report = fit(path, artifacts=root, settings=SETTINGS)
    engine = Engine.load(root)
    assert {p.item_id for p in engine.customer("newcomer").purchases} == {"G-007", "brand new"}
    assert engine.customer("newcomer").orders == 2
    assert engine.search_items("brand new")[0].orders == 1
    assert not engine.customer("c0020").known
    aside = {s.reason: s for s in report.cleaning.rejected}
    assert aside["erased"].rows > 0
    assert aside["erased"].examples == ()
    assert report.cleaning.rows_in == report.cleaning.rows_accepted + sum(s.rows for s in aside.values())
    for file in root.rglob("*"):
        if file.is_file():
            assert b"c0020" not in file.read_bytes(), file


class Stop(Silent):
    """Cancel in the stage whose text contains `at`."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.now = ""

    def stage(self, name: str, done: float) -> None:
        self.now = name

    def check(self) -> None:
        if self.at in self.now:
            raise CancelledError("Stopped.")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["grouping customers", "recommendations of all customers", "writing and checking"])
def test_a_cancelled_fit_keeps_the_active_version(tmp_path: Path, stage: str) -> None:
    path = shop.write(tmp_path / "orders.csv", 40)
    version = fit(path, artifacts=tmp_path / "a", settings=SETTINGS).version
    with pytest.raises(CancelledError):
        fit(path, artifacts=tmp_path / "a", settings=SETTINGS, progress=Stop(stage))
    assert Engine.load(tmp_path / "a").version == version
    assert [p.name for p in (tmp_path / "a" / "versions").iterdir()] == [version]


class StopInBackground(Silent):
    """Cancel in every thread but the main one."""

    def check(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise CancelledError("Stopped.")


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_fit_cancelled_in_a_background_job_keeps_the_active_version(tmp_path: Path, threads: int) -> None:
    path = shop.write(tmp_path / "orders.csv", 40)
    settings = structs.replace(SETTINGS, threads=threads)
    version = fit(path, artifacts=tmp_path / "a", settings=settings).version
    with pytest.raises(CancelledError):
        fit(path, artifacts=tmp_path / "a", settings=settings, progress=StopInBackground())
    assert Engine.load(tmp_path / "a").version == version
    assert [p.name for p in (tmp_path / "a" / "versions").iterdir()] == [version]


def test_an_unreadable_source_keeps_the_active_version(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(DataError) as error:
        fit(path, artifacts=fitted[0])
    assert error.value.hint
    assert Engine.load(fitted[0]).version == fitted[1].version


def test_a_second_fit_on_a_locked_folder_is_rejected(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    from smart_retail.bundle.versions import lock

    path = shop.write(tmp_path / "orders.csv", 20)
    with lock(tmp_path / "a", create=True), pytest.raises(LockError):
        fit(path, artifacts=tmp_path / "a")
