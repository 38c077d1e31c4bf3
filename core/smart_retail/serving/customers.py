"""Who asks: a customer with the purchases of the bundle and what came since, or a visitor with a basket.

In: an id and the live events. Out: `Person`: purchases, segment and cluster as of now. Events change the
same arrays that a fit would have written, so that every method follows them without a refit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.events import Event, RecentEvents
from smart_retail.presentation.labels import VALUE_TIERS
from smart_retail.recommenders.base import UNKNOWN_GROUP, Shoppers
from smart_retail.results import RFM, CustomerMatch
from smart_retail.segmentation.rfm import RfmModel
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.utils.dates import parse_day
from smart_retail.utils.fixed_point import MILLION

if TYPE_CHECKING:
    from smart_retail.segmentation.cluster_assigner import ClusterAssigner


@dataclass(frozen=True, slots=True)
class CustomerState:
    """One shopper, as of now."""

    code: int
    """In the bundle; -1 for somebody who is not in it."""
    known: bool
    has_recent_events: bool
    """Whether anything came since the fit."""
    history: PurchaseHistory
    """Kept purchases."""
    fully_returned: NDArray[np.int32]
    """Items that went back and of which none was kept."""
    segment: int
    cluster: int

    def purchased_or_returned(self) -> NDArray[np.int32]:
        """What `exclude_purchased` hides: bought or sent back."""
        return np.concatenate((self.history.item, self.fully_returned))


def to_shoppers(people: Sequence[CustomerState]) -> Shoppers:
    """Several people as the recommenders take them."""
    return Shoppers(
        people[0].history if len(people) == 1 else PurchaseHistory.concat([p.history for p in people]),
        np.array([p.segment for p in people], dtype=np.int16),
        np.array([p.cluster for p in people], dtype=np.int16),
    )


def count_orders(history: PurchaseHistory) -> int:
    """Distinct orders of one shopper. A set: `np.unique` imports a tenth of NumPy on its first call."""
    return len(set(history.order.tolist()))


class CustomerLookup:
    """Finds people in a bundle and its live events."""

    def __init__(self, store: BundleTables, live: RecentEvents) -> None:
        self._tables = store
        self._recent_events = live

    def resolve(self, customer_id: str) -> CustomerState:
        """A customer; somebody unknown has an empty history."""
        store = self._tables
        code = store.customers.code(customer_id)
        events = self._recent_events.for_customer(customer_id)
        if events:
            return self._with_events(code, events)
        if code < 0:
            return self.visitor(store.empty_history)
        return CustomerState(
            code=code,
            known=True,
            has_recent_events=False,
            history=store.history(code),
            fully_returned=store.fully_returned(code),
            segment=int(store.segment[code]),
            cluster=int(store.cluster[code]),
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
        """Number of the newest live event of a customer, 0 where there is none."""
        events = self._recent_events.for_customer(customer_id)
        return events[-1].sequence if events else 0

    def customers_with_events(self) -> frozenset[str]:
        """Return the ids of the customers with live events."""
        return self._recent_events.customers()

    def visitor(self, history: PurchaseHistory) -> CustomerState:
        """Somebody without an account, who holds these items."""
        return CustomerState(-1, False, False, history, np.empty(0, np.int32), UNKNOWN_GROUP, UNKNOWN_GROUP)

    def _with_events(self, code: int, events: Sequence[Event]) -> CustomerState:
        store = self._tables
        before = store.history(code) if code >= 0 else store.empty_history
        history = _apply_events(before, events, store.items.codes(e.item_id for e in events))
        sent_back = np.setdiff1d(store.items.codes(e.item_id for e in events if e.quantity < 0), history.item)
        sent_back = sent_back[sent_back >= 0]
        if code >= 0:
            sent_back = np.setdiff1d(np.union1d(sent_back, store.fully_returned(code)), history.item)
        segment = cluster = UNKNOWN_GROUP
        if len(history):
            numbers = self._rfm_values(history)
            segment = int(self._rfm_model.segment_index(*self._rfm_model.score(*numbers)[:2])[0])
            cluster = int(self._cluster_assigner.assign(*numbers)[0])
        return CustomerState(code, True, True, history, sent_back.astype(np.int32), segment, cluster)

    def rfm(self, person: CustomerState) -> RFM | None:
        """Recency, frequency and monetary of somebody with kept purchases, scored by the cut points of the fit."""
        if len(person.history) == 0 or not person.known:
            return None
        recency, frequency, monetary = self._rfm_values(person.history)
        r, f, m = (int(score[0]) for score in self._rfm_model.score(recency, frequency, monetary))
        return RFM(
            recency=int(recency[0]),
            frequency=int(frequency[0]),
            monetary=int(monetary[0]) / MILLION,
            r=r,
            f=f,
            m=m,
            code=f"{r}{f}{m}",
            segment=self._tables.group_name("segments", person.segment),
            value_tier=VALUE_TIERS[m - 1],
        )

    def _rfm_values(self, history: PurchaseHistory) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Recency (days), frequency (orders) and monetary (millionths) of one history, shape ``(1,)`` each."""
        today = int(self._tables.bundle.manifest["analysis_day"])
        if history.last_day > self._tables.last_day:
            today = max(today, history.last_day + 1)
        return (
            np.array([today - int(history.day.max())]),
            np.array([count_orders(history)]),
            np.array([int(history.amount.sum())]),
        )

    @cached_property
    def _rfm_model(self) -> RfmModel:
        return RfmModel.from_arrays(self._tables.bundle.arrays("rfm_model"), self._tables.bundle.json("rfm_model"))

    @cached_property
    def _cluster_assigner(self) -> ClusterAssigner:
        from smart_retail.segmentation.cluster_assigner import ClusterAssigner  # for those who bought since the fit

        return ClusterAssigner.from_arrays(
            self._tables.bundle.arrays("cluster_assigner"), self._tables.bundle.json("cluster_assigner")
        )


_PurchaseRow = tuple[int, int, int, int, int]
"""Order, item, day, quantity, amount."""


def _apply_events(before: PurchaseHistory, events: Sequence[Event], codes: NDArray[np.int32]) -> PurchaseHistory:
    """The purchases before with the events after them; returns consume the latest purchases of the item."""
    orders: dict[str, int] = {}
    first = int(before.order.max()) + 1 if len(before) else 0
    rows = list(
        zip(*(getattr(before, c).tolist() for c in ("order", "item", "day", "quantity", "amount")), strict=True)
    )
    last_day = before.last_day
    for event, code in zip(events, codes.tolist(), strict=True):
        day = parse_day(event.timestamp[:10])
        if code < 0:
            continue  # an item that the bundle does not know waits for the next fit
        if event.quantity > 0:
            number = orders.setdefault(event.order_id, first + len(orders))
            rows.append((number, code, day, event.quantity, event.amount))
            last_day = max(last_day, day)
        else:
            rows = _subtract_return(rows, code, -event.quantity)
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    order, item, days = (np.array(column, dtype=np.int32) for column in columns[:3])
    quantity, amount = (np.array(column, dtype=np.int64) for column in columns[3:])
    return replace(
        before,
        customer=np.zeros(len(rows), np.int32),
        order=order,
        item=item,
        day=days,
        quantity=quantity,
        amount=amount,
        last_day=last_day,
    )


def _subtract_return(rows: list[_PurchaseRow], item: int, quantity: int) -> list[_PurchaseRow]:
    """Rows without `quantity` (millionths) of the item, the latest purchases first, amounts pro rata."""
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
