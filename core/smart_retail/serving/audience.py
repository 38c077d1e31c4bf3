"""Audience of an item: the customers who would most likely want it.

In: the cached lists and the purchases of a bundle. Out: `Audience`. Customers in whose list the item is
among the first ones come first, by its position; then those who bought items of the same customers, by similarity of
their purchases to the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.protocol import check_page
from smart_retail.recommenders.cached_lists import CachedLists
from smart_retail.results import Audience, AudienceMember
from smart_retail.serving import explanation_texts
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerLookup
from smart_retail.utils.dates import iso

LEADING_POSITIONS = 20
"""Customers in whose list the item is among as many first ones come first, by position."""
NOT_LISTED = 2**31 - 1
"""Position of an item that is not in a customer's list."""


class AudienceFinder:
    """Finds the audiences of one bundle; safe for several threads.

    Parameters
    ----------
    tables : BundleTables
    customers : CustomerLookup
        Knows the events since the fit.
    similar_content : callable
        Returns the purchased items whose content is similar to that of an item without purchases, and the weights.
    """

    def __init__(
        self,
        tables: BundleTables,
        customers: CustomerLookup,
        similar_content: Callable[[int], tuple[NDArray[np.int32], NDArray[np.float64]]],
    ) -> None:
        self._tables = tables
        self._customers = customers
        self._similar_content = similar_content

    def find(
        self, code: int, lists: CachedLists | None, exclude_purchased: bool, n: int, offset: int, is_allowed: bool
    ) -> Audience:
        """Return a page of the customers who would want an item.

        Parameters
        ----------
        code : int
            Item code.
        lists : CachedLists or None
            The lists of all customers, with or without purchased items as `exclude_purchased` says.
        exclude_purchased : bool
        n, offset : int
        is_allowed : bool
            Whether the business rules allow the item in lists.
        """
        check_page(n, offset)
        tables = self._tables
        similarity = self._similarity(code)
        position = self._positions(code, lists)
        wanted = (position < NOT_LISTED) | (similarity > 0)
        if exclude_purchased:
            wanted[self._buyers(code)] = False
            wanted[self._buyers_since_the_fit(code)] = False
        found = np.flatnonzero(wanted)
        leading = np.minimum(position[found], LEADING_POSITIONS + 1)
        found = found[np.lexsort((found, -similarity[found], leading))]
        page = found[offset : offset + n].tolist()
        return Audience(
            item=tables.item_ref(code),
            exclude_purchased=exclude_purchased,
            total=len(found),
            leading=int(np.count_nonzero(leading <= LEADING_POSITIONS)),
            entries=tuple(self._members(offset + 1, page, code, position, similarity)),
            note=explanation_texts.audience_note(len(found), is_allowed),
            model_version=tables.bundle.version,
        )

    def _similarity(self, code: int) -> NDArray[np.float64]:
        """Return the share of the similarity of the most similar items that each customer has bought, 0 to 1.

        Similar are items of the same customers; for an item without purchases, those of similar content.
        """
        tables = self._tables
        weight = np.zeros(len(tables.items))
        others: NDArray[np.int32]
        values: NDArray[Any]
        if tables.item_orders[code]:
            others, values = tables.item_knn.neighbours(code)
        else:
            others, values = self._similar_content(code)
        weight[others] = values
        if not weight.any():
            return np.zeros(len(tables.customers))
        lines = tables.purchase_lines
        rows = np.flatnonzero(weight[lines.item] > 0)
        pairs = np.unique(tables.line_customers()[rows].astype(np.int64) * len(weight) + lines.item[rows])
        customer, item = np.divmod(pairs, len(weight))
        total = np.bincount(customer, weights=weight[item], minlength=len(tables.customers))
        share: NDArray[np.float64] = total / weight.sum()
        return share

    def _positions(self, code: int, lists: CachedLists | None) -> NDArray[np.int64]:
        """Return the position of the item in the list of each customer, from 1; `NOT_LISTED` if it is not in it."""
        positions = np.full(len(self._tables.customers), NOT_LISTED, np.int64)
        if lists is not None:
            customer, column = np.nonzero(np.asarray(lists.item) == code)
            used = (column < lists.size[customer]) & ~lists.fallback[customer, column]
            positions[customer[used]] = column[used] + 1
        return positions

    def _buyers(self, code: int) -> NDArray[np.int64]:
        """Return the customers who bought the item, or returned it."""
        tables = self._tables
        bought = tables.line_customers()[np.asarray(tables.purchase_lines.item) == code]
        return np.concatenate((bought, tables.customers_who_returned(code))).astype(np.int64)

    def _buyers_since_the_fit(self, code: int) -> NDArray[np.int64]:
        live = sorted(self._customers.customers_with_events())
        states = map(self._customers.resolve, live)
        codes = [s.code for s in states if s.code >= 0 and code in s.purchased_or_returned()]
        return np.array(codes, np.int64)

    def _members(
        self, first: int, customers: list[int], code: int, position: NDArray[np.int64], similarity: NDArray[np.float64]
    ) -> Iterator[AudienceMember]:
        tables = self._tables
        names, recency = tables.texts("customers/names"), tables.bundle.array("rfm/recency")
        today = int(tables.bundle.manifest["analysis_day"])
        for rank, customer in enumerate(customers, first):
            listed = int(position[customer]) if position[customer] < NOT_LISTED else None
            days = int(recency[customer])
            yield AudienceMember(
                rank=rank,
                customer_id=tables.customers.id(customer),
                customer_name=names[customer],
                segment=tables.group_name("segments", int(tables.segment[customer])),
                orders=int(tables.customer_orders[customer]),
                last_order=iso(today - days) if tables.customer_orders[customer] else None,
                position=listed,
                similarity=round(float(similarity[customer]), 6),
                text=explanation_texts.audience_member(listed, self._reason(customer, code)),
            )

    def _reason(self, customer: int, code: int) -> str:
        """Return how the purchase of the customer with the largest lift and the item are related; empty if none is."""
        tables = self._tables
        if not tables.is_fitted(code):
            return ""
        bought = np.zeros(len(tables.items), np.bool_)
        bought[tables.items_of(customer)] = True
        pair = tables.pairs.customers.best(code, bought, tables.variant)
        if pair is None:
            return ""
        return explanation_texts.same_customers(tables.item_name(pair.base), pair.together, pair.base_total)
