"""Hot reload: the engine is replaced while the API runs, atomically, and never by one that fails to load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine

from smart_retail.errors import DamagedBundleError, MissingBundleError
from smart_retail.serving.engine import Engine
from smart_retail.serving.hot_reload import POLL_INTERVAL_S, RETRY_AFTER_S, ReloadingEngine
from smart_retail_flask.app import create_app


class Folder:
    """An artifacts folder whose active version and damage are set by tests, with a clock that they advance."""

    def __init__(self, open_engine: Callable[[str], Engine]) -> None:
        self.active = "v1"
        self.damaged: set[str] = set()
        self.loads = 0
        self.reads = 0
        self.now = 1000.0
        self.open_engine = open_engine
        """Creates the engine of a version."""

    def load(self) -> Engine:
        self.loads += 1
        self.read_pointer()
        if self.active in self.damaged:
            raise DamagedBundleError(f"/srv/{self.active} is damaged.")
        return self.open_engine(self.active)

    def read_pointer(self) -> str:
        self.reads += 1
        if not self.active:
            raise MissingBundleError("There is no bundle.")
        return self.active

    def clock(self) -> float:
        return self.now


@pytest.fixture
def folder(make_engine: MakeEngine) -> Folder:
    return Folder(lambda version: make_engine(version=version))


def reloading_engine(folder: Folder) -> ReloadingEngine:
    return ReloadingEngine(folder.load, folder.read_pointer, clock=folder.clock)


@pytest.fixture
def holder(folder: Folder) -> ReloadingEngine:
    return reloading_engine(folder)


def test_new_version_is_loaded_in_the_background(folder: Folder, holder: ReloadingEngine) -> None:
    folder.active = "v2"
    folder.now += POLL_INTERVAL_S
    deadline = time.monotonic() + 60
    while holder.get().version != "v2" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holder.get().version == "v2"


def test_pointer_is_read_at_most_once_per_interval(folder: Folder, holder: ReloadingEngine) -> None:
    before = folder.reads
    for _ in range(1000):
        holder.get()
    assert folder.reads == before
    folder.now += POLL_INTERVAL_S
    for _ in range(1000):
        holder.get()
    assert folder.reads == before + 1


def test_version_that_fails_to_load_is_rejected_and_the_previous_one_stays(
    folder: Folder, holder: ReloadingEngine
) -> None:
    client = create_app(holder).test_client()
    folder.active, folder.damaged = "v2", {"v2"}
    holder.refresh()
    ready = client.get("/readyz").json
    assert (ready["status"], ready["model_version"], ready["refused"]) == ("ready", "v1", "bundle_damaged")
    assert client.get("/v1/popular").json["model_version"] == "v1"
    loads = folder.loads
    holder.refresh()
    assert folder.loads == loads, "a rejected version must not be loaded again at once"
    folder.active = "v3"
    holder.refresh()
    ready = client.get("/readyz").json
    assert (ready["status"], ready["model_version"], ready["refused"]) == ("ready", "v3", None)


def test_rejected_version_that_was_repaired_is_loaded_later(folder: Folder, holder: ReloadingEngine) -> None:
    folder.active, folder.damaged = "v2", {"v2"}
    holder.refresh()
    folder.damaged = set()
    folder.now += RETRY_AFTER_S
    holder.refresh()
    assert holder.get().version == "v1"
    folder.now += 0.001
    holder.refresh()
    assert holder.get().version == "v2"


def test_rollback_after_a_rejection_clears_it(folder: Folder, holder: ReloadingEngine) -> None:
    folder.active, folder.damaged = "v2", {"v2"}
    holder.refresh()
    folder.active = "v1"
    holder.refresh()
    assert holder.rejected is None


def test_missing_pointer_and_unexpected_errors_are_rejected(folder: Folder, holder: ReloadingEngine) -> None:
    folder.active = ""
    holder.refresh()
    assert holder.get().version == "v1"
    assert holder.rejected is not None

    def fail(version: str) -> Engine:
        raise ZeroDivisionError(version)

    folder.active, folder.open_engine = "v2", fail
    holder.refresh()
    assert holder.rejected.code == "ZeroDivisionError"
    assert holder.get().version == "v1"


def test_first_load_that_fails_is_an_error(folder: Folder) -> None:
    folder.damaged = {"v1"}
    with pytest.raises(DamagedBundleError):
        reloading_engine(folder)


def test_fallback_is_served_and_reported_if_the_first_load_fails(folder: Folder, make_engine: MakeEngine) -> None:
    folder.damaged = {"v2"}
    folder.active = "v2"
    holder = ReloadingEngine(
        folder.load, folder.read_pointer, fallback=lambda: make_engine(version="v1"), clock=folder.clock
    )
    ready = create_app(holder).test_client().get("/readyz").json
    assert (ready["model_version"], ready["refused"]) == ("v1", "bundle_damaged")
    folder.active = "v3"
    holder.refresh()
    assert (holder.get().version, holder.rejected) == ("v3", None)


@pytest.mark.parametrize("active", ["v2", ""])
def test_api_without_a_usable_version_responds_503_until_one_is_published(folder: Folder, active: str) -> None:
    def fail() -> Engine:
        raise MissingBundleError("There is no previous bundle.")

    folder.active, folder.damaged = active, {"v2"}
    client = create_app(
        ReloadingEngine(folder.load, folder.read_pointer, fallback=fail, clock=folder.clock)
    ).test_client()
    for path in ("/readyz", "/v1/popular", "/v1/customers/c0001"):
        response = client.get(path)
        assert (response.status_code, response.json["code"]) == (503, "artifact"), path
    for path in ("/livez", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200, path
    folder.active = "v3"
    folder.now += POLL_INTERVAL_S
    deadline = time.monotonic() + 60
    while client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert client.get("/v1/popular").json["model_version"] == "v3"


def test_slow_load_blocks_no_request(folder: Folder, make_engine: MakeEngine) -> None:
    started, may_finish = threading.Event(), threading.Event()

    def open_slowly(version: str) -> Engine:
        if version == "v2":
            started.set()
            assert may_finish.wait(60)
        return make_engine(version=version)

    folder.open_engine = open_slowly
    holder = reloading_engine(folder)
    folder.active = "v2"
    loader = threading.Thread(target=holder.refresh)
    loader.start()
    assert started.wait(60)
    folder.now += POLL_INTERVAL_S
    assert holder.get().version == "v1"
    may_finish.set()
    loader.join()
    assert holder.get().version == "v2"


def test_one_request_uses_one_version(folder: Folder, make_engine: MakeEngine) -> None:
    class SwappingEngine(Engine):
        """Activates another version in the middle of a request."""

        def query_customers(self, *args: Any, **options: Any) -> Any:
            folder.active = "v9"
            holder.refresh()
            return super().query_customers(*args, **options)

    folder.open_engine = lambda version: make_engine(SwappingEngine if version == "v1" else Engine, version=version)
    holder = reloading_engine(folder)
    response = create_app(holder).test_client().post("/v1/recommendations:batch", json={"customer_ids": ["a", "b"]})
    assert {part["model_version"] for part in response.json["lists"]} == {"v1"}
    assert response.headers["X-Model-Version"] == "v1"
    assert holder.get().version == "v9"


@pytest.mark.slow
def test_a_hundred_swaps_under_load_fail_no_request(folder: Folder, holder: ReloadingEngine) -> None:
    app = create_app(holder)
    faults: list[str] = []
    stop = threading.Event()

    def send_requests() -> None:
        client = app.test_client()
        while not stop.is_set():
            response = client.get("/v1/customers/c0002/recommendations?method=all&n=2")
            versions = {part["model_version"] for part in response.json["lists"].values()}
            if response.status_code != 200 or versions != {response.headers["X-Model-Version"]}:
                faults.append(response.text)

    threads = [threading.Thread(target=send_requests) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        folder.active = f"v{number + 2}"
        holder.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert holder.get().version == "v101"
