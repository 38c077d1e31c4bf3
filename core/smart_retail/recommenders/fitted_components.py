"""The fitted components of a recommender, and their conversion to and from a flat table of arrays.

The table, ``{"popular.score": array, ...}``, is written file by file and read back as memory maps without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.group_popularity import GroupPopularity
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.popularity import Demand, Popularity

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ItemAttributes:
    """Attributes of each item, shape ``(n_items,)``."""

    category: NDArray[np.int32]
    """Category code, -1 for none."""
    price: NDArray[np.float64]
    """Typical net price of one unit; NaN where it is unknown."""
    trend_weight: NDArray[np.float64]
    """The trend to the power that was selected for the shop; similarity scores are multiplied by it."""


@dataclass(frozen=True, slots=True)
class FittedComponents:
    """Everything that was counted or fitted on one purchase history."""

    items: ItemAttributes
    demand: Demand
    popular: Popularity
    trending: Popularity
    segment: GroupPopularity
    """One ranking for each RFM segment."""
    cluster: GroupPopularity
    """One ranking for each cluster."""
    item_knn: Similarity
    ease: Similarity
    content: Similarity
    """From items without purchases to purchased ones."""
    content_back: Similarity
    """From purchased items to items without purchases."""
    extensions: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    """Arrays of added sources, by source and array name."""

    @property
    def n_items(self) -> int:
        return len(self.popular.score)


_TABLES = {
    "items": ItemAttributes,
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


def to_arrays(components: FittedComponents) -> dict[str, Array]:
    """Return all arrays by ``component.field``; those of added sources by ``source.name.array``."""
    built_in = {
        f"{name}.{column.name}": getattr(getattr(components, name), column.name)
        for name, table in _TABLES.items()
        for column in fields(table)
    }
    added = {
        f"source.{source}.{name}": array
        for source, arrays in components.extensions.items()
        for name, array in arrays.items()
    }
    return built_in | added


def from_arrays(arrays: Mapping[str, Array], extensions: Mapping[str, list[str]] | None = None) -> FittedComponents:
    """Build the components from the arrays of `to_arrays`, without copies.

    Parameters
    ----------
    arrays : mapping
    extensions : mapping, optional
        Added source -> names of its arrays.
    """
    tables: dict[str, Any] = {
        name: table(**{column.name: arrays[f"{name}.{column.name}"] for column in fields(table)})
        for name, table in _TABLES.items()
    }
    added = {
        source: {name: arrays[f"source.{source}.{name}"] for name in names}
        for source, names in (extensions or {}).items()
    }
    return FittedComponents(**tables, extensions=added)
