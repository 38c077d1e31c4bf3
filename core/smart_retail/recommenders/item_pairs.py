"""Counted pairs of items: how often two items are in the same order, and how many customers buy both.

In: arrays of a bundle. Out: the counts that "bought together" lists and reasons state. Only NumPy; the arrays may be
read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from smart_retail.recommenders.item_similarity import Similarity

ORDERS, CUSTOMERS = "orders", "customers"
RELATIONS: Final = (ORDERS, CUSTOMERS)
"""What a pair shares: orders (bought together) or customers (bought by the same customers)."""
MIN_LIFT: Final = 1.1
"""Pairs that are together less often than this multiple of chance are left out: a best-seller is in many orders."""
SHRINK: Final = 10.0
"""Orders; a lift is multiplied by c / (c + `SHRINK`) to order pairs, with c their common orders."""


@dataclass(frozen=True, slots=True)
class PairCount:
    """What was counted for two items, *base* (such as a purchase of the customer) and *other*."""

    base: int
    """Item code."""
    together: int
    """Orders, or customers, with both items."""
    base_total: int
    """Orders, or customers, with the base item."""
    lift: float
    """How many times as often the two are together as by chance: together * all / (base total * other total)."""


@dataclass(frozen=True, slots=True)
class PairTable:
    """The pairs of each item with the largest lift, among those with a minimum number of common orders or customers.

    The pairs of item i are the entries ``indptr[i]:indptr[i + 1]``, largest lift first, ties by item code.
    """

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    count: NDArray[np.int32]
    """Orders, or customers, with both items."""
    totals: NDArray[np.int32]
    """Orders, or customers, by item code, shape ``(n_items,)``."""
    n: int
    """All orders, or all customers."""

    def neighbours(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the items paired with an item and the common counts, largest lift first."""
        row = slice(int(self.indptr[item]), int(self.indptr[item + 1]))
        return self.item[row], self.count[row]

    def lifts(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return the items paired with an item, the common counts and the lifts, largest lift first."""
        others, count = self.neighbours(item)
        return others, count, count * self.n / (float(self.totals[item]) * self.totals[others])

    def pair(self, base: int, other: int, together: int) -> PairCount:
        """Return the figures of a pair with a known number of common orders or customers."""
        base_total, other_total = int(self.totals[base]), int(self.totals[other])
        lift = together * self.n / (base_total * other_total) if together else 0.0
        return PairCount(base, together, base_total, lift)

    def pair_of(self, base: int, other: int) -> PairCount | None:
        """Return the figures of a pair; None if it is not among the pairs of `base`."""
        others, count = self.neighbours(base)
        position = np.flatnonzero(others == other)
        return self.pair(base, other, int(count[position[0]])) if len(position) else None

    def best(self, item: int, usable: NDArray[np.bool_], variant: NDArray[np.int32]) -> PairCount | None:
        """Return the pair of an item with the largest lift whose other item is usable and no variant of the item.

        Parameters
        ----------
        item : int
        usable : bool array, shape (n_items,)
            Such as the purchases of a customer.
        variant : int32 array, shape (n_items,)
            Code of the product that each item is a variant of.
        """
        return self.best_of_each(np.array([item]), usable, variant)[0]

    def best_of_each(
        self, items: NDArray[np.int64], usable: NDArray[np.bool_], variant: NDArray[np.int32]
    ) -> list[PairCount | None]:
        """Return `best` of several items, shape ``(items,)``, from one pass over their pairs."""
        starts = self.indptr[items]
        lengths = self.indptr[items + 1] - starts
        ends = lengths.cumsum()
        entries = np.arange(int(lengths.sum())) + (starts - ends + lengths).repeat(lengths)
        others = self.item[entries]
        matches = (usable[others] & (variant[others] != variant[items].repeat(lengths))).nonzero()[0]
        rows = ends.searchsorted(matches, side="right")
        is_first = np.ones(len(rows), np.bool_)
        np.not_equal(rows[1:], rows[:-1], out=is_first[1:])
        rows, first = rows[is_first], matches[is_first]
        figures = (others[first], items[rows], self.count[entries[first]])
        best: list[PairCount | None] = [None] * len(items)
        for row, *pair in zip(rows.tolist(), *(values.tolist() for values in figures), strict=True):
            best[row] = self.pair(*pair)
        return best


@dataclass(frozen=True, slots=True)
class ItemPairs:
    """The pairs of both relations, with the counts that other reasons state."""

    orders: PairTable
    customers: PairTable
    similar_customers: NDArray[np.int32]
    """Customers who buy both items, for each entry of the item-kNN similarity."""

    def most_related(
        self, items: Sequence[int], usable: NDArray[np.bool_], variant: NDArray[np.int32]
    ) -> list[tuple[str, PairCount] | None]:
        """Return for each item relation and figures of the usable item with the largest lift to it, of both relations.

        Parameters
        ----------
        items : sequence of int
            Item codes.
        usable, variant
            As in `PairTable.best`.

        Returns
        -------
        list of (relation, PairCount) or None
            None if no usable item has enough common orders or customers. Of equal lifts, the one of orders.
        """
        codes = np.array(items, np.int64)
        related: list[tuple[str, PairCount] | None] = []
        by_orders, by_customers = (t.best_of_each(codes, usable, variant) for t in (self.orders, self.customers))
        for ordered, shared in zip(by_orders, by_customers, strict=True):
            if ordered is not None and (shared is None or ordered.lift >= shared.lift):
                related.append((ORDERS, ordered))
            else:
                related.append((CUSTOMERS, shared) if shared is not None else None)
        return related

    def together(self, item: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the items that are in the same orders as an item more often than by chance, and their scores.

        The score is the lift, shrunk where there are few common orders.
        """
        others, count, lift = self.orders.lifts(item)
        return others, lift * count / (count + SHRINK)

    def shared_customers(self, item: int, item_knn: Similarity) -> NDArray[np.int32]:
        """Return the customers who buy both an item and each other item, by item code; 0 if not in its item-kNN row."""
        row = slice(int(item_knn.indptr[item]), int(item_knn.indptr[item + 1]))
        out = np.zeros(len(self.customers.totals), np.int32)
        out[item_knn.item[row]] = self.similar_customers[row]
        return out

    def same_customers(self, item: int, other: int, item_knn: Similarity) -> PairCount | None:
        """Return the figures of an entry of the item-kNN similarity of `item`; None if `other` is not in its row."""
        together = int(self.shared_customers(item, item_knn)[other])
        return self.customers.pair(item, other, together) if together else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, by name; the totals by item are stored with the items."""
        tables = {
            f"{name}.{column}": getattr(table, column)
            for name, table in ((ORDERS, self.orders), (CUSTOMERS, self.customers))
            for column in ("indptr", "item", "count")
        }
        sizes = np.array([self.orders.n, self.customers.n], np.int64)
        return {**tables, "item_knn.customers": self.similar_customers, "sizes": sizes}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], order_totals: NDArray[np.int32], customer_totals: NDArray[np.int32]
    ) -> ItemPairs:
        """Build the pairs from the results of `arrays`, without copies.

        Parameters
        ----------
        arrays : mapping
        order_totals, customer_totals : int32 arrays, shape (n_items,)
            Orders and customers by item code.
        """
        tables = [
            PairTable(
                # Plain arrays: slices of memory maps take longer.
                indptr=np.asarray(arrays[f"{name}.indptr"]),
                item=np.asarray(arrays[f"{name}.item"]),
                count=np.asarray(arrays[f"{name}.count"]),
                totals=np.asarray(totals),
                n=int(n),
            )
            for name, totals, n in zip(
                RELATIONS, (order_totals, customer_totals), arrays["sizes"][:2].tolist(), strict=True
            )
        ]
        return cls(tables[0], tables[1], arrays["item_knn.customers"])
