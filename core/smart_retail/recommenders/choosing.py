"""Choices between variants of a single method, made on past windows.

In: `Past` windows. Out: `Choices`, with the reasons in words. Which recent demand is the best guess of tomorrow's, and
which weighting finds the better neighbours, differs from shop to shop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smart_retail.evaluation.metrics import Lists, accuracy
from smart_retail.evaluation.split import Truth, sample, truths
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.building import Choices
from smart_retail.recommenders.candidates import context_of, highest, profile
from smart_retail.recommenders.collaborative import VARIANTS, similarity_of
from smart_retail.recommenders.past import Past
from smart_retail.recommenders.popularity import (
    ALL_TIME,
    demand_of,
    popularity_of,
    trend,
)
from smart_retail.recommenders.purchases import pairs_of
from smart_retail.recommenders.similarity import Similarity

K = 10
_JUDGES = 800
"""Customers a window by which neighbours are compared."""
_DAYS = (7, 28, 91, ALL_TIME)


def choose_popular(windows: Sequence[Past], choices: Choices) -> tuple[Choices, str]:
    """The window of popularity, by the mean NDCG over known customers and newcomers."""
    means: dict[int, list[float]] = {days: [] for days in _DAYS}
    for past in windows:
        demand = demand_of(past.before)
        judged = [t for name, t in truths(past.before, past.after).items() if name != "new" and len(t)]
        for days in _DAYS:
            order = popularity_of(demand, days).order[:K]
            means[days].append(float(np.mean([_same_for_all(order, truth) for truth in judged])))
    best = max(_DAYS, key=lambda days: (np.mean(means[days]), days != ALL_TIME, -days))
    told = ", ".join(f"{_name(days)} {np.mean(means[days]):.4f}" for days in _DAYS)
    return replace(choices, popular_days=best), f"Popularity counts {_name(best)} (NDCG@{K}: {told})."


def choose_variant(windows: Sequence[Past], choices: Choices, *, threads: int, seed: int) -> tuple[Choices, str]:
    """The weighting of the neighbours, by the mean NDCG of new items."""
    means: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for past in windows:
        truth = sample(truths(past.before, past.after)["new"], _JUDGES, seed)
        if not len(truth):
            continue
        pairs = pairs_of(past.before)
        for variant in VARIANTS:
            near = similarity_of(pairs, past.before.n_items, variant, choices.neighbours, threads)
            means[variant].append(_neighbours_ndcg(near, past, truth))
    if not any(means.values()):
        return (
            choices,
            f"Neighbours are weighted by {choices.variant}: nothing was held out to compare with.",
        )
    best = max(VARIANTS, key=lambda variant: float(np.mean(means[variant])))
    told = _told({variant: float(np.mean(means[variant])) for variant in VARIANTS})
    return replace(choices, variant=best), f"Neighbours are weighted by {best} (NDCG@{K} of new items: {told})."


def _neighbours_ndcg(near: Similarity, past: Past, truth: Truth) -> float:
    nobody = np.full(len(truth), -1, np.int16)
    context = context_of(Shoppers(past.before.select(truth.customer), nobody, nobody))
    lift = trend(demand_of(past.before)) ** 0.5
    lists = []
    for s in range(len(truth)):
        own, taste = profile(context, s)
        score = near.score(own, taste, past.before.n_items) * lift
        score[own] = 0.0
        top = highest(score, K)
        lists.append(top[np.argsort(-score[top], kind="stable")].astype(np.int32))
    indptr = np.concatenate(([0], np.cumsum([len(top) for top in lists]))).astype(np.int64)
    return float(accuracy(Lists(indptr, np.concatenate(lists)), truth, K)[f"ndcg@{K}"].mean())


def _same_for_all(order: np.typing.NDArray[np.int32], truth: Truth) -> float:
    """Mean NDCG of one list handed to everybody."""
    indptr = np.arange(len(truth) + 1, dtype=np.int64) * len(order)
    return float(accuracy(Lists(indptr, np.tile(order, len(truth))), truth, K)[f"ndcg@{K}"].mean())


def _told(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _name(days: int) -> str:
    return "the whole history" if days == ALL_TIME else f"the last {days} days"
