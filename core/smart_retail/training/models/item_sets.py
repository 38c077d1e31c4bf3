"""Count the pairs and triples of items that are most often in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.item_sets import NO_ITEM, ItemSets, build_sets, order_pair, order_triple
from smart_retail.utils.csr import indptr_from_lengths

MAX_PAIRS = 10_000
"""Pairs kept, those in the most orders; triples are made of these pairs only, which bounds their number."""
MAX_TRIPLES = 10_000


def count_item_sets(
    history: PurchaseHistory,
    guests: GuestOrders = NO_GUESTS,
    *,
    min_support: int,
    max_pairs: int = MAX_PAIRS,
    max_triples: int = MAX_TRIPLES,
    check: Callable[[], None] = lambda: None,
) -> ItemSets:
    """Count the item sets of a shop.

    Parameters
    ----------
    history : PurchaseHistory
        The whole history.
    guests : GuestOrders
        Orders that count like those of customers.
    min_support : int
        Orders of a set, at least.
    max_pairs, max_triples : int
        If there are more, the smallest support is raised until there are not.
    check : callable
        Called between the steps; may raise `CancelledError`.

    Returns
    -------
    ItemSets
        All pairs that are together more often than by chance in at least `ItemSets.min_support` orders, and all triples
        of these pairs with that support, or with the smallest larger one that at most `max_triples` have; most orders
        first.
    """
    from smart_retail.training.kernels import item_set_counts as kernels  # imports Numba: only while fitting

    least = max(min_support, 1)
    lines = _LinesByItem(history, guests, least)
    check()
    histogram = np.zeros(lines.n_orders + 2, np.int64)
    none = np.empty((0, 3), np.int32), np.empty(0, np.int64)
    kernels.count_frequent_pairs(*lines.arrays, least, histogram, *none)
    check()
    support = kernels.smallest_support(histogram, least, max_pairs)
    n = int(histogram[support:].sum())
    pairs, revenue = np.empty((n, 3), np.int32), np.empty(n, np.int64)
    if n:
        kernels.count_frequent_pairs(*lines.arrays, support, none[1], pairs, revenue)
    by_items = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, revenue = pairs[by_items], revenue[by_items]
    check()
    triples, revenue_of_triples = _count_triples(lines, pairs, support, max_triples)
    return _describe(lines, (pairs, revenue), (triples, revenue_of_triples), support)


class _LinesByItem:
    """The lines of orders with items numbered by descending demand, as the kernels take them.

    Lines of items in fewer than `least` orders are left out, since no set has such an item.
    """

    def __init__(self, history: PurchaseHistory, guests: GuestOrders, least: int) -> None:
        from smart_retail.training.kernels.item_set_counts import group_lines

        n_items = history.n_items
        self.totals = np.zeros(n_items, np.int32)
        for _, item, _ in _parts(history, guests):
            self.totals += np.bincount(item, minlength=n_items).astype(np.int32)
        self.code = np.argsort(-self.totals, kind="stable")
        """Item code by number."""
        number = np.empty(n_items, np.int32)
        number[self.code] = np.arange(n_items)
        self.n_orders = 0
        columns: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]] = []
        for order, item, amount in _parts(history, guests):
            # A slice of a history does not have every order code.
            dense = (self.n_orders - 1 + np.cumsum(np.diff(order, prepend=-1) != 0)).astype(np.int32)
            self.n_orders = int(dense[-1]) + 1 if len(dense) else self.n_orders
            frequent = np.flatnonzero(self.totals[item] >= least)
            numbered = number[item[frequent]]
            by_order = np.lexsort((numbered, dense[frequent]))
            columns.append((numbered[by_order], dense[frequent][by_order], amount[frequent][by_order]))
        item, order, amount = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        start = indptr_from_lengths(np.bincount(item, minlength=n_items))
        ptr = indptr_from_lengths(np.bincount(order, minlength=self.n_orders))
        self.arrays = start, group_lines(item, start), ptr, order, item, amount
        """By item: bounds and lines; by order: bounds, orders, items and amounts."""


def _parts(
    history: PurchaseHistory, guests: GuestOrders
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]]:
    """Yield orders, items and amounts of the lines in blocks of whole orders."""
    for _, block in history.blocks():
        yield block.order, block.item, block.amount
    if len(guests):
        yield guests.order, guests.item, guests.amount


def _count_triples(
    lines: _LinesByItem, pairs: NDArray[np.int32], support: int, most: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the numbers of the items of each triple with its orders, and its amount."""
    from smart_retail.training.kernels import item_set_counts as kernels

    edges = np.ascontiguousarray(pairs[:, :2])
    neighbours = indptr_from_lengths(np.bincount(edges[:, 0], minlength=len(lines.totals)))
    # A graph of m edges has at most sqrt(2) / 3 m^1.5 triangles.
    size = int(0.48 * len(edges) ** 1.5) + 1
    out, revenue = np.empty((size, 4), np.int32), np.empty(size, np.int64)
    n = kernels.count_triples(*lines.arrays, edges, neighbours, support, out, revenue)
    out, revenue = out[:n], revenue[:n]
    histogram = np.bincount(out[:, 3], minlength=support + 1)
    kept = out[:, 3] >= kernels.smallest_support(histogram, support, most)
    return out[kept], revenue[kept]


_Counted = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Numbers of the items and orders of each set, and its amount."""


def _describe(lines: _LinesByItem, pairs: _Counted, triples: _Counted, support: int) -> ItemSets:
    """Return the sets with item codes, antecedents first, most orders first."""
    by_items: dict[tuple[int, int], int] = {}
    rows: list[tuple[tuple[int, ...], int, int, int]] = []
    for (*numbers, together), amount in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
        first, second = sorted(lines.code[numbers].tolist())
        by_items[first, second] = together
        pair, antecedent = order_pair((first, second), lines.totals)
        rows.append(((*pair, NO_ITEM), together, antecedent, amount))
    for (*numbers, together), amount in zip(triples[0].tolist(), triples[1].tolist(), strict=True):
        first, second, third = lines.code[numbers].tolist()
        triple, antecedent = order_triple((first, second, third), by_items)
        rows.append((triple, together, antecedent, amount))
    rows.sort(key=lambda row: (-row[1], row[0]))
    return build_sets(rows, support)
