"""Independent fits on several threads, each of them on one.

In: a function and what to call it with. Out: its results, in order. Linear algebra is held to one thread, so that two
pools never compete for the processors and no sum depends on how many there are. Used while fitting only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def side_by_side(function: Callable[[In], Out], each: Sequence[In], threads: int) -> list[Out]:
    """``[function(one) for one in each]`` on at most `threads` threads."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(max(threads, 1)) as pool:
        return list(pool.map(function, each))
