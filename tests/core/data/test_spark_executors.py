"""Functions of this package run on the executors of a cluster; lists of all customers equal those of one machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pytest
from msgspec.structs import replace
from tests import shop
from tests.compare_bundles import arrays, version_folder
from tests.fitted_shop import SETTINGS
from tests.spark_cluster import NO_PYTHON, SparkCluster, required_cluster, session

from smart_retail.data.backends.executors import CustomerLines
from smart_retail.errors import SparkError
from smart_retail.progress import Silent
from smart_retail.results import FitReport
from smart_retail.version import __version__

pytest.importorskip("pyspark.sql", reason="the extra spark is not installed")

from smart_retail.data.backends import spark_executors
from smart_retail.data.backends.spark_executors import SparkExecutors, open_executors, split_customers

FILTERS = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SPARK_SETTINGS = replace(SETTINGS, data=replace(SETTINGS.data, backend="spark"))
ON_CLUSTER = [pytest.mark.slow, pytest.mark.timeout(3600), *FILTERS]
COLUMNS = ("customer_id", "order_id", "item_id", "day", "kept_quantity", "kept_amount")
MODULE = "smart_retail.training.outputs.executor_lists"
INSTALL = (
    f"Install Python {sys.version_info[0]}.{sys.version_info[1]} on the executors, and there: "
    f"pip install smart-retail-engine=={__version__} pyarrow"
)
LINES = {2: [5, 6, 6], 3: [1], 7: [9, 9]}
"""Order codes of the lines of some of ten customers."""


def sorted_rows() -> dict[str, np.ndarray]:
    """Rows of ten customers: each has one with the order code -1 before its lines."""
    rows = [(customer, order) for customer in range(10) for order in (-1, *LINES.get(customer, ()))]
    return {"customer_id": np.array([c for c, _ in rows]), "order_id": np.array([o for _, o in rows])}


@pytest.mark.parametrize("size", [1, 3, 4, 10, 50])
@pytest.mark.parametrize("batch", [1, 2, 7, 100])
def test_rows_are_split_into_blocks_of_customers(size: int, batch: int) -> None:
    rows = sorted_rows()
    batches = ({n: v[i : i + batch] for n, v in rows.items()} for i in range(0, len(rows["order_id"]), batch))
    blocks = list(split_customers(batches, size))
    assert [(b.first, b.n_customers) for b in blocks] == [(i, min(size, 10 - i)) for i in range(0, 10, size)]
    found = {
        customer: block.columns["order_id"][block.columns["customer_id"] == customer].tolist()
        for block in blocks
        for customer in range(block.first, block.first + block.n_customers)
    }
    assert {customer: orders for customer, orders in found.items() if orders} == LINES


def test_no_rows_give_no_block() -> None:
    assert list(split_customers(iter([]), 5)) == []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with required_cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@contextmanager
def spark_session(cluster: SparkCluster, python: str, search_path: str = "") -> Iterator[Any]:
    settings = {"spark.executorEnv.PYTHONPATH": search_path, "spark.sql.shuffle.partitions": "1"}  # the data is small
    made = session(cluster, python, settings)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def spark(cluster: SparkCluster) -> Iterator[Any]:
    """A session whose executors have the interpreter and the packages of the tests."""
    with spark_session(cluster, sys.executable, os.pathsep.join(filter(None, sys.path))) as made:
        yield made


def equal(first: np.ndarray, second: np.ndarray) -> bool:
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def describe_block(factor: int, lines: CustomerLines) -> bytes:
    """A function for the executors: customers and sum of the items of a block."""
    return f"{lines.first} {lines.n_customers} {factor * lines.columns['item_id'].sum()}".encode()


def fail(_: Any, lines: CustomerLines) -> bytes:
    raise ValueError(f"customer {lines.first} is not welcome")


def sleep_after_first(_: Any, lines: CustomerLines) -> bytes:
    if lines.first:
        time.sleep(3600)
    return b""


def lines_of(spark: Any, n_customers: int) -> Any:
    """Three lines for every second customer, with the customer's code as item."""
    rows = [(i, 2 * i + k, i, 0, 1_000_000, 5) for i in range(0, n_customers, 2) for k in range(3)]
    return nw.from_native(spark.createDataFrame(rows, list(COLUMNS)))


class TestOnACluster:
    pytestmark = ON_CLUSTER

    # The sessions of these tests end before the session of all other tests is opened: a process has one at a time.
    def test_executors_without_python_are_reported(self, cluster: SparkCluster) -> None:
        with (
            spark_session(cluster, NO_PYTHON) as made,
            pytest.raises(SparkError, match=f"cannot run Python: .*{NO_PYTHON}") as raised,
        ):
            open_executors(made, ["numpy"])
        assert raised.value.hint == INSTALL

    def test_executors_without_the_package_are_reported(self, cluster: SparkCluster, tmp_path: Path) -> None:
        bare = tmp_path / "python"
        bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # without installed packages
        bare.chmod(0o755)
        with (
            spark_session(cluster, str(bare)) as made,
            pytest.raises(SparkError, match=r"the package smart-retail-engine is not installed there\.$") as raised,
        ):
            open_executors(made, ["numpy"])
        assert raised.value.hint == INSTALL

    def test_a_package_that_is_missing_is_named(self, spark: Any) -> None:
        assert isinstance(open_executors(spark, ["pyarrow", MODULE]), SparkExecutors)
        with pytest.raises(SparkError, match=r"the package abacus is not installed there\.$"):
            open_executors(spark, ["abacus"])

    def test_every_customer_is_in_one_block_in_order(self, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark_executors, "PARTITION_CUSTOMERS", 20)
        monkeypatch.setattr(spark_executors, "BLOCK_CUSTOMERS", 8)
        results = list(SparkExecutors(spark).map_customers(lines_of(spark, 100), 100, describe_block, 10))
        assert [i for customers, _ in results for i in customers] == list(range(100))
        assert len(results) > 100 // 20
        for customers, result in results:
            expected = 10 * 3 * sum(i for i in customers if i % 2 == 0)
            assert result.decode() == f"{customers.start} {len(customers)} {expected}"

    def test_an_error_on_an_executor_is_one_sentence(self, spark: Any) -> None:
        with pytest.raises(SparkError, match=r"could not compute .*: customer 0 is not welcome\.$") as raised:
            list(SparkExecutors(spark).map_customers(lines_of(spark, 10), 10, fail, None))
        assert raised.value.hint
        assert list(SparkExecutors(spark).map_customers(lines_of(spark, 4), 4, describe_block, 1))

    def test_jobs_end_when_their_results_are_not_wanted(self, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark_executors, "PARTITION_CUSTOMERS", 10)
        results = SparkExecutors(spark).map_customers(lines_of(spark, 100), 100, sleep_after_first, None)
        assert next(results)[0].start == 0
        results.close()  # waits for the jobs, which sleep for an hour unless they are cancelled
        assert list(spark.sparkContext.statusTracker().getActiveJobsIds()) == []


class KillExecutor(Silent):
    """Kills an executor when the first lists of customers have arrived."""

    def __init__(self, cluster: SparkCluster) -> None:
        self.cluster = cluster
        self.killed: list[int] = []
        self.ranks = False

    def stage(self, name: str, done: float) -> None:
        self.ranks = "recommendations of all customers" in name

    def update(self, done: float) -> None:
        if self.ranks and not self.killed:
            self.killed.append(self.cluster.kill_executor())


class TestListsOfAllCustomers:
    pytestmark = ON_CLUSTER

    def test_a_killed_executor_changes_no_list_and_no_other_table(
        self,
        spark: Any,
        cluster: SparkCluster,
        fitted: tuple[Path, FitReport],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from smart_retail.training.fit import fit

        monkeypatch.setattr(spark_executors, "PARTITION_CUSTOMERS", 30)
        monkeypatch.setattr(spark_executors, "BLOCK_CUSTOMERS", 16)
        killer = KillExecutor(cluster)
        orders = shop.write(tmp_path / "orders.csv")
        report = fit(orders, artifacts=tmp_path / "spark", settings=SPARK_SETTINGS, progress=killer)
        assert killer.killed
        assert report.notes == fitted[1].notes
        expected, found = arrays(version_folder(fitted[0])), arrays(version_folder(tmp_path / "spark"))
        assert found.keys() == expected.keys()
        assert [name for name in expected if not equal(found[name], expected[name])] == []
