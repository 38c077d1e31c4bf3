"""A standalone Spark cluster on this machine: a master and two workers with processes of their own.

Its executors have no Python interpreter, as on a cluster that has only Spark, unless a session names one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from unittest import mock

import pytest

from tests.processes import stop_process

START_SECONDS: Final = 300.0
"""Limit for the start, for busy machines."""
NO_PYTHON: Final = "/nonexistent/python"
"""Interpreter of the executors: work that needs one fails."""
EXECUTOR_CLASS: Final = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


@dataclass(frozen=True)
class SparkCluster:
    """A running cluster."""

    url: str
    """Of the master: ``spark://127.0.0.1:PORT``."""
    workers: tuple[int, ...]
    """Process ids of the workers."""

    def executors(self) -> list[int]:
        """Return the process ids of the executors, which the workers start for an application."""
        return [
            pid
            for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
            if _parent(pid) in self.workers and EXECUTOR_CLASS in _command(pid)
        ]

    def kill_executor(self) -> int:
        """Kill one executor as the kernel does when memory runs out; return its process id."""
        pid = min(self.executors())
        os.kill(pid, signal.SIGKILL)
        return pid


@contextmanager
def required_cluster(folder: Path) -> Iterator[SparkCluster]:
    """Start a cluster; without Java or PySpark, skip the tests unless `tox run -e spark` requires them."""
    if "spark" not in os.environ.get("SMART_RETAIL_REQUIRE", ""):
        pytest.importorskip("pyspark.sql", reason="the extra spark is not installed")
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            pytest.skip("Spark needs Java 17")
        if sys.platform != "linux":
            pytest.skip("executors are found in /proc")
    with standalone_cluster(folder) as running:
        yield running


@contextmanager
def standalone_cluster(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[SparkCluster]:
    """Start a master and workers of one core each on the loopback address; stop them at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(_process(folder, "master", "deploy.master.Master", "--port", str(port)))
        _wait(lambda: _accepts(port), "the Spark master")
        options = ("--cores", "1", "--memory", memory)
        started = [
            stack.enter_context(
                _process(
                    folder,
                    f"worker-{n}",
                    "deploy.worker.Worker",
                    *options,
                    "--work-dir",
                    str(folder / f"work-{n}"),
                    url,
                )
            )
            for n in range(workers)
        ]
        log = folder / "master.log"
        _wait(lambda: log.read_text().count("Registering worker") >= workers, "the registration of the Spark workers")
        yield SparkCluster(url, tuple(process.pid for process in started))


@contextmanager
def _process(folder: Path, name: str, kind: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Spark daemon, which writes ``NAME.log``."""
    import pyspark

    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    command = [str(program), f"org.apache.spark.{kind}", "--host", "127.0.0.1", "--webui-port", "0", *arguments]
    settings = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "local"), "SPARK_DAEMON_MEMORY": "256m"}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | settings, cwd=folder)
        try:
            yield process
        finally:
            stop_process(process)


def session(cluster: SparkCluster, python: str = NO_PYTHON, settings: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Return a Spark session whose work runs on the cluster.

    Parameters
    ----------
    cluster : SparkCluster
    python : str
        Interpreter of the executors: by default none, so that they only run Spark expressions.
    settings : mapping
        Further entries of the Spark configuration.
    """
    import pyspark.sql as pyspark

    all_settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "700m",
        "spark.executor.cores": "1",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{START_SECONDS:.0f}s",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
    } | dict(settings)
    builder = pyspark.SparkSession.builder.master(cluster.url).appName("smart-retail-tests")
    for name, value in all_settings.items():
        builder = builder.config(name, value)
    with mock.patch.dict(os.environ, PYSPARK_PYTHON=python):
        made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(is_true: Any, what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {START_SECONDS:.0f} s")
        time.sleep(0.1)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(status.rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
