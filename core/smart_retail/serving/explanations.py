"""Explanations: why an item is in a list, in words. They describe association, not cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.presentation import labels
from smart_retail.recommenders.base import CF, CLUSTER, COMPONENTS, CONTENT, REPURCHASE, SEGMENT, TRENDING
from smart_retail.results import Reason

if TYPE_CHECKING:
    from smart_retail.recommenders.source import Source

KINDS = ("buy_again", "bought_together", "cluster", "segment", "popular", "trending", "similar")
"""Kind of reason by component."""
REASON_METHODS = ("repurchase", "cf", "personalized", "rfm", "popular", "popular", "content")
"""The method under which a component is reported in reasons."""


def reason_kind_and_method(component: int) -> tuple[str, str]:
    """Return the kind and the method of the reasons of a component, given by its column in `Ranked`."""
    if component < len(COMPONENTS):
        return KINDS[component], REASON_METHODS[component]
    source = _added_source(component)
    return source.reason_kind, source.reason_method


def _added_source(component: int) -> Source:
    from smart_retail.recommenders.source_registry import SOURCES  # only for bundles with added sources

    return SOURCES.of_component(component)


def pinned_reason() -> tuple[Reason, ...]:
    """Why an item stands where the shop put it."""
    return (Reason("rule", "rule", 0, 1.0, None, labels.rule()),)


def _descending_share(reason: Reason) -> float:
    return -reason.share


@dataclass(frozen=True, slots=True)
class ReasonBuilder:
    """What is needed to put evidence into words for one shopper."""

    label: Callable[[int], tuple[str, str, str]]
    """Id, name and category of an item."""
    history: PurchaseHistory
    """The shopper's purchases (one shopper)."""
    segment: str
    cluster: str
    recent_orders: NDArray[np.int32]
    """Orders of each item in the last four weeks."""

    def reasons(
        self, item: int, share: list[float], rank: list[int], because: int, boost: float = 1.0
    ) -> tuple[Reason, ...]:
        """Reasons of one entry, the weightiest first, from its `Ranked` evidence."""
        whole, found = max(boost, 1.0), []
        for component, part in enumerate(share):
            if part > 0:
                own, text = self._render_reason(component, item, because)
                kind, method = reason_kind_and_method(component)
                found.append(Reason(kind, method, rank[component], part / whole, own, text))
        if boost > 1:
            found.append(Reason("rule", "rule", 0, 1 - 1 / boost, None, labels.rule()))
        if len(found) > 1:
            found.sort(key=_descending_share)
        return tuple(found)

    def _render_reason(self, component: int, item: int, because: int) -> tuple[str | None, str]:
        """The purchase that a component's evidence follows from, if any, and the evidence in words."""
        if because >= 0 and component in (CF, CONTENT):
            own, name, _ = self.label(because)
            return own, labels.bought_together(name) if component == CF else labels.similar(name)
        if component == REPURCHASE:
            return None, labels.buy_again(*self._repeats(item))
        if component == CLUSTER:
            return None, labels.cluster(self.cluster)
        if component == SEGMENT:
            return None, labels.segment(self.segment)
        if component == TRENDING:
            return None, labels.trending(int(self.recent_orders[item]))
        if component >= len(COMPONENTS):
            source = _added_source(component)
            return None, source.reason_text or source.label
        return None, labels.popular()

    def _repeats(self, item: int) -> tuple[int, float | None]:
        """Orders of the item and the mean gap between them in days."""
        days = self.history.day[self.history.item == item]
        orders = len(days)
        if orders < 2:
            return orders, None
        return orders, (int(days.max()) - int(days.min())) / (orders - 1)
