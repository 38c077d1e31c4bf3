"""What cleaned lines answer: a timeline that can be cut by day, and tables by customer and item.

In: accepted and set-aside lines in an engine. Out: `Prepared`. The lines stay in the engine, out of memory where it is
DuckDB; only tables per customer and item, and the coded history, come back as arrays, each made once.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from smart_retail import columns as c
from smart_retail.data import catalogue, cleaning, history, netting, statistics
from smart_retail.data.backends import Backend
from smart_retail.data.came_back import CameBack, all_came_back, came_back, returned_share
from smart_retail.data.ingest import Ingested
from smart_retail.data.interactions import History
from smart_retail.data.preprocessing import KIND, REASON, Frame
from smart_retail.data.tally import Tally, kept
from smart_retail.data.timeline import RfmTable
from smart_retail.ids import IdMap
from smart_retail.results import CleaningReport, WeekSales
from smart_retail.settings import DataSettings


class Prepared:
    """Cleaned lines; a `Timeline`. Use as a context manager: `close` removes its temporary files."""

    def __init__(
        self,
        lines: Frame,
        tally: Tally,
        sources: Sequence[Ingested],
        backend: Backend,
        settings: DataSettings,
        folder: Path | None,
    ) -> None:
        self._all = lines
        self._tally = tally
        self.sources = tuple(sources)
        """What was read and how it was understood."""
        self._backend = backend
        self._settings = settings
        self._folder = folder
        self._totals = tally.totals(backend)
        cleaning.check_usable(self._totals, self.sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the engine's memory and remove the temporary files."""
        self._backend.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def first_day(self) -> int:
        """Day of the first purchase, days since 1970-01-01."""
        return self._totals.first_day

    @property
    def last_day(self) -> int:
        """Day of the last purchase, days since 1970-01-01."""
        return self._totals.last_day

    @cached_property
    def report(self) -> CleaningReport:
        """Where every row went."""
        sizes = len(self.customers), len(self.items), self._tally.count_orders(self._totals, self._backend)
        cancelled = (self._accepted, self._net) if self._totals.cancellations else None
        return cleaning.report(self._tally, self._totals, self.sources, self._settings, self._backend, sizes, cancelled)

    @cached_property
    def customers(self) -> IdMap:
        """Every customer with an accepted line, also those whose purchases all came back."""
        if not self._has_returns:
            return catalogue.id_map_of(self._sums.ids)
        return catalogue.id_map(self._customer_codes, self._backend)

    @cached_property
    def items(self) -> IdMap:
        """Every item with an accepted purchase."""
        return catalogue.id_map_of(self._tally.items(self._backend))

    @cached_property
    def _accepted(self) -> Frame:
        """Accepted lines; those that were only read and added up so far are kept from now on."""
        if self.sources[0].pending:
            return kept(self._all, self._tally, self._totals, self._backend).filter(nw.col(REASON) == 0)
        return self._all.filter(nw.col(REASON) == 0)

    @cached_property
    def _customer_codes(self) -> Frame:
        return catalogue.codes(self._accepted, c.CUSTOMER_ID, self._backend)

    @cached_property
    def _item_codes(self) -> Frame:
        return catalogue.codes(self._accepted.filter(nw.col(KIND) == 1), c.ITEM_ID, self._backend)

    @cached_property
    def _coded(self) -> Frame:
        """Accepted lines with integer codes in place of the ids, made once."""
        return catalogue.coded_lines(self._accepted, self._customer_codes, self._item_codes, self._backend)

    def _purchases(self, lines: Frame, policy: str = "") -> Frame:
        return netting.purchases(
            lines,
            policy or self._settings.returns_policy,
            cancellations=self._totals.cancellations > 0,
            keep=self._backend.keep,
        )

    @cached_property
    def _net(self) -> Frame:
        """All purchases after returns, whatever the policy."""
        return self._purchases(self._accepted, "net")

    @cached_property
    def _kept(self) -> Frame:
        """All purchases after returns, by the policy."""
        return self._net if self._settings.returns_policy == "net" else self._purchases(self._accepted)

    @cached_property
    def _coded_kept(self) -> Frame:
        """All purchases after returns, coded: asked for several times in a fit."""
        return self._purchases(self._coded)

    @cached_property
    def _whole(self) -> History:
        kept = self._coded_kept
        return history.history(kept, len(self.customers), len(self.items), self.last_day, self._backend)

    @cached_property
    def _cuts_rows(self) -> bool:
        """Whether a slice may be taken of the whole history: nothing came back, no order has lines of two days."""
        return not self._has_returns and not self._tally.over_days(self._backend)

    def between(
        self, first: int | None = None, end: int | None = None, customers: NDArray[np.bool_] | None = None
    ) -> History:
        """See `Timeline.between`."""
        if first is None and end is None and customers is None:
            return self._whole
        last = self.last_day if end is None else min(end - 1, self.last_day)
        if self._cuts_rows:
            return history.part_of(self._whole, first, end, last, customers)
        kept = self._purchases(history.cut(self._coded, first, end))
        found = history.history(kept, len(self.customers), len(self.items), last, self._backend)
        return found if customers is None else history.part_of(found, None, None, last, customers)

    @cached_property
    def sent_back(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Customer and item codes of what was bought and of which nothing was kept, sorted."""
        nothing = np.empty(0, np.int32)
        return all_came_back(self._coded, self._whole, self._backend) if self._has_returns else (nothing, nothing)

    def rfm(self, end: int | None = None, analysis_day: int | None = None) -> RfmTable:
        """RFM of the purchases before `end`.

        Parameters
        ----------
        end : int, optional
            Days since 1970-01-01; the whole history by default.
        analysis_day : int, optional
            The day to which recency counts; the day after the last kept order by default.
        """
        sums = self._sums
        if end is not None and self._cuts_rows:
            sums = history.sums_of(self.between(end=end), list(self.customers.ids))
        elif end is not None:
            sums = history.customer_sums(self._purchases(history.cut(self._accepted, None, end)), self._backend)
        return history.rfm_table(sums, self.customers, analysis_day)

    @cached_property
    def _sums(self) -> history.CustomerSums:
        if self._has_returns:
            return history.customer_sums(self._kept, self._backend)
        return history.order_sums(self._tally.bought(self._totals), self._backend)

    @cached_property
    def lines(self) -> Frame:
        """Accepted purchases with their derived columns, for reports and forecasts.

        Quantities and amounts are int64 millionths; `kept_quantity` and `kept_amount` are what is left
        after returns. Under the policy `net` purchases that came back are not among them.
        """
        units = {i: s.discount_unit for i, s in enumerate(self.sources)}
        return history.derived(self._kept, self._settings.sales_edges, units, self._backend)

    def weekly_sales(self) -> tuple[WeekSales, ...]:
        """Kept sales by week, Mondays first, weeks without a sale as zeros."""
        return history.weekly(self._kept, self._backend)

    @property
    def _has_returns(self) -> bool:
        return self._totals.cancellations > 0 or bool(self._totals.flagged)

    def came_back(self) -> CameBack:
        """What came back, beside the history of all kept purchases (`between`)."""
        kept = self._coded_kept if self._has_returns else None
        return came_back(self._coded, kept, self._totals.cancellations > 0, self._backend)

    def statistics(self, first: int, last: int) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """What reports show of the lines, as JSON data, and the mean discount of each day `first` to `last`."""
        table = statistics.by_day(self.lines, self._bought, self._net if self._has_returns else None, self._backend)
        spreads = statistics.spreads(self.lines, self._backend)
        numbers = statistics.numbers(self.lines, self._totals.purchases, self.first_day, self._backend)
        facts = statistics.describe(table, spreads, numbers)
        return facts, statistics.daily_discount(table, self.category_names, first, last)

    @cached_property
    def _bought(self) -> Frame:
        return self._accepted.filter(nw.col(KIND) == 1)

    def _names(self, column: str, by: str) -> list[str]:
        """The most frequent text of a column for each customer or item."""
        key, ids = (self._customer_codes, self.customers) if by == c.CUSTOMER_ID else (self._item_codes, self.items)
        if column not in self._accepted.collect_schema().names():
            return [""] * len(ids)
        return catalogue.most_frequent(self._accepted, key, by, column, len(ids), self._backend)

    @cached_property
    def customer_names(self) -> list[str]:
        """By customer code, "" where unknown."""
        return self._names(c.CUSTOMER_NAME, c.CUSTOMER_ID)

    @cached_property
    def customer_countries(self) -> list[str]:
        """By customer code, "" where unknown."""
        return self._names(c.COUNTRY, c.CUSTOMER_ID)

    @cached_property
    def item_names(self) -> list[str]:
        """By item code, "" where there is none."""
        return self._names(c.ITEM_NAME, c.ITEM_ID)

    @cached_property
    def _categories(self) -> tuple[list[str], NDArray[np.int32]]:
        return catalogue.coded_names(self._names(c.CATEGORY, c.ITEM_ID))

    @cached_property
    def _subcategories(self) -> tuple[list[str], NDArray[np.int32]]:
        return catalogue.coded_names(self._names(c.SUBCATEGORY, c.ITEM_ID))

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

    @cached_property
    def item_price(self) -> NDArray[np.float64]:
        """What a piece went for on the whole, amount by quantity, by item code; NaN where unknown."""
        return catalogue.prices(self._bought, self._item_codes, len(self.items), self._backend)

    @cached_property
    def item_discount(self) -> NDArray[np.float64]:
        """Mean discount of an item's lines, 0 to 1, by item code; NaN where the source tells of none."""
        return statistics.item_discount(self.lines, self._item_codes, len(self.items), self._backend)

    @cached_property
    def returned_share(self) -> NDArray[np.float64]:
        """Part of a customer's purchase lines of which something came back, by customer code."""
        if not self._has_returns:
            return np.zeros(len(self.customers))
        return returned_share(self._bought, self._net, self._customer_codes, len(self.customers), self._backend)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the accepted content, the same for every order of the rows and every engine."""
        texts = (
            list(self.customers.ids), list(self.items.ids), self.item_names, self._names(c.CATEGORY, c.ITEM_ID),
            self._names(c.SUBCATEGORY, c.ITEM_ID), self.customer_names, self.customer_countries,
        )  # fmt: skip
        return catalogue.fingerprint(texts, self._coded, len(self.customers), self._backend)
