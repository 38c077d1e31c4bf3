"""Answers of an engine: worked out when first asked for, and for one thread at a time.

In: a property or a method of an object with a lock `busy`. Out: the same, safe to ask from several threads; an answer
that is there already waits for nobody.
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

    class locked_cached_property(cached_property):  # noqa: N801  # reads as what it stands for
        """A `cached_property` that is worked out while nobody else asks the engine."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            with instance.busy:
                return super().__get__(instance, owner)


def synchronized(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that runs while nobody else asks the engine."""

    @wraps(method)
    def asking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.busy:  # type: ignore[attr-defined]
            return method(self, *args, **kwargs)

    return asking
