"""Hot reload: the engine is replaced while the API runs, atomically, and never by one that fails to load."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from fake_engine import FakeEngine

from smart_retail.errors import DamagedBundleError, MissingBundleError
from smart_retail.serving import hot_reload
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.app import create_app


class Shelf:
    """An artifacts folder in memory."""

    def __init__(self) -> None:
        self.active = "v1"
        self.damaged: set[str] = set()
        self.loads = 0
        self.looks = 0

    def load(self) -> FakeEngine:
        self.loads += 1
        self.look()
        if self.active in self.damaged:
            raise DamagedBundleError(f"/srv/{self.active} is damaged.")
        return FakeEngine(self.active)

    def look(self) -> str:
        self.looks += 1
        if not self.active:
            raise MissingBundleError("Nothing there.")
        return self.active


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def holder(shelf: Shelf) -> ReloadingEngine:
    return ReloadingEngine(shelf.load, shelf.look)


def test_a_new_version_is_picked_up_by_asking_alone(
    shelf: Shelf, holder: ReloadingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot_reload, "POLL_INTERVAL_S", 0.01)
    holder._next_poll = 0.0
    shelf.active = "v2"
    end = time.monotonic() + 10
    while holder.get().version != "v2" and time.monotonic() < end:
        time.sleep(0.01)
    assert holder.get().version == "v2"


def test_the_pointer_is_not_looked_at_more_than_once_a_second(shelf: Shelf, holder: ReloadingEngine) -> None:
    before = shelf.looks
    for _ in range(1000):
        holder.get()
    assert shelf.looks == before


def test_a_bad_version_is_refused_and_the_old_one_serves_on(shelf: Shelf, holder: ReloadingEngine) -> None:
    client = create_app(holder).test_client()
    shelf.active, shelf.damaged = "v2", {"v2"}
    holder.refresh()
    assert client.get("/readyz").json == {
        "status": "ready",
        "model_version": "v1",
        "refused": "bundle_damaged",
        "rules_error": None,
    }
    assert client.get("/v1/popular").json["model_version"] == "v1"
    loads = shelf.loads
    holder.refresh()
    assert shelf.loads == loads, "a refused version is not tried again at once"
    shelf.active = "v3"
    holder.refresh()
    assert client.get("/readyz").json == {
        "status": "ready",
        "model_version": "v3",
        "refused": None,
        "rules_error": None,
    }


def test_a_refused_version_that_was_mended_is_taken_later(
    shelf: Shelf, holder: ReloadingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.active, shelf.damaged = "v2", {"v2"}
    holder.refresh()
    shelf.damaged = set()
    monkeypatch.setattr(hot_reload, "RETRY_AFTER_S", 0.0)
    time.sleep(0.001)
    holder.refresh()
    assert holder.get().version == "v2"


def test_a_rollback_after_a_refusal_clears_it(shelf: Shelf, holder: ReloadingEngine) -> None:
    shelf.active, shelf.damaged = "v2", {"v2"}
    holder.refresh()
    shelf.active = "v1"
    holder.refresh()
    assert holder.rejected is None


def test_a_vanished_pointer_and_a_bug_are_refused_too(shelf: Shelf, holder: ReloadingEngine) -> None:
    shelf.active = ""
    holder.refresh()
    assert holder.get().version == "v1"
    assert holder.rejected is not None
    shelf.active = "v2"
    holder._load = lambda: 1 / 0  # type: ignore[assignment,return-value]
    holder.refresh()
    assert holder.rejected.code == "ZeroDivisionError"
    assert holder.get().version == "v1"


def test_nothing_to_serve_is_an_error_at_the_start(shelf: Shelf) -> None:
    shelf.damaged = {"v1"}
    with pytest.raises(DamagedBundleError):
        ReloadingEngine(shelf.load, shelf.look)


def test_a_slow_load_holds_up_no_request(shelf: Shelf) -> None:
    started, leave = threading.Event(), threading.Event()

    def slow() -> FakeEngine:
        if shelf.active == "v2":
            started.set()
            assert leave.wait(10)
        return FakeEngine(shelf.active)

    holder = ReloadingEngine(slow, shelf.look)
    shelf.active = "v2"
    loader = threading.Thread(target=holder.refresh)
    loader.start()
    assert started.wait(10)
    holder._next_poll = 0.0
    assert holder.get().version == "v1"
    leave.set()
    loader.join()
    assert holder.get().version == "v2"


def test_one_request_is_answered_by_one_version(shelf: Shelf, holder: ReloadingEngine) -> None:
    class Swapping(FakeEngine):
        """The active version changes in the middle of the request."""

        def query_customers(self, *args: Any) -> Any:
            shelf.active = "v9"
            holder.refresh()
            return super().query_customers(*args)

    holder._engine = Swapping("v1")
    response = create_app(holder).test_client().post("/v1/recommendations:batch", json={"customer_ids": ["a", "b"]})
    assert {part["model_version"] for part in response.json["lists"]} == {"v1"}
    assert response.headers["X-Model-Version"] == "v1"
    assert holder.get().version == "v9"


def test_a_hundred_swaps_under_load_fail_and_mix_nothing(shelf: Shelf, holder: ReloadingEngine) -> None:
    app = create_app(holder)
    wrong: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        client = app.test_client()
        while not stop.is_set():
            response = client.get("/v1/customers/C-002/recommendations?method=all&n=2")
            versions = {part["model_version"] for part in response.json["lists"].values()}
            if response.status_code != 200 or versions != {response.headers["X-Model-Version"]}:
                wrong.append(response.text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(100):
        shelf.active = f"v{i + 2}"
        holder.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert holder.get().version == "v101"
