"""Background jobs of a fit."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest

from smart_retail.progress import SILENT, WatchingProgress
from smart_retail.utils.parallel import background_jobs, parallel_map


def test_with_one_thread_a_job_is_complete_when_its_submission_returns() -> None:
    completed: list[int] = []
    with background_jobs(1) as submit:
        submit(lambda: completed.append(1))
        assert completed == [1]


def test_background_jobs_run_in_order_and_end_with_the_context() -> None:
    go, completed = threading.Event(), []

    def first() -> str:
        assert go.wait(10)
        time.sleep(0.01)
        completed.append("first")
        return "result"

    with background_jobs(2) as submit:
        future = submit(first)
        submit(lambda: completed.append("second"))
        assert not completed
        go.set()
    assert completed == ["first", "second"]
    assert future.result() == "result"


@pytest.mark.parametrize("threads", [1, 2])
def test_the_error_of_a_job_is_raised_by_its_future(threads: int) -> None:
    with background_jobs(threads) as submit:
        job = submit(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            job.result()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_parallel_map_keeps_the_order_of_its_inputs(threads: int) -> None:
    assert parallel_map(lambda x: x * x, range(20), threads) == [x * x for x in range(20)]


def test_a_failed_background_job_ends_the_work_at_the_next_check() -> None:
    job: Future[None] = Future()
    progress = WatchingProgress(SILENT)
    progress.watch(job)
    progress.check()
    job.set_exception(OSError("the disk is full"))
    with pytest.raises(OSError, match="disk is full"):
        progress.check()
