"""Data types that the recommenders share: shoppers in, ranked lists out.

A method takes `Shoppers` (the purchases to go by) and returns `Ranked` (one list for each shopper). Both are plain
NumPy arrays, and the same functions serve live requests and compute the cached lists.
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
"""Built-in parts of a score. Several sources can count towards one component; `source_registry.SOURCES.components`
has those of added sources too. The index of a component is its column in `Ranked`."""

REPURCHASE, CF, CLUSTER, SEGMENT, POPULAR, TRENDING, CONTENT = range(len(COMPONENTS))

UNKNOWN_GROUP: Final = -1
"""Segment or cluster of a shopper without one."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Item attributes by item code, shape ``(n_items,)``."""

    category: NDArray[np.int32]
    """Category code, -1 where the source has none. Codes follow the alphabetical order of the names."""
    subcategory: NDArray[np.int32]
    """Subcategory code, -1 where the source has none."""
    price: NDArray[np.float64]
    """Typical net price of one unit, in the shop's currency; NaN where it is unknown."""
    names: tuple[str, ...] = ()
    """Item names, for content similarity; only set while fitting."""
    vectors: NDArray[np.float32] | None = None
    """Content vectors, shape ``(n_items, dimensions)``; only set while fitting with a catalogue that has new items."""
    variant: NDArray[np.int32] | None = None
    """Code of the product that an item is a variant of; only set while serving."""
    in_stock: NDArray[np.bool_] | None = None
    """Whether an item is not sold out by the catalogue of items; None without stock figures; only set while serving."""


@dataclass(frozen=True, slots=True)
class LaterDate:
    """A date after the default one, which is the day after the end of the history."""

    days: int
    """Days after the default date, at least 1."""
    season: NDArray[np.float64]
    """Orders by item in the eight weeks that followed the day before this date a year ago, shape ``(n_items,)``."""


@dataclass(frozen=True, slots=True)
class Shoppers:
    """Customers or visitors to rank items for; row i of every array belongs to shopper i."""

    history: PurchaseHistory
    segment: NDArray[np.int16]
    """Index of the RFM segment, `UNKNOWN_GROUP` for a shopper without one."""
    cluster: NDArray[np.int16]
    """Id of the cluster, `UNKNOWN_GROUP` for a shopper without one."""
    later: LaterDate | None = None
    """A later date that the lists are for, on the day after ``history.last_day``; None for the default date."""

    def __len__(self) -> int:
        return self.history.n_customers


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ranked lists in CSR form: shopper i has the entries ``indptr[i]:indptr[i + 1]``, best first.

    Scores are positive and rounded to 6 significant digits before ordering; ties are ordered by item code. No list has
    an item twice. The requested length never changes the beginning of a list.
    """

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float64]
    share: NDArray[np.float64]
    """Share of the score by component, shape ``(len(item), n_components)``, at least 0; rows sum to 1."""
    rank: NDArray[np.int32]
    """Rank of the item in each component's own list, 1 and up; 0 where the component did not propose it."""
    explaining_item: NDArray[np.int32]
    """The shopper's own purchase that `cf` or `content` derives the item from, -1 where there is none."""
    fallback: NDArray[np.bool_]
    """Whether the entry was filled in from popularity."""
