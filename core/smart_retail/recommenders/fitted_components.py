"""What every list is made of: the fitted parts, and their way into a flat table of arrays and back.

In: dataclasses of arrays. Out: ``{"popular.score": array, ...}``, which can be written file by file
and read back as memory maps without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.group_popularity import GroupPopularity
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import Demand, Popularity

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of each item beside its demand, shape ``(n_items,)``."""

    category: NDArray[np.int32]
    price: NDArray[np.float64]
    """NaN where it cannot be told."""
    trend_weight: NDArray[np.float64]
    """The trend to the power that suits the shop: what similarity is multiplied with."""


@dataclass(frozen=True, slots=True)
class FittedComponents:
    """Everything that was counted or fitted on the history itself."""

    items: ItemFacts
    demand: Demand
    popular: Popularity
    trending: Popularity
    segment: GroupPopularity
    cluster: GroupPopularity
    item_knn: Similarity
    """Neighbours."""
    ease: Similarity
    content: Similarity
    """From an unbought item to bought ones."""
    content_back: Similarity
    """From a bought item to unbought ones."""

    @property
    def n_items(self) -> int:
        return len(self.popular.score)


_TABLES = {
    "items": ItemFacts,
    "demand": Demand,
    "popular": Popularity,
    "trending": Popularity,
    "segment": GroupPopularity,
    "cluster": GroupPopularity,
    "item_knn": Similarity,
    "ease": Similarity,
    "content": Similarity,
    "content_back": Similarity,
}


def to_arrays(parts: FittedComponents) -> dict[str, Array]:
    """All arrays, by ``part.field``."""
    return {
        f"{part}.{field.name}": getattr(getattr(parts, part), field.name)
        for part, table in _TABLES.items()
        for field in fields(table)
    }


def from_arrays(arrays: Mapping[str, Array]) -> FittedComponents:
    """The inverse of `to_arrays`; nothing is copied."""
    tables: dict[str, Any] = {
        part: table(**{field.name: arrays[f"{part}.{field.name}"] for field in fields(table)})
        for part, table in _TABLES.items()
    }
    return FittedComponents(**tables)
