"""Background jobs: results are delivered in the polling thread, only the newest of a lane."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from smart_retail.errors import DataError, RetailError
from smart_retail_tkinter.background_jobs import Jobs


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


def wait(jobs: Jobs, true: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        jobs.poll()
        time.sleep(0.001)


def fail(error: RetailError) -> None:
    raise AssertionError(error)


def test_a_result_is_delivered_in_the_polling_thread(jobs: Jobs) -> None:
    seen: list[tuple[str, str]] = []
    jobs.submit(
        "a",
        lambda: threading.current_thread().name,
        lambda name: seen.append((name, threading.current_thread().name)),
        fail,
    )
    assert jobs.is_running()
    wait(jobs, lambda: seen)
    assert seen == [("smart-retail-a", threading.current_thread().name)]
    assert not jobs.is_running()


def test_a_newer_job_replaces_running_and_queued_jobs(jobs: Jobs) -> None:
    gate, began, run, seen = threading.Event(), threading.Event(), [], []

    def slow() -> str:
        began.set()
        gate.wait(10)
        return "first"

    jobs.submit("a", slow, seen.append, fail)
    assert began.wait(10)
    jobs.submit("a", lambda: run.append("second"), seen.append, fail)
    jobs.submit("a", lambda: "third", seen.append, fail)
    gate.set()
    wait(jobs, lambda: seen)
    assert seen == ["third"]
    assert run == []


def test_lanes_do_not_wait_for_each_other(jobs: Jobs) -> None:
    gate, seen = threading.Event(), []
    jobs.submit("slow", lambda: gate.wait(10), lambda _: seen.append("slow"), fail)
    jobs.submit("quick", lambda: None, lambda _: seen.append("quick"), fail)
    wait(jobs, lambda: seen)
    assert seen == ["quick"]
    gate.set()
    wait(jobs, lambda: len(seen) == 2)


def test_errors_are_delivered_and_bugs_become_a_general_error(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    errors: list[RetailError] = []
    known = DataError("No row.", "Add one.")

    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    def bad() -> None:
        raise known

    jobs.submit("a", bad, fail, errors.append)
    wait(jobs, lambda: errors)
    with caplog.at_level(logging.ERROR):
        jobs.submit("a", broken, fail, errors.append)
        wait(jobs, lambda: len(errors) == 2)
    assert errors[0] is known
    assert errors[1].code == "error"
    assert "secret" not in errors[1].message + errors[1].hint
    assert "ZeroDivisionError" in caplog.text
