"""A fit in a separate process: request, progress, result, errors, cancellation, crash."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from smart_retail.data.dry_run import FieldColumn, Inspection, SourceColumns
from smart_retail.errors import CancelledError, ColumnError, RetailError
from smart_retail.progress import SILENT
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.settings import DataSettings, Settings
from smart_retail_tkinter import fit_process

HEAD = """
import sys, json, time
from smart_retail_tkinter.fit_worker import serve
from smart_retail.errors import ColumnError
def handle(request, progress):
"""


def run(body: str, request: dict[str, Any] | None = None, progress: Any = SILENT) -> dict[str, Any]:
    """Run this function body in a worker process."""
    lines = "\n".join("    " + line for line in body.splitlines())
    code = f"{HEAD}{lines}\nserve(sys.stdin, sys.stdout, handle)"
    return fit_process.run_worker(request or {}, progress, ("-c", code))


class RecordingProgress:
    """A `Progress` that records its calls and cancels after a number of checks."""

    def __init__(self, checks: int = 10**9) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self._checks = checks

    def stage(self, name: str, done: float) -> None:
        self.lines.append((name, done))

    def update(self, done: float) -> None:
        self.lines.append((done,))

    def message(self, text: str) -> None:
        self.lines.append((text,))

    def check(self) -> None:
        self._checks -= 1
        if self._checks < 0:
            raise CancelledError("cancelled")


def test_the_worker_imports_nothing_from_the_folder_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert run("import colorsys\nreturn {'path': colorsys.__file__}")["path"] != str(tmp_path / "colorsys.py")


def test_request_progress_and_result_are_transferred() -> None:
    recorded = RecordingProgress()
    result = run(
        "progress.stage('clusters', 0.25); progress.update(0.5); progress.message('k = 4 é')\nreturn {'echo': request}",
        {"sources": ["a b.csv", "é\n.csv"]},
        recorded,
    )
    assert result == {"echo": {"sources": ["a b.csv", "é\n.csv"]}}
    assert recorded.lines == [("clusters", 0.25), (0.5,), ("k = 4 é",)]


def test_an_error_keeps_its_class() -> None:
    with pytest.raises(ColumnError) as caught:
        run("raise ColumnError('No customer.', 'Say which: --map customer_id=X')")
    assert (caught.value.message, caught.value.hint) == ("No customer.", "Say which: --map customer_id=X")


@pytest.mark.parametrize("body", ["return 1 / 0", "import os; os._exit(3)"])
def test_a_bug_or_crash_becomes_a_general_error(body: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(RetailError) as caught:
        run(body)
    assert type(caught.value) is RetailError
    assert "ZeroDivisionError" in caplog.text or "ended with 3" in caplog.text
    assert "Zero" not in caught.value.message


def test_cancel_stops_the_worker_process(tmp_path: Path) -> None:
    witness = tmp_path / "stopped"
    body = f"""
try:
    while True:
        time.sleep(0.01)
        progress.check()
except Exception as error:
    open({str(witness)!r}, "w").write(type(error).__name__)
    raise"""
    with pytest.raises(CancelledError):
        run(body, progress=RecordingProgress(checks=3))
    assert witness.read_text() == "CancelledError"


def test_a_worker_that_ignores_cancel_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_process, "CANCEL_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(CancelledError):
        run("time.sleep(600)", progress=RecordingProgress(checks=2))


def test_fit_and_inspect_pass_on_all_arguments(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    report = FitReport("v", True, engine.model().cleaning, tuple(engine.segments()), (), {"k": 10}, {"all": 1.5}, ())
    requests: list[dict[str, Any]] = []

    def respond(request: dict[str, Any], progress: Any) -> dict[str, Any]:
        requests.append(request)
        if request["do"] == "fit":
            return report.as_dict()
        if request["do"] == "columns":
            return {"sources": [columns.as_dict()]}
        if request["sources"] == ["open.csv"]:
            raise ColumnError("No customer.", "Choose it.")
        return Inspection((columns,), report.cleaning, ()).as_dict()

    columns = SourceColumns("a.csv", "aliases", (FieldColumn("item_id", "SKU", ("1",), "certain"),), (), (), (), ())
    monkeypatch.setattr(fit_process, "run_worker", respond)
    settings = Settings(data=DataSettings(returns_policy="keep"))
    tables = {"returns": "r.csv", "catalogue": "items.csv", "mapping": {"customer_id": "Client"}}
    options: dict[str, Any] = {**tables, "settings": settings}
    assert fit_process.fit("a.csv", "b.csv", artifacts="out", force=True, **options) == report
    preview = fit_process.inspect(("a.csv",), **options)
    assert (preview.sources, preview.cleaning, preview.problem) == ((columns,), report.cleaning, "")
    preview = fit_process.inspect(("open.csv",), **options)
    assert (preview.sources, preview.cleaning, preview.problem) == ((columns,), None, "No customer.")
    common = {**tables, "settings": settings.as_dict()}
    assert requests[0] == {"do": "fit", "sources": ["a.csv", "b.csv"], "artifacts": "out", "force": True, **common}
    assert requests[1] == {"do": "inspect", "sources": ["a.csv"], **common}
    assert Settings.from_dict(requests[0]["settings"]) == settings
