"""Read the result of a query on a database as a text file: PostgreSQL, SQLite and MySQL through SQLAlchemy.

The connection is read only where the database offers it, and rows are fetched in chunks. Messages and notes name the
database without user and password.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

from smart_retail.data.files.delimited_text import TextFile, check_headers
from smart_retail.errors import DataError, MissingExtraError, UsageError

PASSWORD_VARIABLE: Final = "SMART_RETAIL_DATABASE_PASSWORD"  # noqa: S105  # the name of a variable
"""Environment variable with the password of a database, for URLs without one."""
CHUNK_ROWS: Final = 10_000
_URL: Final = re.compile(r"^(postgresql|postgres|sqlite|mysql|mariadb)(\+\w+)?://", re.IGNORECASE)
_NUMBERS: Final = count()


def is_database_url(text: object) -> bool:
    """Whether a source is the URL of a database."""
    return isinstance(text, str) and _URL.match(text) is not None


def check_query(query: str) -> None:
    """Raise `UsageError` if a text is not a query that reads."""
    if not query.strip():
        raise UsageError(
            "A database needs a query.",
            'For example: --query "select * from order_lines", or the name of a view in it.',
        )
    if not re.match(r"\s*\(?\s*(select|with|table|values)\b", query, re.IGNORECASE):
        raise UsageError("The query does not begin with SELECT or WITH.", "Only queries that read are run.")


def read_query(url: str, query: str, folder: Path) -> TextFile:
    """Write the result of a query as a text file.

    Parameters
    ----------
    url : str
        ``postgresql://``, ``sqlite://`` or ``mysql://``; a missing password is taken from the environment.
    query : str
    folder : Path
        For temporary files.

    Raises
    ------
    UsageError
        The URL or the query is not valid.
    MissingExtraError
        SQLAlchemy or the driver is not installed.
    DataError
        The database cannot be reached, or the query fails.
    """
    check_query(query)
    try:
        import sqlalchemy as sa
    except ImportError as error:
        raise MissingExtraError(
            "Reading a database needs SQLAlchemy.", "pip install 'smart-retail-engine[postgres]'"
        ) from error
    target = folder / f"query-{next(_NUMBERS)}.csv"
    parsed = _parse_url(url, sa)
    database = (parsed.database or "").removeprefix("file:")
    name = f"{parsed.get_backend_name()} database {Path(database).name}".strip()
    try:
        engine = sa.create_engine(parsed, poolclass=sa.pool.NullPool, hide_parameters=True)
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        raise MissingExtraError(
            f"The driver of {name} is not installed.", "pip install 'smart-retail-engine[postgres]', or the driver."
        ) from error
    options: dict[str, Any] = {"stream_results": True, "yield_per": CHUNK_ROWS}
    if parsed.get_backend_name() == "postgresql":
        options["postgresql_readonly"] = True
    try:
        with engine.connect().execution_options(**options) as connection:
            if parsed.get_backend_name() in ("mysql", "mariadb"):
                connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
                connection.commit()
            header = _write(connection.exec_driver_sql(query.rstrip().rstrip(";")), target, name)
    except sa.exc.SQLAlchemyError as error:
        raise DataError(
            f"The query on {name} failed: {_reason(error, parsed)}.", "Check the URL and the query."
        ) from None
    finally:
        engine.dispose()
    return TextFile(target, name, ",", header, 1, "\n")


def _parse_url(url: str, sa: Any) -> Any:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UsageError(
            "The URL of the database is not valid.", "For example: postgresql://user@host/shop or sqlite:///shop.db"
        ) from None
    if parsed.get_backend_name() in ("postgresql", "postgres") and "+" not in parsed.drivername:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        if not path.is_file():
            raise DataError(f"There is no SQLite database {path}.", "Check the path: sqlite:///folder/shop.db")
        return parsed.set(database=f"file:{path.resolve()}").update_query_dict({"mode": "ro", "uri": "true"})
    password = os.environ.get(PASSWORD_VARIABLE)
    return parsed.set(password=password) if password and not parsed.password else parsed


def _write(result: Any, target: Path, name: str) -> tuple[str, ...]:
    header = tuple(str(key) for key in result.keys())  # noqa: SIM118  # not a dict
    check_headers(header, name)
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        out.write("header\n")
        for rows in result.partitions(CHUNK_ROWS):
            writer.writerows([_text(value) for value in row] for row in rows)
    return header


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).replace("\0", "\ufffd")


def _reason(error: Exception, url: Any) -> str:
    """Return the first line of an error of the database, without the password."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or ["unknown error"]
    text = lines[0][:200].rstrip(".")
    return text.replace(url.password, "***") if url.password else text
