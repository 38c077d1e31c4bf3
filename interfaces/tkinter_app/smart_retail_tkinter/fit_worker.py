"""Worker process of `fit_process`: reads one request from standard input, writes JSON lines to standard output."""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from smart_retail.errors import CancelledError, RetailError
from smart_retail.progress import Progress
from smart_retail.settings import Settings

Line = dict[str, Any]


class _JsonLinesProgress:
    """A `Progress` that writes JSON lines and cancels the work when the input ends."""

    def __init__(self, source: IO[str], target: IO[str]) -> None:
        self._target = target
        self._ended = threading.Event()
        threading.Thread(target=self._wait, args=(source,), daemon=True).start()

    def _wait(self, source: IO[str]) -> None:
        source.read()
        self._ended.set()

    def send(self, **line: Any) -> None:
        self._target.write(json.dumps(line) + "\n")
        self._target.flush()

    def stage(self, name: str, done: float) -> None:
        self.send(stage=name, done=done)

    def update(self, done: float) -> None:
        self.send(done=done)

    def message(self, text: str) -> None:
        self.send(message=text)

    def check(self) -> None:
        if self._ended.is_set():
            raise CancelledError("The fit was cancelled; nothing was published.", "You can start it again at any time.")


def serve(source: IO[str], target: IO[str], handle: Callable[[Line, Progress], Line]) -> None:
    """Read the request from `source`, run `handle` and write its result or error to `target`."""
    request = json.loads(source.readline())
    progress = _JsonLinesProgress(source, target)
    try:
        progress.send(result=handle(request, progress))
    except RetailError as error:
        progress.send(error=error.as_dict())
    except Exception:
        progress.send(bug=traceback.format_exc())


def _handle(request: Line, progress: Progress) -> Line:
    options = {
        "returns": request["returns"],
        "catalogue": request["catalogue"],
        "mapping": request["mapping"],
        "settings": Settings.from_dict(request["settings"]),
    }
    if request["do"] == "inspect":
        from smart_retail.data.dry_run import inspect_source

        options["settings"] = options["settings"].data
        return inspect_source(request["sources"], progress=progress, **options).as_dict()
    if request["do"] == "columns":
        from smart_retail.data.dry_run import inspect_columns

        described = inspect_columns(request["sources"], mapping=options["mapping"], settings=options["settings"].data)
        return {"sources": [source.as_dict() for source in described]}
    from smart_retail.training.fit import fit

    report = fit(
        *request["sources"], artifacts=request["artifacts"], force=request["force"], progress=progress, **options
    )
    return report.as_dict()


def main() -> None:
    """Serve one request; standard output is reserved for the protocol, so prints go to standard error."""
    if hasattr(os, "nice"):
        # The window has priority on a busy processor.
        os.nice(10)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as target, open(0, encoding="utf-8") as source:
        os.dup2(2, 1)
        serve(source, target, _handle)
        target.flush()
        # Do not wait for threads of libraries: the result is written.
        os._exit(0)


if __name__ == "__main__":
    main()
