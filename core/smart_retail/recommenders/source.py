"""The interface of a recommendation source: one way to score items, which the hybrid combines with the others.

A source is one `Source` object, defined next to the code that computes its scores and listed in `source_registry`. To
add a method, write one module with a `Source` and add one line to the registry: candidates, blend weights, ranking
features, scorecard, ablation and reasons include it without further changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.shopper_items import UserItemMatrix, build_user_item_matrix

if TYPE_CHECKING:
    from smart_retail.data.purchase_history import PurchaseHistory
    from smart_retail.recommenders.base import Catalogue
    from smart_retail.recommenders.fitted_components import FittedComponents
    from smart_retail.recommenders.popularity import Demand
    from smart_retail.recommenders.shopper_context import ShopperContext

MAX_SIMILAR_CANDIDATES = 150
"""Items that a similarity source proposes for each shopper."""
MAX_LISTED_CANDIDATES = 100
"""Items that a popularity list proposes for each shopper."""
MAX_CONTENT_CANDIDATES = 20
"""Items that content similarity proposes for each shopper."""


@dataclass(frozen=True, slots=True)
class SourceScores:
    """Scores of one source for one shopper."""

    score: NDArray[np.float64]
    """By item code, at least 0, shape ``(n_items,)``; 0 where the source does not recommend the item."""
    order: NDArray[np.int32] | None = None
    """Item codes, best first, where the source has a ready ranking; by default items are ordered by `score`."""


@dataclass(frozen=True)
class SourceInput:
    """Input of a source's scores for one shopper."""

    components: FittedComponents
    context: ShopperContext
    shopper: int
    """Row of the shopper in `context`."""

    @property
    def entries(self) -> slice:
        """The shopper's rows of ``context.matrix``."""
        indptr = self.context.matrix.indptr
        return slice(int(indptr[self.shopper]), int(indptr[self.shopper + 1]))

    @property
    def purchased(self) -> NDArray[np.int64]:
        """Codes of the items that the shopper has bought, ascending."""
        return self.context.matrix.item[self.entries]

    @cached_property
    def profile(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The purchased items that similarity sources start from, and their recency weights."""
        return self.context.profile_items(self.shopper)

    @cached_property
    def item_knn_scores(self) -> NDArray[np.float64]:
        """Item-kNN scores by item code; two sources share them."""
        return self.components.item_knn.score(*self.profile, self.components.n_items)

    @cached_property
    def ease_scores(self) -> NDArray[np.float64]:
        """EASE scores by item code, negative ones set to 0; two sources share them."""
        return np.maximum(self.components.ease.score(*self.profile, self.components.n_items), 0.0)


@dataclass(frozen=True, slots=True)
class SourceTraining:
    """Input of the `fit` function of an added source: the history before the cut, with its groups and catalogue."""

    history: PurchaseHistory
    demand: Demand
    segment: NDArray[np.int16]
    """RFM segment by customer code, -1 for none."""
    cluster: NDArray[np.int16]
    """Cluster by customer code, -1 for none."""
    catalogue: Catalogue
    future_items: bool
    """Whether the catalogue has items whose first purchase is later than this history."""

    @property
    def matrix(self) -> UserItemMatrix:
        """The user-item matrix of `history`, computed at each access."""
        return build_user_item_matrix(self.history)


@dataclass(frozen=True, slots=True)
class DefaultWeight:
    """Blend weights of a source where no window could be held out to fit them."""

    repeats: float = 0.0
    """For lists that may contain purchased items."""
    new_items: float = 0.0
    """For lists without purchased items."""
    no_history: float = 0.0
    """For shoppers without purchases."""


@dataclass(frozen=True, slots=True)
class Source:
    """One recommendation source."""

    name: str
    """Identifier in weights, scorecard and ranking features."""
    component: str
    """Part of the score under which reasons report the source; several sources can share one."""
    label: str
    """Name on screens."""
    reason_kind: str
    """Kind of the reasons of the component, as in `results.Reason`."""
    reason_method: str
    """Method that reasons of the component name, such as ``cf``."""
    score: Callable[[SourceInput], SourceScores | None]
    """Scores the items for one shopper; None where the source has nothing to offer this shopper."""
    max_candidates: int = MAX_LISTED_CANDIDATES
    """Items that the source proposes for each shopper; 0 for a source that only scores purchased items."""
    default_weight: DefaultWeight = field(default_factory=DefaultWeight)
    ablation_groups: tuple[str, ...] = ()
    """Groups of sources that the ablation leaves out together."""
    reason_text: str = ""
    """Text of the reasons, for a component without texts of its own in `serving.explanation_texts`."""
    fit: Callable[[SourceTraining], Mapping[str, NDArray[Any]]] | None = None
    """Fits the arrays that `score` finds under ``components.extensions[name]``, for a source that needs its own."""
