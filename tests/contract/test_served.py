"""The API as users start it: two workers, while versions are published, damaged and rolled back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.versions import rollback
from smart_retail.bundle.writer import set_active_pointer
from tests import shop

from .drivers.base import needs

TIMEOUT_SECONDS = 120.0
ROOT = Path(__file__).parents[2]


def publish(folder: Path, number: int, *, damage: bool = False) -> str:
    """Copy the active version under a new id and activate the copy; optionally damage its largest table."""
    old, new = read_pointer(folder)[0], f"2099010{number}T000000Z-{number:08x}"
    copy = folder / "versions" / new
    shutil.copytree(folder / "versions" / old, copy)
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"version": new}), encoding="utf-8")
    if damage:
        table = max(copy.rglob("*.npy"), key=lambda path: path.stat().st_size)
        table.write_bytes(table.read_bytes()[:-1] + b"\xfe")
    shutil.copy(folder / "current", folder / "previous")
    set_active_pointer(folder, "current", new)
    return new


@pytest.fixture
def folder(artifacts: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifacts, tmp_path / "artifacts"))


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """URL and process of the API over a copy of the bundle."""
    needs("smart_retail_flask.app", "flask")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(ROOT / "core"), *(str(p) for p in (ROOT / "interfaces").iterdir())]
    arguments = ["--artifacts", str(folder), "serve", "api", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "smart_retail_cli", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: get(url, "/readyz", quiet=True) is not None)
        yield url, process
        if process.poll() is None:
            process.terminate()


def get(url: str, path: str, *, quiet: bool = False) -> Any:
    import httpx

    try:
        return httpx.get(url + path, trust_env=False, timeout=30)
    except httpx.TransportError:
        if quiet:
            return None
        raise


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.05)


@pytest.mark.slow
def test_version_changes_fail_no_request(served: tuple[str, subprocess.Popen[bytes]], folder: Path) -> None:
    url, _ = served
    first = read_pointer(folder)[0]
    faults: list[str] = []
    stop = threading.Event()

    def send_requests() -> None:
        while not stop.is_set():
            response = get(url, "/v1/customers/c0001/recommendations?method=all&n=3")
            versions = {part["model_version"] for part in response.json()["lists"].values()}
            if response.status_code != 200 or versions != {response.headers["X-Model-Version"]}:
                faults.append(response.text)

    def all_workers(version: str, refused: str | None) -> None:
        """Wait until 12 responses in a row agree: a random worker handles each request."""

        def agree() -> bool:
            responses = [get(url, "/readyz").json() for _ in range(12)]
            return all((r["model_version"], r["refused"]) == (version, refused) for r in responses)

        wait_until(agree)

    thread = threading.Thread(target=send_requests)
    thread.start()
    try:
        all_workers(first, None)
        second = publish(folder, 2)
        all_workers(second, None)
        publish(folder, 3, damage=True)
        all_workers(second, "bundle_damaged")
        assert rollback(folder) == second
        all_workers(second, None)
    finally:
        stop.set()
        thread.join()
    assert faults == []


@pytest.mark.slow
def test_server_stops_cleanly_on_sigterm(served: tuple[str, subprocess.Popen[bytes]]) -> None:
    url, process = served
    assert get(url, "/v1/customers/A%2FB/recommendations").json()["customer_id"] == "A/B"
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT_SECONDS) == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the process of the jobs below /proc")
def test_every_worker_sees_a_job_and_the_next_one_runs_after_its_process_was_killed(
    served: tuple[str, subprocess.Popen[bytes]], folder: Path, tmp_path: Path
) -> None:
    from smart_retail.analysis.long_tasks import FitTask, WhatIfTask
    from smart_retail.client.remote_engine import RemoteEngine
    from smart_retail.errors import LostJobError

    url, _ = served
    orders = str(shop.write(tmp_path / "orders.csv"))
    errors: list[Exception] = []

    def fit() -> None:
        with RemoteEngine(url) as engine:
            try:
                engine.run(FitTask((orders,)))
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=fit)
    thread.start()
    try:
        wait_until(lambda: states(url) == {("running",)})
        runner = runner_process(folder)
        os.kill(runner, signal.SIGKILL)
    finally:
        thread.join(TIMEOUT_SECONDS)
    assert [type(error) for error in errors] == [LostJobError]
    with RemoteEngine(url) as engine:
        assert engine.run(WhatIfTask(sample=20)).customers == 20
    assert states(url) == {()}
    assert read_pointer(folder)[0] == get(url, "/readyz").json()["model_version"], "nothing was published"


def states(url: str) -> set[tuple[str, ...]]:
    """Return the states of all jobs as 12 requests to random workers see them."""
    return {tuple(job["state"] for job in get(url, "/v1/jobs").json()["jobs"]) for _ in range(12)}


def runner_process(folder: Path) -> int:
    """Return the id of the process that runs the jobs of a folder."""
    words = [b"smart_retail_flask.job_runner", os.fsencode(folder.resolve())]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if all(word in command for word in words):
            return int(path.parent.name)
    raise AssertionError("no process runs jobs")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_other_machines_cannot_connect(artifacts: Path, host: str) -> None:
    needs("smart_retail_flask.app", "flask")
    from click.testing import CliRunner

    from smart_retail_cli.main import cli

    result = CliRunner().invoke(cli, ["--artifacts", str(artifacts), "serve", "api", "--host", host])
    assert result.exit_code == 2
    assert "--keys" in result.output
