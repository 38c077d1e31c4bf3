"""Long versions of the robustness tests, and ten minutes of mixed traffic; `tox run -e soak` runs them.

`SMART_RETAIL_SOAK` scales their length, such as 0.1 for a short run.
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
from smart_retail.bundle.signing import KEY_VARIABLE
from smart_retail.events import URL_VARIABLE, sqlite_store
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from tests import shop

from . import killed_publish, killed_writes
from .bit_flips import SECRET, count_rejected_flips, write_small_bundles
from .damage_orders import check_damage, damage_trials
from .erasure_trials import Trial
from .mutated_files import read_mutated_files
from .odd_arrays import listed_arrays, serve_odd_arrays
from .server import Server, needs_sigkill, running_server
from .tampered_bundles import add_live_purchase, tamperings
from .test_filter_checks import filter_property
from .test_mutated_files import MAX_MEMORY_MB
from .test_tampered_bundles import count_rejected
from .traffic import mixed_traffic, peak_rate
from .unknown_ids import request_unknown_customers, unknown_ids
from .version_swaps import activate, continuous_requests, make_two_versions

RecordFigure = Callable[[str], None]
SCALE = float(os.environ.get("SMART_RETAIL_SOAK", "1"))
pytestmark = needs_sigkill


def scaled(count: float) -> int:
    return max(1, round(count * SCALE))


@pytest.fixture
def root(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))


def test_fifty_kills_during_writes(root: Path, record_figure: RecordFigure) -> None:
    kills = scaled(50)
    record_figure(
        f"{killed_writes.kill_during_writes(root, kills):,} events acknowledged over {kills} kills of the server"
    )


def test_fifty_kills_during_writes_to_a_shared_database(
    root: Path, postgres: str, monkeypatch: pytest.MonkeyPatch, record_figure: RecordFigure
) -> None:
    monkeypatch.setenv(URL_VARIABLE, postgres)
    kills = scaled(50)
    acknowledged = killed_writes.kill_during_writes(root, kills)
    record_figure(f"{acknowledged:,} events acknowledged over {kills} kills of the server, PostgreSQL")


@pytest.mark.parametrize("run", [killed_publish.publish, killed_publish.refit])
def test_fifty_kills(root: Path, run: Any, record_figure: RecordFigure) -> None:
    steps, kills = run(root), 0
    for step in killed_publish.steps_to_kill(steps, scaled(50)):
        kills += run(root, step) == 0
        killed_publish.check_active_version(root, set())
    assert kills >= 0.8 * scaled(50)
    record_figure(f"{run.__name__}: active version complete after {kills} kills over {steps} steps")
    run(root)
    killed_publish.check_active_version(root, set())


def test_erasures_in_every_state(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_figure: RecordFigure
) -> None:
    monkeypatch.setattr(sqlite_store, "TIMEOUT_SECONDS", 0.2)
    trials = [
        Trial(Path(shutil.copytree(fitted[0], tmp_path / f"erasure-{n}" / "artifacts")), n) for n in range(scaled(40))
    ]
    killed_publish.refit(trials[0].root, kill_at=40)
    for trial in trials:
        trial.run()
        shutil.rmtree(trial.root)
    refusals = sum(trial.refusals for trial in trials)
    record_figure(
        f"{len(trials)} erasures after kills, open readers, removed stores, damaged and unfinished versions: 0 files "
        f"mention the customer; {refusals} were refused first, with what to do"
    )


def test_any_file_damaged_and_any_worker_killed_in_every_order(
    fitted: tuple[Path, FitReport], tmp_path: Path, record_figure: RecordFigure
) -> None:
    root, full, reduced = make_two_versions(fitted[0], tmp_path)
    activate(root, reduced)
    shutil.copy(root / "current", root / "previous")
    activate(root, full)
    with running_server(root, workers=2) as server:
        trials = list(damage_trials(root, scaled(15)))
        for trial in trials:
            check_damage(server, root, trial, {full, reduced})
    record_figure(f"{len(trials)} times a file damaged and workers killed, in every order: the API always answered")


def test_every_odd_array(root: Path, record_figure: RecordFigure) -> None:
    add_live_purchase(root)
    names = listed_arrays(root)
    served, rejected = serve_odd_arrays(root, names[:: max(1, round(1 / SCALE))])
    record_figure(f"odd arrays: {rejected} rejected with a clear error, {served} without effect, no other error")


def test_a_hundred_hot_swaps(fitted: tuple[Path, FitReport], tmp_path: Path, record_figure: RecordFigure) -> None:
    root, full, reduced = make_two_versions(fitted[0], tmp_path)
    with running_server(root, workers=2) as server, server.client() as one, server.client() as other:
        senders = [lambda body, c=c: c.post("/v1/recommendations:batch", json=body) for c in (one, other)]
        with continuous_requests(senders, full) as outcomes:
            for number in range(scaled(100)):
                version = (reduced, full)[number % 2]
                activate(root, version)
                _until_all_serve(server, version)
    assert [fault for fault in outcomes if fault] == []
    record_figure(f"{len(outcomes):,} responses over {scaled(100)} swaps")


def _until_all_serve(server: Server, version: str) -> None:
    """Wait until ten responses in a row come from the version: a random worker handles each request."""
    deadline, agreed = time.monotonic() + 60, 0
    with server.client() as client:
        while agreed < 10:
            agreed = agreed + 1 if client.get("/readyz").json()["model_version"] == version else 0
            assert time.monotonic() < deadline, "the version was not loaded"
            time.sleep(0.01)


def test_no_list_contains_an_excluded_item(root: Path, record_figure: RecordFigure) -> None:
    add_live_purchase(root)
    filter_property(scaled(3000))(root)
    record_figure(f"no excluded, banned or out-of-stock item over {scaled(3000):,} choices of rules, call and customer")


def test_every_bit_of_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_figure: RecordFigure) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    write_small_bundles(tmp_path)
    record_figure(f"{count_rejected_flips(tmp_path, range(8)):,} flips of single bits, all rejected")


def test_every_tampered_bundle(root: Path, tmp_path: Path, record_figure: RecordFigure) -> None:
    add_live_purchase(root)
    rejected = count_rejected(root, list(tamperings(root)), tmp_path / "mark")
    assert rejected > 300
    record_figure(f"tampered bundles: {rejected} rejected with a clear error, no code executed")


def test_ten_thousand_unknown_ids(fitted: tuple[Path, FitReport], record_figure: RecordFigure) -> None:
    from smart_retail_flask.app import create_app
    from smart_retail_flask.openapi import openapi

    app = create_app(Engine.load(fitted[0]))
    count = scaled(10_000)
    requested = request_unknown_customers(app.test_client(), openapi(app), unknown_ids(count, set(shop.customers())))
    assert requested > 0.9 * count
    record_figure(
        f"{requested:,} of {count:,} unknown ids requested from three routes each, all valid responses with 200"
    )


def test_many_mutated_files(tmp_path: Path, record_figure: RecordFigure) -> None:
    summary = read_mutated_files(tmp_path, scaled(500))
    record_figure(f"mutated files: {summary['counts']}, {summary['peak_mb']} MB at most")
    assert summary["failures"] == []
    assert summary["peak_mb"] < MAX_MEMORY_MB


def test_ten_minutes_of_mixed_traffic(
    fitted: tuple[Path, FitReport], tmp_path: Path, record_figure: RecordFigure
) -> None:
    root, full, reduced = make_two_versions(fitted[0], tmp_path)
    with running_server(root, workers=2) as server:
        rate = peak_rate(server, seconds=5) / 2
        result = mixed_traffic(server, rate, scaled(600), lambda number: activate(root, (reduced, full)[number % 2]))
    record_figure(f"mixed traffic: {result}")
    assert result.faults == []
    assert result.growth_mb < 50
    assert read_pointer(root)[0] in (full, reduced)
