"""Run functions of this package on the executors of a Spark cluster, one block of customers at a time.

The lines of customers are exchanged once, so that each partition has a range of customers; a partition is computed by
a job of its own. A few jobs run at a time, and the driver receives their results in order: neither the driver nor the
cluster ever holds all of them. An executor needs Python with this package and PyArrow.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from smart_retail.data import columns as c
from smart_retail.data.backends.executors import CustomerLines
from smart_retail.data.backends.spark_session import SPARK_ERRORS, root_cause
from smart_retail.errors import SparkError
from smart_retail.version import __version__

BLOCK_CUSTOMERS: Final = 512
"""Customers that one call of a function receives."""
PARTITION_CUSTOMERS: Final = 2 * BLOCK_CUSTOMERS
"""Approximate number of customers of one job."""
MAX_JOBS: Final = 64
"""Jobs that run at a time on a large cluster; bounds the results that wait in the driver."""
_NO_ORDER: Final = -1
"""Order code of a row that stands for a customer, so that customers without lines are in a partition, too."""
_MAX_CHECKS: Final = 256
"""Tasks that look for the package; more than the executors of most clusters."""
_INSTALL: Final = "Install Python {}.{} on the executors, and there: pip install smart-retail-engine=={} pyarrow"


class SparkExecutors:
    """The `Executors` of a Spark session."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def map_customers(
        self,
        lines: nw.LazyFrame[Any],
        n_customers: int,
        function: Callable[[Any, CustomerLines], bytes],
        shared: Any,
    ) -> Generator[tuple[range, bytes], None, None]:
        rows = _by_customer_range(nw.to_native(lines), n_customers)
        context = self._session.sparkContext
        broadcast = context.broadcast(shared)
        results = rows.mapInArrow(_partition_function(function, broadcast), "first int, customers int, result binary")
        try:
            with closing(_rows_by_partition(results)) as found:  # ends the jobs before the broadcast is removed
                for first, customers, result in found:
                    yield range(first, first + customers), bytes(result)
        except SPARK_ERRORS as error:
            raise SparkError(
                f"The Spark cluster could not compute the lists of customers: {root_cause(error)}",
                "See the logs of the executors. Without this package there, the driver computes the lists.",
            ) from error
        finally:
            broadcast.destroy()


def open_executors(session: SparkSession, modules: Sequence[str]) -> SparkExecutors | None:
    """Return the executors of the session's cluster; None if Spark runs in this process.

    Parameters
    ----------
    session : SparkSession
    modules : sequence of str
        Modules that the executors must be able to import.

    Raises
    ------
    SparkError
        The executors cannot run functions of this package.
    """
    context = session.sparkContext
    if str(context.master).startswith("local"):
        return None
    tasks = min(2 * context.defaultParallelism, _MAX_CHECKS)
    check = _check_function(modules, __version__)
    hint = _INSTALL.format(*sys.version_info[:2], __version__)
    try:
        problems = context.parallelize(range(tasks), tasks).mapPartitions(check).collect()
    except SPARK_ERRORS as error:
        raise SparkError(f"The executors of the Spark cluster cannot run Python: {root_cause(error)}", hint) from error
    if problems:
        raise SparkError(f"The executors of the Spark cluster cannot rank customers: {min(problems)}.", hint)
    return SparkExecutors(session)


def _check_function(modules: Sequence[str], version: str) -> Callable[[Iterable[int]], Iterable[str]]:
    """Return a function that yields what an executor lacks; it is sent as code and runs without this package."""

    def check(_: Iterable[int]) -> Iterable[str]:
        from importlib import import_module

        try:
            found = import_module("smart_retail.version").__version__
        except ImportError:
            return ["the package smart-retail-engine is not installed there"]
        if found != version:
            return [f"they have version {found} of smart-retail-engine, not {version}"]
        for name in modules:
            try:
                import_module(name)
            except ImportError as error:
                return [f"the package {error.name or name} is not installed there"]
        return ()

    return check


def _by_customer_range(lines: DataFrame, n_customers: int) -> DataFrame:
    """Return the lines, and one row for each customer before its lines, in partitions by range of customers."""
    kinds = dict.fromkeys(lines.columns, "int")
    kinds |= {name: "bigint" for name in lines.columns if name not in (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)}
    rows = lines.select([f.col(name).cast(kind).alias(name) for name, kind in kinds.items()])
    customer = lines.sparkSession.range(n_customers)
    markers = {name: f.lit(0) for name in kinds} | {c.CUSTOMER_ID: f.col("id"), c.ORDER_ID: f.lit(_NO_ORDER)}
    every = customer.select([markers[name].cast(kind).alias(name) for name, kind in kinds.items()])
    parts = max(-(-n_customers // PARTITION_CUSTOMERS), 1)
    together = rows.unionByName(every).repartitionByRange(parts, c.CUSTOMER_ID)
    return together.sortWithinPartitions(c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID)


def _partition_function(
    function: Callable[[Any, CustomerLines], bytes], broadcast: Any
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return the function of a partition: batches of sorted rows in, batches of one result each out."""

    def compute(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        tables = ({name: batch.column(name).to_numpy() for name in batch.schema.names} for batch in batches)
        for lines in split_customers(tables, BLOCK_CUSTOMERS):
            result = function(broadcast.value, lines)
            columns = [
                pa.array([lines.first], pa.int32()),
                pa.array([lines.n_customers], pa.int32()),
                pa.array([result], pa.binary()),
            ]
            yield pa.RecordBatch.from_arrays(columns, ["first", "customers", "result"])

    return compute


def split_customers(tables: Iterator[dict[str, NDArray[Any]]], size: int) -> Iterator[CustomerLines]:
    """Yield the lines of `size` customers at a time; the last block may have fewer.

    Parameters
    ----------
    tables : iterator of dicts of arrays
        Consecutive rows of a partition, sorted by customer, order and item; the first row of each customer has the
        order code -1 and is not a line.
    size : int
        Customers of a block, 1 and up.
    """
    pending: list[dict[str, NDArray[Any]]] = []
    customers = 0
    for table in tables:
        starts = np.flatnonzero(table[c.ORDER_ID] == _NO_ORDER)
        begin = 0
        while customers + len(starts) > size:
            end = int(starts[size - customers])
            yield _block([*pending, _rows(table, begin, end)])
            pending, starts, begin, customers = [], starts[size - customers :], end, 0
        pending.append(_rows(table, begin, len(table[c.ORDER_ID])))
        customers += len(starts)
    if customers:
        yield _block(pending)


def _rows(table: dict[str, NDArray[Any]], begin: int, end: int) -> dict[str, NDArray[Any]]:
    return {name: values[begin:end] for name, values in table.items()}


def _block(tables: list[dict[str, NDArray[Any]]]) -> CustomerLines:
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    is_line = columns[c.ORDER_ID] != _NO_ORDER
    first, n_customers = int(columns[c.CUSTOMER_ID][0]), int((~is_line).sum())
    return CustomerLines(first, n_customers, {name: values[is_line] for name, values in columns.items()})


def _rows_by_partition(results: DataFrame) -> Generator[Any, None, None]:
    """Yield the rows of a frame in the order of its partitions, each computed by a job of its own, a few at a time."""
    context, rows = results.sparkSession.sparkContext, results.rdd
    tag = f"smart-retail-{next(_TAGS)}"
    jobs = min(context.defaultParallelism + 1, MAX_JOBS)

    def compute(partition: int) -> list[Any]:
        context.addJobTag(tag)
        found: list[Any] = context.runJob(rows, list, [partition])
        return found

    pool = ThreadPoolExecutor(jobs)
    running: deque[Any] = deque()
    try:
        for partition in range(rows.getNumPartitions()):
            running.append(pool.submit(compute, partition))
            if len(running) == jobs:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        for job in running:
            job.cancel()
        if running:  # an error, or the fit was cancelled
            context.cancelJobsWithTag(tag)
        pool.shutdown()


_TAGS: Final = count()
"""Numbers of the tags by which jobs are cancelled."""
