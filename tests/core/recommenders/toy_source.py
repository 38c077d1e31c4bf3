"""A recommendation source in one file: the items that are bought most often on the weekday of the list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.source import DefaultWeight, Source, SourceInput, SourceScores, SourceTraining


def fit(training: SourceTraining) -> Mapping[str, NDArray[Any]]:
    """Count the orders of each item by weekday, shape ``(7, n_items)``."""
    history = training.history
    counts = np.zeros((7, history.n_items))
    np.add.at(counts, (history.day % 7, history.item), 1.0)
    return {"orders": counts}


def score(source: SourceInput) -> SourceScores:
    weekday = (source.context.shoppers.history.last_day + 1) % 7
    return SourceScores(source.components.extensions["weekday"]["orders"][weekday])


SOURCE = Source(
    name="weekday",
    component="weekday",
    label="Bought on this weekday",
    reason_kind="popular",
    reason_method="weekday",
    score=score,
    max_candidates=10,
    default_weight=DefaultWeight(repeats=0.5, new_items=0.5),
    ablation_groups=("weekday",),
    reason_text="often bought on this weekday",
    fit=fit,
)
