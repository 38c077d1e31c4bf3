"""The contract between the recommenders and the engine.

A method takes `Shoppers` (whose purchases to go by) and gives `Ranked` (a list for each of them).
Everything here is plain arrays and NumPy: one function serves live requests and fills the
pre-calculated lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory

COMPONENTS: Final = (
    "repurchase",
    "cf",
    "personalized",
    "rfm",
    "popular",
    "trending",
    "content",
)
"""What an item's score is made of. A component's index stands for it in `Ranked`."""

REPURCHASE, CF, CLUSTER, SEGMENT, POPULAR, TRENDING, CONTENT = range(len(COMPONENTS))

UNKNOWN_GROUP: Final = -1
"""Segment or cluster of a shopper who has none."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of the items beside their purchases, by item code."""

    category: NDArray[np.int32]
    """Code of the category, -1 where the source has none. Codes follow the names' text order."""
    subcategory: NDArray[np.int32]
    """Code of the subcategory, -1 where the source has none."""
    price: NDArray[np.float64]
    """Typical net price of one unit, NaN where it cannot be told."""
    names: tuple[str, ...] = ()
    """Item names, for content similarity; only there while fitting."""


@dataclass(frozen=True, slots=True)
class Shoppers:
    """Whose purchases to go by; row i of every part is shopper i."""

    history: PurchaseHistory
    segment: NDArray[np.int16]
    """Index of the RFM segment, `UNKNOWN_GROUP` for a shopper without."""
    cluster: NDArray[np.int16]
    """Id of the cluster, `UNKNOWN_GROUP` for a shopper without."""

    def __len__(self) -> int:
        return self.history.n_customers


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ranked lists in CSR form: shopper i has entries ``indptr[i]:indptr[i + 1]``, best first.

    Scores are positive, rounded to 6 significant digits before ordering, ties by item code. A list
    has no item twice. How much was asked for never changes the beginning of a list.
    """

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float64]
    share: NDArray[np.float64]
    """Evidence by component, shape ``(len(item), len(COMPONENTS))``, at least 0, rows sum to 1."""
    rank: NDArray[np.int32]
    """Place of the item in each component's own list, 1 and up, 0 where it did not propose it."""
    because: NDArray[np.int32]
    """The shopper's own purchase that `cf` or `content` follows from, -1 where there is none."""
    fallback: NDArray[np.bool_]
    """Whether the entry was filled in from popularity."""
