"""Artifacts in a remote store: every host serves what was published, and of several publishers one wins."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from tests.core.test_artifacts import publish
from tests.remote_hosts import Hosts, publish_shop

from smart_retail.analysis.rules_history import save_rules
from smart_retail.bundle import remote_store, store_transactions, writer
from smart_retail.bundle.erasure import check_tombstones, erase
from smart_retail.bundle.local_copy import last_check, open_bundle, open_folder, refresh
from smart_retail.bundle.remote_store import STATES_KEPT, RemoteStore, StateConflictError, StoreState
from smart_retail.bundle.signing import KEY_VARIABLE
from smart_retail.bundle.versions import inspect, lock, rollback, verify, versions
from smart_retail.bundle.writer import VERSIONS_KEPT
from smart_retail.errors import (
    ArtifactError,
    DamagedBundleError,
    ErasureError,
    LockError,
    MissingBundleError,
    NeedsDatabaseError,
    SignatureError,
    StoreError,
    UnknownVersionError,
    UsageError,
)
from smart_retail.events import URL_VARIABLE, Event, open_events
from smart_retail.events.item_changes import ItemChange, ItemChanges
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.factory import watch_engine
from smart_retail.serving.item_updates import add_items, remove_items
from smart_retail.serving.store_polling import POLL_VARIABLE, poll_interval_s, stop_polling
from smart_retail.utils.artifacts_location import is_url, resolve_folder


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMART_RETAIL_EVENTS_URL", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of the store."""
    return tmp_path / "store" / "shop"


@pytest.fixture
def hosts(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    return Hosts(tmp_path / "hosts", f"file://{store}", monkeypatch)


@pytest.fixture
def shop_hosts(hosts: Hosts, fitted: tuple[Path, FitReport]) -> Hosts:
    """Hosts of the fitted small shop."""
    publish_shop(hosts, fitted)
    return hosts


def table_files(store: Path, version: str) -> list[Path]:
    return sorted(p for p in (store / "versions").glob(f"{version}-*/tables/**/*") if p.is_file())


def test_another_host_serves_what_was_published(shop_hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    copy = shop_hosts.use("two")
    engine = Engine.load(shop_hosts.url)
    assert engine.artifacts == copy
    local = Engine.load(fitted[0])
    customer = local.search_customers("C")[0].customer_id
    assert engine.recommend(customer).as_dict() == local.recommend(customer).as_dict()
    assert not (engine.bundle.folder / "export").exists()


def test_the_local_copy_is_private(hosts: Hosts) -> None:
    hosts.publish()
    assert resolve_folder(hosts.url).stat().st_mode & 0o077 == 0


def test_a_fit_reads_and_publishes_in_the_store(hosts: Hosts) -> None:
    first = hosts.publish()
    hosts.use("two")
    second = hosts.publish(4)
    listed = versions(hosts.url)
    assert [(v.version, v.active, v.previous) for v in listed] == [(second, True, False), (first, False, True)]
    assert listed[0].size > 500
    assert inspect(hosts.url, first)["version"] == first
    assert verify(hosts.url) == []
    hosts.use("one")
    assert [v.version for v in versions(hosts.url)] == [second, first]


def test_of_two_publishers_that_started_from_one_state_the_second_is_refused(hosts: Hosts, store: Path) -> None:
    hosts.publish()
    hosts.use("two")
    lost, won = [], []

    def publish_after_another() -> None:
        with lock(hosts.url) as root:
            lost.append(publish(root, 5))
            hosts.use("three")
            won.append(hosts.publish(6))
            hosts.use("two")

    with pytest.raises(LockError) as error:
        publish_after_another()
    assert error.value.exit_code == 6
    assert "nothing of this one is active" in error.value.message
    assert [hosts.state().current] == won
    assert not set(lost) & {v.version for v in versions(hosts.url)}
    assert not list((store / "versions").glob(f"{lost[0]}-*"))
    assert not list(resolve_folder(hosts.url).glob(".publication-*"))


def test_of_many_simultaneous_publishers_exactly_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_url: str
) -> None:
    hosts = Hosts(tmp_path, memory_url, monkeypatch)
    hosts.publish()
    base = hosts.state()
    barrier, results = threading.Barrier(8), []

    def write(number: int) -> None:
        other = RemoteStore(memory_url)
        state = StoreState(change=base.change + 1, writer=str(number), current=base.current, versions=base.versions)
        barrier.wait()
        try:
            other.write_state(state)
            results.append(number)
        except StateConflictError:
            pass

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number) for number in results] == [hosts.state().writer]


@pytest.fixture
def memory_url() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://bucket/shop"
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_a_publisher_whose_state_was_removed_meanwhile_is_refused(hosts: Hosts) -> None:
    hosts.publish()
    late, other = hosts.state(), RemoteStore(hosts.url)
    for number in range(1, STATES_KEPT + 5):
        other.write_state(msgspec.structs.replace(late, change=late.change + number))
    other.remove_old_states()
    current = hosts.state()
    with pytest.raises(StateConflictError):
        RemoteStore(hosts.url).write_state(msgspec.structs.replace(late, change=late.change + 1, writer="late"))
    assert hosts.state() == current


def test_a_store_without_conditional_writes_is_refused(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(target: Path, content: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    monkeypatch.setattr(remote_store, "_create_file", replace)
    with pytest.raises(UsageError, match="conditional writes"):
        hosts.publish()


def test_a_failed_fit_publishes_nothing(hosts: Hosts, store: Path) -> None:
    first = hosts.publish()

    def fail_after_writing() -> None:
        with lock(hosts.url) as root:
            publish(root, 4)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert hosts.state().current == first
    assert [p.name[:25] for p in (store / "versions").iterdir()] == [first]


def test_files_of_a_killed_publisher_are_never_a_version_and_are_removed(hosts: Hosts, store: Path) -> None:
    first = hosts.publish()
    stored = hosts.state().versions[0]
    left = store / "versions" / f"20990101T000000Z-00000000-{'0' * 8}"
    shutil.copytree(store / "versions" / stored.folder, left)
    assert [v.version for v in versions(hosts.url)] == [first]
    hosts.publish(4)
    assert not left.exists()


def test_old_versions_are_removed_from_the_store_and_the_copies(hosts: Hosts, store: Path) -> None:
    first = hosts.publish()
    copy = hosts.use("two")
    open_folder(hosts.url)
    assert (copy / "versions" / first).is_dir()
    hosts.use("one")
    for number in range(VERSIONS_KEPT):
        hosts.publish(10 + number)
    assert len(hosts.state().versions) == VERSIONS_KEPT
    assert len(list((store / "versions").iterdir())) == VERSIONS_KEPT
    refresh(copy)
    assert not (copy / "versions" / first).exists()
    assert [p.name for p in (copy / "versions").iterdir()] == [hosts.state().current]


def test_versions_of_one_second_are_listed_in_the_order_of_publication(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr(writer, "datetime", Frozen)
    published = [hosts.publish(number) for number in range(3, 7)]
    assert [v.version for v in versions(hosts.url)] == published[::-1]
    hosts.use("two")
    for version in published[:2]:
        open_bundle(hosts.url, version)
    assert [v.version for v in versions(hosts.url)] == published[::-1]
    assert [rollback(hosts.url) for _ in range(3)] == published[2::-1]


def test_a_lost_response_does_not_lose_a_published_version(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    create = remote_store._create_file

    def create_without_response(target: Path, content: bytes) -> None:
        create(target, content)
        if "state-0000000001" in target.name:
            raise ConnectionError

    monkeypatch.setattr(remote_store, "_create_file", create_without_response)
    version = hosts.publish()
    assert hosts.state().current == version
    assert verify(hosts.url) == []


def test_a_version_is_not_removed_while_it_is_unknown_whether_it_was_published(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, read = remote_store._create_file, RemoteStore._read_numbered

    def create_before_an_outage(target: Path, content: bytes) -> None:
        create(target, content)
        if "state-0000000001" in target.name:
            monkeypatch.setattr(RemoteStore, "_read_numbered", unreachable)
            raise ConnectionError

    monkeypatch.setattr(remote_store, "_create_file", create_before_an_outage)
    with pytest.raises(StoreError):
        hosts.publish()
    monkeypatch.setattr(RemoteStore, "_read_numbered", read)
    assert verify(hosts.url) == []


def test_old_files_that_cannot_be_removed_fail_an_erasure_but_not_a_fit(
    shop_hosts: Hosts, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = RemoteStore.remove_folder

    def fail(_: RemoteStore, folder: str) -> None:
        raise StoreError(f"{folder[:4]} cannot be removed.")

    customer = Engine.load(shop_hosts.url).search_customers("C")[0].customer_id
    monkeypatch.setattr(RemoteStore, "remove_folder", fail)
    with pytest.raises(ErasureError, match="remain"):
        erase(shop_hosts.url, customer)
    shop_hosts.publish()
    monkeypatch.setattr(RemoteStore, "remove_folder", remove)
    erase(shop_hosts.url, customer)
    assert len(list((store / "versions").iterdir())) == len(shop_hosts.state().versions)


def test_rollback_changes_the_store(hosts: Hosts) -> None:
    first, second = hosts.publish(), hosts.publish(4)
    copy = hosts.use("two")
    open_folder(hosts.url)
    hosts.use("one")
    assert rollback(hosts.url) == first
    refresh(copy)
    assert (copy / "current").read_text().startswith(first)
    hosts.use("three")
    assert rollback(hosts.url, second) == second
    with pytest.raises(UnknownVersionError):
        rollback(hosts.url, "20990101T000000Z-00000000")


@pytest.mark.parametrize("damage", ["truncate", "change", "remove"])
def test_a_damaged_version_never_becomes_active(hosts: Hosts, store: Path, damage: str) -> None:
    first = hosts.publish()
    copy = hosts.use("two")
    open_folder(hosts.url)
    hosts.use("one")
    second = hosts.publish(4)
    path = next(p for p in table_files(store, second) if p.name == "numbers.npy")
    whole = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(whole[:-4] if damage == "truncate" else whole[:-1] + b"\xff")
    with pytest.raises(DamagedBundleError):
        refresh(copy)
    assert (copy / "current").read_text().startswith(first)
    assert last_check(copy).code == "bundle_damaged"
    assert len(verify(hosts.url)) == 1
    new = hosts.use("three")
    with pytest.raises(DamagedBundleError):
        open_bundle(hosts.url)
    assert local_versions(new) == [first]  # the API falls back on it
    path.write_bytes(whole)
    refresh(copy)
    assert (copy / "current").read_text().startswith(second)
    assert last_check(copy).code == ""


def local_versions(copy: Path) -> list[str]:
    return sorted(p.name for p in (copy / "versions").iterdir())


def test_names_outside_the_version_are_not_downloaded(hosts: Hosts, store: Path, tmp_path: Path) -> None:
    version = hosts.publish()
    state_file = max(store.glob("state-*.json"))
    folder = store / "versions" / hosts.state().versions[0].folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["tables/../../../../escaped.npy"] = {"size": 1, "sha256": "0" * 64}
    blob = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(blob)
    state = json.loads(state_file.read_text())
    state["versions"][0]["manifest"] = hashlib.sha256(blob).hexdigest()
    state_file.write_text(json.dumps(state))
    hosts.use("two")
    with pytest.raises(DamagedBundleError):
        open_folder(hosts.url)
    assert not list(tmp_path.rglob("escaped*"))
    assert version


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../evil": {"object": "0" * 64 + "-00000000", "size": 1}}},
        {"current": "../x"},
        {"versions": [{"version": "../x", "manifest": "0" * 64, "folder": "../x"}]},
        {"format": 2},
        {"unknown": 1},
    ],
)
def test_a_state_that_is_not_valid_is_refused(hosts: Hosts, store: Path, change: dict[str, Any]) -> None:
    hosts.publish()
    path = max(store.glob("state-*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    hosts.use("two")
    with pytest.raises(ArtifactError, match="is damaged"):
        open_folder(hosts.url)


def test_an_empty_store_has_no_bundle(hosts: Hosts) -> None:
    with pytest.raises(MissingBundleError, match="file://"):
        Engine.load(hosts.url)


def test_a_store_that_cannot_be_reached_leaves_the_last_version(
    shop_hosts: Hosts, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shop_hosts.use("two")
    version = Engine.load(shop_hosts.url).version
    monkeypatch.setattr(RemoteStore, "_state_numbers", unreachable)
    assert Engine.load(shop_hosts.url).version == version
    assert last_check(copy).code == "store"
    with pytest.raises(StoreError) as error, lock(shop_hosts.url):
        pass
    assert error.value.exit_code == 5
    shop_hosts.use("three")
    with pytest.raises(StoreError, match="cannot be reached"):
        Engine.load(shop_hosts.url)


def unreachable(*_: object) -> Any:
    raise ConnectionError("secret-key in the message")


def test_messages_of_the_store_library_are_not_shown(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_credentials(*_: object, **__: object) -> None:
        raise NoCredentialsError("AKIA1234")

    class NoCredentialsError(Exception):
        pass

    hosts.publish()
    monkeypatch.setattr(fsspec.get_filesystem_class("file"), "ls", without_credentials)
    with pytest.raises(StoreError) as error:
        RemoteStore(hosts.url).read_state()
    assert "no credentials" in error.value.message
    assert "AKIA" not in error.value.message + error.value.hint


def test_an_erased_customer_is_removed_from_the_store_and_from_the_copies(
    shop_hosts: Hosts, store: Path, fitted: tuple[Path, FitReport]
) -> None:
    customer = Engine.load(fitted[0]).search_customers("C")[0].customer_id
    copy = shop_hosts.use("two")
    old = Engine.load(shop_hosts.url).version
    (copy / "jobs" / ("0" * 32)).mkdir(parents=True)
    shop_hosts.use("one")
    receipt = erase(shop_hosts.url, customer)
    assert receipt["purchase_rows"] > 0
    assert receipt["deleted_versions"] == [old]
    assert [p.name.rpartition("-")[0] for p in (store / "versions").iterdir()] == receipt["versions"]
    refresh(copy)
    assert local_versions(copy) == receipt["versions"]
    assert not list((copy / "jobs").iterdir())
    shop_hosts.use("two")
    engine = Engine.load(shop_hosts.url)
    assert not engine.recommend(customer).known
    events = open_events(copy)
    assert events.erased_among([customer, "other"]) == {customer}
    check_tombstones(copy, events)
    (copy / "erased.txt").unlink()
    with pytest.raises(ArtifactError, match="missing"):
        check_tombstones(copy, events)


def test_a_fit_that_started_before_an_erasure_is_refused(shop_hosts: Hosts) -> None:
    shop_hosts.use("two")

    def fit_during_an_erasure() -> None:
        with lock(shop_hosts.url) as root:
            publish(root)
            shop_hosts.use("one")
            erase(shop_hosts.url, "unknown customer")
            shop_hosts.use("two")

    with pytest.raises(LockError):
        fit_during_an_erasure()


def test_events_need_a_database(shop_hosts: Hosts) -> None:
    events = open_events(open_folder(shop_hosts.url))
    with pytest.raises(NeedsDatabaseError, match="database"):
        events.add([Event("e1", "C001", "o1", "i1", "2025-01-01T00:00:00", 1, 1)])
    assert list(events.all()) == []
    engine = Engine.load(shop_hosts.url)
    assert engine.recommend(engine.search_customers("C")[0].customer_id).known


def test_events_and_erasures_of_all_hosts_are_in_the_database(
    shop_hosts: Hosts, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, postgres)
    engine = Engine.load(shop_hosts.url)
    copy = shop_hosts.use("two")
    other = Engine.load(shop_hosts.url)
    million = 1_000_000
    open_events(copy).add([Event("e1", "new customer", "o1", "007", "2025-02-24T10:00:00", million, million)])
    assert engine.recommend("new customer").known
    shop_hosts.use("one")
    assert erase(shop_hosts.url, "new customer")["events"] == 1
    assert not other.recommend("new customer").known
    assert open_events(copy).erased_among(["new customer"]) == {"new customer"}


def test_a_signed_version_stays_signed_in_the_store(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a" * 32)
    hosts.publish()
    hosts.use("two")
    assert open_bundle(hosts.url).signature == "valid"
    assert [v.signature for v in versions(hosts.url)] == ["valid"]
    monkeypatch.setenv(KEY_VARIABLE, "b" * 32)
    with pytest.raises(SignatureError):
        open_bundle(hosts.url)


def test_files_of_a_killed_fit_on_this_host_are_removed(hosts: Hosts) -> None:
    hosts.publish()
    copy = resolve_folder(hosts.url)
    left, other = copy / ".publication-0123", copy / "versions" / ".download-x"
    (left / ".temporary").mkdir(parents=True)
    other.mkdir()
    hosts.use("two")
    hosts.publish(4)
    refresh(copy)
    assert not other.exists()
    hosts.use("one")
    hosts.publish(5)
    assert not left.exists()


def test_an_erasure_removes_files_of_killed_fits_on_other_hosts(hosts: Hosts) -> None:
    hosts.publish()
    copy = hosts.use("two")
    open_folder(hosts.url)
    left = copy / ".publication-0123"
    left.mkdir()
    hosts.use("one")
    erase(hosts.url, "x")
    refresh(copy)
    assert not left.exists()


def test_added_items_reach_all_hosts(shop_hosts: Hosts) -> None:
    shop_hosts.use("two")
    engine = Engine.load(shop_hosts.url)
    shop_hosts.use("one")
    add_items([{"item_id": "new-1", "item_name": "Brand new thing"}], shop_hosts.url)
    copy = shop_hosts.use("two")
    refresh(copy)
    assert [item.item_id for item in engine.with_current_items().search_items("Brand new")] == ["new-1"]
    assert remove_items(["new-1"], shop_hosts.url) == 1
    shop_hosts.use("one")
    assert Engine.load(shop_hosts.url).search_items("Brand new") == []


def test_items_and_a_fit_do_not_stop_each_other(shop_hosts: Hosts) -> None:
    shop_hosts.use("two")
    with lock(shop_hosts.url) as root:
        version = publish(root)
        shop_hosts.use("one")
        add_items([{"item_id": "new-1", "item_name": "Brand new thing"}], shop_hosts.url)
        shop_hosts.use("two")
    state = shop_hosts.state()
    assert state.current == version
    assert set(state.files) == {"items.json"}


def test_two_hosts_that_change_the_same_file_do_not_lose_a_change(shop_hosts: Hosts) -> None:

    def change_on_both() -> None:
        with store_transactions.shared_files(shop_hosts.url) as folder:
            ItemChanges(folder).put({"a": ItemChange(item_name="a")})
            shop_hosts.use("two")
            with store_transactions.shared_files(shop_hosts.url) as other:
                ItemChanges(other).put({"b": ItemChange(item_name="b")})

    with pytest.raises(LockError, match="same file"):
        change_on_both()
    assert set(ItemChanges(open_folder(shop_hosts.url)).read()) == {"b"}


def test_saved_rules_reach_all_hosts(shop_hosts: Hosts) -> None:
    shop_hosts.use("two")
    engine = Engine.load(shop_hosts.url)
    item = engine.popular(n=1).items[0].item_id
    copy = shop_hosts.use("one")
    save_rules(Engine.load(shop_hosts.url), {"ban": [item]})
    assert (copy / "rules.toml").is_file()
    refresh(shop_hosts.use("two"))
    assert engine.popular(n=1).items[0].item_id != item
    assert len(list((engine.artifacts / "rules-history").iterdir())) == 1


def test_a_running_engine_follows_the_store(
    shop_hosts: Hosts, fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POLL_VARIABLE, "0.1")
    copy = shop_hosts.use("two")
    holder = watch_engine(shop_hosts.url)
    try:
        old = holder.get().version
        shop_hosts.use("one")
        new = erase(shop_hosts.url, Engine.load(fitted[0]).search_customers("C")[0].customer_id)["versions"][0]
        wait_for(lambda: (copy / "current").read_text().startswith(new))
        holder.refresh()
        assert old != holder.get().version == new
        monkeypatch.setattr(RemoteStore, "_state_numbers", unreachable)
        wait_for(lambda: last_check(copy).code == "store")
        assert holder.get().version == new
    finally:
        stop_polling(copy)


def wait_for(condition: Any) -> None:
    """Wait until a condition holds; the time limit of the test ends a wait without success."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.02)


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "100000"])
def test_an_interval_that_is_not_valid_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=POLL_VARIABLE):
        poll_interval_s({POLL_VARIABLE: text})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "is not valid"),
        ("ftp://host/shop", "type ftp://"),
        ("s3://key:secret@bucket/shop", "contains a password"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        resolve_folder(url)
    assert "secret" not in error.value.message


@pytest.mark.parametrize("path", ["artifacts", "/srv/artifacts", "C:\\artifacts", "a:b", "s3:/bucket"])
def test_a_path_is_not_a_url(path: str) -> None:
    assert not is_url(path)
    assert resolve_folder(path) == Path(path)


def test_a_cache_folder_of_another_account_is_refused(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = resolve_folder(hosts.url)
    assert copy.is_dir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(UsageError, match="another account"):
        resolve_folder(hosts.url)


def test_a_folder_needs_none_of_the_packages_of_a_store(fitted: tuple[Path, FitReport]) -> None:
    code = (
        "import sys; from smart_retail import Engine; Engine.load(sys.argv[1]).popular(n=1); "
        "print([name for name in ('fsspec', 's3fs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, fitted[0]], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
