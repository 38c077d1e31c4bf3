"""Open the Spark session of a run, and translate errors of Spark that a user can correct.

A missing or old Java and a master that does not answer are found before Spark starts, since Spark itself needs
minutes for the latter and prints a stack trace for the former.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from smart_retail.errors import DataError, SparkError

MIN_JAVA: Final = 17
"""Oldest major version of Java that Spark 4 runs on."""
CONNECT_SECONDS: Final = 10.0
"""Limit for a connection to the master of a standalone cluster."""
SPARK_ERRORS: Final = (PySparkException, Py4JError)
"""What calls of Spark raise."""
_MASTERS: Final = re.compile(r"spark://(.+)")
_ROOT_CAUSE: Final = re.compile(r"^(?:Caused by: |: )?(?:\w+\.)*[A-Z][\w$]*(?:Exception|Error): (.+)$", re.MULTILINE)
_NO_CAUSE: Final = re.compile(r"error=[0-9]+, |Traceback \(")
"""A cause that only repeats the end of the one before it, or announces a traceback of Python."""
_MAX_CAUSE_CHARACTERS: Final = 300
_LOST: Final = re.compile(
    r"ExecutorLostFailure|SparkContext (?:was|has been) shut ?down|stopped SparkContext|OutOfMemoryError|"
    r"[Mm]aster removed our application|Application has been killed|All masters are unresponsive|"
    r"Answer from Java side is empty"
)
"""Messages of an application or of executors that ended."""

_READ_ERRORS: Final = (
    (
        re.compile(r"No FileSystem for scheme|ClassNotFoundException: Class \S*\.fs\."),
        "Spark has no connector for the address {name}.",
        "Add the connector of the storage, for example spark.jars.packages org.apache.hadoop:hadoop-aws:VERSION.",
    ),
    (
        re.compile(
            r"NoAuthWithAWS|NoAwsCredentials|CredentialInitialization|[Uu]nable to load (?:AWS )?credentials|"
            r"AccessDenied|AccessControlException|AuthenticationException|InvalidAccessKeyId|"
            r"SignatureDoesNotMatch|Status Code: 40[13]|\b40[13] (?:Forbidden|Unauthorized)|[Pp]ermission denied"
        ),
        "The storage refused access to {name}: the credentials are missing, or have no permission to read it.",
        "Set the credentials in the Spark configuration, for example spark.hadoop.fs.s3a.access.key.",
    ),
    (
        re.compile(r"ConnectException|UnknownHost|NoRouteToHost|SocketTimeout|ConnectTimeout"),
        "The storage of {name} cannot be reached.",
        "Check the address and the network.",
    ),
)
"""Pattern of Spark's message, message and hint for users."""


def open_session(threads: int) -> SparkSession:
    """Return the active session, else one from the usual Spark configuration, else a local one.

    Parameters
    ----------
    threads : int
        Threads of a local session; 0 uses all that the machine has.

    Raises
    ------
    SparkError
        Java is missing or too old, or the cluster cannot be reached.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    try:
        if SparkContext._gateway is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
            check_java()
        SparkContext._ensure_initialized()  # only then does `SparkConf` have the values of the configuration files
        master = SparkConf().get("spark.master")
        if master is not None:
            check_master(master)
        return _create_session(master, threads)
    except SPARK_ERRORS as error:
        raise SparkError(
            f"Spark cannot be started: {root_cause(error)}", "Check JAVA_HOME, the Spark configuration and the cluster."
        ) from error


def _create_session(master: str | None, threads: int) -> SparkSession:
    builder = SparkSession.builder.appName("smart-retail")
    if master is None:
        builder = builder.master(f"local[{threads or '*'}]").config("spark.sql.shuffle.partitions", "4")
        for name in ("spark.driver.host", "spark.driver.bindAddress"):
            builder = builder.config(name, "127.0.0.1")
        builder = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    session: SparkSession = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    # Its warnings concern query plans, not the data: the tables that are sorted on one partition are small.
    session.sparkContext.setLogLevel("ERROR")
    return session


def check_java() -> None:
    """Raise an error if Spark would find no Java, or one that is too old.

    Raises
    ------
    SparkError
        Spark cannot be started.
    """
    hint = f"Install Java {MIN_JAVA} or newer, or set JAVA_HOME to its folder."
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else "java"
    found = shutil.which(program)
    if found is None:
        where = " in JAVA_HOME" if home else ""
        raise SparkError(f"Spark needs Java {MIN_JAVA} or newer, and no Java was found{where}.", hint)
    try:
        run = subprocess.run(  # noqa: S603  # the Java that Spark itself starts
            [found, "-version"], capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # Spark reports what is wrong
    version = java_version(run.stderr + run.stdout)
    if version is not None and version < MIN_JAVA:
        raise SparkError(f"Spark needs Java {MIN_JAVA} or newer, and the Java that was found is {version}.", hint)


def java_version(text: str) -> int | None:
    """Return the major version in the output of ``java -version``; None if there is none.

    Examples
    --------
    >>> java_version('openjdk version "17.0.15" 2025-04-15')
    17
    >>> java_version('java version "1.8.0_202"')
    8
    """
    found = re.search(r'version "(?:1\.)?([0-9]+)', text)
    return int(found[1]) if found else None


def check_master(url: str) -> None:
    """Raise an error if no master of a standalone cluster accepts connections; other kinds of clusters pass.

    Parameters
    ----------
    url : str
        Such as ``spark://host:7077`` or ``spark://first:7077,second:7077``.

    Raises
    ------
    SparkError
        No master answers.
    """
    found = _MASTERS.fullmatch(url.strip())
    if found is None:
        return
    for address in found[1].split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS):
                return
        except (OSError, ValueError, OverflowError):
            continue
    raise SparkError(
        f"The Spark cluster cannot be reached: no master answers at {url}.",
        "Check spark.master in the Spark configuration, and that the cluster is running.",
    )


def read_error(error: Exception, name: str) -> DataError:
    """Return the error for users if Spark cannot read an address or a table.

    Parameters
    ----------
    error : Exception
        One of `SPARK_ERRORS`.
    name : str
        Address or table as the user wrote it.
    """
    text = str(error)
    for pattern, message, hint in _READ_ERRORS:
        if pattern.search(text):
            return DataError(message.format(name=name), hint)
    return DataError(f"Spark finds no file, address or table {name}.", "Check the name.")


@contextmanager
def report_lost_cluster() -> Iterator[None]:
    """Open a context in which the loss of the cluster is an error for users; other errors of Spark pass.

    Raises
    ------
    SparkError
        The application or its executors ended during the work.
    """
    try:
        yield
    except SPARK_ERRORS as error:
        if not _LOST.search(str(error)):
            raise
        raise SparkError(
            f"The Spark cluster ended the work: {root_cause(error)}",
            "See the logs of the master and the executors, or give the executors more memory.",
        ) from error


def root_cause(error: Exception) -> str:
    """Return the last cause that a message of Spark names, as one sentence without its stack trace."""
    text = str(error)
    causes = [cause for cause in _ROOT_CAUSE.findall(text) if not _NO_CAUSE.match(cause)]
    cause = causes[-1] if causes else next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return cause.strip()[:_MAX_CAUSE_CHARACTERS].rstrip(".") + "."
