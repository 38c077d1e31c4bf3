"""Sources other than one file: folders, patterns, the standard input, databases."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.core.data import shop_exports as exports

from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError, RetailError, UsageError
from smart_retail_cli.main import cli

ORDERS = exports.make_orders(60)
EXPECTED = exports.totals(ORDERS, exports.STATUSES)
HALVES = (ORDERS[:30], ORDERS[30:])
QUERY = "select customer, sku, order_date, order_no, quantity, amount from lines"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the orders in two files, and a file that is not read."""
    for n, orders in enumerate(HALVES):
        exports.write_erp(tmp_path / f"part{n}.csv", orders)
    (tmp_path / "notes.md").write_text("not orders")
    return tmp_path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop é.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table lines (customer, sku, order_date, order_no, quantity, amount)")
        connection.executemany(
            "insert into lines values (?, ?, ?, ?, ?, ?)",
            [(o.email, i.item, o.time.isoformat(" "), o.number, i.quantity, float(i.quantity * i.price))
             for o in ORDERS for i in o.lines],
        )  # fmt: skip
    connection.close()
    return path


def check(source: str | Path, reading: ReadOptions = ReadOptions()) -> None:  # noqa: B008
    with prepare([source], reading=reading) as dataset:
        report = dataset.report
        assert (report.rows_accepted, report.customers, report.orders) == (
            EXPECTED.rows, EXPECTED.customers, EXPECTED.orders,
        )  # fmt: skip
        assert report.amount == pytest.approx(float(EXPECTED.amount))


def test_the_files_of_a_folder_are_one_history(folder: Path) -> None:
    check(folder)


def test_the_files_that_match_a_pattern_are_one_history(folder: Path) -> None:
    check(str(folder / "part*.csv"))
    with pytest.raises(DataError, match=r"No file matches .*\.xlsx"):
        prepare([str(folder / "*.xlsx")])


def test_the_standard_input_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = exports.write_erp(tmp_path / "orders.csv", ORDERS).read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    check("-")
    with pytest.raises(UsageError, match="named twice"):
        prepare(["-", "-"])


def test_a_query_on_a_database_is_read_and_the_database_is_not_changed(database: Path) -> None:
    pytest.importorskip("sqlalchemy")
    before = database.read_bytes()
    check(f"sqlite:///{database}", ReadOptions(query=f"{QUERY};"))
    check(f"sqlite:///{database}", ReadOptions(query=f"with all_lines as ({QUERY}) select * from all_lines"))
    with pytest.raises(DataError, match="readonly"):
        prepare([f"sqlite:///{database}"], reading=ReadOptions(query="with x as (select 1) delete from lines"))
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "message"), [("", "needs a query"), ("drop table lines", "does not begin with SELECT")]
)
def test_a_database_needs_a_query_that_reads(query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(["sqlite:///missing.db"], reading=ReadOptions(query=query))


@pytest.mark.parametrize(
    "url", ["postgresql://shop:s3cret@127.0.0.1:1/orders", "mysql+pymysql://shop:s3cret@127.0.0.1:1/orders"]
)
def test_no_message_contains_the_password(url: str) -> None:
    pytest.importorskip("sqlalchemy")
    with pytest.raises(RetailError) as caught:
        prepare([url], reading=ReadOptions(query="select 1"))
    assert "s3cret" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
    assert "database orders" in caught.value.message


def test_a_query_on_postgresql_is_read_only(postgres: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table lines (customer text, sku text, order_date timestamptz, order_no int, quantity int, "
            "amount numeric)"
        )
        rows = [(o.email, i.item, o.time, o.number, i.quantity, i.quantity * i.price) for o in ORDERS for i in o.lines]
        connection.exec_driver_sql("insert into lines values (%s, %s, %s, %s, %s, %s)", rows)
    check(postgres, ReadOptions(query=QUERY))
    with engine.begin() as connection:
        connection.exec_driver_sql("create sequence numbers")
    with pytest.raises(DataError, match="read-only transaction"):
        prepare([postgres], reading=ReadOptions(query="select nextval('numbers')"))


def test_the_program_reads_databases_and_patterns(database: Path, folder: Path) -> None:
    pytest.importorskip("sqlalchemy")
    result = CliRunner().invoke(cli, ["fit", f"sqlite:///{database}", "--query", QUERY, "--dry-run"])
    assert result.exit_code == 0, result.stderr
    assert f"{EXPECTED.customers} customers" in result.stdout
    result = CliRunner().invoke(cli, ["fit", str(folder / "part*.csv"), "--dry-run"])
    assert result.exit_code == 0, result.stderr
    assert CliRunner().invoke(cli, ["fit", f"sqlite:///{database}", "--dry-run"]).exit_code == 2
