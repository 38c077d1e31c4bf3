"""Commands over artifacts in a remote store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.remote_hosts import Hosts, publish_shop

from smart_retail.bundle.remote_store import RemoteStore
from smart_retail.results import FitReport
from smart_retail_cli.context import CliContext

Run = Callable[..., Any]


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, FitReport]) -> Hosts:
    monkeypatch.delenv("SMART_RETAIL_EVENTS_URL", raising=False)
    hosts = Hosts(tmp_path / "hosts", f"file://{tmp_path}/store/shop", monkeypatch)
    publish_shop(hosts, fitted)
    hosts.use("two")
    return hosts


@pytest.fixture
def call(run: Run, hosts: Hosts) -> Run:
    """A function that calls the program over the store."""
    return lambda *words, **extra: run(*words, "--artifacts", hosts.url, context=CliContext(), **extra)


def test_commands_take_the_url_of_a_store(call: Run, fitted: tuple[Path, FitReport], run: Run) -> None:
    words = ("popular", "-n", "3", "--format", "json")
    found = call(*words)
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout) == json.loads(run(*words, "--artifacts", fitted[0], context=CliContext()).stdout)
    listed = json.loads(call("versions", "--format", "json").stdout)
    assert [(v["version"], v["active"]) for v in listed] == [(fitted[1].version, True)]
    assert call("verify").exit_code == 0


def test_the_url_can_be_in_the_environment(run: Run, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_RETAIL_ARTIFACTS", hosts.url)
    assert run("popular", context=CliContext()).exit_code == 0


def test_a_rollback_without_a_previous_version_changes_nothing(call: Run, hosts: Hosts) -> None:
    before = hosts.state()
    assert call("rollback").exit_code == 5
    assert hosts.state() == before


def test_a_customer_is_erased_from_the_store(call: Run, hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    customer = json.loads(call("customers", "C", "--format", "json").stdout)[0]["customer_id"]
    done = call("erase", customer, "--yes")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["versions"] == [hosts.state().current]
    assert hosts.state().current != fitted[1].version


def test_events_are_refused_with_the_reason(call: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("event_id,customer_id,item_id,timestamp\ne1,c1,007,2025-02-24T10:00:00\n")
    done = call("events", "add", str(file))
    assert done.exit_code == 2
    assert "SMART_RETAIL_EVENTS_URL" in done.stderr


def test_the_last_copy_is_used_while_the_store_cannot_be_reached(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("popular").exit_code == 0

    def fail(_: RemoteStore) -> list[int]:
        raise ConnectionError

    monkeypatch.setattr(RemoteStore, "_state_numbers", fail)
    done = call("popular")
    assert done.exit_code == 0
    assert "cannot be reached" in done.stderr
    assert "last copy on this machine" in done.stderr
    assert call("rollback").exit_code == 5


@pytest.mark.parametrize("url", ["ftp://host/shop", "s3://", "s3://key:secret@bucket/x"])
def test_an_address_that_cannot_be_used_is_a_usage_error(run: Run, url: str) -> None:
    done = run("popular", "--artifacts", url, context=CliContext())
    assert done.exit_code == 2
    assert "secret" not in done.stderr


def test_doctor_checks_the_store(call: Run) -> None:
    checks = {row["check"]: row["state"] for row in json.loads(call("doctor", "--format", "json").stdout)}
    assert checks["store"] == "ok"
    assert checks["bundle"] == "ok"
    assert checks["events"] == "absent"
