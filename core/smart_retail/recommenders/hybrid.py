"""The merge of all methods: candidates, evidence, and the order that the blend or a ranker gives them.

In: `Parts`, `Merge` and `Shoppers`. Out: `Ranked`. The evidence (blend weight times normalised score)
is kept with every item, also where a ranker set the order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import COMPONENTS, Ranked
from smart_retail.recommenders.blend import amount_of, evidence, total
from smart_retail.recommenders.candidates import (
    CF,
    CLUSTER,
    CONTENT,
    POPULAR,
    REPURCHASE,
    SEGMENT,
    TRENDING,
    Candidates,
    Context,
    candidates_of,
    profile,
)
from smart_retail.recommenders.lists import best_first
from smart_retail.recommenders.parts import Parts
from smart_retail.recommenders.rounding import significant


@dataclass(frozen=True, slots=True)
class Merge:
    """How components become one score."""

    weights: NDArray[np.float64]
    """Blend weights, shape ``(2, len(AMOUNTS), len(COMPONENTS))``: repeats allowed, new items only."""


def hybrid(parts: Parts, merge: Merge, context: Context, *, exclude_purchased: bool, length: int | None) -> Ranked:
    """Merged lists, without the fill from popularity."""
    candidates = candidates_of(parts, context, exclude_purchased=exclude_purchased)
    weights = merge.weights[1 if exclude_purchased else 0]
    proof = evidence(candidates, amount_of(context.habits.orders), weights)
    score = significant(np.maximum(total(proof), 1e-12))
    chosen, indptr = best_first(candidates.indptr, candidates.item, score, length)
    listed = proof[:, chosen]
    sums = np.maximum(total(listed), 1e-300)
    return Ranked(
        indptr=indptr,
        item=candidates.item[chosen].astype(np.int32),
        score=score[chosen],
        share=(listed / sums).T,
        rank=_places(parts, context, candidates, chosen),
        because=_causes(parts, context, candidates, chosen, indptr),
        fallback=np.zeros(len(chosen), bool),
    )


def _places(parts: Parts, context: Context, candidates: Candidates, chosen: NDArray[np.int64]) -> NDArray[np.int32]:
    """Each chosen item's place in every component's own list."""
    shopper, item = candidates.shopper[chosen], candidates.item[chosen]
    out = np.zeros((len(chosen), len(COMPONENTS)), np.int32)
    for component in (REPURCHASE, CF, CONTENT):
        out[:, component] = _dynamic_places(candidates, component)[chosen]
    out[:, POPULAR] = parts.popular.place[item]
    out[:, TRENDING] = parts.trending.place[item]
    for component, groups, group in (
        (SEGMENT, parts.segment, context.shoppers.segment),
        (CLUSTER, parts.cluster, context.shoppers.cluster),
    ):
        own = group[shopper]
        known = (own >= 0) & (own < groups.n_groups)
        out[known, component] = groups.place[own[known], item[known]]
    return out


def _dynamic_places(candidates: Candidates, component: int) -> NDArray[np.int32]:
    """Place of each candidate by one component that differs from shopper to shopper, 0 without score."""
    out = np.zeros(len(candidates.item), np.int32)
    order, indptr = best_first(candidates.indptr, candidates.item, candidates.part[component], None)
    sizes = np.diff(indptr)
    out[order] = np.arange(len(order)) - np.repeat(indptr[:-1], sizes) + 1
    return out


def _causes(
    parts: Parts,
    context: Context,
    candidates: Candidates,
    chosen: NDArray[np.int64],
    indptr: NDArray[np.int64],
) -> NDArray[np.int32]:
    """The shopper's own purchase from which each chosen item follows."""
    out = np.full(len(chosen), -1, np.int32)
    has_content = len(parts.content_back.item) > 0
    for s in range(len(indptr) - 1):
        bounds = slice(int(indptr[s]), int(indptr[s + 1]))
        listed = candidates.item[chosen[bounds]]
        own, weight = profile(context, s)
        cause = parts.cf.because(own, weight, listed, parts.n_items)
        if has_content:
            alike = parts.content_back.because(own, np.ones(len(own)), listed, parts.n_items)
            cause = np.where(cause < 0, alike, cause)
        out[bounds] = cause
    return out
