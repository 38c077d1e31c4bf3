"""Artifacts in S3, with a local server: one publisher wins, hosts follow, damage and outages do not reach customers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from smart_retail.bundle.erasure import erase
from smart_retail.bundle.local_copy import last_check, open_folder, refresh
from smart_retail.bundle.remote_store import RemoteStore, StateConflictError
from smart_retail.bundle.versions import rollback, verify, versions
from smart_retail.errors import DamagedBundleError, StoreError
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.store_polling import POLL_VARIABLE
from tests import shop
from tests.remote_hosts import Hosts, publish_shop
from tests.robustness.server import ENVIRONMENT, running_server
from tests.s3_server import BUCKET, S3Server, require_packages, s3_server

pytestmark = pytest.mark.slow
URL = f"s3://{BUCKET}/shop"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    require_packages()
    monkeypatch.delenv("SMART_RETAIL_EVENTS_URL", raising=False)
    with s3_server(monkeypatch) as started:
        yield started


@pytest.fixture
def hosts(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    assert server.port
    return Hosts(tmp_path / "hosts", URL, monkeypatch)


def test_a_second_host_serves_the_lists_of_the_first(hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    publish_shop(hosts, fitted)
    hosts.use("two")
    engine, local = Engine.load(URL), Engine.load(fitted[0])
    customers = [found.customer_id for found in local.search_customers("C")[:5]]
    assert [engine.recommend(c).as_dict() for c in customers] == [local.recommend(c).as_dict() for c in customers]
    assert verify(URL) == []


def test_of_simultaneous_publishers_exactly_one_wins(hosts: Hosts) -> None:
    hosts.publish()
    for _ in range(3):
        base = hosts.state()
        barrier, winners = threading.Barrier(6), []

        def write(number: int, base: object = base, barrier: object = barrier, winners: list[str] = winners) -> None:
            other = RemoteStore(URL)
            state = msgspec.structs.replace(base, change=base.change + 1, writer=str(number))
            barrier.wait()
            try:
                other.write_state(state)
            except StateConflictError:
                return
            winners.append(state.writer)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert winners == [hosts.state().writer]


def test_versions_are_rolled_back_and_damage_is_found(hosts: Hosts) -> None:
    import s3fs

    first, second = hosts.publish(), hosts.publish(4)
    copy = hosts.use("two")
    open_folder(URL)
    assert rollback(URL) == first
    assert [(v.version, v.active) for v in versions(URL)] == [(second, False), (first, True)]
    stored = hosts.state().find(second)
    assert stored is not None
    name = f"{BUCKET}/shop/versions/{stored.folder}/tables/recommender/numbers.npy"
    files = s3fs.S3FileSystem()
    content = files.cat_file(name)
    files.pipe_file(name, content[:-1] + b"\x7f")
    assert verify(URL, second) == ["tables/recommender/numbers.npy was changed after it was published."]
    hosts.use("three")
    with pytest.raises(DamagedBundleError):
        rollback(URL, second)
    refresh(copy)
    assert (copy / "current").read_text().startswith(first)


def test_an_erasure_leaves_no_object_of_the_customer(hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    import s3fs

    publish_shop(hosts, fitted)
    customer = Engine.load(fitted[0]).search_customers("C")[0].customer_id
    copy = hosts.use("two")
    open_folder(URL)
    hosts.use("one")
    erase(URL, customer)
    files = s3fs.S3FileSystem(use_listings_cache=False)
    remaining = [name for name in files.find(f"{BUCKET}/shop") if customer.encode() in files.cat_file(name)]
    assert remaining == []
    refresh(copy)
    assert [p for p in copy.rglob("*") if p.is_file() and customer.encode() in p.read_bytes()] == []


def test_the_api_follows_the_store_and_survives_its_outage(
    hosts: Hosts, server: S3Server, fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POLL_VARIABLE, "0.5")
    publish_shop(hosts, fitted)
    customer = Engine.load(fitted[0]).search_customers("C")[0].customer_id
    copy = hosts.use("two")
    with running_server(URL, workers=2) as api, api.client() as client:

        def ready() -> dict[str, str]:
            found: dict[str, str] = client.get("/readyz").json()
            return found

        assert ready()["model_version"] == fitted[1].version
        hosts.use("one")
        new = erase(URL, customer)["versions"][0]
        wait_for(lambda: all(ready()["model_version"] == new for _ in range(8)))
        server.stop()
        wait_for(lambda: ready()["store_error"] == "store")
        assert client.get(f"/v1/customers/{customer}/recommendations").json()["known"] is False
        assert ready()["model_version"] == new
        hosts.use("two")
        with running_server(URL) as restarted, restarted.client() as other:  # on the same host, during the outage
            assert other.get("/readyz").json()["model_version"] == new
        server.start()
        wait_for(lambda: ready()["store_error"] is None)
    assert last_check(copy).code == ""


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; the time limit of the test ends a wait without success."""
    while not condition():
        time.sleep(0.1)


def run_command(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smart_retail_cli", "--artifacts", URL, *words]
    variables = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "SMART_RETAIL_"))}
    environment = ENVIRONMENT | variables | changed
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)


def test_a_fit_from_the_command_line_needs_credentials(hosts: Hosts, tmp_path: Path) -> None:
    orders = shop.write(tmp_path / "orders.csv")
    done = run_command("fit", str(orders), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_CONFIG_FILE="/none")
    assert done.returncode == 5
    assert "There are no credentials for s3://" in done.stderr
    assert "Traceback" not in done.stderr
    assert RemoteStore(hosts.url).read_state() is None


def test_a_fit_is_published_and_listed_from_the_command_line(hosts: Hosts, tmp_path: Path) -> None:
    orders = shop.write(tmp_path / "orders.csv")
    settings = tmp_path / "settings.toml"
    settings.write_text('[clusters]\nk = 3\nepochs = 5\n[recommend]\nmerge = "blend"\nlist_length = 20\n')
    done = run_command("fit", str(orders), "--config", str(settings))
    assert done.returncode == 0, done.stderr
    hosts.use("two")
    listed = run_command("versions", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert hosts.state().current in listed.stdout
    recommended = run_command("popular", "-n", "1")
    assert recommended.returncode == 0, recommended.stderr


def test_a_store_that_cannot_be_reached_is_reported_in_bounded_time(hosts: Hosts, server: S3Server) -> None:
    server.stop()
    try:
        with pytest.raises(StoreError, match="cannot be reached"):
            Engine.load(URL)
    finally:
        server.start()
    assert hosts.url == URL
