"""A history that can be cut at a day: what the evaluation and the merge learn from.

The cut comes before the netting of returns, so that no cancellation after the cut reaches back
to the train side.
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

    A customer without a kept order has frequency 0 and is in no segment and no cluster.
    """

    recency: NDArray[np.int64]
    """Days from the last kept order to the analysis date; 0 where frequency is 0."""
    frequency: NDArray[np.int64]
    """Distinct kept orders."""
    monetary: NDArray[np.int64]
    """Net amount, millionths."""


class TemporalDataset(Protocol):
    """Cleaned purchase lines that can be cut by day (days since 1970-01-01)."""

    @property
    def first_day(self) -> int: ...

    @property
    def last_day(self) -> int: ...

    def history_between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        """Purchases of ``first <= day < end``, cut first and netted after; None is open.

        `customers`, by code, leaves out those that are False.
        """

    def rfm(self, end: int | None = None) -> RfmTable:
        """RFM of all purchases before `end` (default: the whole), seen from the day after the last."""
