"""Table of all customers of a bundle, filtered, sorted and paged.

In: groups, RFM values and stored forecasts of a bundle. Out: `CustomerPage`, as of the fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import UsageError
from smart_retail.protocol import CHURN_RISKS, CustomerFilter, CustomerQuery
from smart_retail.results import CustomerPage, CustomerSummary
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.fixed_point import MILLION
from smart_retail.value.model import MISSED_ORDERS_LIMITS

MAX_COUNTRIES: Final = 100
FORECASTS: Final = ("expected_spend", "return_probability", "lifetime_value")


class CustomerTable:
    """The customers of one bundle; safe for several threads.

    Parameters
    ----------
    tables : BundleTables
    due_customers : callable
        Returns the codes of the customers who are due to buy something again within a number of days.
    """

    def __init__(self, tables: BundleTables, due_customers: Callable[[int], NDArray[np.int32]]) -> None:
        self._tables = tables
        self._due_customers = due_customers

    def ids(self, selected: CustomerFilter) -> Iterator[str]:
        """Yield the ids of the customers that pass a filter, in id order; errors as of `RetailEngine.customers`."""
        return map(self._tables.customers.id, np.flatnonzero(self._matching(selected)).tolist())

    def page(self, query: CustomerQuery) -> CustomerPage:
        """Return a page of the table; errors as of `RetailEngine.customers`."""
        found = np.flatnonzero(self._matching(query))
        values = self._columns[query.sort][found] if query.sort != "customer_id" else found
        missing = values < 0  # the last order of a customer without one
        order = np.lexsort((found, values if query.ascending else -values, missing))
        page = found[order][query.offset : query.offset + query.n].tolist()
        return CustomerPage(
            total=len(found),
            with_orders=int(np.count_nonzero(self._tables.customer_orders[found])),
            customers=len(self._tables.customers),
            horizon_days=int(self._forecasts["horizon"][0]),
            countries=self._countries[1],
            entries=tuple(map(self._summary, page)),
            model_version=self._tables.bundle.version,
        )

    def _matching(self, query: CustomerFilter) -> NDArray[np.bool_]:
        tables = self._tables
        rows = self._in_ranges(query)
        if query.segment:
            rows &= np.isin(tables.segment, _codes_of("segment", query.segment, tables.names["segments"]))
        if query.cluster:
            rows &= np.isin(tables.cluster, _codes_of("cluster", query.cluster, tables.names["clusters"]))
        if query.country:
            codes, names = self._countries
            rows &= np.isin(codes, _codes_of("country", query.country, names))
        if query.text.strip():
            matching = np.zeros(len(rows), np.bool_)
            matching[tables.matching_customers(query.text)] = True
            rows &= matching
        if query.category:
            rows &= self._bought(query.category)
        if query.churn_risk:
            rows &= self._churn_risk == CHURN_RISKS.index(query.churn_risk)
        if query.due_days is not None:
            rows &= np.isin(np.arange(len(rows)), self._due_customers(query.due_days))
        return rows

    def _in_ranges(self, query: CustomerFilter) -> NDArray[np.bool_]:
        """Return which customers are within the limits of the amount and of the last order."""
        rows = np.ones(len(self._tables.customers), np.bool_)
        amount, day = self._columns["amount"] / MILLION, self._columns["last_order"]
        if query.min_amount is not None:
            rows &= amount >= query.min_amount
        if query.max_amount is not None:
            rows &= amount <= query.max_amount
        if query.last_order_from is not None:
            rows &= day >= parse_day(query.last_order_from)
        if query.last_order_to is not None:
            rows &= (day >= 0) & (day <= parse_day(query.last_order_to))
        return rows

    def _bought(self, category: str) -> NDArray[np.bool_]:
        """Return which customers bought an item of a category and kept it."""
        tables = self._tables
        codes = _codes_of("category", category, tables.names["categories"])
        of_category = np.isin(tables.catalogue.category[tables.purchase_lines.item], codes)
        return np.bincount(tables.line_customers()[of_category], minlength=len(tables.customers)) > 0

    @cached_property
    def _churn_risk(self) -> NDArray[np.int64]:
        """Index of the churn risk in `CHURN_RISKS`, -1 for customers without an order."""
        risk = np.digitize(self._forecasts["missed_orders"], MISSED_ORDERS_LIMITS)
        return np.where(self._tables.customer_orders > 0, risk, -1)

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        """Columns to sort by; a day without an order is -1."""
        tables = self._tables
        recency = np.asarray(tables.bundle.array("rfm/recency"))
        today = int(tables.bundle.manifest["analysis_day"])
        return {
            "amount": np.asarray(tables.bundle.array("rfm/monetary")),
            "orders": tables.customer_orders,
            "last_order": np.where(tables.customer_orders > 0, today - recency, -1),
            **{name: np.asarray(self._forecasts[name]) for name in FORECASTS},
        }

    @cached_property
    def _forecasts(self) -> dict[str, NDArray[Any]]:
        return self._tables.bundle.arrays("forecasts")

    @cached_property
    def _countries(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Country code of each customer, and the names by code, most customers first; -1 for none or a rare one."""
        texts = list(self._tables.texts("customers/countries"))
        names = [name for name, _ in Counter(filter(None, texts)).most_common(MAX_COUNTRIES)]
        code = {name: number for number, name in enumerate(names)}
        return np.array([code.get(text, -1) for text in texts], np.int32), tuple(names)

    def _summary(self, customer: int) -> CustomerSummary:
        tables, columns = self._tables, self._columns
        day = int(columns["last_order"][customer])
        forecast = {name: float(columns[name][customer]) for name in FORECASTS}
        return CustomerSummary(
            customer_id=tables.customers.id(customer),
            customer_name=tables.texts("customers/names")[customer],
            country=tables.texts("customers/countries")[customer],
            segment=tables.group_name("segments", int(tables.segment[customer])),
            cluster=tables.group_name("clusters", int(tables.cluster[customer])),
            orders=int(columns["orders"][customer]),
            amount=int(columns["amount"][customer]) / MILLION,
            last_order=iso(day) if day >= 0 else None,
            expected_spend=round(forecast["expected_spend"], 4),
            return_probability=round(forecast["return_probability"], 6),
            lifetime_value=round(forecast["lifetime_value"], 4),
            churn_risk=CHURN_RISKS[risk] if (risk := int(self._churn_risk[customer])) >= 0 else "",
        )


def _codes_of(kind: str, name: str, names: list[str] | tuple[str, ...]) -> list[int]:
    """Return the codes with a name; `UsageError` without any."""
    codes = [code for code, each in enumerate(names) if each == name]
    if not codes:
        raise UsageError(f"There is no {kind} {name!r}.", f"Choose one of {', '.join(names[:20])}." if names else "")
    return codes
