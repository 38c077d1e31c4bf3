"""Hosts that share an event database: events stored by one are visible to all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smart_retail.bundle.erasure import erase
from smart_retail.events import URL_VARIABLE, open_events
from smart_retail.events.sqlite_store import FILE_NAME
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_cli.main import cli

from .server import needs_sigkill, running_server

CUSTOMER = "Zzyzx-7f3a"


@pytest.fixture
def hosts(
    fitted: tuple[Path, FitReport], tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Artifacts folders of two hosts with the same version."""
    monkeypatch.setenv(URL_VARIABLE, postgres)
    one, other = (Path(shutil.copytree(fitted[0], tmp_path / name)) for name in ("one", "other"))
    return one, other


def event(number: int, customer: str = CUSTOMER) -> dict[str, Any]:
    return {"event_id": f"e{number}", "customer_id": customer, "item_id": "G-007", "timestamp": "2025-03-01"}


def test_event_sent_to_one_host_is_visible_on_the_other(hosts: tuple[Path, Path]) -> None:
    from smart_retail_flask.app import create_app

    one, other = hosts
    client, engine = create_app(Engine.load(one)).test_client(), Engine.load(other)
    assert not engine.customer(CUSTOMER).known
    body = {"events": [event(1), event(2, "c0100")]}
    assert client.post("/v1/events", json=body).json == {"received": 2, "new": 2}
    assert engine.customer(CUSTOMER).known
    assert create_app(Engine.load(other)).test_client().post("/v1/events", json=body).json["new"] == 0
    assert client.delete(f"/v1/customers/{CUSTOMER}").json["events"] == 1
    assert not engine.customer(CUSTOMER).known
    assert not any((folder / FILE_NAME).exists() for folder in hosts)


def test_erasure_on_every_host_removes_the_customer_completely(hosts: tuple[Path, Path]) -> None:
    for folder in hosts:
        erase(folder, "c0100")
        for path in folder.rglob("*"):
            assert not path.is_file() or b"c0100" not in path.read_bytes(), path
    assert (open_events(hosts[0]).count_erased(), open_events(hosts[1]).erased_among(["c0100", "c0101"])) == (
        1,
        {"c0100"},
    )


def test_cli_adds_events_to_the_database(hosts: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "today.csv"
    file.write_text(f"event_id,customer_id,item_id,timestamp\ne1,{CUSTOMER},G-007,2025-03-01\n")
    done = CliRunner().invoke(cli, ["events", "add", str(file), "--artifacts", str(hosts[0])])
    assert (done.exit_code, done.stdout.strip()) == (0, "1 event read, 1 new.")
    assert Engine.load(hosts[1]).customer(CUSTOMER).known


@needs_sigkill
@pytest.mark.slow
def test_forked_workers_of_two_servers_agree(hosts: tuple[Path, Path]) -> None:
    with running_server(hosts[0], workers=2) as one, running_server(hosts[1], workers=2) as other:
        with one.client() as client:
            assert client.post("/v1/events", json={"events": [event(1)]}).status_code == 200
        for server in (one, other):
            for _ in range(10):  # a random worker handles each connection
                with server.client() as client:
                    assert client.get(f"/v1/customers/{CUSTOMER}").json()["known"]
