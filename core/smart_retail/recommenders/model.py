"""The fitted recommender: parts and merge in, ranked lists out.

`RecommenderModel` is plain arrays and a few numbers; it is written to files and read back as memory maps by whoever
keeps the bundle. The same functions answer one live shopper and fill the lists of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import UsageError
from smart_retail.recommenders import parts as parts_io
from smart_retail.recommenders.assembling import group_lists, kept, nothing, one_component, part, stacked
from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    CONTENT,
    POPULAR,
    SEGMENT,
    Ranked,
    Shoppers,
)
from smart_retail.recommenders.candidates import (
    Context,
    because,
    context_of,
    profile,
    similar_scores,
)
from smart_retail.recommenders.hybrid import Merge, hybrid
from smart_retail.recommenders.lists import filled
from smart_retail.recommenders.parts import Parts
from smart_retail.recommenders.trees import Trees

METHODS = ("personalized", "rfm", "cf", "popular", "hybrid")
_TASKS = ("any", "new")
_CHUNK = 512
"""Shoppers scored at once: bounds the memory of a batch."""


@dataclass(frozen=True, slots=True)
class RecommenderModel:
    """All methods, fitted."""

    parts: Parts
    merge: Merge

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything to be kept, by name."""
        rankers = {
            f"ranker.{task}.{field.name}": getattr(trees, field.name)
            for task, trees in zip(_TASKS, self.merge.rankers, strict=True)
            if trees is not None
            for field in fields(Trees)
        }
        return {
            **parts_io.to_arrays(self.parts),
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
            Trees(**{field.name: arrays[f"ranker.{task}.{field.name}"] for field in fields(Trees)})
            if task in meta["rankers"]
            else None
            for task in _TASKS
        )
        return cls(parts_io.from_arrays(arrays), Merge(arrays["merge.weights"], (any_, new)))

    def rank(
        self,
        method: str,
        shoppers: Shoppers,
        *,
        exclude_purchased: bool,
        length: int | None = None,
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
        chunks = [
            self._rank(
                method,
                part(shoppers, at, min(at + _CHUNK, len(shoppers))),
                exclude_purchased,
                length,
            )
            for at in range(0, max(len(shoppers), 1), _CHUNK)
        ]
        return chunks[0] if len(chunks) == 1 else stacked(chunks)

    def similar(self, item: int) -> Ranked:
        """What goes with an item: neighbours, or where nobody bought it items like it, then popularity."""
        neighbours, value = self.parts.near.partners(item)
        component = CF
        if not len(neighbours):
            neighbours, value = self.parts.content.partners(item)
            component = CONTENT
        near = np.zeros(self.parts.n_items)
        near[neighbours] = value
        lists = one_component(self.parts, [near], component, None)
        lists.because[:] = item
        return filled(lists, self.parts.popular, [np.array([item])], None)

    def popular(self, category: int | None = None) -> Ranked:
        """The most wanted items, overall or of one category code."""
        order = self.parts.popular.order
        if category is not None:
            order = order[self.parts.items.category[order] == category]
        empty = np.empty(0, np.int64)
        lists = filled(
            one_component(self.parts, [np.zeros(self.parts.n_items)], POPULAR, 0),
            self.parts.popular,
            [empty],
            None,
        )
        if category is not None:
            lists = kept(lists, np.isin(lists.item, order))
        lists.fallback[:] = False
        return lists

    def _rank(
        self,
        method: str,
        shoppers: Shoppers,
        exclude_purchased: bool,
        length: int | None,
    ) -> Ranked:
        context = context_of(shoppers)
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
            )
        elif method == "cf":
            lists = self._neighbours(context, hidden, length)
        elif method == "popular":
            lists = nothing(len(shoppers))
        else:
            lists = self._group(method, shoppers, hidden, length)
        lists = filled(lists, self.parts.popular, hidden, length)
        if method == "popular":
            lists.fallback[:] = False
        return lists

    def _neighbours(self, context: Context, hidden: list[NDArray[np.int64]], length: int | None) -> Ranked:
        dense = []
        for s in range(len(hidden)):
            near, linear = (found * self.parts.items.lift for found in similar_scores(self.parts, *profile(context, s)))
            score = _relative(near) + _relative(linear)
            score[hidden[s]] = 0.0
            dense.append(score)
        lists = one_component(self.parts, dense, CF, length)
        for s in range(len(hidden)):
            bounds = slice(int(lists.indptr[s]), int(lists.indptr[s + 1]))
            own, weight = profile(context, s)
            lists.because[bounds] = because(self.parts, own, weight, lists.item[bounds].astype(np.int64))
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


def _relative(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores divided by the best."""
    best = float(score.max(initial=0.0))
    return score / best if best > 0 else score
