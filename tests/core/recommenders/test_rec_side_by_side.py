"""Jobs beside the main thread."""

from __future__ import annotations

import threading
import time

import pytest

from smart_retail.utils.parallel import background_jobs


def test_on_one_thread_a_job_is_done_when_it_is_started() -> None:
    done: list[int] = []
    with background_jobs(1) as start:
        start(lambda: done.append(1))
        assert done == [1]


def test_jobs_run_beside_in_their_order_and_end_with_the_context() -> None:
    go, done = threading.Event(), []

    def first() -> str:
        assert go.wait(10)
        time.sleep(0.01)
        done.append("first")
        return "found"

    with background_jobs(2) as start:
        one = start(first)
        start(lambda: done.append("second"))
        assert not done
        go.set()
    assert done == ["first", "second"]
    assert one.result() == "found"


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_where_the_result_is_asked_for(threads: int) -> None:
    with background_jobs(threads) as start:
        job = start(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            job.result()
