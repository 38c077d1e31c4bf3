"""Events since the last fit: purchases, returns and erasures.

Each event has an id. It is acknowledged once it is durable, and counted once however often it is sent. Erased customers
are stored as salted hashes, so that later data of them can be excluded without storing their ids. Events are stored in
SQLite in the artifacts folder, or in a PostgreSQL database that several hosts share.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from smart_retail.errors import MissingExtraError
from smart_retail.events.empty_store import EmptyEventStore
from smart_retail.events.event import MAX_TEXT_LENGTH, MAX_VALUE, Event
from smart_retail.events.live_events import RecentEvents
from smart_retail.events.sqlite_store import SqliteEventStore
from smart_retail.events.store import EventStore
from smart_retail.utils.artifacts_location import resolve_folder, store_url

__all__ = [
    "MAX_TEXT_LENGTH",
    "MAX_VALUE",
    "URL_VARIABLE",
    "EmptyEventStore",
    "Event",
    "EventStore",
    "RecentEvents",
    "SqliteEventStore",
    "open_events",
]

URL_VARIABLE: Final = "SMART_RETAIL_EVENTS_URL"


def open_events(artifacts: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> EventStore:
    """Open the event store of an artifacts folder: SQLite in the folder, or the database that the environment names.

    Without a database, artifacts in a remote store have no events.

    Raises
    ------
    SettingsError
        ``SMART_RETAIL_EVENTS_URL`` is not a valid URL of a PostgreSQL database.
    MissingExtraError
        The extra ``postgres`` is not installed.
    """
    url = (os.environ if environ is None else environ).get(URL_VARIABLE, "")
    if not url:
        folder = resolve_folder(artifacts)
        return SqliteEventStore(folder) if store_url(folder) is None else EmptyEventStore(folder)
    try:
        from smart_retail.events.sql_store import SqlEventStore, postgres_url
    except ImportError as error:
        raise MissingExtraError(
            "Events in a database need the extra postgres, which is not installed.",
            'Install it with: pip install "smart-retail-engine[postgres]"',
        ) from error
    return SqlEventStore(postgres_url(url, URL_VARIABLE), resolve_folder(artifacts))
