"""The fitted recommender: components and hybrid model in, ranked lists out.

`RecommenderModel` is plain arrays and a few numbers. It is written to files and read back as memory maps. The same
functions serve one live shopper and compute the cached lists of all customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import BundleDict
from smart_retail.errors import FormatVersionError, UsageError
from smart_retail.recommenders import candidates, fitted_components
from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    CONTENT,
    SEGMENT,
    Ranked,
    Shoppers,
)
from smart_retail.recommenders.baskets import BasketModel
from smart_retail.recommenders.candidates import CandidateScorer, select_leading
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import HybridModel, rank_hybrid
from smart_retail.recommenders.new_items import NewItemModel
from smart_retail.recommenders.ranked_lists import (
    concat_lists,
    empty_lists,
    filter_lists,
    rank_group_items,
    rank_scored_items,
    slice_shoppers,
)
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_context import ShopperContext, build_context
from smart_retail.recommenders.source_registry import BUILT_IN, SOURCES
from smart_retail.recommenders.top_n import fill_from_popularity, lowest_scores
from smart_retail.recommenders.tree_ensemble import TreeEnsemble

METHODS = ("personalized", "rfm", "cf", "popular", "hybrid")
_TASKS = ("any", "new")
_CHUNK_SHOPPERS = 512
"""Shoppers that are scored together: bounds the memory of a batch."""


@dataclass(frozen=True, slots=True)
class RecommenderModel:
    """All methods, fitted."""

    components: FittedComponents
    hybrid: HybridModel
    baskets: BasketModel | None = None
    """For lists that complete a basket."""
    new_items: NewItemModel | None = None
    """For items of a catalogue without purchases."""

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the sources that the model has, in the order of the stored weights."""
        return SOURCES.names_in(self.components.extensions)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_arrays`."""
        rankers = {
            f"ranker.{task}.{column.name}": getattr(trees, column.name)
            for task, trees in zip(_TASKS, self.hybrid.rankers, strict=True)
            if trees is not None
            for column in fields(TreeEnsemble)
        }
        return {
            **fitted_components.to_arrays(self.components),
            "merge.weights": self._stored_weights(),
            **rankers,
            **_prefixed("basket", self.baskets),
            **_prefixed("new_items", self.new_items),
        }

    def _stored_weights(self) -> NDArray[np.float64]:
        """Return the blend weights without the columns of optional sources that the model does not have."""
        weights = self.hybrid.weights
        if weights.shape[-1] != len(SOURCES):  # other sources are registered now: `from_arrays` reports it
            return weights
        return weights[..., [SOURCES.index(name) for name in self.source_names]]

    def meta(self) -> dict[str, Any]:
        """Return what `from_arrays` needs in addition to the arrays, as JSON data."""
        meta: dict[str, Any] = {
            "rankers": [task for task, trees in zip(_TASKS, self.hybrid.rankers, strict=True) if trees is not None],
            "hedges": list(self.hybrid.hedges),
        }
        if len(self.source_names) > len(BUILT_IN):
            meta["sources"] = list(self.source_names)
            meta["extensions"] = {source: list(arrays) for source, arrays in self.components.extensions.items()}
        return meta

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: dict[str, Any]) -> Self:
        """Build the model from the results of `arrays` and `meta`; memory maps are not copied.

        Raises
        ------
        FormatVersionError
            The model was fitted with other recommendation sources than those that are registered.
        """
        weights = expand_weights(arrays["merge.weights"], meta)
        any_, new = (
            TreeEnsemble(**{column.name: arrays[f"ranker.{task}.{column.name}"] for column in fields(TreeEnsemble)})
            if task in meta["rankers"]
            else None
            for task in _TASKS
        )
        components = fitted_components.from_arrays(arrays, meta.get("extensions"))
        basket, new_items = (
            BundleDict((n.removeprefix(start), array) for n, array in arrays.items() if n.startswith(start))
            for start in ("basket.", "new_items.")
        )
        hedge_any, hedge_new = meta.get("hedges", (0.0, 0.0))
        hybrid = HybridModel(weights, (any_, new), (hedge_any, hedge_new))
        return cls(
            components,
            hybrid,
            BasketModel.from_arrays(basket) if basket else None,
            NewItemModel.from_arrays(new_items) if new_items else None,
        )

    def rank(
        self,
        method: str,
        shoppers: Shoppers,
        *,
        exclude_purchased: bool,
        length: int | None = None,
        allowed: NDArray[np.bool_] | None = None,
        scorer: CandidateScorer = candidates,
        threads: int = 1,
    ) -> Ranked:
        """Rank items for shoppers by one method; short lists are filled from popularity.

        Parameters
        ----------
        method : {"personalized", "rfm", "cf", "popular", "hybrid"}
        shoppers : Shoppers
            Customers, visitors with a basket, or shoppers without purchases (an empty history).
        exclude_purchased : bool
            Whether items of the shopper's own history are hidden.
        length : int, optional
            Items of each list, 1 and up; None ranks the whole catalogue.
        allowed : bool array, shape (n_items,), optional
            Items that can be listed; the lists are those of the whole catalogue without the other items. None allows
            all.
        scorer : CandidateScorer
            The NumPy functions of `candidates`, or their compiled counterparts of `training.kernels.batch_scorer`,
            which are faster for many shoppers. The lists are identical.
        threads : int
            Number of threads that rank chunks of shoppers in parallel; the result does not depend on it.

        Returns
        -------
        Ranked

        Raises
        ------
        UsageError
            The method is unknown.
        """
        if method not in METHODS:
            raise UsageError(
                f"There is no method {method!r}.",
                f"Choose one of {', '.join(METHODS)}.",
            )

        def rank_chunk(start: int) -> Ranked:
            chunk = slice_shoppers(shoppers, start, min(start + _CHUNK_SHOPPERS, len(shoppers)))
            return self._rank(method, chunk, exclude_purchased, length, allowed, scorer)

        starts = range(0, max(len(shoppers), 1), _CHUNK_SHOPPERS)
        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                chunks = list(pool.map(rank_chunk, starts))
        else:
            chunks = [rank_chunk(start) for start in starts]
        return chunks[0] if len(chunks) == 1 else concat_lists(chunks)

    def rank_basket(
        self, basket: NDArray[np.int64], shopper: Shoppers, *, exclude_basket: bool, length: int | None = None
    ) -> Ranked:
        """Rank items that complete a basket; a short list is filled from popularity.

        Parameters
        ----------
        basket : int64 array
            Distinct item codes.
        shopper : Shoppers
            The customer of the basket; without purchases, the customer is unknown.
        exclude_basket : bool
            Whether items of the basket are hidden; otherwise they can only be filled in from popularity.
        length : int, optional
            Items of the list, 1 and up; None ranks the whole catalogue.

        Returns
        -------
        Ranked
            One list.

        Raises
        ------
        UsageError
            The model was fitted without baskets.
        """
        if self.baskets is None:
            raise UsageError("The model has no lists for baskets.", "Fit again.")
        lists = self.baskets.rank(basket, build_context(shopper), length=length)
        hidden = basket if exclude_basket else basket[:0]
        return fill_from_popularity(lists, self.components.popular, [hidden], length)

    def rank_new_items(
        self, purchased: NDArray[np.int64], allowed: NDArray[np.bool_] | None = None, length: int | None = None
    ) -> Ranked:
        """Return one list of the items without purchases for a shopper with these purchases; empty without a catalogue.

        Parameters
        ----------
        purchased : int64 array
            Distinct item codes.
        allowed, length
            As for `NewItemModel.rank`.
        """
        if self.new_items is None:
            return empty_lists(1)
        return self.new_items.rank(purchased, self.components.content_back, allowed, length)

    def similar(self, item: int) -> Ranked:
        """Rank the items similar to one item: by item-kNN, else by content; filled from popularity."""
        neighbours, value = self.components.item_knn.neighbours(item)
        component = CF
        if not len(neighbours):
            neighbours, value = self.components.content.neighbours(item)
            component = CONTENT
        score = np.zeros(self.components.n_items)
        score[neighbours] = value
        lists = rank_scored_items(select_leading([score], None), component, None)
        lists.explaining_item[:] = item
        return fill_from_popularity(lists, self.components.popular, [np.array([item])], None)

    def popular(self, category: int | None = None) -> Ranked:
        """Rank the items by popularity, overall or within one category code."""
        order = self.components.popular.order
        if category is not None:
            order = order[self.components.items.category[order] == category]
        lists = fill_from_popularity(empty_lists(1), self.components.popular, [np.empty(0, np.int64)], None)
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
        allowed: NDArray[np.bool_] | None,
        scorer: CandidateScorer,
    ) -> Ranked:
        context = build_context(shoppers)
        matrix = context.matrix
        purchased = [matrix.item[matrix.indptr[s] : matrix.indptr[s + 1]] for s in range(len(shoppers))]
        hidden = purchased if exclude_purchased else [np.empty(0, np.int64)] * len(shoppers)
        lowest = None
        if method == "hybrid":
            lists, lowest = rank_hybrid(
                self.components,
                self.hybrid,
                context,
                exclude_purchased=exclude_purchased,
                length=length,
                allowed=allowed,
                scorer=scorer,
            )
        elif method == "cf":
            lists, lowest = self._rank_cf(context, exclude_purchased, length, allowed, scorer)
        elif method == "popular":
            lists = empty_lists(len(shoppers))
        else:
            lists = self._rank_group(method, shoppers, hidden, length, allowed)
        lists = fill_from_popularity(lists, self.components.popular, hidden, length, allowed=allowed, lowest=lowest)
        if method == "popular":
            lists.fallback[:] = False
        return lists

    def _rank_cf(
        self,
        context: ShopperContext,
        exclude_purchased: bool,
        length: int | None,
        allowed: NDArray[np.bool_] | None,
        scorer: CandidateScorer,
    ) -> tuple[Ranked, NDArray[np.float64]]:
        """Return lists and the lowest score of each list before items that are not allowed were left out."""
        needed = length if allowed is None else None
        scored = scorer.score_neighbours(self.components, context, exclude_purchased=exclude_purchased, length=needed)
        lowest = significant(lowest_scores(scored.indptr, scored.score))
        lists = rank_scored_items(scored, CF, length, allowed)
        listed = lists.item.astype(np.int64)
        lists.explaining_item[:] = scorer.find_explaining_items(self.components, context, lists.indptr, listed)
        return lists, lowest

    def _rank_group(
        self,
        method: str,
        shoppers: Shoppers,
        hidden: list[NDArray[np.int64]],
        length: int | None,
        allowed: NDArray[np.bool_] | None,
    ) -> Ranked:
        if method == "personalized":
            return rank_group_items(self.components.cluster, shoppers.cluster, CLUSTER, hidden, length, allowed)
        return rank_group_items(self.components.segment, shoppers.segment, SEGMENT, hidden, length, allowed)


def expand_weights(weights: NDArray[np.float64], meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return stored blend weights with a column for each registered source; optional ones that are missing get 0.

    Parameters
    ----------
    weights : float64 array, shape (..., n)
        Stored weights, of the sources of the model.
    meta : mapping
        Result of `RecommenderModel.meta`.

    Raises
    ------
    FormatVersionError
        The model was fitted with other sources than those that are registered.
    """
    names = tuple(meta.get("sources", [source.name for source in BUILT_IN]))
    if weights.shape[-1] != len(names) or SOURCES.names_in(names) != names:
        raise FormatVersionError(
            "The bundle was fitted with other recommendation sources than those that are registered.",
            "Register the same sources in the same order, or fit again.",
        )
    out = np.zeros((*weights.shape[:-1], len(SOURCES)))
    out[..., [SOURCES.index(name) for name in names]] = weights
    return out


def _prefixed(prefix: str, part: BasketModel | NewItemModel | None) -> dict[str, NDArray[Any]]:
    """Return the arrays of a part of the model by ``prefix.name``; none without the part."""
    return {} if part is None else {f"{prefix}.{name}": array for name, array in part.arrays().items()}
