"""Comparison of ways to merge the sources on many windows, by average and worst result.

Every result is relative to the best single source of the same window, so that easy and hard windows count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation.metrics import mean_and_worst
from smart_retail.recommenders.hybrid import combine_with_blend
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.source_registry import SOURCE_POPULAR, SOURCES
from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.training.hybrid.blend_weights import ndcg
from smart_retail.training.hybrid.training_examples import TrainingExamples

MAX_LOSS = 0.02
"""Utility that a merge which is clearly better in the newest window may lose over all windows."""


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """NDCG@10 of one way to merge the sources."""

    mean: NDArray[np.float64]
    """By window, oldest first, shape ``(n_windows,)``."""
    newest: NDArray[np.float64]
    """By shopper of the newest window."""


class WindowChecks:
    """Windows on which merges are compared that were not fitted on them.

    Parameters
    ----------
    windows : sequence of TrainingExamples
        Oldest first.
    """

    def __init__(self, windows: Sequence[TrainingExamples]) -> None:
        self.windows = windows

    @cached_property
    def by_source(self) -> dict[str, WindowFigures]:
        """The figures of each source alone."""
        return {
            source: self._figures([ndcg(examples, examples.normalized[s]) for examples in self.windows])
            for s, source in enumerate(SOURCES.names)
        }

    def evaluate(
        self, weights: NDArray[np.float64], ranker: TreeEnsemble | None = None, hedge: float = 0.0
    ) -> WindowFigures:
        """Return the figures of a merge.

        Parameters
        ----------
        weights : float64 array, shape (len(HISTORY_BUCKETS), n_sources)
        ranker : TreeEnsemble, optional
        hedge : float
            Weight of popularity in addition.
        """
        return self._figures([_ndcg_of_merge(examples, weights, ranker, hedge) for examples in self.windows])

    def relative(self, figures: WindowFigures) -> NDArray[np.float64]:
        """Return NDCG@10 relative to the best source, by window with purchases of any source."""
        best = np.max([source.mean for source in self.by_source.values()], axis=0)
        counted = best > 0
        return figures.mean[counted] / best[counted] if counted.any() else np.ones(1)

    def utility(self, figures: WindowFigures) -> float:
        """Return `mean_and_worst` of the figures relative to the best source."""
        return float(mean_and_worst(self.relative(figures)))

    def best_source(self) -> str:
        """Return the source that is best on its own in the newest window."""
        return max(self.by_source, key=lambda source: float(self.by_source[source].newest.mean()))

    def is_as_good(self, figures: WindowFigures, other: WindowFigures) -> bool:
        """Return whether one merge is not clearly worse than another by average and worst windows."""
        return self.utility(figures) >= self.utility(other) - MAX_LOSS

    @staticmethod
    def _figures(values: list[NDArray[np.float64]]) -> WindowFigures:
        return WindowFigures(np.array([float(value.mean()) for value in values]), values[-1])


def hedged_weights(weights: NDArray[np.float64], hedge: float) -> NDArray[np.float64]:
    """Return blend weights with more weight for popularity, for shoppers with purchases; the largest stays 1.

    Parameters
    ----------
    weights : float64 array, shape (len(HISTORY_BUCKETS), n_sources)
    hedge : float
        Added weight, relative to the largest.
    """
    out = weights.copy()
    out[1:, SOURCE_POPULAR] += hedge
    out[1:] /= np.maximum(out[1:].max(axis=1, keepdims=True), 1e-12)
    return out


def _ndcg_of_merge(
    examples: TrainingExamples, weights: NDArray[np.float64], ranker: TreeEnsemble | None, hedge: float
) -> NDArray[np.float64]:
    """Return NDCG@10 by shopper, ordered as `rank_hybrid` orders."""
    if ranker is None:
        return ndcg(examples, examples.blend(hedged_weights(weights, hedge) if hedge else weights))
    from smart_retail.training.kernels.batch_scorer import score_trees  # imports Numba: only while fitting

    examples = examples.reranked(weights)
    blend = examples.features[:, feature_names().index("blend")]
    order = combine_with_blend(score_trees(ranker, examples.features), blend, examples.candidates.shopper)
    return ndcg(examples, order + hedge * examples.normalized[SOURCE_POPULAR])
