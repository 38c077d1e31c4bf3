"""The trials of this folder in their long form, and ten minutes of everyday traffic. `tox run -e soak` runs them.

`SMART_RETAIL_SOAK` is the part of the full length, such as 0.1 for a look.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.signing import KEY
from smart_retail.events import URL
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests import shop

from . import killed_publish, killed_writes
from .bit_flips import SECRET, refused_flips, small_bundles
from .mutated_files import read_mutated
from .server import Server, needs_sigkill, serving
from .tampered_bundles import trials, with_live_purchase
from .test_filter_checks import lists_hold
from .test_mutated_files import PEAK_MB
from .test_tampered_bundles import refused_of
from .traffic import everyday, peak_rate
from .unknown_ids import ask_for_strangers, strange_ids
from .version_swaps import activate, asked_all_the_time, two_versions

Tell = Callable[[str], None]
PART = float(os.environ.get("SMART_RETAIL_SOAK", "1"))
pytestmark = needs_sigkill


def part_of(count: float) -> int:
    return max(1, round(count * PART))


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))


def test_fifty_kills_during_writes(root: Path, tell: Tell) -> None:
    kills = part_of(50)
    tell(f"{killed_writes.kill_during_writes(root, kills):,} events acknowledged over {kills} kills of the server")


def test_fifty_kills_during_writes_to_a_shared_database(
    root: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, tell: Tell
) -> None:
    monkeypatch.setenv(URL, postgres)
    kills = part_of(50)
    acknowledged = killed_writes.kill_during_writes(root, kills)
    tell(f"{acknowledged:,} events acknowledged over {kills} kills of the server, PostgreSQL")


@pytest.mark.parametrize("run", [killed_publish.publish, killed_publish.refit])
def test_fifty_kills(root: Path, run: Any, tell: Tell) -> None:
    steps = run(root)
    for step in killed_publish.points(steps, part_of(50)):
        run(root, step)
        killed_publish.check_whole(root, set())
    tell(f"{run.__name__}: whole after {part_of(50)} kills over {steps} steps")
    run(root)
    killed_publish.check_whole(root, set())


def test_a_hundred_hot_swaps(fitted: tuple[Path, FitReport], tmp_path: Path, tell: Tell) -> None:
    root, full, less = two_versions(fitted[0], tmp_path)
    with serving(root, workers=2) as server, server.client() as one, server.client() as other:
        asks = [lambda body, c=c: c.post("/v1/recommendations:batch", json=body) for c in (one, other)]
        with asked_all_the_time(asks, full) as tally:
            for number in range(part_of(100)):
                version = (less, full)[number % 2]
                activate(root, version)
                _until_all_serve(server, version)
    assert [fault for fault in tally if fault] == []
    tell(f"{len(tally):,} answers over {part_of(100)} swaps")


def _until_all_serve(server: Server, version: str) -> None:
    """Either worker answers at random: so many looks in a row must agree."""
    end, agreed = time.monotonic() + 60, 0
    with server.client() as client:
        while agreed < 10:
            agreed = agreed + 1 if client.get("/readyz").json()["model_version"] == version else 0
            assert time.monotonic() < end, "the version was not taken"
            time.sleep(0.01)


def test_no_list_holds_what_it_must_not(root: Path, tell: Tell) -> None:
    with_live_purchase(root)
    lists_hold(part_of(3000))(root)
    tell(f"no excluded, banned or out-of-stock item over {part_of(3000):,} choices of rules, call and customer")


def test_every_bit_of_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Tell) -> None:
    monkeypatch.setenv(KEY, SECRET)
    small_bundles(tmp_path)
    tell(f"{refused_flips(tmp_path, range(8)):,} flips of single bits, each refused")


def test_every_tampered_bundle(root: Path, tmp_path: Path, tell: Tell) -> None:
    with_live_purchase(root)
    refused = refused_of(root, list(trials(root)), tmp_path / "mark")
    assert refused > 300
    tell(f"tampered bundles: {refused} refused with a clear error, 0 executions")


def test_ten_thousand_strangers(fitted: tuple[Path, FitReport], tell: Tell) -> None:
    from smart_retail_flask.app import create_app
    from smart_retail_flask.openapi import openapi

    app = create_app(Engine.load(fitted[0]))
    count = part_of(10_000)
    asked = ask_for_strangers(app.test_client(), openapi(app), strange_ids(count, set(shop.customers())))
    assert asked > 0.9 * count
    tell(f"{asked:,} of {count:,} unknown ids asked for by three routes each, all answered with 200 in the right form")


def test_ten_minutes_of_mutated_files(tmp_path: Path, tell: Tell) -> None:
    told = read_mutated(tmp_path, part_of(600))
    tell(f"mutated files: {told['counts']}, {told['peak_mb']} MB at most")
    assert told["failures"] == []
    assert told["peak_mb"] < PEAK_MB


def test_ten_minutes_of_everyday_traffic(fitted: tuple[Path, FitReport], tmp_path: Path, tell: Tell) -> None:
    root, full, less = two_versions(fitted[0], tmp_path)
    with serving(root, workers=2) as server:
        rate = peak_rate(server, seconds=5) / 2
        told = everyday(server, rate, part_of(600), lambda number: activate(root, (less, full)[number % 2]))
    tell(f"everyday traffic: {told}")
    assert told.faults == []
    assert told.growth_mb < 50
    assert read_pointer(root)[0] in (full, less)
