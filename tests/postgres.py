"""A schema of PostgreSQL for one test, in the database whose URL `SMART_RETAIL_TEST_POSTGRES` is."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NAMED_BY = "SMART_RETAIL_TEST_POSTGRES"


@contextmanager
def schema() -> Iterator[str]:
    """The URL of an empty schema, which goes at the end; skips the test where there is no database."""
    sa = pytest.importorskip("sqlalchemy", reason="the extra postgres is not installed")
    if NAMED_BY not in os.environ:
        pytest.skip(f"no PostgreSQL database is named by {NAMED_BY}")
    from smart_retail.events.sql_store import postgres_url

    url = postgres_url(os.environ[NAMED_BY], NAMED_BY)
    name, engine = f"trial_{secrets.token_hex(6)}", sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    yield sa.make_url(url).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(False)
    forget_pools()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def forget_pools() -> None:
    """Close the connections to every database of events."""
    from smart_retail.events import sql_store

    gc.collect()  # views of ended tests give their connections back
    for pool in sql_store._POOLS.values():
        pool.dispose()
    sql_store._POOLS.clear()
