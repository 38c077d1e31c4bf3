"""RFM scores (recency, frequency, monetary value) and the customer segments that follow from them.

In: an `RfmTable`. Out: an `RfmModel` with four cut points per score and a 5 x 5 table of segments, which scores
customers of the fit and later ones in the same way. NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import SettingsError
from smart_retail.segmentation.order_rhythm import INTERVAL_CUTS, median_interval, recency_in_intervals
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.utils.fixed_point import MILLION

if TYPE_CHECKING:
    from smart_retail.settings import RfmSettings

NO_SEGMENT: Final = -1
"""Segment of a customer without a kept order."""

SEGMENT_TABLE: Final[tuple[tuple[str, ...], ...]] = (
    ("Lost", "Lost", "At Risk", "At Risk", "Can't Lose"),
    ("Hibernating", "Hibernating", "At Risk", "At Risk", "Can't Lose"),
    ("About to Sleep", "About to Sleep", "Need Attention", "Loyal", "Loyal"),
    ("Promising", "Potential Loyalist", "Potential Loyalist", "Loyal", "Loyal"),
    ("New", "Potential Loyalist", "Potential Loyalist", "Champions", "Champions"),
)
"""The standard segments: rows are R 1 to 5, columns F 1 to 5."""


def compute_rfm(history: PurchaseHistory, day: int | None = None) -> RfmTable:
    """Return recency, number of orders and net amount by customer code.

    Parameters
    ----------
    history : PurchaseHistory
    day : int, optional
        Recency is counted up to this day, days since 1970-01-01; by default the day after the last one of the history.
    """
    n, day = history.n_customers, history.last_day + 1 if day is None else day
    last_day = np.zeros(n, np.int64)
    np.maximum.at(last_day, history.customer, history.day)
    amount = np.zeros(n, np.int64)
    np.add.at(amount, history.customer, history.amount)
    _, first_row = np.unique(history.order, return_index=True)
    orders = np.bincount(history.customer[first_row], minlength=n).astype(np.int64)
    return RfmTable(np.where(orders > 0, day - last_day, 0), orders, amount)


@dataclass(frozen=True, slots=True)
class RfmModel:
    """Cut points and segment table of one fit.

    A cut point is the inclusive upper bound of its class, so that equal values always have the same score. Units are
    days, orders and the shop's currency.
    """

    recency_cuts: NDArray[np.float64]
    """Days or usual intervals: up to the first is R 5, up to the second R 4, ..., above the fourth R 1; ``(4,)``."""
    frequency_cuts: NDArray[np.float64]
    """Orders: up to the first is F 1, ..., above the fourth F 5; shape ``(4,)``."""
    monetary_cuts: NDArray[np.float64]
    """Amount: up to the first is M 1, ..., above the fourth M 5; shape ``(4,)``."""
    segment_names: tuple[str, ...]
    """Best first; all other arrays refer to a segment by its index."""
    segment_table: NDArray[np.int16]
    """Segment index by ``[r - 1, f - 1]``; shape ``(5, 5)``."""
    shop_interval: float = 0.0
    """Median days between two orders of a customer, if recency is counted in usual intervals; 0 if it is in days."""

    @property
    def counts_intervals(self) -> bool:
        """Whether recency is counted in the customer's usual intervals, not in days."""
        return self.shop_interval > 0

    def recency_measure(self, recency: NDArray[np.int64], history: PurchaseHistory) -> NDArray[Any]:
        """Return recency in the unit of `recency_cuts`.

        Parameters
        ----------
        recency : int64 array, shape ``(n,)``
            Days since the last order of each customer.
        history : PurchaseHistory
            Purchases of these customers.
        """
        if not self.counts_intervals:
            return recency
        return recency_in_intervals(recency, history, self.shop_interval)

    def score_customers(
        self, table: RfmTable, history: PurchaseHistory
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
        """Return the R, F and M scores of customers with their purchases; see `score`."""
        return self.score(self.recency_measure(table.recency, history), table.frequency, table.monetary)

    def score(
        self, recency: NDArray[Any], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
        """Return the R, F and M scores, 1 to 5 (best); 0 where `frequency` is 0.

        Parameters
        ----------
        recency, frequency, monetary : int64 arrays, shape ``(n,)``
            Orders and millionths of an amount as in `RfmTable`; recency as of `recency_measure`.

        Returns
        -------
        r, f, m : int8 arrays, shape (n,)
        """
        known = np.asarray(frequency) > 0
        r = 5 - np.searchsorted(self.recency_cuts, recency, side="left")
        f = 1 + np.searchsorted(self.frequency_cuts, frequency, side="left")
        m = 1 + np.searchsorted(self.monetary_cuts, np.asarray(monetary) / MILLION, side="left")
        return (r * known).astype(np.int8), (f * known).astype(np.int8), (m * known).astype(np.int8)

    def segment_index(self, r: NDArray[np.int8], f: NDArray[np.int8]) -> NDArray[np.int16]:
        """Return the index into `segment_names` for R and F scores; -1 where they are 0."""
        r, f = np.asarray(r), np.asarray(f)
        index = self.segment_table[np.maximum(r, 1) - 1, np.maximum(f, 1) - 1]
        return np.where((r > 0) & (f > 0), index, NO_SEGMENT).astype(np.int16)

    def assign_segments(self, table: RfmTable, history: PurchaseHistory) -> NDArray[np.int16]:
        """Return the segment index of every customer of a table; -1 without a kept order."""
        r, f, _ = self.score_customers(table, history)
        return self.segment_index(r, f)

    def cuts(self) -> dict[str, list[float]]:
        """Return the cut points as JSON data, by measure: ``recency`` in days, or ``recency_intervals``."""
        recency = "recency_intervals" if self.counts_intervals else "recency"
        cuts = {recency: self.recency_cuts, "frequency": self.frequency_cuts, "monetary": self.monetary_cuts}
        return {name: array.tolist() for name, array in cuts.items()}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the model by name; together with `meta` they describe it completely."""
        arrays: dict[str, NDArray[Any]] = {
            "recency_cuts": self.recency_cuts,
            "frequency_cuts": self.frequency_cuts,
            "monetary_cuts": self.monetary_cuts,
            "table": self.segment_table,
        }
        return arrays | ({"shop_interval": np.array([self.shop_interval])} if self.counts_intervals else {})

    def meta(self) -> dict[str, Any]:
        """Return the segment names, as JSON data."""
        return {"segment_names": list(self.segment_names)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Self:
        """Return the model from the results of `arrays` and `meta`."""
        return cls(
            recency_cuts=arrays["recency_cuts"],
            frequency_cuts=arrays["frequency_cuts"],
            monetary_cuts=arrays["monetary_cuts"],
            segment_names=tuple(meta["segment_names"]),
            segment_table=arrays["table"],
            shop_interval=float(arrays["shop_interval"][0]) if "shop_interval" in arrays else 0.0,
        )


def fit_rfm(table: RfmTable, settings: RfmSettings, history: PurchaseHistory) -> RfmModel:
    """Return the cut points from the customers with a kept order, unless the settings give them.

    R and M are cut at the quintiles. F 1 is a single order, F 2 to F 5 are cut at the quartiles of the customers with
    more orders. A quantile is always a value that occurs in the data. Where many customers have the same value, cut
    points coincide and the classes between them are empty. With ``recency = "intervals"``, recency is counted in the
    usual intervals of each customer in `history`, and cut at `INTERVAL_CUTS`, which mean the same in every shop.

    Raises
    ------
    SettingsError
        The segment table of the settings has an empty name.
    """
    known = table.frequency > 0
    names, index = _segment_table(settings.segments or SEGMENT_TABLE)
    repeat = table.frequency[table.frequency > 1]
    in_intervals = settings.recency == "intervals"
    return RfmModel(
        recency_cuts=_cuts(
            settings.recency_cuts,
            lambda: np.array(INTERVAL_CUTS) if in_intervals else _quantiles(table.recency[known], 5),
        ),
        frequency_cuts=_cuts(settings.frequency_cuts, lambda: np.append(1.0, _quantiles(repeat, 4, empty=1.0))),
        monetary_cuts=_cuts(settings.monetary_cuts, lambda: _quantiles(table.monetary[known], 5) / MILLION),
        segment_names=names,
        segment_table=index,
        shop_interval=median_interval(history) if in_intervals else 0.0,
    )


def _cuts(given: tuple[float, ...], compute: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the cut points of the settings, or those computed from the data."""
    return np.array(given, dtype=np.float64) if given else compute()


def _quantiles(values: NDArray[np.int64], parts: int, empty: float = 0.0) -> NDArray[np.float64]:
    """Return the ``parts - 1`` inner quantiles, each the smallest value that covers its share.

    Ranks are computed in whole numbers: a rounded share such as 0.6 * 5 could be one customer off.
    """
    if not len(values):
        return np.full(parts - 1, empty)
    ranks = -(-np.arange(1, parts) * len(values) // parts)
    return np.sort(values)[ranks - 1].astype(np.float64)


def _segment_table(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    """Return the segment names, best first, and the table of their indices."""
    if not all(name.strip() for row in rows for name in row):
        raise SettingsError(
            "Invalid value for `rfm.segments`: a name is empty.", "Name all 25 cells: rows R 1 to 5, columns F 1 to 5."
        )
    names = list(dict.fromkeys(name for row in reversed(rows) for name in reversed(row)))
    if set(names) <= set(SEGMENTS):
        names = [name for name in SEGMENTS if name in names]
    return tuple(names), np.array([[names.index(name) for name in row] for row in rows], dtype=np.int16)
