"""Item sets: pairs and triples of items that are in the same orders, with support, confidence, lift and revenue.

In: arrays of a bundle, or the purchase lines of its history. Out: the counts that product bundles state. Only NumPy;
the arrays may be read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.item_pairs import MIN_LIFT

NO_ITEM: Final = -1
"""Item code in the third column of a pair."""
MAX_TRIPLE_ITEMS: Final = 20
"""Items that the triples of one item are made of: those that are most often in one order with it."""


@dataclass(frozen=True, slots=True)
class PurchaseLines:
    """The kept purchase lines of a shop, one for each item of an order, sorted by order."""

    order: NDArray[np.int32]
    """Order codes, ascending with customer and day."""
    item: NDArray[np.int32]
    amount: NDArray[np.int64]
    """Net amount, millionths of the shop's currency."""
    totals: NDArray[np.int32]
    """Orders by item code, shape ``(n_items,)``."""
    n_orders: int
    """All orders."""


@dataclass(frozen=True, slots=True)
class ItemSets:
    """Sets of two or three items, each two of which are in one order more often than by chance.

    The last item of a set is the consequent: the one that most of the orders with the others have, too. Ties are
    resolved by item codes.
    """

    items: NDArray[np.int32]
    """Item codes, shape ``(n, 3)``; the consequent is last, and a pair ends in `NO_ITEM`."""
    support: NDArray[np.int32]
    """Orders with all items of the set, shape ``(n,)``."""
    antecedent: NDArray[np.int32]
    """Orders with all items but the consequent, shape ``(n,)``."""
    revenue: NDArray[np.int64]
    """Net amount of the items of the set in these orders, millionths of the shop's currency, shape ``(n,)``."""
    min_support: int
    """Smallest support of a pair: every pair with at least this support is included."""

    def __len__(self) -> int:
        return len(self.support)

    @property
    def size(self) -> NDArray[np.int64]:
        """Number of items of each set."""
        sizes: NDArray[np.int64] = np.count_nonzero(self.items != NO_ITEM, axis=1)
        return sizes

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Share of the orders with all other items that also have the consequent, 0 to 1."""
        return self.support / np.maximum(self.antecedent, 1)

    def lift(self, totals: NDArray[np.int32], n_orders: int) -> NDArray[np.float64]:
        """Return how many times as often the items of each set are in one order as by chance.

        Parameters
        ----------
        totals : int32 array, shape (n_items,)
            Orders by item code.
        n_orders : int
            All orders.
        """
        share = np.where(self.items == NO_ITEM, 1.0, totals[self.items] / max(n_orders, 1))
        lift: NDArray[np.float64] = self.support / (share.prod(axis=1) * max(n_orders, 1))
        return lift

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, by name."""
        columns = ("items", "support", "antecedent", "revenue")
        return {name: getattr(self, name) for name in columns} | {"least": np.array([self.min_support], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ItemSets:
        """Build the sets from the results of `arrays`, without copies."""
        columns = {name: np.asarray(arrays[name]) for name in ("items", "support", "antecedent", "revenue")}
        return cls(**columns, min_support=int(arrays["least"][0]))

    def joined(self, other: ItemSets) -> ItemSets:
        """Return the sets of both, with the smallest support of this one."""
        columns = {
            name: np.concatenate((getattr(self, name), getattr(other, name)))
            for name in ("items", "support", "antecedent", "revenue")
        }
        return ItemSets(**columns, min_support=self.min_support)


def is_above_chance(
    together: NDArray[Any] | int, first: NDArray[Any] | int, second: NDArray[Any] | int, n_orders: int
) -> Any:
    """Return whether two items are in one order at least `MIN_LIFT` times as often as by chance.

    Parameters
    ----------
    together, first, second : int or integer arrays
        Orders with both items, with the one and with the other.
    n_orders : int
        All orders.
    """
    return np.asarray(together) * float(n_orders) >= MIN_LIFT * np.asarray(first, np.float64) * second


def order_pair(items: tuple[int, int], totals: NDArray[np.int32]) -> tuple[tuple[int, int], int]:
    """Return antecedent and consequent of a pair, and the orders with the antecedent: the rarer item comes first."""
    first, second = sorted(items, key=lambda item: (int(totals[item]), item))
    return (first, second), int(totals[first])


def order_triple(items: tuple[int, int, int], pairs: Mapping[tuple[int, int], int]) -> tuple[tuple[int, ...], int]:
    """Return the items of a triple, consequent last, and the orders with the other two: the rarest pair comes first.

    Parameters
    ----------
    items : (int, int, int)
    pairs : mapping
        Pair of items in ascending order -> orders with both.
    """
    codes = sorted(items)
    first = min(combinations(codes, 2), key=lambda pair: (pairs[pair], pair))
    consequent = next(item for item in codes if item not in first)
    return (*first, consequent), pairs[first]


def count_sets_of_item(lines: PurchaseLines, item: int, min_support: int) -> ItemSets:
    """Count the pairs and triples with one item.

    Parameters
    ----------
    lines : PurchaseLines
    item : int
        Item code.
    min_support : int
        Orders that the items of a set have at least in common.

    Returns
    -------
    ItemSets
        All pairs with the item, and the triples among it and the `MAX_TRIPLE_ITEMS` items that are most often in one
        order with it.
    """
    own = _OrdersOfItem.select(lines, item)
    totals = lines.totals
    together = np.bincount(own.item, minlength=len(totals))
    together[item] = 0
    above = is_above_chance(together, int(totals[item]), totals, lines.n_orders)
    others = np.flatnonzero((together >= min_support) & above)
    pairs = _pairs_of_item(own, item, others, together, totals, min_support)
    frequent = others[np.argsort(-together[others], kind="stable")][:MAX_TRIPLE_ITEMS]
    triples = build_sets(_count_triples(lines, own, item, np.sort(frequent), min_support), min_support)
    return pairs.joined(triples)


def _pairs_of_item(
    own: _OrdersOfItem,
    item: int,
    others: NDArray[np.int64],
    together: NDArray[np.int64],
    totals: NDArray[np.int32],
    min_support: int,
) -> ItemSets:
    """Return the pairs of an item with each other item, as `order_pair` orders them."""
    is_rarer = (totals[item] < totals[others]) | ((totals[item] == totals[others]) & (item < others))
    first, second = np.where(is_rarer, item, others), np.where(is_rarer, others, item)
    items = np.column_stack((first, second, np.full(len(others), NO_ITEM))).astype(np.int32)
    revenue = own.revenue_with(others, len(totals))
    return ItemSets(items, together[others].astype(np.int32), totals[first].astype(np.int32), revenue, min_support)


def build_sets(rows: list[tuple[tuple[int, ...], int, int, int]], min_support: int) -> ItemSets:
    """Return sets from rows of items, support, orders with the antecedent, and revenue."""
    items, *columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    return ItemSets(
        np.array(items, np.int32).reshape(-1, 3),
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int32),
        np.array(columns[2], np.int64),
        min_support,
    )


@dataclass(frozen=True, slots=True)
class _OrdersOfItem:
    """The lines of all orders that have an item."""

    slot: NDArray[np.int64]
    """Order of each line, 0 to the number of orders - 1."""
    item: NDArray[np.int32]
    amount: NDArray[np.int64]
    own_amount: NDArray[np.int64]
    """Amount of the item itself, by order."""

    @classmethod
    def select(cls, lines: PurchaseLines, item: int) -> _OrdersOfItem:
        rows = np.flatnonzero(lines.item == item)
        orders = lines.order[rows]
        slots = np.full(int(lines.order[-1]) + 1 if len(lines.order) else 0, -1, np.int32)
        slots[orders] = np.arange(len(orders))
        slot = slots[lines.order]
        kept = np.flatnonzero(slot >= 0)
        return cls(slot[kept].astype(np.int64), lines.item[kept], lines.amount[kept], lines.amount[rows])

    def revenue_with(self, others: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
        """Return the amount of the item and each other item in the orders with both."""
        position = np.full(n_items, -1, np.int64)
        position[others] = np.arange(len(others))
        rows = np.flatnonzero(position[self.item] >= 0)
        revenue = np.zeros(len(others), np.int64)
        np.add.at(revenue, position[self.item[rows]], self.amount[rows] + self.own_amount[self.slot[rows]])
        return revenue


def _count_triples(
    lines: PurchaseLines, own: _OrdersOfItem, item: int, others: NDArray[np.int64], min_support: int
) -> list[tuple[tuple[int, ...], int, int, int]]:
    """Return the rows of the triples of an item and two others, each two of which are together more than by chance."""
    position = np.full(len(lines.totals), -1, np.int64)
    position[others] = np.arange(len(others))
    rows = np.flatnonzero(position[own.item] >= 0)
    slot, at, amount = own.slot[rows], position[own.item[rows]], own.amount[rows]
    present = np.zeros((len(others), len(own.own_amount)), np.bool_)
    present[at, slot] = True
    inside, everywhere = np.packbits(present, axis=1), _order_bits(lines, position, len(others))
    found = []
    for a, b in combinations(range(len(others)), 2):
        support = _count_common(inside, a, b)
        first, second = int(others[a]), int(others[b])
        if support < min_support:
            continue
        shared = _count_common(everywhere, a, b)
        if not is_above_chance(shared, int(lines.totals[first]), int(lines.totals[second]), lines.n_orders):
            continue
        pairs = {
            (first, second): shared,
            (min(item, first), max(item, first)): int(present[a].sum()),
            (min(item, second), max(item, second)): int(present[b].sum()),
        }
        triple, antecedent = order_triple((item, first, second), pairs)
        both = present[a] & present[b]
        revenue = own.own_amount[both].sum() + amount[both[slot] & ((at == a) | (at == b))].sum()
        found.append((triple, support, antecedent, int(revenue)))
    return found


def _order_bits(lines: PurchaseLines, position: NDArray[np.int64], n: int) -> NDArray[np.uint8]:
    """Return the orders of each item with a position as bits, shape ``(n, bytes)``."""
    at = position[lines.item]
    rows = np.flatnonzero(at >= 0)
    at, order = at[rows], lines.order[rows]
    n_codes = int(lines.order[-1]) + 1 if len(lines.order) else 0
    bits = np.zeros((n, (n_codes + 7) // 8), np.uint8)
    for item in range(n):
        has_item = np.zeros(n_codes, np.bool_)
        has_item[order[at == item]] = True
        bits[item] = np.packbits(has_item)
    return bits


def _count_common(bits: NDArray[np.uint8], a: int, b: int) -> int:
    return int(np.bitwise_count(bits[a] & bits[b]).sum())
