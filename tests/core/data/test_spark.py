"""Spark gives the same results as DuckDB, on a cluster of two workers and also if one of its executors is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from tests.spark_cluster import NO_PYTHON, SparkCluster, required_cluster, session

from smart_retail.errors import DataError

from .dataset_contents import ORDERS, contents, typed_orders

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A cluster for all tests; skipped without Java."""
    with required_cluster(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="module")
def spark(cluster: SparkCluster) -> Iterator[Any]:
    """One session for all tests."""
    made = session(cluster)
    yield made
    made.stop()


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def test_the_work_runs_in_two_executors_without_python(spark: Any, cluster: SparkCluster) -> None:
    assert spark.sparkContext.master == cluster.url
    assert len(cluster.executors()) == 2
    with pytest.raises(Exception, match=NO_PYTHON):
        spark.sparkContext.parallelize([1]).map(str).collect()


def test_spark_reads_a_file_with_the_same_results(spark: Any, orders: Path) -> None:
    assert contents([orders], "spark") == contents([orders])


def test_spark_reads_its_own_frames_and_tables(spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    typed_orders().write_parquet(path)
    expected = contents([path])
    frame = spark.read.parquet(str(path))
    frame.createOrReplaceTempView("orders_view")
    assert contents([frame], "spark") == expected
    assert contents([frame]) == expected, "a Spark frame stays on Spark"
    assert contents(["orders_view"], "spark") == expected
    with pytest.raises(DataError, match="no file, address or table"):
        contents(["nowhere"], "spark")


def test_frames_of_the_driver_need_no_folder_that_executors_share(spark: Any, tmp_path: Path) -> None:
    from smart_retail.data.backends import spark_backend  # needs PySpark

    frame = typed_orders().with_row_index("line").with_columns(pl.col("item_id").cast(pl.Categorical).alias("kind"))
    backend = spark_backend.Spark(tmp_path, 1)
    sent = nw.to_native(backend.from_dataframe(frame))
    assert not sent.inputFiles(), "the executors would read a file of this process"
    (read,) = tmp_path.glob("*.parquet")
    expected = nw.to_native(backend.read_parquet(read))
    assert sent.columns == expected.columns
    assert pl.from_arrow(sent.sort("line").toArrow()).equals(pl.from_arrow(expected.sort("line").toArrow()))


@pytest.mark.real_data
def test_spark_reads_real_exports_with_the_same_results(spark: Any, real_data: Path) -> None:
    for name in ("global_superstore.xlsx", "messy/superstore_semicolon_decimal_comma_cp1252.csv"):
        assert contents([real_data / name], "spark") == contents([real_data / name])


@pytest.mark.parametrize("job", [1, 12])
def test_a_killed_executor_changes_no_result(spark: Any, cluster: SparkCluster, tmp_path: Path, job: int) -> None:
    path = tmp_path / "orders.parquet"
    pl.concat([typed_orders()] * 50).with_row_index("line").write_parquet(path)
    expected = contents([path])
    tracker, ended, killed = spark.sparkContext.statusTracker(), threading.Event(), []
    first = spark.sparkContext._jsc.sc().dagScheduler().nextJobId()

    def kill() -> None:
        """Kill an executor during the job of this number, or a later one."""
        while not ended.wait(0.01):
            if any(number >= first + job for number in tracker.getActiveJobsIds()):
                killed.append(cluster.kill_executor())
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert contents([path], "spark") == expected
    finally:
        ended.set()
        thread.join()
    assert killed
