"""A damaged file together with a killed worker does not stop the API: it serves the last good version, or 503."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from smart_retail.bundle.reader import MANIFEST, read_pointer
from smart_retail.results import FitReport

from .server import START_TIMEOUT_SECONDS, Server, needs_sigkill, running_server
from .version_swaps import activate, make_two_versions

pytestmark = [needs_sigkill, pytest.mark.slow]


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A folder with an active and a previous version."""
    root, full, reduced = make_two_versions(fitted[0], tmp_path)
    activate(root, reduced)
    shutil.copy(root / "current", root / "previous")
    activate(root, full)
    return root


def damage_pointer(root: Path) -> None:
    (root / "current").write_bytes(b"\0garbage")


def remove_pointer(root: Path) -> None:
    (root / "current").unlink()


def damage_manifest(root: Path) -> None:
    path = root / "versions" / read_pointer(root)[0] / MANIFEST
    path.write_bytes(path.read_bytes()[:-20])


def truncate_tables(root: Path) -> None:
    """Truncate the mapped tables in place, which kills a worker that reads them with SIGBUS."""
    for path in (root / "versions" / read_pointer(root)[0]).rglob("*.npy"):
        os.truncate(path, 64)


DAMAGES: tuple[Callable[[Path], None], ...] = (damage_pointer, remove_pointer, damage_manifest, truncate_tables)


def kill_workers(server: Server) -> None:
    for process in server.processes()[1:]:
        os.kill(process, signal.SIGKILL)


def wait_for_status(server: Server, path: str, status: int) -> httpx.Response:
    """Request a path until it responds with the status; a request to a killed worker fails."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        assert server.is_running(), "the server ended"
        assert time.monotonic() < deadline, f"{path} did not respond with {status}"
        try:
            response = httpx.get(server.url + path, trust_env=False, timeout=60)
            if response.status_code == status:
                return response
        except httpx.TransportError:
            pass
        time.sleep(0.1)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_previous_version_is_served_after_damage_and_killed_workers(root: Path, damage: Callable[[Path], None]) -> None:
    previous = read_pointer(root, "previous")[0]
    with running_server(root, workers=2) as server:
        damage(root)
        kill_workers(server)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while (ready := wait_for_status(server, "/readyz", 200).json())["model_version"] != previous:
            assert time.monotonic() < deadline, "the previous version was not loaded"
            time.sleep(0.1)
        assert ready["refused"]
        assert wait_for_status(server, "/v1/popular", 200).json()["model_version"] == previous


def test_api_without_a_usable_version_stays_up_and_recovers(root: Path) -> None:
    active = read_pointer(root)[0]
    with running_server(root, workers=1) as server:
        for name in ("current", "previous"):
            (root / name).write_bytes(b"\0garbage")
        kill_workers(server)
        problem = wait_for_status(server, "/readyz", 503)
        assert str(root) not in problem.text
        wait_for_status(server, "/livez", 200)
        activate(root, active)
        assert wait_for_status(server, "/readyz", 200).json()["model_version"] == active


@pytest.mark.parametrize("damage", DAMAGES[:3], ids=lambda damage: damage.__name__)
def test_server_starts_with_the_previous_version_if_the_active_one_is_damaged(
    root: Path, damage: Callable[[Path], None]
) -> None:
    previous = read_pointer(root, "previous")[0]
    damage(root)
    with running_server(root) as server:
        ready = wait_for_status(server, "/readyz", 200).json()
    assert ready["model_version"] == previous
    assert ready["refused"]
