"""Independent fits on several threads, each of them on one.

In: a function and what to call it with. Out: its results, in order. Linear algebra is held to one thread, so that two
pools never compete for the processors and no sum depends on how many there are. Used while fitting only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def available_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_algebra_thread() -> Iterator[None]:
    """Linear algebra on one thread. Whoever starts threads of its own holds this around all of them: the limit is
    the process's, and two that come and go independently would lift each other's."""
    import scipy.linalg  # noqa: F401  # only libraries that are loaded are limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def thread_pool(threads: int) -> Iterator[Executor]:
    """At most `threads` threads for jobs of one thread each."""
    with one_algebra_thread(), ThreadPoolExecutor(max(threads, 1)) as pool:
        yield pool


def parallel_map(function: Callable[[In], Out], each: Sequence[In], threads: int) -> list[Out]:
    """``[function(one) for one in each]`` on at most `threads` threads."""
    with thread_pool(threads) as pool:
        return list(pool.map(function, each))


@contextmanager
def background_jobs(threads: int) -> Iterator[Callable[[Callable[[], Out]], Future[Out]]]:
    """Starts jobs that run, one after the other, beside what follows; on one thread each is done when it is started.
    All have ended when the context is left."""
    with ThreadPoolExecutor(1) as pool:

        def start(job: Callable[[], Out]) -> Future[Out]:
            started = pool.submit(job)
            if threads == 1:
                started.exception()  # waits
            return started

        yield start
