"""Training examples of the hybrid: candidates in a backtest window, their features, and which of them were bought.

The components are fitted on the history before the window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.temporal_split import GroundTruth
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.blend import bucket_by_orders, default_weights, normalize, sum_rows
from smart_retail.recommenders.candidates import Candidates
from smart_retail.recommenders.fitted_components import FittedComponents
from smart_retail.recommenders.hybrid import RERANK_DEPTH
from smart_retail.recommenders.ranking_features import compute_features, feature_names
from smart_retail.recommenders.shopper_context import build_context
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.recommenders.top_n import top_n
from smart_retail.utils.set_ops import in_sorted

TASKS = ("any", "new")
"""The tasks that a hybrid is learned for: lists with purchased items, and lists of new items only."""
CANDIDATE_DEPTH = 150
"""Leading candidates of each customer: more than a ranker reorders, so that other weights can promote others."""


@dataclass(frozen=True, slots=True)
class TrainingExamples:
    """The leading candidates of the customers of one task in one window; n candidates in total."""

    candidates: Candidates
    normalized: NDArray[np.float64]
    """Normalized source scores, shape ``(n_sources, n)``."""
    features: NDArray[np.float32]
    """Ranking features, shape ``(n, n_features)``; ``(n, 0)`` where no ranker is considered."""
    hit: NDArray[np.bool_]
    """Whether the candidate was bought in the window, shape ``(n,)``."""
    bucket: NDArray[np.int64]
    """Index into `HISTORY_BUCKETS` by shopper."""
    n_bought: NDArray[np.int64]
    """Items bought in the window by shopper, also those that are not candidates."""
    optional: tuple[str, ...] = ()
    """Optional sources that are fitted."""

    def blend(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the blend, shape ``(n,)``, by weights of shape ``(len(HISTORY_BUCKETS), n_sources)``."""
        return sum_rows(self.normalized * weights[self.bucket[self.candidates.shopper]].T)

    def without_optional(self) -> TrainingExamples:
        """Return the examples without scores and features of optional sources; the candidates stay."""
        normalized = self.normalized.copy()
        normalized[[SOURCES.index(name) for name in self.optional]] = 0.0
        return replace(self, normalized=normalized, features=self.features[:, : len(feature_names())], optional=())

    def reranked(self, weights: NDArray[np.float64]) -> TrainingExamples:
        """Return the examples that a ranker gets: the `RERANK_DEPTH` best candidates by these weights."""
        score = self.blend(weights)
        rows, _ = top_n(self.candidates.indptr, score, RERANK_DEPTH)
        rows.sort()
        features = self.features[rows]
        features[:, feature_names().index("blend")] = score[rows]
        return replace(
            self,
            candidates=self.candidates.take(rows),
            normalized=self.normalized[:, rows],
            features=features,
            hit=self.hit[rows],
        )


def build_examples(
    components: FittedComponents,
    shoppers: Shoppers,
    ground_truth: GroundTruth,
    task: str,
    *,
    with_features: bool = True,
) -> TrainingExamples:
    """Build the training examples of one window for one task.

    Parameters
    ----------
    components : FittedComponents
        Fitted on the history before the window.
    shoppers : Shoppers
        The customers of `ground_truth` as of the cut, row by row.
    ground_truth : GroundTruth
    task : {"any", "new"}
    with_features : bool
        Whether the ranking features are computed, which only a ranker needs.
    """
    from smart_retail.training.kernels import batch_scorer  # imports Numba: only while fitting

    context = build_context(shoppers)
    exclude = task == "new"
    candidates = batch_scorer.generate_candidates(components, context, exclude_purchased=exclude)
    bucket = bucket_by_orders(context.stats.orders)
    normalized = normalize(candidates)
    weighted = normalized * default_weights()[1 if exclude else 0][bucket[candidates.shopper]].T
    leading, _ = top_n(candidates.indptr, sum_rows(weighted), CANDIDATE_DEPTH)
    leading.sort()
    candidates = candidates.take(leading)
    width = max(components.n_items, 1)
    features = np.empty((len(leading), 0), np.float32)
    if with_features:
        features = compute_features(components, context, candidates, weighted[:, leading])
    bought = np.repeat(np.arange(len(ground_truth)), ground_truth.sizes) * width + ground_truth.item
    return TrainingExamples(
        candidates=candidates,
        normalized=normalized[:, leading],
        features=features,
        hit=in_sorted(candidates.shopper * width + candidates.item, bought),
        bucket=bucket,
        n_bought=ground_truth.sizes,
        optional=tuple(source.name for _, source in SOURCES.optional if source.name in components.extensions),
    )
