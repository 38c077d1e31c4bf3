"""Killed processes: acknowledged events are stored, and the active version is complete."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.versions import lock
from smart_retail.results import FitReport

from . import killed_publish, killed_writes
from .server import needs_sigkill

pytestmark = [needs_sigkill, pytest.mark.slow]


def test_acknowledged_events_survive_a_killed_server(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    assert killed_writes.kill_during_writes(root, kills=5) > 0


def test_killed_publish_leaves_a_complete_version(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    before = read_pointer(root)[0]
    steps = killed_publish.publish(root)
    after = killed_publish.check_active_version(root, set())
    assert after != before
    for step in (steps // 2, steps - 4, steps):
        killed_publish.publish(root, step)
        killed_publish.check_active_version(root, set())
    killed_publish.publish(root)


def test_killed_fit_leaves_the_active_version(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    before = read_pointer(root)[0]
    killed_publish.refit(root, kill_at=40)
    assert killed_publish.check_active_version(root, {before}) == before
    assert (root / ".temporary").is_dir()
    with lock(root):
        assert not (root / ".temporary").exists()
        assert [path.name for path in (root / "versions").iterdir()] == [before]
