"""Orders with one item hidden in turn, the task ``basket``: basket lists are learned and evaluated on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.csr import indptr_from_lengths

MAX_HIDDEN_PER_ORDER = 5
"""Items hidden in turn of one order, so that large orders do not decide the figures."""


@dataclass(frozen=True, slots=True)
class BasketQueries:
    """One query for each hidden item."""

    customer: NDArray[np.int32]
    order: NDArray[np.int64]
    """Number of the order among the sampled ones; the items of one order are not independent of each other."""
    hidden: NDArray[np.int64]
    """The item to find."""
    indptr: NDArray[np.int64]
    item: NDArray[np.int64]
    """The rest of the order: query i has the basket ``item[indptr[i]:indptr[i + 1]]``."""

    def __len__(self) -> int:
        return len(self.hidden)

    def basket(self, query: int) -> NDArray[np.int64]:
        """Return the visible items of a query, ascending."""
        return self.item[int(self.indptr[query]) : int(self.indptr[query + 1])]


def sample_queries(after: PurchaseHistory, max_queries: int, seed: int) -> BasketQueries:
    """Hide items of orders with at least two items.

    Parameters
    ----------
    after : PurchaseHistory
        The purchases of the window.
    max_queries : int
        Orders are drawn by the seed until there are so many queries.
    seed : int

    Returns
    -------
    BasketQueries
    """
    starts = np.flatnonzero(np.diff(after.order, prepend=-1))
    sizes = np.diff(starts, append=len(after))
    rng = np.random.default_rng(seed)
    customer: list[int] = []
    order: list[int] = []
    hidden: list[int] = []
    baskets: list[NDArray[np.int64]] = []
    for number, position in enumerate(rng.permutation(np.flatnonzero(sizes >= 2)).tolist()):
        if len(hidden) >= max_queries:
            break
        items = after.item[starts[position] : starts[position] + sizes[position]].astype(np.int64)
        for k in rng.permutation(len(items))[:MAX_HIDDEN_PER_ORDER].tolist():
            customer.append(int(after.customer[starts[position]]))
            order.append(number)
            hidden.append(int(items[k]))
            baskets.append(np.delete(items, k))
    return BasketQueries(
        np.array(customer, np.int32),
        np.array(order, np.int64),
        np.array(hidden, np.int64),
        indptr_from_lengths([len(basket) for basket in baskets]),
        np.concatenate([np.empty(0, np.int64), *baskets]),
    )
