"""Sequence model: a customer's latest purchases, pooled by attention, predict the items of the next order.

Each purchase is the vector of its item plus a linear map of its age, as in time-aware self-attention (Li et al. 2020,
TiSASRec). Four learned queries pool the purchases by attention (Lee et al. 2019, Set Transformer); a dense layer makes
one vector of the pools, and its products with the item vectors are the scores. Trained by Keras in
`training.models.sequence_model`; here it is a few products of NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.presentation import labels
from smart_retail.recommenders.source import MAX_SIMILAR_CANDIDATES, Source, SourceInput, SourceScores

NAME = "sequence"
MAX_PURCHASES = 64
"""Latest purchases of a customer that count."""
AGE_HALF_LIVES = (7.0, 30.0, 90.0)
"""Half-lives in days of the decays that describe the age of a purchase, next to its logarithm."""
N_AGE_FEATURES = len(AGE_HALF_LIVES) + 1


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """Weights of the model; d is the size of the vectors, h the number of queries, m the number of items in it."""

    item: NDArray[np.int32]
    """Codes of the items in the model, ascending, shape ``(m,)``."""
    purchased: NDArray[np.float32]
    """Vector of each item as a purchase, shape ``(m, d)``."""
    age: NDArray[np.float32]
    """Map of the age features to vectors, shape ``(N_AGE_FEATURES, d)``."""
    hidden: NDArray[np.float32]
    """Map to the hidden layer of the attention, shape ``(d + 1, d)``; the last row is the bias."""
    query: NDArray[np.float32]
    """The queries, shape ``(d, h)``."""
    dense: NDArray[np.float32]
    """Map of the pools to the vector of the customer, shape ``(h * d + 1, d)``; the last row is the bias."""
    predicted: NDArray[np.float32]
    """Vector of each item as a prediction, with its bias as the last column, shape ``(m, d + 1)``."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for `from_arrays`."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build the model from the result of `arrays`; memory maps are not copied."""
        return cls(**{column.name: arrays[column.name] for column in fields(cls)})

    def score(self, item: NDArray[np.int32], age_days: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability of each item of the model to be in the next order.

        Parameters
        ----------
        item : int array, shape (n,)
            Position in `item` of each purchase; at least one.
        age_days : int array, shape (n,)
            Days from the purchase to the date of the list, 0 and up.

        Returns
        -------
        float64 array, shape (m,)
            Above 0, at most 1; 1 is the most probable item.
        """
        vectors = self.purchased[item] + age_features(age_days) @ self.age
        attention = np.tanh(vectors @ self.hidden[:-1] + self.hidden[-1]) @ self.query
        attention = np.exp(attention - attention.max(axis=0))
        pools = (attention / attention.sum(axis=0)).T @ vectors
        customer = pools.ravel() @ self.dense[:-1] + self.dense[-1]
        logits = (self.predicted[:, :-1] @ customer + self.predicted[:, -1]).astype(np.float64)
        score: NDArray[np.float64] = np.exp(logits - logits.max())
        return score


def age_features(age_days: NDArray[Any]) -> NDArray[np.float32]:
    """Return what describes the age of purchases, shape ``(*age_days.shape, N_AGE_FEATURES)``, each 0 to about 1."""
    age = np.asarray(age_days, np.float32)
    decays = [np.exp2(-age / half_life) for half_life in AGE_HALF_LIVES]
    return np.stack((np.log1p(age) / np.float32(np.log(366.0)), *decays), axis=-1).astype(np.float32)


def _score(source: SourceInput) -> SourceScores | None:
    arrays = source.components.extensions.get(NAME)
    if not arrays:
        return None
    model, history = SequenceModel.from_arrays(arrays), source.context.shoppers.history
    # The bounds have the type of the column: NumPy would copy the column to compare it with another type.
    shopper = np.array((source.shopper, source.shopper + 1), history.customer.dtype)
    bounds = np.searchsorted(history.customer, shopper)
    item, day = (column[bounds[0] : bounds[1]] for column in (history.item, history.day))
    position = np.minimum(np.searchsorted(model.item, item), len(model.item) - 1)
    known = np.flatnonzero(model.item[position] == item)[-MAX_PURCHASES:]
    if not len(known):
        return None
    score = np.zeros(source.components.n_items)
    score[model.item] = model.score(position[known], history.last_day + 1 - day[known].astype(np.int64))
    return SourceScores(score)


SOURCE = Source(
    name=NAME,
    component="cf",
    label=labels.HYBRID_SOURCES[NAME],
    reason_kind="same_customers",
    reason_method="cf",
    score=_score,
    max_candidates=MAX_SIMILAR_CANDIDATES,
    ablation_groups=(NAME,),
)
"""Registered by a fit with the setting ``recommend.sequence_model`` where a past window shows that it helps."""
