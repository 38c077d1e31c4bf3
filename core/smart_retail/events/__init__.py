"""What happened since the last fit: purchases, returns and erasures.

In: events of the shop, each with an id of its own. Out: the same events, acknowledged only when they are durable,
each counted once however often it was sent. Erased customers leave a salted hash behind, so that they can be kept
out without being known. SQLite beside the bundle keeps them; several hosts share a PostgreSQL database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from smart_retail.errors import MissingExtraError
from smart_retail.events.event import MAX_TEXT_LENGTH, MAX_VALUE, Event
from smart_retail.events.live_events import RecentEvents
from smart_retail.events.sqlite_store import SqliteEventStore
from smart_retail.events.store import EventStore

__all__ = [
    "MAX_TEXT_LENGTH",
    "MAX_VALUE",
    "URL_VARIABLE",
    "Event",
    "EventStore",
    "RecentEvents",
    "SqliteEventStore",
    "open_events",
]

URL_VARIABLE: Final = "SMART_RETAIL_EVENTS_URL"


def open_events(artifacts: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> EventStore:
    """Where the events of an artifacts folder are kept: beside it, or in the database that the environment names.

    Raises
    ------
    SettingsError
        ``SMART_RETAIL_EVENTS_URL`` is no URL of a PostgreSQL database.
    MissingExtraError
        The extra ``postgres`` is not installed.
    """
    url = (os.environ if environ is None else environ).get(URL_VARIABLE, "")
    if not url:
        return SqliteEventStore(artifacts)
    try:
        from smart_retail.events.sql_store import SqlEventStore, postgres_url
    except ImportError as error:
        raise MissingExtraError(
            "Events in a database need the extra postgres, which is not installed.",
            'Install it with: pip install "smart-retail-engine[postgres]"',
        ) from error
    return SqlEventStore(postgres_url(url, URL_VARIABLE))
