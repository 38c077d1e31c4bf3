"""What goes wrong before Spark starts is one sentence and a hint: no Java, an old one, no cluster, no access."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from smart_retail.errors import DataError, SparkError

pytest.importorskip("pyspark.sql", reason="the extra spark is not installed")

from py4j.protocol import Py4JError

from smart_retail.data.backends import spark_session

HINT = "Install Java 17 or newer, or set JAVA_HOME to its folder."


def write_java(folder: Path, output: str) -> None:
    """Write a program ``java`` that prints `output` as a version to the error stream."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{output}' >&2\n")
    program.chmod(0o755)


@pytest.mark.parametrize("home", [None, "nowhere"])
def test_a_missing_java_is_reported_before_spark_starts(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / home))
    with pytest.raises(SparkError, match=r"Spark needs Java 17 or newer, and no Java was found") as raised:
        spark_session.check_java()
    assert raised.value.hint == HINT
    assert ("JAVA_HOME." in raised.value.message) == (home is not None)
    assert raised.value.exit_code == 5


def test_an_old_java_is_reported_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_java(tmp_path, 'java version "1.8.0_202"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SparkError, match=r"and the Java that was found is 8\.$") as raised:
        spark_session.check_java()
    assert raised.value.hint == HINT


@pytest.mark.parametrize("output", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "21" 2023-09-19', "Java"])
def test_a_java_that_may_be_new_enough_passes(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_java(tmp_path, output)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    spark_session.check_java()


def test_a_master_that_does_not_answer_is_reported_with_its_address() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"spark://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SparkError, match=f"no master answers at {url}") as raised:
            spark_session.check_master(url)
    assert "spark.master" in raised.value.hint


@pytest.mark.parametrize("url", ["spark://127.0.0.1:port", "spark://127.0.0.1", "spark://127.0.0.1:99999999"])
def test_an_address_of_a_master_that_is_not_valid_cannot_be_reached(url: str) -> None:
    with pytest.raises(SparkError, match="cannot be reached"):
        spark_session.check_master(url)


def test_one_of_several_masters_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = closed.getsockname()[1], open_.getsockname()[1]
        spark_session.check_master(f"spark://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}")


@pytest.mark.parametrize("url", ["local[*]", "yarn", "k8s://https://cluster:6443"])
def test_spark_itself_finds_other_kinds_of_clusters(url: str) -> None:
    spark_session.check_master(url)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "An error occurred while calling o38.parquet.\n: java.lang.RuntimeException: "
            "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found\n\tat a.b(C)",
            "Spark has no connector for the address s3a://shop/orders.",
        ),
        (
            "An error occurred while calling o45.parquet.\n: java.nio.file.AccessDeniedException: shop: "
            "org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException: No AWS Credentials provided by "
            "SimpleAWSCredentialsProvider : Unable to load credentials",
            "The storage refused access to s3a://shop/orders: the credentials are missing, or have no permission to "
            "read it.",
        ),
        (
            "software.amazon.awssdk.services.s3.model.S3Exception: Forbidden (Service: S3, Status Code: 403)",
            "The storage refused access to s3a://shop/orders: the credentials are missing, or have no permission to "
            "read it.",
        ),
        (
            "An error occurred while calling o45.parquet.\n: java.net.ConnectException: Call From vm/127.0.0.1 to "
            "localhost:9 failed on connection exception: java.net.ConnectException: Connection refused",
            "The storage of s3a://shop/orders cannot be reached.",
        ),
        ("[PATH_NOT_FOUND] Path does not exist", "Spark finds no file, address or table s3a://shop/orders."),
    ],
)
def test_an_address_that_cannot_be_read_is_one_sentence(text: str, message: str) -> None:
    error = spark_session.read_error(Exception(text), "s3a://shop/orders")
    assert type(error) is DataError
    assert error.message == message
    assert error.hint


def test_a_cause_of_spark_has_no_stack_trace() -> None:
    text = (
        "An error occurred while calling z:PythonRDD.runJob.\n: org.apache.spark.SparkException: Job aborted due to "
        "stage failure.\n\tat org.apache.spark.Dag.run(Dag.scala:1)\nCaused by: java.io.IOException: Cannot run "
        'program "/nonexistent/python": error=2, No such file\n\t... 21 more\nCaused by: java.io.IOException: error=2, '
        "No such file\n\t... 27 more\n"
    )
    assert spark_session.root_cause(Exception(text)) == (
        'Cannot run program "/nonexistent/python": error=2, No such file.'
    )


def test_a_cause_in_python_has_no_traceback() -> None:
    text = (
        "An error occurred while calling z:PythonRDD.runJob.\n: org.apache.spark.SparkException: Job aborted due to "
        "stage failure: Lost task (executor 1): org.apache.spark.api.python.PythonException: Traceback (most recent "
        'call last):\n  File "worker.py", line 1, in main\n    main()\nValueError: too many customers\n\n\tat a.b(C)\n'
        "Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n"
        "ValueError: too many customers\n\n\tat a.b(C)\n"
    )
    assert spark_session.root_cause(Exception(text)) == "too many customers."


@pytest.mark.parametrize(
    "text",
    [
        "An error occurred while calling o9.localCheckpoint.\n: org.apache.spark.SparkException: Job 7 cancelled "
        "because SparkContext was shut down\n\tat a.b(C)\n",
        "An error occurred while calling o9.collect.\n: org.apache.spark.SparkException: Job aborted due to stage "
        "failure: Task 0 failed 4 times: ExecutorLostFailure (executor 5 exited unrelated to the running tasks)\n",
    ],
)
def test_a_cluster_that_is_lost_during_the_work_is_one_sentence(text: str) -> None:
    with (
        pytest.raises(SparkError, match="The Spark cluster ended the work: Job ") as raised,
        spark_session.report_lost_cluster(),
    ):
        raise Py4JError(text)
    assert "\n" not in raised.value.message
    assert raised.value.exit_code == 5


def test_other_errors_of_spark_pass_unchanged() -> None:
    error = Py4JError("a column is missing")
    with pytest.raises(Py4JError) as raised, spark_session.report_lost_cluster():
        raise error
    assert raised.value is error
