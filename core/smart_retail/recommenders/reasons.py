"""Evidence in words: why an item stands in a list. An association, never a cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail import words
from smart_retail.data.interactions import History
from smart_retail.recommenders.base import COMPONENTS, Ranked
from smart_retail.results import Reason

KINDS = ("buy_again", "bought_together", "cluster", "segment", "popular", "trending", "similar")
"""Kind of reason by component."""
CF, CONTENT = COMPONENTS.index("cf"), COMPONENTS.index("content")
REASON_METHODS = ("repurchase", "cf", "personalized", "rfm", "popular", "popular", "content")
"""The method that a component's evidence is told under."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of a stretch of one list, as plain Python values."""

    share: list[list[float]]
    rank: list[list[int]]
    because: list[int]

    @classmethod
    def of(cls, ranked: Ranked, places: NDArray[np.int64]) -> Evidence:
        """Of the entries at `places`; -1 (a pin) has none that is looked at."""
        return cls(ranked.share[places].tolist(), ranked.rank[places].tolist(), ranked.because[places].tolist())


def _weightiest(reason: Reason) -> float:
    return -reason.share


@dataclass(frozen=True, slots=True)
class Speaker:
    """What is needed to put evidence into words for one shopper."""

    item_name: Callable[[int], str]
    item_id: Callable[[int], str]
    history: History
    """The shopper's purchases (one shopper)."""
    segment: str
    cluster: str
    recent_orders: NDArray[np.int32]
    """Orders of each item in the last four weeks."""

    def reasons(self, evidence: Evidence, place: int, item: int, boost: float = 1.0) -> tuple[Reason, ...]:
        """Reasons of one entry, the weightiest first; a pin (place -1) is the shop's own."""
        if place < 0:
            return (Reason("rule", "rule", 0, 1.0, None, words.rule()),)
        shares, ranks, because = evidence.share[place], evidence.rank[place], evidence.because[place]
        found = [
            self._reason(component, ranks[component], share / max(boost, 1.0), item, because)
            for component, share in enumerate(shares)
            if share > 0
        ]
        if boost > 1:
            found.append(Reason("rule", "rule", 0, 1 - 1 / boost, None, words.rule()))
        found.sort(key=_weightiest)
        return tuple(found)

    def _reason(self, component: int, rank: int, share: float, item: int, because: int) -> Reason:
        own = because if component in (CF, CONTENT) else -1
        kind = KINDS[component]
        return Reason(
            kind,
            REASON_METHODS[component],
            rank,
            share,
            self.item_id(own) if own >= 0 else None,
            self._text(kind, item, own),
        )

    def _text(self, kind: str, item: int, because: int) -> str:
        if kind == "buy_again":
            return words.buy_again(*self._repeats(item))
        if kind == "cluster":
            return words.cluster(self.cluster)
        if kind == "segment":
            return words.segment(self.segment)
        if kind == "trending":
            return words.trending(int(self.recent_orders[item]))
        if because >= 0:
            name = self.item_name(because)
            return words.bought_together(name) if kind == "bought_together" else words.similar(name)
        return words.popular()

    def _repeats(self, item: int) -> tuple[int, float | None]:
        """Orders of the item and the mean gap between them in days."""
        days = self.history.day[self.history.item == item]
        orders = len(days)
        if orders < 2:
            return orders, None
        return orders, (int(days.max()) - int(days.min())) / (orders - 1)
