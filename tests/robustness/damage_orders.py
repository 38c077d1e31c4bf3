"""Damage one file and kill workers of a running API, in every order; it must answer from the last good version."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from smart_retail.bundle.reader import read_pointer

from .server import START_TIMEOUT_SECONDS, Server

ORDERS = ("damage, kill one", "kill one, damage", "damage, kill all")
KINDS = ("truncated", "changed", "removed", "empty")
ANSWERS_IN_A_ROW = 20
"""Answers without an error, over as many connections, after which a trial has passed: they reach every worker."""


@dataclass(frozen=True)
class DamageTrial:
    """One file, what happens to it, and when workers are killed."""

    path: Path
    kind: str
    order: str


def damage_trials(root: Path, files: int) -> Iterator[DamageTrial]:
    """Yield every kind of damage and every order for both pointers, both manifests and some tables of both versions.

    Parameters
    ----------
    root : Path
        Artifacts folder with an active and a previous version.
    files : int
        Number of files; kinds and orders alternate.
    """
    rng = random.Random(5)
    folders = [root / "versions" / read_pointer(root, name)[0] for name in ("current", "previous")]
    tables = [path for folder in folders for path in sorted((folder / "tables").rglob("*.*"))]
    first = [root / "current", root / "previous", *(folder / "manifest.json" for folder in folders)]
    chosen = [*first, *rng.sample(tables, max(0, files - len(first)))][:files]
    for number, path in enumerate(chosen):
        for k, order in enumerate(ORDERS):
            yield DamageTrial(path, KINDS[(number + k) % len(KINDS)], order)


def check_damage(server: Server, root: Path, trial: DamageTrial, good: set[str]) -> None:
    """Damage the file and kill workers, assert that the API answers from a good version, and repair the file."""
    content, mode = trial.path.read_bytes(), trial.path.stat().st_mode
    try:
        if trial.order.startswith("damage"):
            damage(trial.path, trial.kind)
        workers = server.processes()[1:]
        for process in workers if trial.order.endswith("all") else workers[:1]:
            os.kill(process, signal.SIGKILL)
        if trial.order.endswith("damage"):
            damage(trial.path, trial.kind)
        _wait_for_answers(server, trial, good)
    finally:
        # Replaced, not written in place: workers may still have the damaged file mapped.
        part = trial.path.with_name(f"{trial.path.name}.repaired")
        part.write_bytes(content)
        part.chmod(mode)
        part.replace(trial.path)
    _wait_for_answers(server, trial, good)


def damage(path: Path, kind: str) -> None:
    """Damage a file in place."""
    if kind == "removed":
        path.unlink()
    elif kind in ("truncated", "empty"):
        os.truncate(path, path.stat().st_size // 2 if kind == "truncated" else 0)
    else:
        with path.open("r+b") as file:
            file.seek(-2, os.SEEK_END)
            file.write(b"\xff\xfe")


def _wait_for_answers(server: Server, trial: DamageTrial, good: set[str]) -> None:
    """Wait for answers in a row; a worker that reads a truncated file, or was killed, drops its connections."""
    deadline, answers = time.monotonic() + START_TIMEOUT_SECONDS, 0
    while answers < ANSWERS_IN_A_ROW:
        assert server.is_running(), f"the server ended: {trial}"
        assert time.monotonic() < deadline, f"no answer: {trial}"
        try:
            response = httpx.get(f"{server.url}/v1/popular", trust_env=False, timeout=60)
        except httpx.TransportError:
            answers = 0
            time.sleep(0.05)
            continue
        if response.status_code == 200:
            assert response.json()["model_version"] in good, trial
            assert response.json()["items"], trial
            answers += 1
        else:
            answers = 0
            time.sleep(0.05)
