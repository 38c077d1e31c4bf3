"""The merge of all methods: candidates, evidence, and the order that the blend or a ranker gives them.

In: `Parts`, `Merge` and `Shoppers`. Out: `Ranked`. The evidence (blend weight times normalised score)
is kept with every item, also where a ranker set the order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders import candidates as numpy_scorer
from smart_retail.recommenders.base import (
    CF,
    CLUSTER,
    COMPONENTS,
    CONTENT,
    POPULAR,
    REPURCHASE,
    SEGMENT,
    TRENDING,
    Ranked,
)
from smart_retail.recommenders.blend import by_component, evidence, history_bucket, total
from smart_retail.recommenders.candidates import COMPONENT_OF, Candidates, CandidateScorer
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.ranking_features import NAMES, signals
from smart_retail.recommenders.rounding import significant
from smart_retail.recommenders.shopper_context import ShopperContext
from smart_retail.recommenders.top_n import top_n
from smart_retail.recommenders.tree_ensemble import TreeEnsemble

RERANK_DEPTH = 100
"""Candidates of each shopper, best by the blend, that a ranker puts in order."""
BLEND_WEIGHT = 0.2
"""How much the blend counts beside a ranker that knows it. On a later window than both had learnt from, of two shops,
0.1 to 0.5 found 2 to 4 % more of the new items than the ranker alone, lost nothing clearly where repeats are allowed,
and the lists held 3 to 13 % more of the catalogue."""


@dataclass(frozen=True, slots=True)
class HybridModel:
    """How the sources become one score; index 0 where repeats are allowed, 1 for new items only."""

    weights: NDArray[np.float64]
    """Blend weights, shape ``(2, len(AMOUNTS), len(SOURCES))``."""
    rankers: tuple[TreeEnsemble | None, TreeEnsemble | None] = (None, None)
    """Where there is none, the blend sets the order."""


def hybrid(
    parts: FittedComponents,
    merge: HybridModel,
    context: ShopperContext,
    *,
    exclude_purchased: bool,
    length: int | None,
    scorer: CandidateScorer = numpy_scorer,
) -> Ranked:
    """Merged lists, without the fill from popularity."""
    task = 1 if exclude_purchased else 0
    candidates = scorer.candidates_of(parts, context, exclude_purchased=exclude_purchased)
    proof = evidence(candidates, history_bucket(context.stats.orders), merge.weights[task])
    score = total(proof)
    ranker = merge.rankers[task]
    if ranker is not None:
        score = _reordered(ranker, parts, context, candidates, proof, score, scorer)
    if length is not None:
        score = scorer.prune_below_top_n(candidates.indptr, score, length)
    found = np.flatnonzero(score > 0)
    score[found] = significant(score[found])
    chosen, indptr = top_n(candidates.indptr, score, length)
    listed = by_component(proof[:, chosen])
    return Ranked(
        indptr=indptr,
        item=candidates.item[chosen].astype(np.int32),
        score=score[chosen],
        share=(listed / total(listed)).T,
        rank=_places(parts, context, candidates, proof, chosen, indptr, scorer),
        because=scorer.explaining_items(parts, context, indptr, candidates.item[chosen]),
        fallback=np.zeros(len(chosen), bool),
    )


def _reordered(
    ranker: TreeEnsemble,
    parts: FittedComponents,
    context: ShopperContext,
    candidates: Candidates,
    proof: NDArray[np.float64],
    score: NDArray[np.float64],
    scorer: CandidateScorer,
) -> NDArray[np.float64]:
    """Scores with each shopper's `DEPTH` best in the ranker's order (1 to 3), the rest below 1."""
    known = context.stats.orders[candidates.shopper] > 0
    possible = scorer.prune_below_top_n(candidates.indptr, np.where(known, score, 0.0), RERANK_DEPTH)
    leading, _ = top_n(candidates.indptr, possible, RERANK_DEPTH)
    leading.sort()
    table = signals(parts, context, candidates.take(leading), proof[:, leading])
    order = ordered(scorer.tree_scores(ranker, table), table[:, NAMES.index("blend")], candidates.shopper[leading])
    out = score / (1.0 + score)
    out[leading] = 2.0 + order / (1.0 + np.abs(order))
    return out


def ordered(
    ranker: NDArray[np.float64], blend: NDArray[np.floating], shopper: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A ranker's scores that lean on the blend's, both standardised among the candidates of a shopper."""
    return _standardised(ranker, shopper) + BLEND_WEIGHT * _standardised(blend.astype(np.float64), shopper)


def _standardised(score: NDArray[np.float64], shopper: NDArray[np.int64]) -> NDArray[np.float64]:
    """Less their mean, over their standard deviation; sums in the order of the rows, for any number of shoppers."""
    size = np.maximum(np.bincount(shopper), 1)
    apart = score - (np.bincount(shopper, score) / size)[shopper]
    spread = np.sqrt(np.bincount(shopper, apart**2) / size)[shopper]
    return np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)


def _places(
    parts: FittedComponents,
    context: ShopperContext,
    candidates: Candidates,
    proof: NDArray[np.float64],
    chosen: NDArray[np.int64],
    indptr: NDArray[np.int64],
    scorer: CandidateScorer,
) -> NDArray[np.int32]:
    """Each chosen item's place in every component's own list."""
    shopper, item = candidates.shopper[chosen], candidates.item[chosen]
    out = np.zeros((len(chosen), len(COMPONENTS)), np.int32)
    for component in (REPURCHASE, CF, CONTENT):
        score = total([proof[source] for source, of in enumerate(COMPONENT_OF) if of == component])
        out[:, component] = scorer.ranks_of(candidates.indptr, score, indptr, chosen)
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
