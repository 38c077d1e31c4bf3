"""Driver of `RemoteEngine` against a running API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.served_api import run_jobs_in_threads, served_api

from . import engine
from .base import needs


class FrontEnd(engine.FrontEnd):
    name = "remote"

    def start(self) -> None:
        needs("smart_retail_flask.app", "flask")
        from smart_retail.client.remote_engine import RemoteEngine

        url = self.stack.enter_context(running_api(self.artifacts))
        self.engine = self.stack.enter_context(RemoteEngine(url))


@contextmanager
def running_api(artifacts: Path) -> Iterator[str]:
    """Run the API under a real server, over a copy of an artifacts folder, to which jobs write; yield its URL."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        run_jobs_in_threads(patch)
        copy = Path(folder) / "artifacts"
        if artifacts.is_dir():
            shutil.copytree(artifacts, copy)
        with served_api(copy) as url:
            yield url
