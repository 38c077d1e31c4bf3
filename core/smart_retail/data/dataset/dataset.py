"""The cleaned dataset: histories of any period, RFM, and attributes of customers and items as arrays.

The order lines stay in the engine; only tables by customer and by item and the encoded history are held as arrays,
each computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from smart_retail.data import columns as c
from smart_retail.data.backends.executors import Executors
from smart_retail.data.dataset import cleaning_report, entity_encoding, history_builder
from smart_retail.data.dataset import sales_statistics as statistics
from smart_retail.data.dataset.catalogue_items import fill_prices, fill_texts
from smart_retail.data.dataset.guest_lines import find_guest_orders, largest_order
from smart_retail.data.dataset.locked_property import locked_cached_property, synchronized
from smart_retail.data.dataset.returned_purchases import (
    ReturnedPurchases,
    find_returned_purchases,
    fully_returned_pairs,
    returned_share,
)
from smart_retail.data.dataset.transactions import Transactions
from smart_retail.data.guest_orders import NO_GUESTS, GuestOrders
from smart_retail.data.ingestion.row_validation import GUEST, NO_CUSTOMER, PARTLY_RETURNED, Frame
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.results import CleaningReport, MonthTotals, WeekSales
from smart_retail.utils.id_map import IdMap


class Dataset(Transactions):
    """The cleaned dataset; implements `TemporalDataset`."""

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
        """The cleaning report."""
        report = self.report_without_guests
        notes = report.notes + self.guest_orders.notes()
        if self.catalogue is not None:
            notes = (*notes, *self.catalogue.notes(len(self.catalogue.items.keys() & set(self._bought_items))))
        return msgspec.structs.replace(report, notes=notes)

    @locked_cached_property
    def report_without_guests(self) -> CleaningReport:
        """The cleaning report without the notes on guest orders and the catalogue.

        The note on guest orders depends on the purchase history, for which the sources are read again; without returns,
        the rest of the report does not.
        """
        sizes = len(self.customers), len(self._bought_items), self._line_totals.count_orders(self._backend)
        in_part = self._totals.cancellations or PARTLY_RETURNED in self._totals.flagged
        cancelled = (self._accepted, self._net_purchases) if in_part else None
        return cleaning_report.build_report(
            self._line_totals, self._totals, self.sources, self._settings, self._backend, sizes, cancelled
        )

    @locked_cached_property
    def customers(self) -> IdMap:
        """All customers with an accepted line, including those who returned all purchases."""
        if not self._has_returns:
            return entity_encoding.id_map_from_texts(self._customer_sums.ids)
        return entity_encoding.id_map_from_codes(self._customer_codes, self._backend)

    @locked_cached_property
    def _full_history(self) -> PurchaseHistory:
        return self._build_history(self._coded_purchases, self.last_day)

    def _build_history(self, kept: Frame, last_day: int) -> PurchaseHistory:
        folder = None
        if self._folder is not None:
            folder = self._folder / f"history-{next(self._numbers)}"
        sizes = len(self.customers), len(self.items), last_day
        return history_builder.build_history(kept, *sizes, self._backend, folder, self._memory.block_rows)

    @locked_cached_property
    def guest_orders(self) -> GuestOrders:
        """The orders without a customer, by the items that customers bought."""
        if not self._totals.rows.get(NO_CUSTOMER) or GUEST not in self._lines.collect_schema().names():
            return NO_GUESTS
        limit = largest_order(self._full_history)
        return find_guest_orders(self._lines, self._item_codes, self._settings.returns_policy, limit, self._backend)

    @locked_cached_property
    def _can_slice_history(self) -> bool:
        """Whether slices of the full history are exact: no returns, and no order with lines of several days."""
        return not self._has_returns and not self._line_totals.has_orders_over_several_days(self._backend)

    def history_between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> PurchaseHistory:
        """See `TemporalDataset.history_between`."""
        if first is None and end is None and customers is None:
            return self._full_history
        last = self.last_day if end is None else min(end - 1, self.last_day)
        if self._can_slice_history:
            return history_builder.slice_history(self._full_history, first, end, last, customers)
        with self.lock:
            kept = self._apply_returns(history_builder.select_days(self._coded_lines, first, end))
            if customers is not None:
                kept = history_builder.select_customers(kept, customers, self._backend)
            return self._build_history(kept, last)

    @property
    def history_lines(self) -> Frame:
        """The encoded purchases of the full history (`history_builder.HISTORY_COLUMNS`), in the engine."""
        return self._coded_purchases.select(*history_builder.HISTORY_COLUMNS)

    def open_executors(self, modules: Sequence[str]) -> Executors | None:
        """See `Backend.open_executors`."""
        return self._backend.open_executors(modules)

    @locked_cached_property
    def fully_returned(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Customer and item codes, int32 each, of the pairs whose purchases were all returned, sorted."""
        nothing = np.empty(0, np.int32)
        return (
            fully_returned_pairs(self._coded_lines, self._full_history, self._backend)
            if self._has_returns
            else (nothing, nothing)
        )

    def rfm(self, end: int | None = None, analysis_day: int | None = None) -> RfmTable:
        """Compute RFM of the purchases before `end`.

        Parameters
        ----------
        end : int, optional
            Days since 1970-01-01; by default the end of the history.
        analysis_day : int, optional
            Day (since 1970-01-01) to which recency is counted; by default the day after the last kept order.
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

        Quantities and amounts are int64 millionths; `kept_quantity` and `kept_amount` are net of returns. With the
        policy `net`, fully returned purchases are not included.
        """
        units = {i: s.discount_unit for i, s in enumerate(self.sources)}
        return history_builder.add_derived_columns(
            self._kept_purchases, self._settings.sales_edges, units, self._backend
        )

    @synchronized
    def weekly_sales(self) -> tuple[WeekSales, ...]:
        """Return net sales by week, from Monday to Sunday; weeks without sales have zeros."""
        return history_builder.weekly_sales(self._kept_purchases, self._backend)

    @synchronized
    def monthly_totals(self) -> tuple[MonthTotals, ...]:
        """Return rows and amounts by month: all that were read, and the accepted ones."""
        return history_builder.monthly_totals(self._lines, self._backend)

    @synchronized
    def returned_purchases(self) -> ReturnedPurchases:
        """Return the returned part of all purchases; its order codes are those of the full history."""
        purchases = self._coded_purchases if self._has_returns else None
        return find_returned_purchases(self._coded_lines, purchases, self._totals.cancellations > 0, self._backend)

    @synchronized
    def statistics(self, first: int, last: int) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """Return the sales statistics for reports.

        Parameters
        ----------
        first, last : int
            Days since 1970-01-01, inclusive, of the daily discounts.

        Returns
        -------
        dict
            The statistics as JSON data.
        float32 array, shape (1 + categories, days)
            Mean discount (share 0 to 1) of each day, of the shop and of each category; NaN without sales.
        """
        table = statistics.daily_sums(
            self.lines, self._gross_purchases, self._net_purchases if self._has_returns else None, self._backend
        )
        distributions = statistics.distributions(self.lines, self._backend)
        numbers = statistics.numeric_summary(self.lines, self._totals.purchases, self.first_day, self._backend)
        summary = statistics.describe(table, distributions, numbers)
        return summary, statistics.daily_discount(table, self.category_names, first, last)

    def _most_frequent_texts(self, column: str, by: str) -> list[str]:
        """Return the most frequent text of a column for each customer or item."""
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
        return self._item_texts(c.ITEM_NAME)

    def _item_texts(self, column: str) -> list[str]:
        """Return the most frequent text of the orders by item code; where they have none, that of the catalogue."""
        texts = self._most_frequent_texts(column, c.ITEM_ID)
        return texts if self.catalogue is None else fill_texts(texts, self.items, self.catalogue, column)

    @locked_cached_property
    def _categories(self) -> tuple[list[str], NDArray[np.int32]]:
        return entity_encoding.encode_names(self._item_texts(c.CATEGORY))

    @locked_cached_property
    def _subcategories(self) -> tuple[list[str], NDArray[np.int32]]:
        return entity_encoding.encode_names(self._item_texts(c.SUBCATEGORY))

    @property
    def category_names(self) -> list[str]:
        """Distinct categories in text order."""
        return self._categories[0]

    @property
    def item_category(self) -> NDArray[np.int32]:
        """Index into `category_names` by item code, int32; -1 for none."""
        return self._categories[1]

    @property
    def subcategory_names(self) -> list[str]:
        """Distinct subcategories in text order."""
        return self._subcategories[0]

    @property
    def item_subcategory(self) -> NDArray[np.int32]:
        """Index into `subcategory_names` by item code, int32; -1 for none."""
        return self._subcategories[1]

    @locked_cached_property
    def item_price(self) -> NDArray[np.float64]:
        """Average price (total amount / total quantity) by item code, float64; NaN if it is not positive.

        The price of an item without purchases is that of the catalogue.
        """
        paid = entity_encoding.average_prices(self._gross_purchases, self._item_codes, len(self.items), self._backend)
        return paid if self.catalogue is None else fill_prices(paid, self.items, self.catalogue)

    @locked_cached_property
    def item_discount(self) -> NDArray[np.float64]:
        """Mean discount (share 0 to 1) of the lines by item code, float64; NaN if the source has none."""
        return statistics.item_discount(self.lines, self._item_codes, len(self.items), self._backend)

    @locked_cached_property
    def returned_share(self) -> NDArray[np.float64]:
        """Share (0 to 1) of the purchase lines that were returned at least in part, by customer code, float64."""
        if not self._has_returns:
            return np.zeros(len(self.customers))
        return returned_share(
            self._gross_purchases, self._net_purchases, self._customer_codes, len(self.customers), self._backend
        )

    @locked_cached_property
    def fingerprint(self) -> str:
        """SHA-256 of purchases, returns, guest orders and catalogue; independent of row order and the engine."""
        texts = [
            list(self.customers.ids), list(self.items.ids), self.item_names, self._item_texts(c.CATEGORY),
            self._item_texts(c.SUBCATEGORY), self.customer_names, self.customer_countries,
        ]  # fmt: skip
        columns = ("customer", "order", "item", "day", "quantity", "amount")
        parts = self._full_history, self.returned_purchases()
        arrays = [getattr(rows, name) for rows in parts for name in columns]
        if len(self.guest_orders):
            arrays += [getattr(self.guest_orders, name) for name in ("order", "item", "day", "quantity", "amount")]
        if self.catalogue is not None:
            texts.append([f"{item_id}\n{item}" for item_id, item in self.catalogue.items.items()])
        return entity_encoding.fingerprint(texts, arrays)
