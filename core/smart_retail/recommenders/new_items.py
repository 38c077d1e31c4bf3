"""Items without purchases, ranked for a shopper by what they are: content similarity and taste.

The score of an item adds two parts, each divided by its maximum: the similarity of its content to the items that the
shopper bought, and the product of its coordinates in the taste space with those of the shopper. Only NumPy; the
arrays may be read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.base import CONTENT, Ranked
from smart_retail.recommenders.candidates import select_leading
from smart_retail.recommenders.item_similarity import Similarity
from smart_retail.recommenders.ranked_lists import rank_scored_items


@dataclass(frozen=True, slots=True)
class NewItemModel:
    """Items without purchases in the taste space of the purchased items."""

    item: NDArray[np.int32]
    """Codes of the items without purchases, ascending."""
    factors: NDArray[np.float32]
    """Their coordinates in the taste space, shape ``(len(item), dimensions)``."""
    demand: NDArray[np.float32]
    """Demand expected by their content, at least 0."""
    item_factors: NDArray[np.float32]
    """Coordinates of all items with purchases, zeros for the others, shape ``(n_items, dimensions)``."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_arrays`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build the model from the result of `arrays`; memory maps are not copied."""
        return cls(**{name: arrays[name] for name in cls.__slots__})

    def score(self, purchased: NDArray[np.int64], content_back: Similarity) -> NDArray[np.float64]:
        """Return the score of each item of `item`, at least 0; without purchases, by the expected demand.

        Parameters
        ----------
        purchased : int64 array
            Distinct codes of the items that the shopper bought.
        content_back : Similarity
            Similar items without purchases of each purchased item.
        """
        if not len(purchased):
            return _divide_by_maximum(self.demand.astype(np.float64))
        weight = np.ones(len(purchased))
        similar = content_back.score(purchased, weight, len(self.item_factors))[self.item]
        taste = self.factors @ self.item_factors[purchased].sum(axis=0)
        return _divide_by_maximum(similar) + _divide_by_maximum(np.maximum(taste.astype(np.float64), 0.0))

    def rank(
        self,
        purchased: NDArray[np.int64],
        content_back: Similarity,
        allowed: NDArray[np.bool_] | None = None,
        length: int | None = None,
    ) -> Ranked:
        """Return one list of the items without purchases for a shopper, best first.

        Parameters
        ----------
        purchased : int64 array
            Distinct codes of the items that the shopper bought.
        content_back : Similarity
            Similar items without purchases of each purchased item.
        allowed : bool array, shape (n_items,), optional
            Items that can be listed; None allows all.
        length : int, optional
            Items at most; None lists all with a score.
        """
        score = np.zeros(len(self.item_factors))
        score[self.item] = self.score(purchased, content_back)
        if allowed is not None:
            score[~allowed] = 0.0
        lists = rank_scored_items(select_leading([score], length), CONTENT, length)
        listed = lists.item.astype(np.int64)
        lists.explaining_item[:] = content_back.explained_by(np.sort(purchased), listed, len(score))
        return lists


def _divide_by_maximum(score: NDArray[np.float64]) -> NDArray[np.float64]:
    maximum = float(score.max(initial=0.0))
    return score / maximum if maximum > 0 else np.zeros_like(score)
