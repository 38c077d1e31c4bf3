"""The process that runs the jobs of an artifacts folder, one after the other, and ends when none is left.

A process of its own keeps long work from slowing down responses, and its memory is freed when it ends. Every change of
the queue starts one; if another one runs already, it ends at once.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from smart_retail.errors import ArtifactError, CancelledError, FitError, RetailError, UsageError
from smart_retail.results import Job, JobProblem, Result, to_json
from smart_retail.serving.jobs import MAX_RESULT_BYTES, JobStore

log = logging.getLogger("smart_retail_flask")

MAX_JOB_SECONDS: Final = 6 * 3600
"""Time after which a job is stopped at its next check."""
WRITE_SECONDS: Final = 0.3
"""Shortest time between two changes of the state on disk."""
CHECK_SECONDS: Final = 0.1
"""Shortest time between two looks for a cancellation."""
NICENESS: Final = 5
"""Responses of the API have priority over jobs."""


def start_runner(artifacts: Path) -> None:
    """Start the process that runs the jobs of a folder, and return at once."""
    # -P: the folder the server was started in is not on the module path, so none of its files is imported.
    command = [sys.executable, "-P", "-m", __name__, str(artifacts.resolve())]
    process = subprocess.Popen(  # noqa: S603  # this interpreter and a fixed module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="job-runner", daemon=True).start()


def run_queue(store: JobStore) -> None:
    """Run all waiting jobs, unless another process does."""
    while store.next_queued() is not None:
        with store.runner() as is_runner:
            if not is_runner:
                return
            store.fail_lost_jobs()
            while (job := store.next_queued()) is not None:
                run_job(store, job)
        # A job that was added after the last look, by a process that found the lock taken, is found here.


def run_job(store: JobStore, job: Job) -> None:
    """Run one job and store its result or its problem."""
    progress = JobProgress(store, job)
    try:
        result = _compute(store, progress)
        if len(result) > MAX_RESULT_BYTES:
            raise UsageError("The result is larger than 256 MB.", "Choose fewer customers.")
        store.finish(progress.job, result)
    except CancelledError as error:
        store.end(progress.job, "cancelled", _problem(error))
    except RetailError as error:
        store.end(progress.job, "failed", _problem(error))
    except Exception as error:  # a bug, or a damaged file; its message can contain customers
        log.debug({"event": "trace", "code": "internal"}, exc_info=error)
        message = f"The job failed unexpectedly ({type(error).__name__})."
        store.end(progress.job, "failed", JobProblem("internal", message, "Run the same command without --api-url."))


def _compute(store: JobStore, progress: JobProgress) -> bytes:
    from smart_retail.serving.engine import Engine
    from smart_retail_flask.job_tasks import find_task

    progress.stage("Starting", 0.0)
    progress.check()
    request = store.read_request(progress.job)
    task = msgspec.convert(request.options, find_task(request.task))
    rules = None if request.rules is None else Path(request.rules)
    engine = Engine.load(store.artifacts, rules=rules, version=progress.job.model_version)
    result: Result = engine.run(task, progress)
    progress.check()
    return to_json(result)


def _problem(error: RetailError) -> JobProblem:
    if isinstance(error, ArtifactError) and error.http_status >= 500:
        return JobProblem(error.code, "The model files cannot be used.", "Check the disk of the server.")
    return JobProblem(error.code, error.message, error.hint)


class JobProgress:
    """Writes the progress of a job to its state. Implements `smart_retail.progress.Progress`."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.job = job
        self._store = store
        self._started = self._checked = self._written = time.monotonic()
        self._lock = threading.Lock()
        self.job = store.update(job, state="running")

    def stage(self, name: str, done: float) -> None:
        self._write(stage=name, done=done)

    def update(self, done: float) -> None:
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self._write(done=done)

    def message(self, text: str) -> None:
        pass

    def check(self) -> None:
        now = time.monotonic()
        if now - self._started > MAX_JOB_SECONDS:
            raise FitError("The job took too long and was stopped.", "Run it on the command line.")
        if now - self._checked < CHECK_SECONDS and now - self._started > CHECK_SECONDS:
            return
        self._checked = now
        if self._store.is_cancelled(self.job):
            raise CancelledError("The job was cancelled.", "Start it again.")

    def _write(self, **fields: Any) -> None:
        with self._lock:
            fields["done"] = min(max(fields["done"], self.job.done), 1.0)
            self._written = time.monotonic()
            if not self._store.is_cancelled(self.job):
                self.job = self._store.update(self.job, **fields)


def main() -> None:
    """Run the jobs of the folder that the first argument names."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    run_queue(JobStore(sys.argv[1]))


if __name__ == "__main__":
    main()
