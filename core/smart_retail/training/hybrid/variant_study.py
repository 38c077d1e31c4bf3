"""What past windows tell before anybody has a segment or a cluster: the variants of the single methods.

In: a `Timeline`. Out: `Studied`. It needs no groups, so that a fit can study while the clusters are still learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import TemporalDataset
from smart_retail.evaluation.temporal_split import rolling_windows
from smart_retail.progress import Progress
from smart_retail.settings import RecommendSettings
from smart_retail.training.hybrid.backtest_windows import BacktestWindow, backtest_windows
from smart_retail.training.hybrid.variant_selection import choose_popular, choose_similarity
from smart_retail.training.models.components import Choices, Similar
from smart_retail.utils.parallel import available_threads


@dataclass(frozen=True, slots=True)
class VariantSelection:
    """Past windows and what was chosen on all but the last."""

    history: PurchaseHistory
    """The whole one."""
    pasts: list[BacktestWindow]
    """Oldest first; the last is for the scorecard alone."""
    choices: Choices
    told: list[str]
    """The choices with their reasons, for people."""
    similar: list[Similar]
    """The chosen similarities of the first windows, which were fitted for the choice."""


def select_variants(
    timeline: TemporalDataset, settings: RecommendSettings, *, seed: int, threads: int, progress: Progress
) -> VariantSelection:
    """Cut the past windows and choose on them; `threads` as of `fit_recommenders`."""
    history = timeline.history_between()
    windows = rolling_windows(timeline.first_day, timeline.last_day, settings.windows + 2)
    n = history.n_customers
    pasts = backtest_windows(timeline, windows, rows=len(history), n_customers=n, seed=seed, progress=progress)
    threads = threads or available_threads()
    choices, told, similar = _choose(pasts[:-1], settings, threads=threads, seed=seed, progress=progress)
    return VariantSelection(history, pasts, choices, told, similar)


def _choose(
    pasts: Sequence[BacktestWindow], settings: RecommendSettings, *, threads: int, seed: int, progress: Progress
) -> tuple[Choices, list[str], list[Similar]]:
    """Variants of single methods, with the reasons, and the chosen similarities of the first windows."""
    similar: list[Similar] = []
    choices, told = Choices(variant=settings.cf_variant, neighbours=settings.neighbours), []
    if pasts:
        progress.check()
        choices, words = choose_popular(pasts, choices)
        told.append(words)
        progress.check()
        choices, words, similar = choose_similarity(pasts[:-1] or pasts, choices, threads=threads, seed=seed)
        told.append(words)
    return choices, told, similar
