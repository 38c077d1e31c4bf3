"""What the parts of one fit share: seed, threads, progress and, while jobs run in parallel, the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from smart_retail.progress import SILENT, Progress
from smart_retail.utils.parallel import available_threads, thread_pool

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class FitContext:
    """Settings of one fit that all its parts need."""

    seed: int = 0
    """Seed of every random draw: the same data and seed give the same result."""
    threads: int = 0
    """Maximum number of threads; 0 uses all processors. It does not change the result."""
    progress: Progress = SILENT
    """Receives messages and can cancel the fit."""
    pool: Executor | None = None
    """Runs jobs of one thread each; set within `open_pool`."""

    @property
    def n_threads(self) -> int:
        """The number of threads to use, at least 1."""
        return self.threads or available_threads()

    @contextmanager
    def open_pool(self) -> Iterator[FitContext]:
        """Yield a context with a thread pool, which is closed on leaving."""
        with thread_pool(self.n_threads) as pool:
            yield replace(self, pool=pool)

    def submit(
        self, function: Callable[_Parameters, _Result], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> Future[_Result]:
        """Submit a job to the pool, which must be open."""
        if self.pool is None:
            raise RuntimeError("FitContext.submit needs an open pool: use it within open_pool().")
        return self.pool.submit(function, *args, **kwargs)
