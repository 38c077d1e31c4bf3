"""The fitted recommender: parts and merge in, ranked lists out.

`RecommenderModel` is plain arrays and a few numbers; it is written to files and read back as memory maps by whoever
keeps the bundle. The same functions answer one live shopper and fill the lists of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import UsageError
from smart_retail.recommenders import candidates, fitted_components
from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    CONTENT,
    SEGMENT,
    Ranked,
    Shoppers,
)
from smart_retail.recommenders.candidates import CandidateScorer, leading
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import HybridModel, hybrid
from smart_retail.recommenders.ranked_lists import (
    concat_lists,
    empty_lists,
    filter_lists,
    group_lists,
    one_component,
    slice_shoppers,
)
from smart_retail.recommenders.shopper_context import ShopperContext, shopper_context
from smart_retail.recommenders.top_n import fill_from_popularity
from smart_retail.recommenders.tree_ensemble import TreeEnsemble

METHODS = ("personalized", "rfm", "cf", "popular", "hybrid")
_TASKS = ("any", "new")
_CHUNK = 512
"""Shoppers scored at once: bounds the memory of a batch."""


@dataclass(frozen=True, slots=True)
class RecommenderModel:
    """All methods, fitted."""

    parts: FittedComponents
    merge: HybridModel

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything to be kept, by name."""
        rankers = {
            f"ranker.{task}.{field.name}": getattr(trees, field.name)
            for task, trees in zip(_TASKS, self.merge.rankers, strict=True)
            if trees is not None
            for field in fields(TreeEnsemble)
        }
        return {
            **fitted_components.to_arrays(self.parts),
            "merge.weights": self.merge.weights,
            **rankers,
        }

    def meta(self) -> dict[str, Any]:
        """The JSON-able rest."""
        return {"rankers": [task for task, trees in zip(_TASKS, self.merge.rankers, strict=True) if trees is not None]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any]) -> Self:
        """The inverse of `arrays` and `meta`; memory maps are not copied."""
        any_, new = (
            TreeEnsemble(**{field.name: arrays[f"ranker.{task}.{field.name}"] for field in fields(TreeEnsemble)})
            if task in meta["rankers"]
            else None
            for task in _TASKS
        )
        return cls(fitted_components.from_arrays(arrays), HybridModel(arrays["merge.weights"], (any_, new)))

    def rank(
        self,
        method: str,
        shoppers: Shoppers,
        *,
        exclude_purchased: bool,
        length: int | None = None,
        scorer: CandidateScorer = candidates,
        threads: int = 1,
    ) -> Ranked:
        """Lists of one method, filled up from popularity.

        Parameters
        ----------
        method : {"personalized", "rfm", "cf", "popular", "hybrid"}
        shoppers : Shoppers
            Anybody: customers, visitors with a basket, or nobody in particular (an empty history).
        exclude_purchased : bool
            Whether items of the shopper's own history are hidden.
        length : int, optional
            Items a list, 1 and up; None ranks the whole catalogue.
        scorer : CandidateScorer
            The NumPy functions of `candidates`, or their compiled counterparts of `training.kernels.batch_scorer`,
            which are faster for many shoppers. The lists are identical.
        threads : int
            Number of threads that rank chunks of shoppers in parallel; the result does not depend on it.

        Raises
        ------
        UsageError
            There is no such method.
        """
        if method not in METHODS:
            raise UsageError(
                f"There is no method {method!r}.",
                f"Choose one of {', '.join(METHODS)}.",
            )

        def rank(at: int) -> Ranked:
            some = slice_shoppers(shoppers, at, min(at + _CHUNK, len(shoppers)))
            return self._rank(method, some, exclude_purchased, length, scorer)

        starts = range(0, max(len(shoppers), 1), _CHUNK)
        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                chunks = list(pool.map(rank, starts))
        else:
            chunks = [rank(at) for at in starts]
        return chunks[0] if len(chunks) == 1 else concat_lists(chunks)

    def similar(self, item: int) -> Ranked:
        """What goes with an item: neighbours, or where nobody bought it items like it, then popularity."""
        neighbours, value = self.parts.item_knn.partners(item)
        component = CF
        if not len(neighbours):
            neighbours, value = self.parts.content.partners(item)
            component = CONTENT
        near = np.zeros(self.parts.n_items)
        near[neighbours] = value
        lists = one_component(leading([near], None), component, None)
        lists.because[:] = item
        return fill_from_popularity(lists, self.parts.popular, [np.array([item])], None)

    def popular(self, category: int | None = None) -> Ranked:
        """The most wanted items, overall or of one category code."""
        order = self.parts.popular.order
        if category is not None:
            order = order[self.parts.items.category[order] == category]
        lists = fill_from_popularity(empty_lists(1), self.parts.popular, [np.empty(0, np.int64)], None)
        if category is not None:
            lists = filter_lists(lists, np.isin(lists.item, order))
        lists.fallback[:] = False
        return lists

    def _rank(
        self,
        method: str,
        shoppers: Shoppers,
        exclude_purchased: bool,
        length: int | None,
        scorer: CandidateScorer,
    ) -> Ranked:
        context = shopper_context(shoppers)
        pairs = context.pairs
        own = [pairs.item[pairs.indptr[s] : pairs.indptr[s + 1]] for s in range(len(shoppers))]
        hidden = own if exclude_purchased else [np.empty(0, np.int64)] * len(shoppers)
        if method == "hybrid":
            lists = hybrid(
                self.parts,
                self.merge,
                context,
                exclude_purchased=exclude_purchased,
                length=length,
                scorer=scorer,
            )
        elif method == "cf":
            lists = self._neighbours(context, exclude_purchased, length, scorer)
        elif method == "popular":
            lists = empty_lists(len(shoppers))
        else:
            lists = self._group(method, shoppers, hidden, length)
        lists = fill_from_popularity(lists, self.parts.popular, hidden, length)
        if method == "popular":
            lists.fallback[:] = False
        return lists

    def _neighbours(
        self, context: ShopperContext, exclude_purchased: bool, length: int | None, scorer: CandidateScorer
    ) -> Ranked:
        found = scorer.neighbours_of(self.parts, context, exclude_purchased=exclude_purchased, length=length)
        lists = one_component(found, CF, length)
        lists.because[:] = scorer.explaining_items(self.parts, context, lists.indptr, lists.item.astype(np.int64))
        return lists

    def _group(
        self,
        method: str,
        shoppers: Shoppers,
        hidden: list[NDArray[np.int64]],
        length: int | None,
    ) -> Ranked:
        groups, group, component = (
            (self.parts.cluster, shoppers.cluster, CLUSTER)
            if method == "personalized"
            else (self.parts.segment, shoppers.segment, SEGMENT)
        )
        return group_lists(groups, group, component, hidden, length)
