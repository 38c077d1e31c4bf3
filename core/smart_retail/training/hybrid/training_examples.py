"""Lessons: what the merge learns from, a past window seen by the parts that were fitted before it.

In: fitted `Parts`, the history before a cut and the truth after it. Out: a `Lesson` for each task: the leading
candidates of a sample of customers, their signals, and which of them were bought.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.evaluation.temporal_split import Truth
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.blend import (
    default_weights,
    history_bucket,
    normalised,
    total,
)
from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import RERANK_DEPTH
from smart_retail.recommenders.ranking_features import NAMES, signals
from smart_retail.recommenders.shopper_context import shopper_context
from smart_retail.recommenders.top_n import top_n
from smart_retail.utils.set_ops import in_sorted

TASKS = ("any", "new")
"""The tasks that a merge is learnt for: repeats allowed, new items only."""
WIDTH = 150
"""Leading candidates kept of each customer: more than a ranker meets, so that other weights can lead others."""


@dataclass(frozen=True, slots=True)
class TrainingExamples:
    """The leading candidates of one task's customers in one window."""

    candidates: Candidates
    relative: NDArray[np.float64]
    """Normalised source scores, shape ``(len(SOURCES), n)``."""
    table: NDArray[np.float32]
    """Signals, shape ``(n, len(NAMES))``."""
    hit: NDArray[np.bool_]
    """Which candidates were bought."""
    amount: NDArray[np.int64]
    """Index into `AMOUNTS` by shopper."""
    true: NDArray[np.int64]
    """Number of items truly bought, by shopper; also of those that are no candidates."""

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores by weights of shape ``(len(AMOUNTS), len(SOURCES))``."""
        return total(self.relative * weights[self.amount[self.candidates.shopper]].T)

    def reranked(self, weights: NDArray[np.float64]) -> TrainingExamples:
        """The lesson as a ranker meets it: the `DEPTH` best candidates of these weights."""
        score = self.blend(weights)
        rows, _ = top_n(self.candidates.indptr, score, RERANK_DEPTH)
        rows.sort()
        table = self.table[rows]
        table[:, NAMES.index("blend")] = score[rows]
        return replace(
            self,
            candidates=self.candidates.take(rows),
            relative=self.relative[:, rows],
            table=table,
            hit=self.hit[rows],
        )


def build_examples(
    parts: FittedComponents,
    history: PurchaseHistory,
    segment: NDArray[np.int16],
    cluster: NDArray[np.int16],
    truth: Truth,
    task: str,
) -> TrainingExamples:
    """The lesson that one window gives for one task."""
    from smart_retail.training.kernels import batch_scorer

    who = truth.customer
    context = shopper_context(Shoppers(history.select(who), segment[who], cluster[who]))
    exclude = task == "new"
    every = batch_scorer.candidates_of(parts, context, exclude_purchased=exclude)
    amount = history_bucket(context.stats.orders)
    relative = normalised(every)
    proof = relative * default_weights()[1 if exclude else 0][amount[every.shopper]].T
    leading, _ = top_n(every.indptr, total(proof), WIDTH)
    leading.sort()
    candidates = every.take(leading)
    width = max(parts.n_items, 1)
    bought = np.repeat(np.arange(len(truth)), truth.sizes) * width + truth.item
    return TrainingExamples(
        candidates=candidates,
        relative=relative[:, leading],
        table=signals(parts, context, candidates, proof[:, leading]),
        hit=in_sorted(candidates.shopper * width + candidates.item, bought),
        amount=amount,
        true=truth.sizes,
    )
