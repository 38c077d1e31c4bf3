"""Looking at sources and fitting in a process of their own, driven by a worker thread of the window.

A fit inside the window's process would hold it up: loading TensorFlow keeps Python's lock for whole
tenths of a second, and its memory would never be given back. The two processes exchange JSON lines:
the request goes in, then perhaps the end of the input, which means cancel; out come stages, shares,
messages and at last a result or an error. `fit_child` is the other side.
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

from smart_retail.errors import CancelledError, by_code
from smart_retail.progress import SILENT, Progress
from smart_retail.results import CleaningReport, FitReport
from smart_retail.settings import Settings
from smart_retail_tkinter.background_jobs import unexpected
from smart_retail_tkinter.fit_request import Preview

log = logging.getLogger(__name__)

Line = dict[str, Any]
PATIENCE = 15.0
"""Seconds that a cancelled process has to stop by itself; a fit killed later still publishes nothing."""
BEAT = 0.1
"""Seconds between two looks at whether a person has cancelled."""
CHILD = "smart_retail_tkinter.fit_worker"
QUIET: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""On Windows: no console, and the window goes first where both want the processor."""


def fit(
    *sources: str,
    artifacts: str,
    returns: str | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> FitReport:
    """`smart_retail.training.fit` in another process; same arguments, errors and answer."""
    request = _request("fit", sources, returns, mapping, settings)
    return FitReport.from_dict(_run({**request, "artifacts": artifacts, "force": force}, progress))


def inspect(
    sources: tuple[str, ...],
    returns: str | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Preview:
    """What the sources hold, read in another process."""
    found = _run(_request("inspect", sources, returns, mapping, settings), progress)
    return Preview(_columns(found["sources"]), CleaningReport.from_dict(found["report"]))


def _columns(sources: list[Line]) -> tuple[tuple[str, str], ...]:
    """Fields with their headers, several where the sources differ; last the headers that nothing is read from."""
    headers: dict[str, list[str]] = {}
    for source in sources:
        for field, header in (*source["columns"].items(), *(("", each) for each in source["unused"])):
            known = headers.setdefault(field, [])
            if header not in known:
                known.append(header)
    unused = headers.pop("", [])
    return (*((field, " / ".join(known)) for field, known in headers.items()), *(("", each) for each in unused))


def _request(
    what: str,
    sources: tuple[str, ...],
    returns: str | None,
    mapping: Mapping[str, str] | None,
    settings: Settings | None,
) -> Line:
    return {
        "do": what,
        "sources": list(sources),
        "returns": returns,
        "mapping": dict(mapping) if mapping else None,
        "settings": (settings or Settings()).as_dict(),
    }


def _run(request: Line, progress: Progress, command: tuple[str, ...] = ("-m", CHILD)) -> Line:
    """Hand a request to a new process and listen until it has answered."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter and module; paths travel inside the JSON
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        creationflags=QUIET,
    ) as process:
        try:
            return _listen(process, request, progress)
        except CancelledError:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            raise
        finally:
            process.kill()


def _listen(process: subprocess.Popen[str], request: Line, progress: Progress) -> Line:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    while True:
        progress.check()
        try:
            text = lines.get(timeout=BEAT)
        except queue.Empty:
            continue
        line: Line = json.loads(text) if text else {"bug": f"ended with {process.wait()} and no answer"}
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
            raise unexpected()


def _read(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for text in stream:
        lines.put(text)
    lines.put("")
