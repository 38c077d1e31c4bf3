"""Recommendations for a basket: what usually completes an order, with the customer's own habits and current demand.

In: the items of a basket, and the purchases of its customer if the customer is known. Out: scores of the catalogue by
source, combined by weights that were learned on orders with one item hidden. Only NumPy; the arrays may be read-only
memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import CF, POPULAR, REPURCHASE, Ranked
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_context import ShopperContext
from smart_retail.recommenders.source import MAX_LISTED_CANDIDATES
from smart_retail.recommenders.source_registry import SOURCES

BASKET_SOURCES: Final = (
    "order_ease", "order_ease_trend", "order_knn", "repurchase_slow", "repurchase_fast", "repurchase_basket", "popular",
)  # fmt: skip
"""Parts of the score, in the order of `BasketModel.weights`."""
_COMPONENTS: Final = (CF, CF, CF, REPURCHASE, REPURCHASE, REPURCHASE, POPULAR)
RECENT_DAYS: Final = 28
TREND_POWER: Final = 0.5
DEFAULT_WEIGHTS: Final = ((0.5, 0.5, 0.3, 0.0, 0.0, 0.0, 0.1), (0.5, 0.5, 0.3, 0.5, 0.3, 0.5, 0.1))
"""Weights for an unknown and for a known customer where none could be learned."""


@dataclass(frozen=True, slots=True)
class BasketModel:
    """The fitted sources of a basket's list and their weights."""

    order_ease: Similarity
    """EASE over orders: negative weights mean that one item is bought instead of the other."""
    order_knn: Similarity
    """Cosine similarity of items over orders, also for items that are too rare for EASE."""
    trend: NDArray[np.float64]
    """Orders of the last four weeks relative to all, to the power `TREND_POWER`, shape ``(n_items,)``."""
    recent: NDArray[np.float64]
    """Orders of the last four weeks relative to the most bought item, 0 to 1, shape ``(n_items,)``; 0 for all but the
    `MAX_LISTED_CANDIDATES` most bought ones."""
    weights: NDArray[np.float64]
    """Weight of each source, shape ``(2, n_sources)``: for an unknown, and for a known customer."""

    @property
    def n_items(self) -> int:
        return len(self.recent)

    def source_scores(self, basket: NDArray[np.int64], context: ShopperContext | None) -> NDArray[np.float64]:
        """Score the catalogue by each source: relative to the largest score, purchases to at least one.

        Parameters
        ----------
        basket : int64 array
            Distinct item codes.
        context : ShopperContext or None
            One shopper, the customer of the basket; None for an unknown customer.

        Returns
        -------
        float64 array, shape (n_sources, n_items)
            From 0 to 1; 0 for the items of the basket.
        """
        scores = np.zeros((len(BASKET_SOURCES), self.n_items))
        ones = np.ones(len(basket))
        scores[0] = np.maximum(self.order_ease.score(basket, ones, self.n_items), 0.0)
        scores[1] = scores[0] * self.trend
        scores[2] = self.order_knn.score(basket, ones, self.n_items)
        if context is not None and len(context.matrix):
            item = context.matrix.item
            scores[3, item], scores[4, item] = context.repurchase_slow, context.repurchase_fast
        scores[6] = self.recent
        scores[:, basket] = 0.0
        _scale_rows(scores[:3])
        # Less than one recent purchase remains weak evidence: an old habit must not fill the list.
        _scale_rows(scores[3:5], least=1.0)
        if context is not None and len(context.matrix):
            scores[5] = scores[3] * (scores[0] + scores[2])
        return scores

    def rank(self, basket: NDArray[np.int64], context: ShopperContext, *, length: int | None) -> Ranked:
        """Rank the items that go with a basket, without filling up from popularity and without those of the basket.

        Parameters
        ----------
        basket : int64 array
            Distinct item codes; without any, the list follows from the customer and from demand.
        context : ShopperContext
            One shopper; without purchases, the customer is unknown.
        length : int or None
            Items at most; None for all with a score.
        """
        known = len(context.matrix) > 0
        scores = self.source_scores(basket, context)
        item = np.flatnonzero(scores.any(axis=0))
        weighted = scores[:, item] * self.weights[int(known)][:, None]
        score = significant(weighted.sum(axis=0))
        order = np.argsort(-score, kind="stable")
        order = order[score[order] > 0][:length]
        return _to_ranked(item[order], score[order], weighted, order)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_arrays`."""
        tables = {
            f"{name}.{column}": getattr(table, column)
            for name, table in (("order_ease", self.order_ease), ("order_knn", self.order_knn))
            for column in ("indptr", "item", "value")
        }
        return {**tables, "trend": self.trend, "recent": self.recent, "weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build the model from its arrays, without copies."""
        tables = [
            Similarity(*(arrays[f"{name}.{column}"] for column in ("indptr", "item", "value")))
            for name in ("order_ease", "order_knn")
        ]
        return cls(tables[0], tables[1], arrays["trend"], arrays["recent"], arrays["weights"])


def count_demand_for_baskets(history: PurchaseHistory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return trend and recent demand of each item, as in `BasketModel`."""
    recent, ever = np.zeros(history.n_items), np.zeros(history.n_items, np.int64)
    for _, block in history.blocks():
        recent += np.bincount(block.item[block.day > history.last_day - RECENT_DAYS], minlength=history.n_items)
        ever += np.bincount(block.item, minlength=history.n_items)
    trend = ((recent + 1) / (ever + 5)) ** TREND_POWER
    recent[np.argsort(-recent, kind="stable")[MAX_LISTED_CANDIDATES:]] = 0.0
    return trend, recent / max(float(recent.max(initial=0.0)), 1.0)


def _scale_rows(scores: NDArray[np.float64], least: float = 0.0) -> None:
    """Divide each row by its maximum, or by `least` if that is larger, in place."""
    largest = np.maximum(scores.max(axis=1, initial=0.0, keepdims=True), least)
    np.divide(scores, largest, out=scores, where=largest > 0)


def _to_ranked(
    item: NDArray[np.int64], score: NDArray[np.float64], weighted: NDArray[np.float64], position: NDArray[np.int64]
) -> Ranked:
    """Return one list with shares and ranks by component.

    Parameters
    ----------
    item, score : arrays, shape (n,)
        The listed items, best first.
    weighted : float64 array, shape (n_sources, n_candidates)
    position : int64 array, shape (n,)
        Candidate of each listed item.
    """
    n, n_components = len(item), len(SOURCES.components)
    share, rank = np.zeros((n, n_components)), np.zeros((n, n_components), np.int32)
    for component in sorted(set(_COMPONENTS)):
        part = weighted[[source for source, other in enumerate(_COMPONENTS) if other == component]].sum(axis=0)
        ascending, own = np.sort(part[part > 0]), part[position]
        above = len(ascending) - np.searchsorted(ascending, own, side="right")
        share[:, component], rank[:, component] = own, np.where(own > 0, above + 1, 0)
    total = share.sum(axis=1, keepdims=True)
    return Ranked(
        indptr=np.array([0, n], np.int64),
        item=item.astype(np.int32),
        score=score,
        share=np.divide(share, total, out=np.zeros_like(share), where=total > 0),
        rank=rank,
        explaining_item=np.full(n, -1, np.int32),
        fallback=np.zeros(n, bool),
    )
