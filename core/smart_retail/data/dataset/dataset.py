"""What cleaned lines answer: a timeline that can be cut by day, and tables by customer and item.

In: `Lines` in an engine. Out: `Prepared`. Only tables per customer and item, and the coded history, come back as
arrays, each made once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.dataset import cleaning_report, entity_encoding, history_builder
from smart_retail.data.dataset import sales_statistics as statistics
from smart_retail.data.dataset.locked_property import locked_cached_property, synchronized
from smart_retail.data.dataset.returned_purchases import (
    ReturnedPurchases,
    find_returned_purchases,
    fully_returned_pairs,
    returned_share,
)
from smart_retail.data.dataset.transactions import Transactions
from smart_retail.data.ingestion.row_validation import Frame
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.results import CleaningReport, WeekSales
from smart_retail.utils.id_map import IdMap


class Dataset(Transactions):
    """What cleaned lines answer; a `Timeline`."""

    @property
    def first_day(self) -> int:
        """Day of the first purchase, days since 1970-01-01."""
        return self._totals.first_day

    @property
    def last_day(self) -> int:
        """Day of the last purchase, days since 1970-01-01."""
        return self._totals.last_day

    @locked_cached_property
    def report(self) -> CleaningReport:
        """Where every row went."""
        sizes = len(self.customers), len(self.items), self._line_totals.count_orders(self._backend)
        cancelled = (self._accepted, self._net_purchases) if self._totals.cancellations else None
        return cleaning_report.build_report(
            self._line_totals, self._totals, self.sources, self._settings, self._backend, sizes, cancelled
        )

    @locked_cached_property
    def customers(self) -> IdMap:
        """Every customer with an accepted line, also those whose purchases all came back."""
        if not self._has_returns:
            return entity_encoding.id_map_from_texts(self._customer_sums.ids)
        return entity_encoding.id_map_from_codes(self._customer_codes, self._backend)

    @locked_cached_property
    def items(self) -> IdMap:
        """Every item with an accepted purchase."""
        return entity_encoding.id_map_from_texts(self._line_totals.items(self._backend))

    @locked_cached_property
    def _full_history(self) -> PurchaseHistory:
        kept = self._coded_purchases
        return history_builder.build_history(kept, len(self.customers), len(self.items), self.last_day, self._backend)

    @locked_cached_property
    def _can_slice_history(self) -> bool:
        """Whether a slice may be taken of the whole history: nothing came back, no order has lines of two days."""
        return not self._has_returns and not self._line_totals.has_orders_over_several_days(self._backend)

    def history_between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        """See `Timeline.between`."""
        if first is None and end is None and customers is None:
            return self._full_history
        last = self.last_day if end is None else min(end - 1, self.last_day)
        if self._can_slice_history:
            return history_builder.slice_history(self._full_history, first, end, last, customers)
        found = self._history_from_lines(first, end, last)
        return found if customers is None else history_builder.slice_history(found, None, None, last, customers)

    @synchronized
    def _history_from_lines(self, first: int | None, end: int | None, last: int) -> PurchaseHistory:
        kept = self._apply_returns(history_builder.select_days(self._coded_lines, first, end))
        return history_builder.build_history(kept, len(self.customers), len(self.items), last, self._backend)

    @locked_cached_property
    def fully_returned(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Customer and item codes of what was bought and of which nothing was kept, sorted."""
        nothing = np.empty(0, np.int32)
        return (
            fully_returned_pairs(self._coded_lines, self._full_history, self._backend)
            if self._has_returns
            else (nothing, nothing)
        )

    def rfm(self, end: int | None = None, analysis_day: int | None = None) -> RfmTable:
        """RFM of the purchases before `end`.

        Parameters
        ----------
        end : int, optional
            Days since 1970-01-01; the whole history by default.
        analysis_day : int, optional
            The day to which recency counts; the day after the last kept order by default.
        """
        sums = self._customer_sums
        if end is not None and self._can_slice_history:
            sums = history_builder.customer_sums_before(self._full_history, end, list(self.customers.ids))
        elif end is not None:
            with self.lock:
                sums = history_builder.customer_sums(
                    self._apply_returns(history_builder.select_days(self._accepted, None, end)), self._backend
                )
        return history_builder.rfm_table(sums, self.customers, analysis_day)

    @locked_cached_property
    def _customer_sums(self) -> history_builder.CustomerSums:
        if self._has_returns:
            return history_builder.customer_sums(self._kept_purchases, self._backend)
        return history_builder.customer_sums_from_orders(self._line_totals.purchases_by_order(), self._backend)

    @locked_cached_property
    def lines(self) -> Frame:
        """Accepted purchases with their derived columns, for reports and forecasts.

        Quantities and amounts are int64 millionths; `kept_quantity` and `kept_amount` are what is left
        after returns. Under the policy `net` purchases that came back are not among them.
        """
        units = {i: s.discount_unit for i, s in enumerate(self.sources)}
        return history_builder.add_derived_columns(
            self._kept_purchases, self._settings.sales_edges, units, self._backend
        )

    @synchronized
    def weekly_sales(self) -> tuple[WeekSales, ...]:
        """Kept sales by week, Mondays first, weeks without a sale as zeros."""
        return history_builder.weekly_sales(self._kept_purchases, self._backend)

    @synchronized
    def returned_purchases(self) -> ReturnedPurchases:
        """What came back, beside the history of all kept purchases (`between`)."""
        kept = self._coded_purchases if self._has_returns else None
        return find_returned_purchases(self._coded_lines, kept, self._totals.cancellations > 0, self._backend)

    @synchronized
    def statistics(self, first: int, last: int) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """What reports show of the lines, as JSON data, and the mean discount of each day `first` to `last`."""
        table = statistics.daily_sums(
            self.lines, self._gross_purchases, self._net_purchases if self._has_returns else None, self._backend
        )
        spreads = statistics.distributions(self.lines, self._backend)
        numbers = statistics.numeric_summary(self.lines, self._totals.purchases, self.first_day, self._backend)
        facts = statistics.describe(table, spreads, numbers)
        return facts, statistics.daily_discount(table, self.category_names, first, last)

    def _most_frequent_texts(self, column: str, by: str) -> list[str]:
        """The most frequent text of a column for each customer or item."""
        key, ids = (self._customer_codes, self.customers) if by == c.CUSTOMER_ID else (self._item_codes, self.items)
        if column not in self._accepted.collect_schema().names():
            return [""] * len(ids)
        return entity_encoding.most_frequent_texts(self._accepted, key, by, column, len(ids), self._backend)

    @locked_cached_property
    def customer_names(self) -> list[str]:
        """By customer code, "" where unknown."""
        return self._most_frequent_texts(c.CUSTOMER_NAME, c.CUSTOMER_ID)

    @locked_cached_property
    def customer_countries(self) -> list[str]:
        """By customer code, "" where unknown."""
        return self._most_frequent_texts(c.COUNTRY, c.CUSTOMER_ID)

    @locked_cached_property
    def item_names(self) -> list[str]:
        """By item code, "" where there is none."""
        return self._most_frequent_texts(c.ITEM_NAME, c.ITEM_ID)

    @locked_cached_property
    def _categories(self) -> tuple[list[str], NDArray[np.int32]]:
        return entity_encoding.encode_names(self._most_frequent_texts(c.CATEGORY, c.ITEM_ID))

    @locked_cached_property
    def _subcategories(self) -> tuple[list[str], NDArray[np.int32]]:
        return entity_encoding.encode_names(self._most_frequent_texts(c.SUBCATEGORY, c.ITEM_ID))

    @property
    def category_names(self) -> list[str]:
        """Distinct categories in text order."""
        return self._categories[0]

    @property
    def item_category(self) -> NDArray[np.int32]:
        """Place in `category_names` by item code, -1 where there is none."""
        return self._categories[1]

    @property
    def subcategory_names(self) -> list[str]:
        """Distinct subcategories in text order."""
        return self._subcategories[0]

    @property
    def item_subcategory(self) -> NDArray[np.int32]:
        """Place in `subcategory_names` by item code, -1 where there is none."""
        return self._subcategories[1]

    @locked_cached_property
    def item_price(self) -> NDArray[np.float64]:
        """What a piece went for on the whole, amount by quantity, by item code; NaN where unknown."""
        return entity_encoding.average_prices(self._gross_purchases, self._item_codes, len(self.items), self._backend)

    @locked_cached_property
    def item_discount(self) -> NDArray[np.float64]:
        """Mean discount of an item's lines, 0 to 1, by item code; NaN where the source tells of none."""
        return statistics.item_discount(self.lines, self._item_codes, len(self.items), self._backend)

    @locked_cached_property
    def returned_share(self) -> NDArray[np.float64]:
        """Part of a customer's purchase lines of which something came back, by customer code."""
        if not self._has_returns:
            return np.zeros(len(self.customers))
        return returned_share(
            self._gross_purchases, self._net_purchases, self._customer_codes, len(self.customers), self._backend
        )

    @locked_cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what is kept and what came back, the same for every order of the rows and every engine."""
        texts = (
            list(self.customers.ids), list(self.items.ids), self.item_names,
            self._most_frequent_texts(c.CATEGORY, c.ITEM_ID), self._most_frequent_texts(c.SUBCATEGORY, c.ITEM_ID),
            self.customer_names, self.customer_countries,
        )  # fmt: skip
        columns = ("customer", "order", "item", "day", "quantity", "amount")
        both = self._full_history, self.returned_purchases()
        return entity_encoding.fingerprint(texts, [getattr(rows, name) for rows in both for name in columns])
