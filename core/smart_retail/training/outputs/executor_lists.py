"""Lists of all customers, ranked by the executors of a cluster.

The fitted model is sent to the executors once; the purchases of the customers stay in their partitions. Lists are
ranked by the NumPy functions that also serve live requests, so that executors need only the base install of this
package. They equal those of the driver bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.backends.executors import CustomerLines, Executors
from smart_retail.data.columns import CUSTOMER_ID
from smart_retail.data.dataset.history_builder import history_from_lines
from smart_retail.errors import SparkError
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.cached_lists import CachedLists, ListRequest
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.source_registry import SOURCES

if TYPE_CHECKING:
    from smart_retail.data.pipeline import Dataset
    from smart_retail.training.outputs.model_tables import FittedModels

_MODULES: Final = ("pyarrow", __name__)
"""What executors must be able to import."""


@dataclass(frozen=True, slots=True)
class RankingData:
    """All that ranking the customers of a block needs in addition to their purchases."""

    model: RecommenderModel
    segment: NDArray[np.int16]
    """Segment by customer code, see `Shoppers`."""
    cluster: NDArray[np.int16]
    returned: tuple[NDArray[np.int32], NDArray[np.int32]]
    """Customer and item codes of fully returned purchases, sorted, see `Dataset.fully_returned`."""
    n_items: int
    last_day: int
    """Last day of the history, days since 1970-01-01."""

    def __reduce__(self) -> tuple[Callable[..., RankingData], tuple[Any, ...]]:
        """Send the model as the plain arrays that a bundle has; a process that receives them checks its sources."""
        arrays = {name: np.asarray(array) for name, array in self.model.arrays().items()}
        rest = (self.segment, self.cluster, self.returned, self.n_items, self.last_day)
        return _ranking_data, (arrays, self.model.meta(), *rest)


def _ranking_data(arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any], *rest: Any) -> RankingData:
    return RankingData(RecommenderModel.from_arrays(arrays, meta), *rest)


def open_executors(dataset: Dataset) -> tuple[Executors | None, list[str]]:
    """Return the executors that can rank lists, and the notes of the report on why a cluster's executors cannot.

    The driver ranks the lists if there are no such executors: the result is the same.
    """
    try:
        executors = dataset.open_executors(_MODULES)
    except SparkError as error:
        return None, [f"{error.message} The driver ranks the lists of all customers. {error.hint}".strip()]
    if executors is not None and SOURCES.added:
        names = ", ".join(source.name for _, source in SOURCES.added)
        return None, [f"The driver ranks the lists of all customers: executors do not have the added source {names}."]
    return executors, []


def list_blocks(
    executors: Executors,
    dataset: Dataset,
    fitted: FittedModels,
    request: ListRequest,
    report: Callable[[float], None],
) -> Generator[CachedLists, None, None]:
    """Yield what `model_tables.list_blocks` yields, ranked by executors; parameters as there.

    Raises
    ------
    SparkError
        The cluster cannot do the work.
    """
    history, groups = fitted.history, fitted.groups
    data = RankingData(
        fitted.model,
        groups.segment,
        groups.clusters.fine,
        dataset.fully_returned,
        history.n_items,
        history.last_day,
    )
    rank = partial(rank_block, request=request)
    # Closing ends the jobs of a fit that was cancelled, or whose disk is full.
    with closing(executors.map_customers(dataset.history_lines, history.n_customers, rank, data)) as results:
        for customers, packed in results:
            report(customers.stop / history.n_customers)
            yield unpack(packed, len(customers), request.list_length)


def rank_block(data: RankingData, lines: CustomerLines, request: ListRequest) -> bytes:
    """Rank the customers of a block; runs on an executor.

    Parameters
    ----------
    data : RankingData
    lines : CustomerLines
    request : ListRequest

    Returns
    -------
    bytes
        Packed lists, see `unpack`.
    """
    customers = slice(lines.first, lines.first + lines.n_customers)
    columns = lines.columns | {CUSTOMER_ID: lines.columns[CUSTOMER_ID] - lines.first}
    history = history_from_lines(columns, lines.n_customers, data.n_items, data.last_day)
    shoppers = Shoppers(history, data.segment[customers], data.cluster[customers])
    customer, item = data.returned if request.exclude_purchased else (np.empty(0, np.int32),) * 2
    bounds = np.searchsorted(customer, np.arange(customers.start, customers.stop + 1))
    hidden = [item[start:stop] for start, stop in pairwise(bounds)]
    ranked = data.model.rank(
        request.method,
        shoppers,
        exclude_purchased=request.exclude_purchased,
        length=request.list_length + max(map(len, hidden), default=0),
    )
    table = CachedLists.empty(lines.n_customers, request.list_length)
    table.fill(0, ranked, hidden)
    return b"".join(array.tobytes() for array in table.arrays().values())


def unpack(packed: bytes, n_customers: int, list_length: int) -> CachedLists:
    """Return the lists that `rank_block` packed."""
    arrays, begin = {}, 0
    for name, array in CachedLists.empty(n_customers, list_length).arrays().items():
        arrays[name] = np.frombuffer(packed, array.dtype, array.size, begin).reshape(array.shape)
        begin += array.nbytes
    return CachedLists.from_arrays(arrays)
