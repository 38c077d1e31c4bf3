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

from smart_retail.data.interactions import History
from smart_retail.errors import UsageError
from smart_retail.recommenders import parts as parts_io
from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    COMPONENTS,
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
from smart_retail.recommenders.group_popularity import GroupPopularity
from smart_retail.recommenders.hybrid import Merge, hybrid
from smart_retail.recommenders.lists import best_first, filled
from smart_retail.recommenders.parts import Parts
from smart_retail.recommenders.rounding import significant
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
                _part(shoppers, at, min(at + _CHUNK, len(shoppers))),
                exclude_purchased,
                length,
            )
            for at in range(0, max(len(shoppers), 1), _CHUNK)
        ]
        return chunks[0] if len(chunks) == 1 else _stacked(chunks)

    def similar(self, item: int) -> Ranked:
        """What goes with an item: neighbours, or where nobody bought it items like it, then popularity."""
        neighbours, value = self.parts.near.partners(item)
        component = CF
        if not len(neighbours):
            neighbours, value = self.parts.content.partners(item)
            component = CONTENT
        near = np.zeros(self.parts.n_items)
        near[neighbours] = value
        lists = _one_component(self.parts, [near], component, None)
        lists.because[:] = item
        return filled(lists, self.parts.popular, [np.array([item])], None)

    def popular(self, category: int | None = None) -> Ranked:
        """The most wanted items, overall or of one category code."""
        order = self.parts.popular.order
        if category is not None:
            order = order[self.parts.items.category[order] == category]
        empty = np.empty(0, np.int64)
        lists = filled(
            _one_component(self.parts, [np.zeros(self.parts.n_items)], POPULAR, 0),
            self.parts.popular,
            [empty],
            None,
        )
        if category is not None:
            lists = _kept(lists, np.isin(lists.item, order))
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
            lists = _nothing(len(shoppers))
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
        lists = _one_component(self.parts, dense, CF, length)
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
        return _group_lists(groups, group, component, hidden, length)


def _relative(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores divided by the best."""
    best = float(score.max(initial=0.0))
    return score / best if best > 0 else score


def _group_lists(
    groups: GroupPopularity,
    group: NDArray[np.int16],
    component: int,
    hidden: list[NDArray[np.int64]],
    length: int | None,
) -> Ranked:
    """Each shopper's group list without the hidden items; nothing for a shopper in no group."""
    n_items = groups.score.shape[1]
    length = n_items if length is None else length
    blocked = np.zeros(n_items, bool)
    items = []
    for own, one in zip(hidden, group.tolist(), strict=True):
        if not 0 <= one < groups.n_groups:
            items.append(np.empty(0, np.int32))
            continue
        reach = groups.order[one, : length + len(own)]
        blocked[own] = True
        items.append(reach[~blocked[reach]][:length])
        blocked[own] = False
    sizes = np.array([len(i) for i in items], np.int64)
    item = np.concatenate([np.empty(0, np.int32), *items])
    row = np.repeat(group, sizes)
    return _single(sizes, item, groups.score[row, item], groups.place[row, item], component)


def _one_component(parts: Parts, dense: list[NDArray[np.float64]], component: int, length: int | None) -> Ranked:
    """Lists of dense scores of one component; what has no score is not listed."""
    found = [np.flatnonzero(score > 0) for score in dense]
    sizes = np.array([len(item) for item in found], np.int64)
    item = np.concatenate([np.empty(0, np.int64), *found])
    raw = np.concatenate([np.empty(0), *(score[at] for score, at in zip(dense, found, strict=True))])
    score = significant(raw)
    order, indptr = best_first(np.concatenate(([0], np.cumsum(sizes))), item, score, length)
    counts = np.diff(indptr)
    place = np.arange(len(order)) - np.repeat(indptr[:-1], counts) + 1
    return _single(counts, item[order].astype(np.int32), score[order], place, component)


def _single(
    sizes: NDArray[np.int64],
    item: NDArray[np.int32],
    score: NDArray[np.float64],
    place: NDArray[Any],
    component: int,
) -> Ranked:
    """Lists whose items all come from one component."""
    share = np.zeros((len(item), len(COMPONENTS)))
    share[:, component] = 1.0
    rank = np.zeros((len(item), len(COMPONENTS)), np.int32)
    rank[:, component] = place
    return Ranked(
        indptr=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        item=item,
        score=score,
        share=share,
        rank=rank,
        because=np.full(len(item), -1, np.int32),
        fallback=np.zeros(len(item), bool),
    )


def _nothing(n: int) -> Ranked:
    """`n` empty lists."""
    return _single(
        np.zeros(n, np.int64),
        np.empty(0, np.int32),
        np.empty(0),
        np.empty(0, np.int32),
        POPULAR,
    )


def _kept(lists: Ranked, kept: NDArray[np.bool_]) -> Ranked:
    """One list without some of its entries."""
    return Ranked(
        indptr=np.array([0, int(kept.sum())], np.int64),
        item=lists.item[kept],
        score=lists.score[kept],
        share=lists.share[kept],
        rank=lists.rank[kept],
        because=lists.because[kept],
        fallback=lists.fallback[kept],
    )


def _part(shoppers: Shoppers, first: int, last: int) -> Shoppers:
    """Some shoppers in a row."""
    if first == 0 and last >= len(shoppers):
        return shoppers
    history = shoppers.history
    low, high = np.searchsorted(history.customer, (first, last))
    rows = slice(int(low), int(high))
    part = History(
        customer=history.customer[rows] - np.int32(first),
        order=history.order[rows],
        item=history.item[rows],
        day=history.day[rows],
        quantity=history.quantity[rows],
        amount=history.amount[rows],
        n_customers=last - first,
        n_items=history.n_items,
        last_day=history.last_day,
    )
    return Shoppers(part, shoppers.segment[first:last], shoppers.cluster[first:last])


def _stacked(chunks: list[Ranked]) -> Ranked:
    """Lists of several chunks as one."""
    sizes = np.concatenate([np.diff(chunk.indptr) for chunk in chunks])
    return Ranked(
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        *(
            np.concatenate([getattr(chunk, name) for chunk in chunks])
            for name in ("item", "score", "share", "rank", "because", "fallback")
        ),
    )
