"""Erasures in folders that killed processes, readers and damage left in a bad state; `tox run -e soak` runs more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smart_retail.events import sqlite_store
from smart_retail.results import FitReport

from .erasure_trials import Trial
from .server import needs_sigkill

pytestmark = [needs_sigkill, pytest.mark.slow]


@pytest.mark.parametrize("seed", range(4))
def test_a_confirmed_erasure_left_no_file_with_the_customer(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(sqlite_store, "TIMEOUT_SECONDS", 0.2)
    Trial(Path(shutil.copytree(fitted[0], tmp_path / "artifacts")), 100 + seed).run()
