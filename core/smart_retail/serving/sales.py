"""Sales of a period, compared with the period before it and with the same weekdays of the year before.

In: the purchases and returns of a bundle. Out: `SalesComparison`. NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import UsageError
from smart_retail.protocol import DEFAULT_SALES_DAYS
from smart_retail.results import SalesComparison, SalesFigures, SalesGroup
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.business_rules import category_codes
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.fixed_point import MILLION

"""Length of the default period, which ends with the history."""
YEAR_DAYS: Final = 364
"""Distance of the year before: 52 weeks, so that the same weekdays are compared."""
MAX_COUNTRIES: Final = 20
"""Countries with the most revenue; the others are combined."""
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OTHERS: Final = "others"
NOT_STATED: Final = "not stated"
_THURSDAY: Final = 3
"""Weekday of 1970-01-01, counted from Monday."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, as days since 1970-01-01."""

    first: int
    last: int

    def shifted(self, days: int) -> Period:
        """Return the period as many days earlier."""
        return Period(self.first - days, self.last - days)

    @property
    def days(self) -> int:
        return self.last - self.first + 1


class Sales:
    """Sales of one bundle by day.

    Parameters
    ----------
    tables : BundleTables
    """

    def __init__(self, tables: BundleTables) -> None:
        self._tables = tables

    def compare(self, first: str | None, last: str | None, category: str | None) -> SalesComparison:
        """Return the sales of a period with those of earlier ones; arguments and errors as of `RetailEngine.sales`."""
        period = self._period(first, last)
        items = self._items_of(category)
        before = self._covered(period.shifted(period.days))
        year_ago = self._covered(period.shifted(YEAR_DAYS)) if period.days <= YEAR_DAYS else None
        notes = []
        if before is None:
            notes.append(f"The history begins on {iso(self._first_day)}: there is no complete period before this one.")
        if period.days > YEAR_DAYS:
            notes.append("A period of more than 52 weeks is not compared with the year before.")
        elif year_ago is None:
            notes.append(f"The history begins on {iso(self._first_day)}: it does not cover these days a year ago.")
        periods = (period, before, year_ago)
        return SalesComparison(
            current=self._figures(period, items),
            previous=None if before is None else self._figures(before, items),
            year_ago=None if year_ago is None else self._figures(year_ago, items),
            category=category or "",
            categories=self._groups(periods, items, self._category, self._category_names),
            countries=self._groups(periods, items, self._country, self._country_names),
            weekdays=self._groups(periods, items, self._weekday, WEEKDAYS, by_revenue=False),
            notes=tuple(notes),
            model_version=self._tables.bundle.version,
        )

    def _period(self, first: str | None, last: str | None) -> Period:
        end = self._last_day if last is None else parse_day(last)
        start = max(end - DEFAULT_SALES_DAYS + 1, self._first_day) if first is None else parse_day(first)
        history = f"The history has the days {iso(self._first_day)} to {iso(self._last_day)}."
        if start > self._last_day or end < self._first_day:
            day = f"from {iso(start)} on" if start > self._last_day else f"up to {iso(end)}"
            raise UsageError(f"There are no sales {day}.", history)
        if start > end:
            raise UsageError(f"The period begins on {iso(start)}, after its last day {iso(end)}.", history)
        return Period(start, end)

    def _covered(self, period: Period) -> Period | None:
        return period if period.first >= self._first_day else None

    def _items_of(self, category: str | None) -> NDArray[np.bool_] | None:
        """Return which items are in the category, None for all."""
        if not category:
            return None
        return np.isin(self._tables.catalogue.category, category_codes([category], self._tables.names["categories"]))

    def _rows(self, period: Period, items: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the positions of the purchases of a period, in the order of the history."""
        day = self._array("history/day")
        rows = np.flatnonzero((day >= period.first) & (day <= period.last))
        return rows if items is None else rows[items[self._array("history/item")[rows]]]

    def _figures(self, period: Period, items: NDArray[np.bool_] | None) -> SalesFigures:
        rows = self._rows(period, items)
        customer, order = self._customer[rows], self._array("history/order")[rows]
        amount = int(self._array("history/amount")[rows].sum()) / MILLION
        orders = _count_runs(order)
        buyers = customer[_run_starts(customer)]
        returning = int((self._first_purchase[buyers] < period.first).sum())
        back = self._array("returned_purchases/day")
        returned = (back >= period.first) & (back <= period.last)
        if items is not None:
            returned &= items[self._array("returned_purchases/item")]
        return SalesFigures(
            first=iso(period.first),
            last=iso(period.last),
            revenue=round(amount, 2),
            orders=orders,
            customers=len(buyers),
            new_customers=len(buyers) - returning,
            average_order_value=round(amount / orders, 2) if orders else 0.0,
            returning_share=round(returning / len(buyers), 6) if len(buyers) else 0.0,
            units=round(int(self._array("history/quantity")[rows].sum()) / MILLION, 3),
            returned_amount=round(int(self._array("returned_purchases/amount")[returned].sum()) / MILLION, 2),
        )

    def _groups(
        self,
        periods: tuple[Period, Period | None, Period | None],
        items: NDArray[np.bool_] | None,
        code: NDArray[np.int64],
        names: Sequence[str],
        *,
        by_revenue: bool = True,
    ) -> tuple[SalesGroup, ...]:
        """Return the revenue of each group in the period, the period before and the year before.

        `code` is the group of every purchase; the code ``len(names)`` has no name.
        """
        n = len(names) + 1
        current, previous, year_ago = (self._revenue(period, items, code, n) for period in periods)
        groups = [
            SalesGroup(
                name,
                (current or [])[k],
                None if previous is None else previous[k],
                None if year_ago is None else year_ago[k],
            )
            for k, name in enumerate([*names, NOT_STATED])
        ]
        groups = [g for g in groups if g.revenue or g.previous or g.year_ago or g.name in WEEKDAYS]
        return _combine_small(sorted(groups, key=lambda g: (-g.revenue, g.name))) if by_revenue else tuple(groups)

    def _revenue(
        self, period: Period | None, items: NDArray[np.bool_] | None, code: NDArray[np.int64], n: int
    ) -> list[float] | None:
        """Return the revenue of each of `n` groups in a period, None without a period."""
        if period is None:
            return None
        rows = self._rows(period, items)
        sums = np.zeros(n, np.int64)
        np.add.at(sums, code[rows], self._array("history/amount")[rows])
        return [round(int(total) / MILLION, 2) for total in sums]

    def _array(self, name: str) -> NDArray[np.int64]:
        return self._tables.bundle.array(name)

    @cached_property
    def _customer(self) -> NDArray[np.int32]:
        """Customer of every purchase."""
        indptr = self._array("history/indptr")
        return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))

    @cached_property
    def _first_purchase(self) -> NDArray[np.int64]:
        """First day of every customer (days since 1970-01-01); purchases of a customer are sorted by day."""
        indptr, day = self._array("history/indptr"), self._array("history/day")
        found = np.full(len(indptr) - 1, np.iinfo(np.int32).max, np.int64)
        some = np.flatnonzero(np.diff(indptr))
        found[some] = day[indptr[:-1][some]]
        return found

    @cached_property
    def _first_day(self) -> int:
        return parse_day(self._tables.bundle.manifest["cleaning"]["first"])

    @property
    def _last_day(self) -> int:
        return self._tables.last_day

    @cached_property
    def _category(self) -> NDArray[np.int64]:
        code = self._tables.catalogue.category[self._array("history/item")].astype(np.int64)
        return np.where(code >= 0, code, len(self._category_names))

    @property
    def _category_names(self) -> list[str]:
        return self._tables.names["categories"]

    @cached_property
    def _weekday(self) -> NDArray[np.int64]:
        return (self._array("history/day").astype(np.int64) + _THURSDAY) % 7

    @cached_property
    def _countries(self) -> tuple[list[str], NDArray[np.int64]]:
        """Names of the countries, and the country of every customer; customers without one have the last code."""
        texts = self._tables.texts("customers/countries")
        names: dict[str, int] = {}
        code = np.array([names.setdefault(text, len(names)) for text in texts], np.int64)
        if "" in names:  # no country: behind all that have a name
            unnamed = names.pop("")
            code = np.where(code == unnamed, len(names), code - (code > unnamed))
        return list(names), code

    @cached_property
    def _country(self) -> NDArray[np.int64]:
        return self._countries[1][self._customer]

    @property
    def _country_names(self) -> list[str]:
        return self._countries[0]


def _run_starts(values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the positions where a sorted array has a new value."""
    return np.flatnonzero(np.diff(values, prepend=-1))


def _count_runs(values: NDArray[np.integer[Any]]) -> int:
    return len(_run_starts(values))


def _combine_small(groups: list[SalesGroup]) -> tuple[SalesGroup, ...]:
    """Return the first `MAX_COUNTRIES` groups and one with the sum of the others."""
    if len(groups) <= MAX_COUNTRIES + 1:
        return tuple(groups)
    rest = groups[MAX_COUNTRIES:]

    def total(values: list[float | None]) -> float | None:
        numbers = [value for value in values if value is not None]
        return round(sum(numbers), 2) if numbers else None

    others = SalesGroup(
        OTHERS,
        round(sum(group.revenue for group in rest), 2),
        total([group.previous for group in rest]),
        total([group.year_ago for group in rest]),
    )
    return (*groups[:MAX_COUNTRIES], others)
