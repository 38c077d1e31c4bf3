"""The API as it is started by hand: two workers, new versions on the way, one of them bad."""

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

from .drivers.base import needs

WAIT = 60.0
ROOT = Path(__file__).parents[2]


def publish(folder: Path, number: int, *, damage: bool = False) -> str:
    """The active version once more under another id, and active."""
    old, new = read_pointer(folder)[0], f"2099010{number}T000000Z-{number:08x}"
    home = folder / "versions" / new
    shutil.copytree(folder / "versions" / old, home)
    manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
    (home / "manifest.json").write_text(json.dumps(manifest | {"version": new}), encoding="utf-8")
    if damage:
        table = max(home.rglob("*.npy"), key=lambda path: path.stat().st_size)
        table.write_bytes(table.read_bytes()[:-1] + b"\xfe")
    shutil.copy(folder / "current", folder / "previous")
    set_active_pointer(folder, "current", new)
    return new


@pytest.fixture
def folder(artifacts: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifacts, tmp_path / "artifacts"))


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process of the API over a copy of the bundle."""
    needs("smart_retail_flask.app", "flask")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = [str(ROOT / "core"), *(str(p) for p in (ROOT / "interfaces").iterdir())]
    words = ["--artifacts", str(folder), "serve", "api", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "smart_retail_cli", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.DEVNULL,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: get(url, "/readyz", quiet=True) is not None)
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


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_versions_come_and_go_while_every_request_is_answered(
    served: tuple[str, subprocess.Popen[bytes]], folder: Path
) -> None:
    url, _ = served
    first = read_pointer(folder)[0]
    wrong: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = get(url, "/v1/customers/c0001/recommendations?method=all&n=3")
            told = {part["model_version"] for part in answer.json()["lists"].values()}
            if answer.status_code != 200 or told != {answer.headers["X-Model-Version"]}:
                wrong.append(answer.text)

    def all_workers(version: str, refused: str | None) -> None:
        """Both workers say so: a worker picks at random, so many looks in a row must agree."""

        def agree() -> bool:
            found = [get(url, "/readyz").json() for _ in range(12)]
            return all((f["model_version"], f["refused"]) == (version, refused) for f in found)

        until(agree)

    thread = threading.Thread(target=ask)
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
    assert not wrong


def test_a_stop_ends_the_server_in_peace(served: tuple[str, subprocess.Popen[bytes]]) -> None:
    url, process = served
    assert get(url, "/v1/customers/A%2FB/recommendations").json()["customer_id"] == "A/B"
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_no_door_is_opened_to_others(artifacts: Path, host: str) -> None:
    needs("smart_retail_flask.app", "flask")
    from click.testing import CliRunner

    from smart_retail_cli.main import cli

    found = CliRunner().invoke(cli, ["--artifacts", str(artifacts), "serve", "api", "--host", host])
    assert found.exit_code == 2
    assert "--keys" in found.output
