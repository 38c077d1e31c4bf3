"""Hosts that share one remote store, each with its own cache folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smart_retail.bundle.remote_store import RemoteStore, StoreState
from smart_retail.bundle.versions import lock
from smart_retail.results import FitReport
from smart_retail.utils.artifacts_location import CACHE_VARIABLE, resolve_folder
from tests.core.test_artifacts import publish


class Hosts:
    """Hosts with a cache folder each, which share one store."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self._folder = folder
        self._monkeypatch = monkeypatch
        self.use("one")

    def use(self, name: str) -> Path:
        """Continue on the host with this name; return the folder of its local copy, which is not refreshed."""
        self._monkeypatch.setenv(CACHE_VARIABLE, str(self._folder / name))
        return resolve_folder(self.url)

    def publish(self, numbers: int = 3) -> str:
        with lock(self.url, create=True) as root:
            return publish(root, numbers)

    def state(self) -> StoreState:
        state = RemoteStore(self.url).read_state()
        assert state is not None
        return state


def publish_shop(hosts: Hosts, fitted: tuple[Path, FitReport]) -> None:
    """Publish the fitted small shop."""
    artifacts, report = fitted
    with lock(hosts.url, create=True) as root:
        shutil.copytree(artifacts / "versions" / report.version, root / "versions" / report.version)
        shutil.copyfile(artifacts / "current", root / "current")
