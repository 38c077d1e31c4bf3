"""The interface of datasets that can be cut by day, for training and evaluation on time splits.

Lines are cut before returns are netted, so that no cancellation after the cut affects the training side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory


@dataclass(frozen=True, slots=True)
class RfmTable:
    """Recency, frequency and monetary by customer code, shape ``(n_customers,)`` each.

    A customer without a kept order has frequency 0 and belongs to no segment or cluster.
    """

    recency: NDArray[np.int64]
    """Days from the last kept order to the analysis date; 0 where frequency is 0."""
    frequency: NDArray[np.int64]
    """Number of distinct kept orders."""
    monetary: NDArray[np.int64]
    """Net amount, millionths."""


class TemporalDataset(Protocol):
    """Cleaned purchase lines that can be cut by day (days since 1970-01-01)."""

    @property
    def first_day(self) -> int:
        """Day of the first purchase."""

    @property
    def last_day(self) -> int:
        """Day of the last purchase."""

    def history_between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        """Return the purchases with ``first <= day < end``; lines are cut first and netted afterwards.

        Parameters
        ----------
        first, end : int, optional
            Days since 1970-01-01; None means no limit.
        customers : bool array, shape (n_customers,), optional
            Selected customers, by code.
        """

    def rfm(self, end: int | None = None) -> RfmTable:
        """Return RFM of all purchases before `end` (default: all), counted to the day after the last order."""
