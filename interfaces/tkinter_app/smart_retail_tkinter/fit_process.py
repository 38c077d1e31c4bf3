"""Inspect and fit order files in a separate process, started by a worker thread of the window.

A fit in the process of the window would block it, since loading TensorFlow holds Python's global lock for
tenths of a second, and its memory would not be freed. The processes exchange JSON lines. Input: the request,
then optionally the end of the input, which cancels. Output: stages, shares, messages and finally a result or an
error. `fit_worker` runs in the other process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any

from smart_retail.data.dry_run import Inspection, SourceColumns
from smart_retail.errors import CancelledError, ColumnError, by_code
from smart_retail.progress import SILENT, Progress
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail_tkinter.background_jobs import unexpected_error
from smart_retail_tkinter.fit_request import Preview

log = logging.getLogger(__name__)

Line = dict[str, Any]
CANCEL_TIMEOUT_SECONDS = 15.0
"""Time after which a cancelled process is killed; a killed fit publishes nothing either."""
POLL_SECONDS = 0.1
"""Seconds between two checks for a cancellation."""
WORKER_MODULE = "smart_retail_tkinter.fit_worker"
CREATION_FLAGS: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""On Windows: no console window, and a lower priority than the main window."""


def fit(
    *sources: str,
    artifacts: str,
    returns: str | None = None,
    catalogue: str | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> FitReport:
    """Run `smart_retail.training.fit.fit` in another process, with the same arguments, result and errors."""
    request = _build_request("fit", sources, (returns, catalogue), mapping, settings)
    return FitReport.from_dict(run_worker({**request, "artifacts": artifacts, "force": force}, progress))


def inspect(
    sources: tuple[str, ...],
    returns: str | None = None,
    catalogue: str | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Preview:
    """Return the import report of order files, read in another process; columns may still have to be chosen."""
    try:
        found = Inspection.from_dict(
            run_worker(_build_request("inspect", sources, (returns, catalogue), mapping, settings), progress)
        )
    except ColumnError as error:
        columns = run_worker(_build_request("columns", sources, (None, None), mapping, settings), progress)
        described = tuple(SourceColumns.from_dict(source) for source in columns["sources"])
        return Preview(described, None, (), error.message)
    return Preview(found.sources, found.report, found.months)


def _build_request(
    what: str,
    sources: tuple[str, ...],
    tables: tuple[str | None, str | None],
    mapping: Mapping[str, str] | None,
    settings: Settings | None,
) -> Line:
    """Return a request to the worker; `tables` are the returned orders and the catalogue."""
    return {
        "do": what,
        "sources": list(sources),
        "returns": tables[0],
        "catalogue": tables[1],
        "mapping": dict(mapping) if mapping else None,
        "settings": (settings or Settings()).as_dict(),
    }


def run_worker(request: Line, progress: Progress, command: tuple[str, ...] = ("-m", WORKER_MODULE)) -> Line:
    """Send a request to a new process and return its result."""
    with subprocess.Popen(  # noqa: S603  # this interpreter and a fixed module; paths are passed in the JSON
        # -P: the folder the tool was started in is not on the module path, so none of its files is imported.
        [sys.executable, "-P", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        creationflags=CREATION_FLAGS,
    ) as process:
        try:
            return _read_result(process, request, progress)
        except CancelledError:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(CANCEL_TIMEOUT_SECONDS)
            raise
        finally:
            process.kill()


def _read_result(process: subprocess.Popen[str], request: Line, progress: Progress) -> Line:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    while True:
        progress.check()
        try:
            text = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        line: Line = json.loads(text) if text else {"bug": f"ended with {process.wait()} and no result"}
        if "stage" in line:
            progress.stage(line["stage"], line["done"])
        elif "done" in line:
            progress.update(line["done"])
        elif "message" in line:
            progress.message(line["message"])
        elif "result" in line:
            result: Line = line["result"]
            return result
        elif "error" in line:
            raise by_code(line["error"]["code"])(line["error"]["message"], line["error"]["hint"])
        else:
            log.error("The fitting process failed: %s", line.get("bug"))
            raise unexpected_error()


def _read_lines(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for text in stream:
        lines.put(text)
    lines.put("")
