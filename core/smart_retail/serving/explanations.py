"""Reasons of an item in a list, built from the shares and ranks of the ranking components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import CF, CLUSTER, COMPONENTS, CONTENT, REPURCHASE, SEGMENT, TRENDING
from smart_retail.results import Reason
from smart_retail.serving import explanation_texts as texts

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
    """Return the reasons of an item that a business rule pins."""
    return (Reason("rule", "rule", 0, 1.0, None, texts.rule()),)


def _descending_share(reason: Reason) -> float:
    return -reason.share


@dataclass(frozen=True, slots=True)
class ReasonBuilder:
    """Builds the reasons of the items of one shopper's list."""

    label: Callable[[int], tuple[str, str, str]]
    """Returns id, name and category of an item code."""
    history: PurchaseHistory
    """Purchases of the shopper."""
    segment: str
    """Name of the shopper's RFM segment; empty for none."""
    cluster: str
    """Name of the shopper's cluster; empty for none."""
    recent_orders: NDArray[np.int32]
    """Orders of each item in the last four weeks."""

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
            Code of the purchase that explains the item, -1 for none.
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
                own, text = self._render_reason(component, item, explaining_item)
                kind, method = reason_kind_and_method(component)
                reasons.append(Reason(kind, method, rank[component], part / total, own, text))
        if boost > 1:
            reasons.append(Reason("rule", "rule", 0, 1 - 1 / boost, None, texts.rule()))
        if len(reasons) > 1:
            reasons.sort(key=_descending_share)
        return tuple(reasons)

    def _render_reason(self, component: int, item: int, explaining_item: int) -> tuple[str | None, str]:
        """Return the id of the purchase that explains the item, if any, and the text of the reason."""
        if explaining_item >= 0 and component in (CF, CONTENT):
            own, name, _ = self.label(explaining_item)
            return own, texts.bought_together(name) if component == CF else texts.similar(name)
        if component == REPURCHASE:
            return None, texts.buy_again(*self._repeats(item))
        if component == CLUSTER:
            return None, texts.cluster(self.cluster)
        if component == SEGMENT:
            return None, texts.segment(self.segment)
        if component == TRENDING:
            return None, texts.trending(int(self.recent_orders[item]))
        if component >= len(COMPONENTS):
            source = _added_source(component)
            return None, source.reason_text or source.label
        return None, texts.popular()

    def _repeats(self, item: int) -> tuple[int, float | None]:
        """Return the number of orders of the item and the mean gap between them in days."""
        days = self.history.day[self.history.item == item]
        orders = len(days)
        if orders < 2:
            return orders, None
        return orders, (int(days.max()) - int(days.min())) / (orders - 1)
