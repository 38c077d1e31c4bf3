"""Customer state at request time: stored purchases plus later events, or an anonymous basket.

Events since the fit update purchases, segment and cluster of a customer, so that every method uses them without a
refit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.events import Event, RecentEvents
from smart_retail.events.store import MAX_SUM
from smart_retail.recommenders.base import UNKNOWN_GROUP, Shoppers
from smart_retail.results import RFM, CustomerMatch
from smart_retail.segmentation.order_rhythm import count_intervals, usual_intervals
from smart_retail.segmentation.rfm import RfmModel
from smart_retail.segmentation.segments import VALUE_TIERS
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.dates import parse_day
from smart_retail.utils.fixed_point import MILLION

if TYPE_CHECKING:
    from smart_retail.segmentation.cluster_assigner import ClusterAssigner


NO_ITEMS = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class CustomerState:
    """State of one customer or visitor at the time of a request."""

    code: int
    """Customer code in the bundle; -1 for a customer who is not in it."""
    known: bool
    """Whether the customer is in the bundle or has events."""
    has_recent_events: bool
    """Whether the customer has events since the fit."""
    history: PurchaseHistory
    """Kept purchases."""
    fully_returned: NDArray[np.int32]
    """Codes of items of which the customer returned every purchase."""
    segment: int
    """Segment code, `UNKNOWN_GROUP` for none."""
    cluster: int
    """Code of the coarse cluster, `UNKNOWN_GROUP` for none."""
    fine_cluster: int
    """Code of the fine cluster, by which lists are made, `UNKNOWN_GROUP` for none."""
    added_items: NDArray[np.int32] = field(default_factory=lambda: NO_ITEMS)
    """Codes of purchased items that were added after the fit and are in no history."""

    def purchased_or_returned(self) -> NDArray[np.int32]:
        """Return the items that `exclude_purchased` hides: purchased or returned ones."""
        return np.concatenate((self.history.item, self.fully_returned, self.added_items))


def to_shoppers(customers: Sequence[CustomerState]) -> Shoppers:
    """Return the arrays of several customers that a model scores."""
    return Shoppers(
        customers[0].history if len(customers) == 1 else PurchaseHistory.concat([c.history for c in customers]),
        np.array([c.segment for c in customers], dtype=np.int16),
        np.array([c.fine_cluster for c in customers], dtype=np.int16),
    )


def with_basket(customer: CustomerState, basket: PurchaseHistory) -> CustomerState:
    """Return the state of a customer whose newest order is a basket."""
    history = customer.history
    if not len(history):
        return replace(customer, history=basket)
    today = max(history.last_day, basket.last_day)
    extended = replace(
        history,
        customer=np.concatenate((history.customer, basket.customer)),
        order=np.concatenate((history.order, basket.order + history.order.max() + 1)),
        item=np.concatenate((history.item, basket.item)),
        day=np.concatenate((history.day, np.full(len(basket), today, np.int32))),
        quantity=np.concatenate((history.quantity, basket.quantity)),
        amount=np.concatenate((history.amount, basket.amount)),
    )
    return replace(customer, history=extended)


def count_orders(history: PurchaseHistory) -> int:
    """Return the number of distinct orders of one shopper."""
    return len(set(history.order.tolist()))  # `np.unique` imports further parts of NumPy on its first call


class CustomerLookup:
    """Look-up of customers in a bundle and in the events since its fit."""

    def __init__(self, tables: BundleTables, recent_events: RecentEvents) -> None:
        self._tables = tables
        self._recent_events = recent_events

    def resolve(self, customer_id: str) -> CustomerState:
        """Return the state of a customer; an unknown one has an empty history."""
        tables = self._tables
        code = tables.customers.code(customer_id)
        events = self._recent_events.for_customer(customer_id)
        if events:
            return self._with_events(code, events)
        if code < 0:
            return self.visitor(tables.empty_history)
        return CustomerState(
            code=code,
            known=True,
            has_recent_events=False,
            history=tables.history(code),
            fully_returned=tables.fully_returned(code),
            segment=int(tables.segment[code]),
            cluster=int(tables.cluster[code]),
            fine_cluster=int(tables.fine_cluster[code]),
        )

    def search_new_customers(self, text: str) -> list[CustomerMatch]:
        """Return customers who are known only by events and whose id contains every word of `text`, by id."""
        from smart_retail.serving.text_search import fold  # not needed to compute lists

        words = fold(text).split()
        new = [c for c in self._recent_events.customer_ids() if self._tables.customers.code(c) < 0]
        found = sorted(c for c in new if all(word in fold(c) for word in words))
        segments = (self._tables.group_name("segments", self.resolve(c).segment) for c in found)
        return [CustomerMatch(c, "", segment) for c, segment in zip(found, segments, strict=True)]

    def last_sequence(self, customer_id: str) -> int:
        """Return the sequence number of a customer's newest event since the fit, 0 without any."""
        events = self._recent_events.for_customer(customer_id)
        return events[-1].sequence if events else 0

    def customers_with_events(self) -> frozenset[str]:
        """Return the ids of the customers with events since the fit."""
        return self._recent_events.customers()

    def visitor(self, history: PurchaseHistory) -> CustomerState:
        """Return the state of an anonymous visitor whose basket is `history`."""
        return CustomerState(-1, False, False, history, np.empty(0, np.int32), *(UNKNOWN_GROUP,) * 3)

    def _with_events(self, code: int, events: Sequence[Event]) -> CustomerState:
        tables = self._tables
        stored = tables.history(code) if code >= 0 else tables.empty_history
        fitted = tables.fitted_items
        history = _apply_events(stored, events, fitted.codes(e.item_id for e in events))
        returned = np.setdiff1d(fitted.codes(e.item_id for e in events if e.quantity < 0), history.item)
        returned = returned[returned >= 0]
        added = NO_ITEMS
        if tables.added_items:
            codes = tables.items.codes(e.item_id for e in events)
            added = np.unique(codes[codes >= tables.n_fitted_items])
        if code >= 0:
            returned = np.setdiff1d(np.union1d(returned, tables.fully_returned(code)), history.item)
        segment = cluster = fine = UNKNOWN_GROUP
        if len(history):
            table = self._rfm_values(history)
            segment = int(self._rfm_model.assign_segments(table, history)[0])
            found = self._cluster_assigner.assign(history, table)
            cluster, fine = int(found.coarse[0]), int(found.fine[0])
        return CustomerState(code, True, True, history, returned.astype(np.int32), segment, cluster, fine, added)

    def rfm(self, customer: CustomerState) -> RFM | None:
        """Return recency, frequency and monetary value, scored by the cut points of the fit; None without purchases."""
        if len(customer.history) == 0 or not customer.known:
            return None
        table = self._rfm_values(customer.history)
        r, f, m = (int(score[0]) for score in self._rfm_model.score_customers(table, customer.history))
        return RFM(
            recency=int(table.recency[0]),
            frequency=int(table.frequency[0]),
            monetary=int(table.monetary[0]) / MILLION,
            r=r,
            f=f,
            m=m,
            code=f"{r}{f}{m}",
            segment=self._tables.group_name("segments", customer.segment),
            value_tier=VALUE_TIERS[m - 1],
        )

    def usual_interval(self, customer: CustomerState) -> float | None:
        """Return the usual days between two orders, as the segment or the forecast of the fit counts them.

        None for a customer who has not ordered on two days.
        """
        if self._rfm_model.counts_intervals:
            if not count_intervals(customer.history)[0].any():
                return None
            return float(usual_intervals(customer.history, self._rfm_model.shop_interval)[0])
        bundle = self._tables.bundle
        if customer.code < 0 or bundle.array("rfm/frequency")[customer.code] < 2:
            return None
        return float(bundle.array("forecasts/usual_interval")[customer.code])

    def _rfm_values(self, history: PurchaseHistory) -> RfmTable:
        """Return recency, frequency and monetary of one history."""
        today = int(self._tables.bundle.manifest["analysis_day"])
        if history.last_day > self._tables.last_day:
            today = max(today, history.last_day + 1)
        return RfmTable(
            np.array([today - int(history.day.max())]),
            np.array([count_orders(history)]),
            np.array([int(history.amount.sum())]),
        )

    @cached_property
    def _rfm_model(self) -> RfmModel:
        bundle = self._tables.bundle
        return bundle.decode_json("rfm_model", partial(RfmModel.from_arrays, bundle.arrays("rfm_model")))

    @cached_property
    def _cluster_assigner(self) -> ClusterAssigner:
        from smart_retail.segmentation.cluster_assigner import ClusterAssigner  # only for customers with events

        bundle = self._tables.bundle
        arrays = bundle.arrays("cluster_assigner")
        return bundle.decode_json("cluster_assigner", partial(ClusterAssigner.from_arrays, arrays))


_PurchaseRow = tuple[int, int, int, int, int]
"""Order code, item code, day, quantity, amount."""


def _apply_events(stored: PurchaseHistory, events: Sequence[Event], codes: NDArray[np.int32]) -> PurchaseHistory:
    """Return the stored purchases with the events added; a return consumes the latest purchases of the item.

    Sums stay within int64 millionths: a line that exceeds them counts with the rest up to the limit, and is named by
    the next fit.
    """
    orders: dict[str, int] = {}
    first = int(stored.order.max()) + 1 if len(stored) else 0
    rows = list(
        zip(*(getattr(stored, c).tolist() for c in ("order", "item", "day", "quantity", "amount")), strict=True)
    )
    last_day = stored.last_day
    quantity_left, amount_left = (MAX_SUM - sum(row[k] for row in rows) for k in (3, 4))
    for event, code in zip(events, codes.tolist(), strict=True):
        day = parse_day(event.timestamp[:10])
        if code < 0:
            continue  # items that are not in the bundle are included by the next fit
        if event.quantity > 0:
            number = orders.setdefault(event.order_id, first + len(orders))
            quantity, amount = min(event.quantity, quantity_left), min(event.amount, amount_left)
            if quantity == 0:
                continue
            quantity_left, amount_left = quantity_left - quantity, amount_left - amount
            rows.append((number, code, day, quantity, amount))
            last_day = max(last_day, day)
        else:
            rows = _subtract_return(rows, code, -event.quantity)
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    order, item, days = (np.array(column, dtype=np.int32) for column in columns[:3])
    quantities, amounts = (np.array(column, dtype=np.int64) for column in columns[3:])
    return replace(
        stored,
        customer=np.zeros(len(rows), np.int32),
        order=order,
        item=item,
        day=days,
        quantity=quantities,
        amount=amounts,
        last_day=last_day,
    )


def _subtract_return(rows: list[_PurchaseRow], item: int, quantity: int) -> list[_PurchaseRow]:
    """Remove `quantity` (millionths) of an item from the rows, latest purchases first, with the amounts pro rata."""
    left = []
    for row in reversed(rows):
        if row[1] != item or quantity == 0:
            left.append(row)
            continue
        gone = min(quantity, row[3])
        quantity -= gone
        if gone < row[3]:
            kept = row[3] - gone
            left.append((*row[:3], kept, row[4] * kept // row[3]))
    return left[::-1]
