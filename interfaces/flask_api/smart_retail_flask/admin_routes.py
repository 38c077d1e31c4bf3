"""The routes that change what the shop knows: purchases and returns come in, a customer is forgotten.

Both need an admin key and an engine over a bundle of this machine, beside which events are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app

from smart_retail.bundle.erasure import erase
from smart_retail.errors import DataError, NeedsLocalEngineError
from smart_retail.events import Event, open_events
from smart_retail.results import Result
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.request_models import CustomerPath, EraseBody, EventsBody
from smart_retail_flask.routes import engine


class EventsTaken(Result, frozen=True):
    """The events are on the disk."""

    received: int
    new: int
    """Those that had not been sent before, and are not of an erased customer."""


class Receipt(Result, frozen=True):
    """A customer was erased. It names nobody."""

    receipt: str
    """Its number."""
    erased_on: str
    """Day, in UTC."""
    events: int
    """How many events went."""
    purchase_rows: int
    """How many rows of the fitted history went."""
    versions: tuple[str, ...]
    """The versions that are left."""


def add_events(body: EventsBody) -> Any:
    """Send purchases and returns

    Answered when they are on the disk. Send again what was not answered: an `event_id` counts once. The
    customer's next answer reflects them, in every worker. Needs an admin key.
    """
    found = []
    for place, event in enumerate(body.events):
        try:
            found.append(Event.from_dict(event.model_dump(exclude_none=True)))
        except DataError as error:
            raise DataError(f"events.{place}: {error.message}", error.hint) from None
    return EventsTaken(len(found), open_events(_artifacts()).add(found))


def erase_customer(path: CustomerPath) -> Any:
    """Forget a customer

    Removes them from events, versions and their exports, and keeps them out of later fits and events. Other
    workers follow within about a second. An id that nobody has is kept out too. Needs an admin key.
    """
    return _erase(path.customer_id)


def erase_by_body(body: EraseBody) -> Any:
    """Forget a customer whose id no path can carry

    As `DELETE /v1/customers/{customer_id}`.
    """
    return _erase(body.customer_id)


def _erase(customer_id: str) -> Receipt:
    receipt = Receipt.from_dict(erase(_artifacts(), customer_id))
    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    holder.refresh()
    return receipt


def _artifacts() -> Path:
    folder = getattr(engine(), "artifacts", None)
    if folder is None:
        raise NeedsLocalEngineError(
            "This API answers without a bundle of its own.", "Ask the API that serves the bundle."
        )
    return Path(folder)
