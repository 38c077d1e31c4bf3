"""Thread pools for fitting: independent single-threaded jobs that run in parallel.

Linear algebra is limited to one thread, so that pools do not compete for processors and no sum depends on the number
of threads. Used while fitting only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_algebra_thread() -> Iterator[None]:
    """Limit linear algebra (BLAS) to one thread.

    Hold this context around all worker threads. The limit is process-wide, so contexts that overlap would reset each
    other.
    """
    import scipy.linalg  # noqa: F401  # only libraries that are loaded are limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def thread_pool(threads: int) -> Iterator[Executor]:
    """Open a pool of at most `threads` threads for single-threaded jobs."""
    with one_algebra_thread(), ThreadPoolExecutor(max(threads, 1)) as pool:
        yield pool


def parallel_map(function: Callable[[Input], Output], inputs: Sequence[Input], threads: int) -> list[Output]:
    """Return ``[function(value) for value in inputs]``, computed on at most `threads` threads.

    Parameters
    ----------
    function : callable
    inputs : sequence
    threads : int
        At most this many jobs run in parallel.

    Returns
    -------
    list
        Results in the order of `inputs`.
    """
    with thread_pool(threads) as pool:
        return list(pool.map(function, inputs))


@contextmanager
def background_jobs(threads: int) -> Iterator[Callable[[Callable[[], Output]], Future[Output]]]:
    """Open a context that runs jobs in the background, one after the other.

    With ``threads=1`` each job is complete when its submission returns. All jobs have ended when the context is left.

    Yields
    ------
    callable
        Submits a job and returns its future.
    """
    with ThreadPoolExecutor(1) as pool:

        def submit(job: Callable[[], Output]) -> Future[Output]:
            future = pool.submit(job)
            if threads == 1:
                future.exception()  # waits
            return future

        yield submit
