"""The serving tables of one bundle: who the customers are, what the items are, what was bought.

In: an opened `Bundle`. Out: look-ups by code, profiles and searches. Arrays stay memory-mapped;
nothing is copied when a bundle is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.artifacts import Bundle
from smart_retail.data.interactions import MILLION, History, together
from smart_retail.ids import IdMap, Texts
from smart_retail.recommenders.base import UNKNOWN_GROUP, Catalogue, Shoppers
from smart_retail.results import (
    RFM,
    CategoryShare,
    ClusterRef,
    CustomerMatch,
    CustomerProfile,
    Item,
    Purchase,
)
from smart_retail.words import VALUE_TIERS

EPOCH = date(1970, 1, 1)
TOP_CATEGORIES = 3
SCANNED = 10_000
"""Matches looked at in a search before the best are chosen."""


def iso(day: int) -> str:
    """ISO text of days since 1970-01-01."""
    return (EPOCH + timedelta(days=int(day))).isoformat()


@dataclass(frozen=True)
class Store:
    """Reads of one bundle's tables."""

    bundle: Bundle

    @cached_property
    def customers(self) -> IdMap:
        return IdMap(self._texts("customers/ids"))

    @cached_property
    def items(self) -> IdMap:
        return IdMap(self._texts("items/ids"))

    @cached_property
    def item_names(self) -> Texts:
        return self._texts("items/names")

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Names behind small codes: categories, subcategories, segments, clusters."""
        found: dict[str, list[str]] = self.bundle.json("names")
        return found

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(
            self.bundle.array("items/category"),
            self.bundle.array("items/subcategory"),
            self.bundle.array("items/price"),
        )

    @cached_property
    def recent_orders(self) -> NDArray[np.int32]:
        return self.bundle.array("items/recent_orders")

    @cached_property
    def segment(self) -> NDArray[np.int16]:
        return self.bundle.array("rfm/segment")

    @cached_property
    def cluster(self) -> NDArray[np.int16]:
        return self.bundle.array("clusters/label")

    @cached_property
    def _purchases(self) -> dict[str, NDArray[Any]]:
        return self.bundle.arrays("history")

    @cached_property
    def _last_day(self) -> int:
        return int(self.bundle.manifest["last_day"])

    def item_name(self, code: int) -> str:
        """The item's name, its id where the source has none."""
        return self.item_names[code] or self.items.id(code)

    def category(self, code: int) -> str:
        found = int(self.catalogue.category[code])
        return self.names["categories"][found] if found >= 0 else ""

    def group_name(self, kind: str, code: int) -> str:
        """Name of a segment or cluster, empty for none. `kind` is ``segments`` or ``clusters``."""
        return self.names[kind][code] if code != UNKNOWN_GROUP else ""

    def history(self, customer: int) -> History:
        """Purchases of one customer."""
        p = self._purchases
        a, b = (int(x) for x in p["indptr"][customer : customer + 2])
        return History(
            customer=np.zeros(b - a, dtype=np.int32),
            order=p["order"][a:b],
            item=p["item"][a:b],
            day=p["day"][a:b],
            quantity=p["quantity"][a:b],
            amount=p["amount"][a:b],
            n_customers=1,
            n_items=len(self.items),
            last_day=self._last_day,
        )

    def shoppers(self, customers: NDArray[np.int32]) -> Shoppers:
        """Known customers, in the order given; -1 stands for somebody without history."""
        parts = [self.history(c) if c >= 0 else self.nobody for c in customers.tolist()]
        groups = [(self.segment[c], self.cluster[c]) if c >= 0 else (UNKNOWN_GROUP,) * 2 for c in customers.tolist()]
        segment, cluster = np.array(groups, dtype=np.int16).reshape(-1, 2).T
        return Shoppers(parts[0] if len(parts) == 1 else together(parts), segment, cluster)

    @cached_property
    def nobody(self) -> History:
        """A history without a purchase."""
        return self.basket(np.empty(0, dtype=np.int32))

    def basket(self, items: NDArray[np.int32]) -> History:
        """One order of these items on the last day of the history."""
        items = np.unique(items[items >= 0]).astype(np.int32)
        n = len(items)
        price = np.nan_to_num(self.catalogue.price[items]) * MILLION
        return History(
            customer=np.zeros(n, np.int32),
            order=np.zeros(n, np.int32),
            item=items,
            day=np.full(n, self._last_day, np.int32),
            quantity=np.full(n, MILLION, np.int64),
            amount=price.astype(np.int64),
            n_customers=1,
            n_items=len(self.items),
            last_day=self._last_day,
        )

    def returned(self, customer: int) -> NDArray[np.int32]:
        """Items that the customer sent back and kept none of."""
        indptr = self.bundle.array("returned/indptr")
        found: NDArray[np.int32] = self.bundle.array("returned/item")[indptr[customer] : indptr[customer + 1]]
        return found

    def item(self, code: int) -> Item:
        subcategory, price = int(self.catalogue.subcategory[code]), float(self.catalogue.price[code])
        return Item(
            item_id=self.items.id(code),
            item_name=self.item_name(code),
            category=self.category(code),
            subcategory=self.names["subcategories"][subcategory] if subcategory >= 0 else "",
            unit_price=None if np.isnan(price) else round(price, 6),
            orders=int(self.bundle.array("items/orders")[code]),
            customers=int(self.bundle.array("items/customers")[code]),
        )

    def profile(self, customer_id: str) -> CustomerProfile:
        code = self.customers.code(customer_id)
        if code < 0:
            return CustomerProfile(customer_id, False, "", "", None, None, 0, None, None, 0.0, (), ())
        history = self.history(code)
        cluster = int(self.cluster[code])
        bought = len(history) > 0
        return CustomerProfile(
            customer_id=customer_id,
            known=True,
            customer_name=self._texts("customers/names")[code],
            country=self._texts("customers/countries")[code],
            rfm=self._rfm(code) if bought else None,
            cluster=None if cluster == UNKNOWN_GROUP else ClusterRef(cluster, self.names["clusters"][cluster]),
            orders=len(np.unique(history.order)),
            first_order=iso(history.day.min()) if bought else None,
            last_order=iso(history.day.max()) if bought else None,
            returned_share=float(self.bundle.array("customers/returned_share")[code]),
            top_categories=self._top_categories(history),
            purchases=self._item_purchases(history),
        )

    def search_customers(self, text: str, n: int) -> list[CustomerMatch]:
        codes = _search(self._texts("customers/search"), text, n)
        names = self._texts("customers/names")
        return [
            CustomerMatch(self.customers.id(c), names[c], self.group_name("segments", int(self.segment[c])))
            for c in codes
        ]

    def search_items(self, text: str, n: int) -> list[Item]:
        return [self.item(c) for c in _search(self._texts("items/search"), text, n)]

    def _texts(self, name: str) -> Texts:
        return Texts(self.bundle.array(f"{name}/data"), self.bundle.array(f"{name}/offsets"))

    def _rfm(self, code: int) -> RFM:
        def at(name: str) -> int:
            return int(self.bundle.array(f"rfm/{name}")[code])

        r, f, m = at("r"), at("f"), at("m")
        return RFM(
            recency=at("recency"),
            frequency=at("frequency"),
            monetary=at("monetary") / MILLION,
            r=r,
            f=f,
            m=m,
            code=f"{r}{f}{m}",
            segment=self.group_name("segments", int(self.segment[code])),
            value_tier=VALUE_TIERS[m - 1],
        )

    def _top_categories(self, history: History) -> tuple[CategoryShare, ...]:
        category = self.catalogue.category[history.item]
        amount = np.bincount(category[category >= 0], history.amount[category >= 0] / MILLION)
        total = amount.sum()
        if total <= 0:
            return ()
        best = np.argsort(-amount, kind="stable")[:TOP_CATEGORIES]
        return tuple(
            CategoryShare(self.names["categories"][c], round(float(amount[c] / total), 6))
            for c in best
            if amount[c] > 0
        )

    def _item_purchases(self, history: History) -> tuple[Purchase, ...]:
        items, row = np.unique(history.item, return_inverse=True)
        if len(items) == 0:
            return ()
        first, last = np.full(len(items), 2**31 - 1), np.full(len(items), -(2**31))
        np.minimum.at(first, row, history.day)
        np.maximum.at(last, row, history.day)
        quantity, amount = np.zeros(len(items), np.int64), np.zeros(len(items), np.int64)
        np.add.at(quantity, row, history.quantity)
        np.add.at(amount, row, history.amount)
        orders = np.bincount(row)
        return tuple(
            Purchase(
                item_id=self.items.id(int(items[i])),
                item_name=self.item_name(int(items[i])),
                category=self.category(int(items[i])),
                orders=int(orders[i]),
                quantity=int(quantity[i]) / MILLION,
                amount=int(amount[i]) / MILLION,
                first_day=iso(first[i]),
                last_day=iso(last[i]),
            )
            for i in np.lexsort((items, -last)).tolist()
        )


def _search(texts: Texts, text: str, n: int) -> list[int]:
    """Codes of the texts (``id<newline>name``, case folded) that hold `text`: ids that begin with it first."""
    wanted = text.casefold().strip().encode("utf-8", "replace")
    if not wanted:
        return list(range(min(n, len(texts))))
    blob = texts.data.tobytes()
    found: dict[int, tuple[int, int]] = {}
    at = blob.find(wanted)
    while at >= 0 and len(found) < SCANNED:
        code = int(np.searchsorted(texts.offsets, at, side="right")) - 1
        start, end = int(texts.offsets[code]), int(texts.offsets[code + 1])
        if at + len(wanted) <= end:
            name = blob.find(b"\n", start, end)
            found[code] = (0 if at == start else 1 if at < name else 2 if at == name + 1 else 3, code)
            at = blob.find(wanted, end)
        else:
            at = blob.find(wanted, at + 1)
    return sorted(found, key=found.__getitem__)[:n]
