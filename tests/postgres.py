"""A temporary PostgreSQL schema for one test, in the database given by `SMART_RETAIL_TEST_POSTGRES`."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

URL_VARIABLE = "SMART_RETAIL_TEST_POSTGRES"


@contextmanager
def schema() -> Iterator[str]:
    """Create an empty schema and yield its URL; drop it at the end. Skip the test if no database is configured."""
    sa = pytest.importorskip("sqlalchemy", reason="the extra postgres is not installed")
    if URL_VARIABLE not in os.environ:
        pytest.skip(f"{URL_VARIABLE} does not name a PostgreSQL database")
    from smart_retail.events.sql_store import postgres_url

    url = postgres_url(os.environ[URL_VARIABLE], URL_VARIABLE)
    name, engine = f"test_{secrets.token_hex(6)}", sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    yield sa.make_url(url).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(False)
    close_pools()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def close_pools() -> None:
    """Close all connection pools of event databases."""
    from smart_retail.events import sql_store

    gc.collect()  # release connections of readers from finished tests
    sql_store.close_pools()
