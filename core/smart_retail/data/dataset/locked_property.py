"""Properties and methods that use the engine of a dataset from one thread at a time.

The object has a reentrant lock in its attribute `lock`. A property that is already computed is returned without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

if TYPE_CHECKING:
    locked_cached_property = cached_property
else:

    class locked_cached_property(cached_property):  # noqa: N801  # used as a decorator
        """A thread-safe `cached_property`: it is computed once, while the object's lock is held."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            with instance.lock:
                return super().__get__(instance, owner)


def synchronized(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Decorate a method so that it holds the object's lock while it runs."""

    @wraps(method)
    def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:  # type: ignore[attr-defined]
            return method(self, *args, **kwargs)

    return locked
