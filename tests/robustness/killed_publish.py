"""Kill a fit or a publish at a chosen step; the active version must be complete, before or after.

Files change only at system calls, so those are the steps: the child process counts every open, rename and removal below
the artifacts folder and kills itself at the k-th. A kill between two steps leaves the same files as one at the second.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from smart_retail.bundle import versions
from smart_retail.bundle.reader import read_pointer
from smart_retail.serving.engine import Engine

from .server import ENVIRONMENT

_COUNT_STEPS = """
import os, pathlib, signal, sys
root, last = os.path.abspath(sys.argv[1]), int(sys.argv[2])
steps = 0
def step(event, args):
    global steps
    if event in FILE_EVENTS and args and isinstance(args[0], (str, os.PathLike)):
        if os.path.abspath(os.fspath(args[0])).startswith(root):
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
sys.addaudithook(step)
"""
PUBLISH = """
from smart_retail.bundle.versions import lock
from smart_retail.bundle.reader import Bundle
from smart_retail.bundle.writer import BundleWriter
with lock(root):
    bundle, writer = Bundle.open(root), BundleWriter(root)
    for key in bundle.manifest["files"]:
        name, kind = key.removeprefix("tables/").rsplit(".", 1)
        writer.array(name, bundle.array(name)) if kind == "npy" else writer.json(name, bundle.json(name))
    entries = {k: v for k, v in bundle.manifest.items() if k not in ("files", "version", "format", "fitted_at")}
    writer.publish(entries | {"number": os.getpid()})
print(steps)
"""
_FIT = """
from tests import shop
from smart_retail.settings import Settings
from smart_retail.training.fit import fit
fast = {"clusters": {"k": 2, "epochs": 1}, "recommend": {"merge": "blend", "list_length": 10}}
fit(shop.write(pathlib.Path(sys.argv[3]), 40), artifacts=root, settings=Settings.from_dict(fast), force=True)
print(steps)
"""


def publish(root: Path, kill_at: int = 0) -> int:
    """Publish a copy of the active version, killed at a step; return the number of steps, 0 if killed.

    Steps differ between runs, since a run also removes what earlier kills left: one with fewer steps ends normally.
    """
    return _run(_COUNT_STEPS + PUBLISH, root, kill_at)


def refit(root: Path, kill_at: int = 0) -> int:
    """Fit a part of the shop, killed at a step; return the number of steps, 0 if killed."""
    return _run(_COUNT_STEPS + _FIT, root, kill_at, root.with_name("part.csv"))


def run_script(script: str, root: Path, kill_at: int, *arguments: str) -> None:
    """Run a script that is killed at a step, if it gets that far; it may also end with an error."""
    command = [sys.executable, "-W", "ignore", "-c", _COUNT_STEPS + script, str(root), str(kill_at), *arguments]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=600, check=False)


def _run(script: str, root: Path, kill_at: int, *arguments: Path) -> int:
    command = [sys.executable, "-W", "ignore", "-c", script, str(root), str(kill_at), *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False)
    if kill_at and done.returncode == -signal.SIGKILL:
        return 0
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout.split()[-1])
    assert not kill_at or steps < kill_at, f"{steps} steps, but not killed at step {kill_at}"
    return steps


def steps_to_kill(steps: int, count: int) -> list[int]:
    """Return `count` steps: half of them the last ones, where the version becomes active, the rest evenly spread."""
    end = list(range(max(1, steps - count // 2), steps + 1))
    rest = count - len(end)
    return sorted({1 + i * (steps - len(end)) // max(1, rest) for i in range(rest)} | set(end))[:count]


def check_active_version(root: Path, allowed: set[str]) -> str:
    """Assert that the active version is one of `allowed` (empty: any), verifies and returns lists; return its id."""
    version = read_pointer(root)[0]
    assert version in allowed or not allowed
    assert versions.verify(root) == []
    engine = Engine.load(root)
    result = engine.recommend(next(engine.customer_ids()), n=5)
    assert result.known
    assert result.items
    assert result.model_version == version
    return version
