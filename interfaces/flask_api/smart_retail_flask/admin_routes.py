"""Routes that change data: add events, add or change items, erase a customer.

All need a key of the role admin and a local bundle, since events and items are stored in its folder.
"""

from __future__ import annotations

from typing import Any

from flask import current_app

from smart_retail.bundle.erasure import erase
from smart_retail.errors import DataError, NeedsLocalEngineError
from smart_retail.events import Event, open_events
from smart_retail.protocol import LocalEngine, is_local
from smart_retail.results import Result
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.item_updates import changes_from_dicts
from smart_retail.serving.item_updates import put_items as store_items
from smart_retail_flask.request_models import CustomerPath, EraseBody, EventsBody, ItemsBody
from smart_retail_flask.routes import engine


class EventsAccepted(Result, frozen=True):
    """The events are stored on disk."""

    received: int
    """Events in the request, 1 to 256."""
    new: int
    """Events that were stored: those not sent before, except events of erased customers."""


class Receipt(Result, frozen=True):
    """Receipt of an erasure; it does not contain the customer's id."""

    receipt: str
    """Number of the receipt."""
    erased_on: str
    """Date of the erasure, UTC."""
    events: int
    """Erased events, 0 or more."""
    purchase_rows: int
    """Erased rows of the purchase history, 0 or more."""
    versions: tuple[str, ...]
    """Versions that remain."""
    deleted_versions: tuple[str, ...] = ()
    """Versions that were deleted: rewritten and older ones, and a damaged previous one."""


def add_events(body: EventsBody) -> Any:
    """Send purchases and returns

    The response is sent when the events are on disk. Send a request again if there was no response: each `event_id`
    counts once. The customer's next response reflects them, in every worker. Needs a key of the role admin.
    """
    events = []
    for index, event in enumerate(body.events):
        try:
            events.append(Event.from_dict(event.model_dump(exclude_none=True)))
        except DataError as error:
            raise DataError(f"events.{index}: {error.message}", error.hint) from None
    current = local_engine()
    new = open_events(current.artifacts).add(events, above=current.bundle.manifest["events_through"])
    return EventsAccepted(len(events), new)


def put_items(body: ItemsBody) -> Any:
    """Add items, or change price, stock and texts of items

    The response is sent when the items are on disk. A new item is found, has a page and is recommended by its content
    without a fit, in every worker within about a second; the next fit includes it. What a request leaves out stays as
    it is. Of an item with purchases, name and category stay as in the orders. Needs a key of the role admin.
    """
    current = local_engine()
    changes = changes_from_dicts([item.model_dump(exclude_none=True) for item in body.items])
    accepted = store_items(current.artifacts, changes)
    _refresh()
    return accepted


def erase_customer(path: CustomerPath) -> Any:
    """Erase a customer

    Removes the customer from events, versions and their exports, and excludes the id from later fits and events,
    also if it is unknown. Other workers follow within about a second. Needs a key of the role admin.
    """
    return _erase(path.customer_id)


def erase_by_body(body: EraseBody) -> Any:
    """Erase a customer whose id cannot be put into a URL

    Same as `DELETE /v1/customers/{customer_id}`.
    """
    return _erase(body.customer_id)


def _erase(customer_id: str) -> Receipt:
    receipt = Receipt.from_dict(erase(local_engine().artifacts, customer_id))
    _refresh()
    return receipt


def _refresh() -> None:
    """Let this worker follow a change of the folder now; the others follow within about a second."""
    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    holder.refresh()


def local_engine() -> LocalEngine:
    """Return the engine of the request; `NeedsLocalEngineError` if its bundle is not open in this process."""
    current = engine()
    if not is_local(current):
        raise NeedsLocalEngineError(
            "This API has no local bundle.", "Send the request to the API that serves the bundle."
        )
    return current
