"""Reasons of an item in a list: the shares and ranks of the ranking components, with what was counted for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.protocol import BOUGHT_TOGETHER, SAME_CUSTOMERS
from smart_retail.recommenders.base import CF, CLUSTER, COMPONENTS, CONTENT, REPURCHASE, SEGMENT, TRENDING
from smart_retail.recommenders.item_pairs import CUSTOMERS, ORDERS, PairCount
from smart_retail.results import Reason
from smart_retail.serving import explanation_texts as texts
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerState

if TYPE_CHECKING:
    from smart_retail.recommenders.source import Source

KINDS = ("buy_again", SAME_CUSTOMERS, "cluster", "segment", "popular", "trending", "similar")
"""Kind of reason by component; a reason by orders or by category has the kind of what it states."""
REASON_METHODS = ("repurchase", "cf", "personalized", "rfm", "popular", "popular", "content")
"""The method under which a component is reported in reasons."""
_KINDS_AND_METHODS: Final = tuple(zip(KINDS, REASON_METHODS, strict=True))


def reason_kind_and_method(component: int) -> tuple[str, str]:
    """Return the kind and the method of the reasons of a component, given by its column in `Ranked`."""
    if component < len(COMPONENTS):
        return _KINDS_AND_METHODS[component]
    source = _added_source(component)
    return source.reason_kind, source.reason_method


def _added_source(component: int) -> Source:
    from smart_retail.recommenders.source_registry import SOURCES  # only for bundles with added sources

    return SOURCES.of_component(component)


def pinned_reason() -> tuple[Reason, ...]:
    """Return the reasons of an item that a business rule pins."""
    return (Reason("rule", "rule", 0, 1.0, None, texts.rule()),)


def _descending_share(reason: Reason) -> float:
    return -reason.share


_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_LONG_WORD: Final = re.compile(r"[^\W\d_]{5,}")
"""Words of a description that say something; shorter ones are mostly grammar."""
MAX_COMMON_WORDS: Final = 3


@dataclass(frozen=True)
class ReasonBuilder:
    """Builds the reasons of the items of one list."""

    tables: BundleTables
    customer: CustomerState
    """The customer, or the visitor whose basket the items follow from."""
    relation: str = ""
    """For a list of items related to one item, the only purchase: the relation; otherwise empty."""
    basket: NDArray[np.int32] | None = None
    """Items of the basket that a list completes."""
    proxies: Mapping[int, int] = field(default_factory=dict)
    """Purchased items that stand for items of the basket without purchases -> that item."""
    cf_items: Sequence[int] = ()
    """Codes of the listed items with a share of `CF`, whose pairs are looked up together."""

    def reasons(
        self, item: int, share: list[float], rank: list[int], explaining_item: int, boost: float = 1.0
    ) -> tuple[Reason, ...]:
        """Return the reasons of one entry of a `Ranked` list, largest share first.

        Parameters
        ----------
        item : int
            Item code.
        share : list of float
            Share of each component in the score, 0 to 1.
        rank : list of int
            Rank of the item in each component's own list, 1 and up.
        explaining_item : int
            Code of the purchase with similar content, -1 for none.
        boost : float
            Factor of the score by a business rule; above 1 it is a reason itself.

        Returns
        -------
        tuple of Reason
            Their shares sum to 1.
        """
        total, reasons = max(boost, 1.0), []
        for component, part in enumerate(share):
            if part > 0:
                default_kind, method = reason_kind_and_method(component)
                kind, own, text = self._render_reason(component, default_kind, item, explaining_item)
                reasons.append(Reason(kind, method, rank[component], part / total, own, text))
        if boost > 1:
            reasons.append(Reason("rule", "rule", 0, 1 - 1 / boost, None, texts.rule()))
        if len(reasons) > 1:
            reasons.sort(key=_descending_share)
        return tuple(reasons)

    def _render_reason(self, component: int, kind: str, item: int, explaining_item: int) -> tuple[str, str | None, str]:
        """Return the kind of a reason, the id of the purchase that explains the item (if any), and the text."""
        if component == CF:
            return self._related(item)
        if component == CONTENT:
            return self._similar(item, explaining_item)
        if component == REPURCHASE:
            return kind, None, texts.buy_again(*self._repeats(item))
        if component in (CLUSTER, SEGMENT):
            return kind, None, self._popular_in_group(component, item)
        if component >= len(COMPONENTS):
            source = _added_source(component)
            return kind, None, source.reason_text or source.label
        tables = self.tables
        recent = int(tables.recent_orders[item])
        if component == TRENDING:
            return kind, None, texts.trending(recent, int(tables.previous_orders[item]))
        return kind, None, texts.popular(int(tables.popularity_orders[item]), recent, tables.recent_orders_of_shop)

    def _related(self, item: int) -> tuple[str, str | None, str]:
        """Return the reason by counted pairs: the purchase with the largest lift to the item, never a variant of it."""
        tables, pairs = self.tables, self.tables.pairs
        if self.relation:
            base = int(self.customer.history.item[0])
            pair = (
                pairs.orders.pair_of(base, item)
                if self.relation == BOUGHT_TOGETHER
                else pairs.same_customers(base, item, tables.item_knn)
            )
            found = None if pair is None else (ORDERS if self.relation == BOUGHT_TOGETHER else CUSTOMERS, pair)
        else:
            found = self._most_related[item]
        if found is None or found[1].together == 0:
            return "similar", None, self._category(item)
        kind, own, text = self._counted(*found)
        new = self.proxies.get(found[1].base)
        return (kind, own, text) if new is None else (kind, *self._of_proxy(new, found[1].base, text))

    def _of_proxy(self, new: int, proxy: int, text: str) -> tuple[str, str]:
        """Return the id of an item of the basket without purchases, and the reason by an item that is similar to it."""
        new_id, new_name, _ = self.tables.label(new)
        return new_id, texts.by_proxy(text, self.tables.item_name(proxy), new_name)

    def _counted(self, relation: str, pair: PairCount) -> tuple[str, str | None, str]:
        own, name, _ = self.tables.label(pair.base)
        name = "" if self.relation else name
        if relation == ORDERS:
            return BOUGHT_TOGETHER, own, texts.bought_together(name, pair.together, pair.lift)
        return SAME_CUSTOMERS, own, texts.same_customers(name, pair.together, pair.base_total)

    def _similar(self, item: int, own: int) -> tuple[str, str | None, str]:
        """Return the reason by content; for a variant of a purchase, only the category."""
        tables = self.tables
        if own < 0 or tables.variant[own] == tables.variant[item]:
            return "similar", None, self._category(item)
        (own_id, own_name, own_category), (_, name, category) = tables.label(own), tables.label(item)
        words, others = (set(_WORD.findall(text.casefold())) for text in (name, own_name))
        same_category = bool(category) and category == own_category
        (brand, described), (own_brand, own_described) = map(tables.brand_and_description, (item, own))
        common = (set(_LONG_WORD.findall(text.casefold())) for text in (described, own_described))
        text = texts.similar(
            own_name,
            same_category=same_category,
            similar_name=bool(words & others),
            same_brand=bool(brand) and brand.casefold() == own_brand.casefold(),
            words=sorted(set.intersection(*common), key=lambda word: (-len(word), word))[:MAX_COMMON_WORDS],
        )
        return "similar", own_id, text

    def _category(self, item: int) -> str:
        category = int(self.tables.catalogue.category[item])
        known = category >= 0 and category in self._categories
        name = self.tables.category(item) if known else ""
        return texts.category(int(self.tables.item_customers[item]), name)

    def _popular_in_group(self, component: int, item: int) -> str:
        """Return how much more often the customer's cluster or segment buys the item than the other customers."""
        tables, customer = self.tables, self.customer
        by_cluster = "fine_clusters", customer.fine_cluster
        kind, group = by_cluster if component == CLUSTER else ("segments", customer.segment)
        buyers, size = tables.buyers_in_group(kind, group, item)
        other_buyers = int(tables.item_customers[item]) - buyers
        others = tables.pairs.customers.n - size
        lift = (buyers / size) / (other_buyers / others) if size and others > 0 and other_buyers > 0 else None
        return texts.group(tables.group_name(kind, group), buyers, size, lift)

    @cached_property
    def _most_related(self) -> dict[int, tuple[str, PairCount] | None]:
        """The purchase with the largest lift to each of `cf_items`, with its relation; None for none."""
        related = self.tables.pairs.most_related(self.cf_items, self._is_base, self.tables.variant)
        return dict(zip(self.cf_items, related, strict=True))

    @cached_property
    def _is_base(self) -> NDArray[np.bool_]:
        """Whether items can follow from the item: those of the basket, or the purchases; by item code."""
        out = np.zeros(len(self.tables.variant), bool)
        out[self.customer.history.item if self.basket is None else self.basket] = True
        out[list(self.proxies)] = True
        return out

    @cached_property
    def _categories(self) -> frozenset[int]:
        """Codes of the categories of the purchases and of the basket."""
        category = self.tables.catalogue.category
        basket = [] if self.basket is None else category[self.basket].tolist()
        return frozenset([*category[self.customer.history.item].tolist(), *basket])

    def _repeats(self, item: int) -> tuple[int, float | None]:
        """Return the number of orders of the item and the mean gap between them in days."""
        history = self.customer.history
        days = history.day[history.item == item]
        orders = len(days)
        if orders < 2:
            return orders, None
        return orders, (int(days.max()) - int(days.min())) / (orders - 1)
