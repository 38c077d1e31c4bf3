"""The interface of the executors of a cluster, which run functions of this package on blocks of customers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import narwhals as nw
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CustomerLines:
    """The purchase lines of the customers ``first`` to ``first + n_customers - 1``, sorted by customer, order, item."""

    first: int
    """Code of the first customer."""
    n_customers: int
    columns: dict[str, NDArray[Any]]
    """The columns of the lines by name; customers without lines have no rows."""


class Executors(Protocol):
    """The executors of a cluster, with an interpreter that runs functions of this package."""

    def map_customers(
        self,
        lines: nw.LazyFrame[Any],
        n_customers: int,
        function: Callable[[Any, CustomerLines], bytes],
        shared: Any,
    ) -> Generator[tuple[range, bytes], None, None]:
        """Yield the results of a function by block of customers: their codes, in ascending order, and the result.

        Closing the generator ends the work.

        Parameters
        ----------
        lines : LazyFrame
            Encoded lines (`history_builder.HISTORY_COLUMNS`); they stay on the cluster.
        n_customers : int
            Number of customer codes; customers without lines are in the blocks, too.
        function : callable
            Runs on the executors; receives `shared` and the lines of a block.
        shared : object
            What all calls need; each process of the executors loads it once.

        Raises
        ------
        SparkError
            The cluster cannot do the work.
        """
