"""Tasks of an engine behind an API: one request for a short task, a job for a long one.

The files of a job are uploaded in parts. Progress and cancellation are those of a task in this process. The job and its
result are removed from the server when the result has arrived.
"""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from smart_retail.client.http_connection import Connection, Limits
from smart_retail.errors import CancelledError, RemoteError, RetailError, UsageError, by_code
from smart_retail.progress import Progress
from smart_retail.protocol import Task, TaskResult
from smart_retail.results import Job, Upload

UPLOAD_PART_BYTES: Final = 600_000
"""Size of a part of a file; encoded, it is below the usual limit of a request (1 MB)."""
FIRST_WAIT_SECONDS: Final = 0.1
MAX_WAIT_SECONDS: Final = 1.0
"""Longest time between two requests for the state of a job."""
MAX_RESULT_BYTES: Final = 300_000_000
_SHORT_TASK: Final = Limits(timeout=60.0)
_RESULT: Final = Limits(timeout=120.0, max_bytes=MAX_RESULT_BYTES)


def run_task(connection: Connection, task: Task[TaskResult], progress: Progress) -> TaskResult:
    """Run a task and return its result; raises the errors of the task, or a `RemoteError`."""
    options = _encodable(msgspec.to_builtins(task))
    if task.is_long or task.route is None:
        return _run_job(connection, task, options, progress)
    verb, path = task.route
    if verb == "get":
        given = {name: value for name, value in options.items() if value is not None}
        found: TaskResult = connection.read("GET", path, task.result.from_dict, limits=_SHORT_TASK, params=given)
    else:
        found = connection.change(verb.upper(), path, task.result.from_dict, json=options or None)
    return found


def _run_job(connection: Connection, task: Task[TaskResult], options: dict[str, Any], progress: Progress) -> TaskResult:
    for field in task.file_fields:
        options[field] = _upload_field(connection, options[field], progress)
    body = {"task": task.name, "options": options}
    job = connection.change("POST", "/v1/jobs", Job.from_dict, json=body)
    path = f"/v1/jobs/{job.id}"
    try:
        job = _wait(connection, path, job, progress)
        if job.problem is not None:
            kind = by_code(job.problem.code)
            raise (RemoteError if kind is RetailError else kind)(job.problem.message, job.problem.hint)
        found: TaskResult = connection.read("GET", f"{path}/result", task.result.from_dict, limits=_RESULT)
        return found
    finally:  # cancels the job if it was left early
        with contextlib.suppress(RetailError):
            connection.read("DELETE", path, Job.from_dict)


def _wait(connection: Connection, path: str, job: Job, progress: Progress) -> Job:
    """Return the job when it has ended."""
    wait, stage = FIRST_WAIT_SECONDS, ""
    while not job.has_ended:
        progress.check()
        shown = job.stage or "Waiting for other jobs"
        if shown != stage:
            stage = shown
            progress.stage(stage, job.done)
        else:
            progress.update(job.done)
        time.sleep(wait)
        wait = min(wait * 1.5, MAX_WAIT_SECONDS)
        job = connection.read("GET", path, Job.from_dict)
    if job.state == "cancelled":
        raise CancelledError("The job was cancelled.", "Start it again.")
    return job


def _upload_field(connection: Connection, value: Any, progress: Progress) -> Any:
    """Return the ids of the uploads of a field with one path, several or none."""
    if value is None:
        return None
    if isinstance(value, str):
        return _upload(connection, Path(value), progress)
    return [_upload(connection, Path(path), progress) for path in value]


def _upload(connection: Connection, path: Path, progress: Progress) -> str:
    """Upload a file and return the id of the upload."""
    progress.stage(f"Uploading {path.name}", 0.0)
    upload, offset = None, 0
    try:
        with path.open("rb") as file:
            while (part := file.read(UPLOAD_PART_BYTES)) or upload is None:
                progress.check()
                body = {"upload": upload, "name": _encodable(path.name), "offset": offset}
                body["data"] = base64.b64encode(part).decode("ascii")
                send = connection.change if upload is None else connection.read  # a later part can be sent twice
                upload = send("POST", "/v1/uploads", Upload.from_dict, json=body).id
                offset += len(part)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror}.", "Check the path.") from error
    return upload


def _encodable(value: Any) -> Any:
    """Return JSON data with lone surrogates, which UTF-8 cannot encode, replaced by ``?``."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(name): _encodable(part) for name, part in value.items()}
    return [_encodable(part) for part in value] if isinstance(value, list | tuple) else value
