"""Jobs of an artifacts folder: their files, their queue, and the files that were uploaded for them.

Layout::

    jobs/
        .runner             lock of the process that runs the jobs, one at a time
        .changes            lock of a change of the queue
        <job id>/
            job.json        state, replaced atomically; written by the process that runs the job
            task.json       name and options of the task
            cancel          exists when the job is to be cancelled
            result.json     the result
            files/          uploaded files, removed when the job ends
        uploads/<id>/       a file that no job uses yet

All processes of a host see the same jobs. The running process holds a lock that the operating system releases when the
process dies: a job that is running while no process holds the lock is lost and becomes failed. All files are readable
by this account only, since they contain customers.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from filelock import FileLock, Timeout

from smart_retail.bundle.job_files import JOBS, REMOVED
from smart_retail.errors import (
    ArtifactError,
    JobQueueError,
    JobStateError,
    UnknownJobError,
    UploadSizeError,
    UsageError,
)
from smart_retail.results import Job, JobProblem, Upload, to_json
from smart_retail.utils.atomic_file import atomic_file
from smart_retail.utils.regular_file import open_regular_file

MAX_QUEUED: Final = 8
"""Jobs that wait or run; further ones are refused."""
MAX_KEPT: Final = 50
"""Jobs that have ended and are kept, the newest."""
MAX_AGE_SECONDS: Final = 24 * 3600
"""Age at which a job that has ended is removed with its result."""
MAX_UPLOADS: Final = 20
MAX_UPLOAD_BYTES: Final = 500_000_000
"""Maximum size of an uploaded file."""
MAX_UPLOAD_AGE_SECONDS: Final = 2 * 3600
"""Age at which a file that no job uses is removed."""
MAX_STATE_BYTES: Final = 1_000_000
MAX_RESULT_BYTES: Final = 256_000_000
UPLOADS: Final = "uploads"
LOST: Final = JobProblem("job_lost", "The process of the job ended before the job.", "Start the job again.")
DAMAGED: Final = JobProblem("job_lost", "The file of the job is damaged.", "Delete the job, and start it again.")
_ID: Final = re.compile(r"[0-9a-f]{32}")
_LOCK_WAIT_SECONDS: Final = 10.0


class JobRequest(msgspec.Struct, frozen=True):
    """What a job does; only stored on disk."""

    task: str
    options: dict[str, Any]
    rules: str | None
    """Path of the rules file; None for the one in the artifacts folder."""


class JobStore:
    """The jobs of one artifacts folder.

    Parameters
    ----------
    artifacts : path
        The artifacts folder.
    """

    def __init__(self, artifacts: str | os.PathLike[str]) -> None:
        self.artifacts = Path(artifacts)
        self.folder = self.artifacts / JOBS

    def create(self, request: JobRequest, model_version: str, file_fields: Sequence[str] = ()) -> Job:
        """Add a job to the queue.

        Parameters
        ----------
        request : JobRequest
            The options of `file_fields` are ids of uploads; the job takes over their files.
        model_version : str
            Version of the bundle that the job works on.
        file_fields : sequence of str

        Raises
        ------
        JobQueueError
            Too many jobs are waiting.
        UnknownJobError
            An upload does not exist.
        """
        with self._changes():
            self.remove_old()
            if sum(not job.has_ended for job in self.read_all()) >= MAX_QUEUED:
                raise JobQueueError(
                    f"{MAX_QUEUED} jobs are waiting or running already.", "Wait until one has ended, or cancel one."
                )
            job = Job(secrets.token_hex(16), request.task, "queued", 0.0, "", _now(), "", model_version, None, 0)
            folder = self.folder / job.id
            uploads = {name: self._uploads_of(request.options.get(name)) for name in file_fields}
            folder.mkdir(mode=0o700)
            options = dict(request.options)
            for name, paths in uploads.items():
                taken = [self._take(path, folder / "files") for path in paths]
                if taken:
                    options[name] = taken[0] if isinstance(options[name], str) else taken
            self._write(folder / "task.json", to_json(msgspec.structs.replace(request, options=options)))
            self._write(folder / "job.json", to_json(job))
        return job

    def get(self, job_id: str) -> Job:
        """Return a job; `UnknownJobError` if there is none. A job whose process is gone is failed."""
        if not _ID.fullmatch(job_id) or not (self.folder / job_id).is_dir():
            raise UnknownJobError("There is no job with this id.", "Jobs are removed a day after they end.")
        job = self._read(job_id)
        if job.state == "running":
            with self.runner() as is_free:
                if is_free:
                    self.fail_lost_jobs()
            job = self._read(job_id)
        return job

    def read_all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        ids = [path.name for path in self.folder.glob("*") if _ID.fullmatch(path.name)]
        jobs = []
        for job_id in ids:
            try:
                jobs.append(self.get(job_id))
            except UnknownJobError:  # removed meanwhile
                continue
        return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that has not ended, or remove one that has; return it as it is afterwards."""
        job = self.get(job_id)
        if job.has_ended:
            self._remove(self.folder / job_id)
            return job
        try:
            self._write(self.folder / job_id / "cancel", b"")
        except UsageError:  # it was removed meanwhile
            return job
        return self.get(job_id)

    def read_result(self, job_id: str) -> bytes:
        """Return the JSON of the result.

        Raises
        ------
        UnknownJobError
            There is no such job.
        JobStateError
            The job has no result.
        """
        job = self.get(job_id)
        if job.state != "done":
            state = {"queued": "is waiting", "running": "is running", "failed": "failed"}.get(
                job.state, "was cancelled"
            )
            raise JobStateError(f"The job {state} and has no result.", "Request the job to see its state.")
        try:
            with open_regular_file(self.folder / job_id / "result.json") as file:
                return file.read(MAX_RESULT_BYTES)
        except OSError as error:
            raise UnknownJobError("The result of this job was removed.", "Start the job again.") from error

    def add_part(self, upload_id: str | None, name: str, offset: int, data: bytes) -> Upload:
        """Store a part of a file; a part that is sent again replaces itself and what follows.

        Parameters
        ----------
        upload_id : str or None
            Id of the upload; None for the first part of a new one.
        name : str
            Name of the file.
        offset : int
            Position of the part in the file, bytes.
        data : bytes

        Raises
        ------
        UnknownJobError
            There is no such upload.
        UploadSizeError
            The file is too large.
        JobQueueError
            Too many files wait for a job.
        UsageError
            The part does not follow on the parts before it.
        """
        if offset + len(data) > MAX_UPLOAD_BYTES:
            raise UploadSizeError(
                f"The file is larger than {MAX_UPLOAD_BYTES // 1_000_000} MB.",
                "Fit it on the machine that has the artifacts folder.",
            )
        if upload_id is None:
            upload_id = self._new_upload(name)
        (path,) = self._uploads_of(upload_id)
        if offset > path.stat().st_size:
            raise UsageError("A part of the file is missing.", "Send the parts in order.")
        with path.open("r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
        return Upload(upload_id, offset + len(data))

    def remove_old(self) -> None:
        """Remove jobs and uploads that are too old or too many, and the remains of removed ones."""
        for path in self.folder.glob(f"{REMOVED}*"):
            shutil.rmtree(path, ignore_errors=True)
        now = time.time()
        for path in (self.folder / UPLOADS).glob("*"):
            if now - _modified(path) > MAX_UPLOAD_AGE_SECONDS:
                self._remove(path)
        ended = [job for job in self.read_all() if job.has_ended]
        for number, job in enumerate(ended):
            path = self.folder / job.id
            age = now - max(_modified(path), _modified(path / "job.json"))
            if number >= MAX_KEPT or age > MAX_AGE_SECONDS:
                self._remove(path)

    @contextmanager
    def runner(self) -> Iterator[bool]:
        """Try to become the process that runs jobs; yield whether this succeeded."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(self.folder / ".runner", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    # What follows is called by the process that holds the lock of the runner.

    def fail_lost_jobs(self) -> None:
        """Mark running jobs as failed: their process is gone."""
        for path in self.folder.glob("*"):
            if _ID.fullmatch(path.name) and (job := self._read(path.name)).state == "running":
                self.end(job, "failed", LOST)

    def next_queued(self) -> Job | None:
        """Return the job that waits longest."""
        queued = [job for job in self.read_all() if job.state == "queued"]
        return queued[-1] if queued else None

    def read_request(self, job: Job) -> JobRequest:
        """Return what a job does; raises `ValueError` or `OSError` if its file is damaged."""
        with open_regular_file(self.folder / job.id / "task.json") as file:
            return msgspec.json.decode(file.read(), type=JobRequest)

    def is_cancelled(self, job: Job) -> bool:
        """Return whether the job is to be cancelled, or was removed."""
        folder = self.folder / job.id
        return (folder / "cancel").exists() or not folder.is_dir()

    def update(self, job: Job, **fields: Any) -> Job:
        """Write changed fields of a job."""
        job = msgspec.structs.replace(job, **fields)
        self._write(self.folder / job.id / "job.json", to_json(job))
        return job

    def finish(self, job: Job, result: bytes) -> Job:
        """Store the result of a job."""
        self._write(self.folder / job.id / "result.json", result)
        return self.end(job, "done", None, result_bytes=len(result))

    def end(self, job: Job, state: str, problem: JobProblem | None, **fields: Any) -> Job:
        """Write the final state of a job and remove its files; a job that was removed meanwhile stays removed."""
        folder = self.folder / job.id
        shutil.rmtree(folder / "files", ignore_errors=True)
        done = 1.0 if state == "done" else job.done
        try:
            return self.update(job, state=state, problem=problem, done=done, ended_at=_now(), **fields)
        except UsageError:
            return job

    def _read(self, job_id: str) -> Job:
        folder = self.folder / job_id
        try:
            with open_regular_file(folder / "job.json") as file:
                job = msgspec.json.decode(file.read(MAX_STATE_BYTES), type=Job)
            if job.id != job_id:
                raise ValueError(job_id)
        except (OSError, ValueError, RecursionError):
            if not folder.is_dir():
                raise UnknownJobError(
                    "There is no job with this id.", "Jobs are removed a day after they end."
                ) from None
            return Job(job_id, "", "failed", 0.0, "", "", "", "", DAMAGED, 0)
        if job.state == "queued" and (folder / "cancel").exists():
            job = msgspec.structs.replace(job, state="cancelled", ended_at=job.created_at)
        return job

    def _new_upload(self, name: str) -> str:
        with self._changes():
            self.remove_old()
            uploads = self.folder / UPLOADS
            uploads.mkdir(mode=0o700, exist_ok=True)
            if sum(1 for _ in uploads.glob("*")) >= MAX_UPLOADS:
                raise JobQueueError(
                    f"{MAX_UPLOADS} uploaded files wait for a job already.", "Wait until they are removed, two hours."
                )
            upload_id = secrets.token_hex(16)
            path = uploads / upload_id / _safe_name(name)
            path.parent.mkdir(mode=0o700)
            path.touch(0o600)
        return upload_id

    def _uploads_of(self, ids: Any) -> list[Path]:
        """Return the files of one id, several or none."""
        found = []
        for upload_id in [ids] if isinstance(ids, str) else ids or ():
            if not isinstance(upload_id, str) or not _ID.fullmatch(upload_id):
                raise UnknownJobError("A file of the job is not the id of an upload.", "Upload it: POST /v1/uploads.")
            files = list((self.folder / UPLOADS / upload_id).glob("*"))
            if len(files) != 1:
                raise UnknownJobError("There is no upload with this id.", "Uploads are removed after two hours.")
            found += files
        return found

    def _take(self, path: Path, folder: Path) -> str:
        """Move an uploaded file, in a folder of its own, into the folder of a job."""
        target = folder / path.parent.name
        target.mkdir(mode=0o700, parents=True)
        moved = path.rename(target / path.name)
        path.parent.rmdir()
        return str(moved)

    def _remove(self, path: Path) -> None:
        """Remove a folder; what is written to it at the same time fails."""
        removed = self.folder / f"{REMOVED}{secrets.token_hex(8)}"
        try:
            path.rename(removed)
        except OSError:  # on Windows, an open file is in it
            removed = path
        shutil.rmtree(removed, ignore_errors=True)

    @contextmanager
    def _changes(self) -> Iterator[None]:
        """Hold the lock of the queue."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with FileLock(self.folder / ".changes", timeout=_LOCK_WAIT_SECONDS):
                yield
        except Timeout as error:
            raise JobQueueError("The queue of jobs is busy.", "Try again.") from error
        except OSError as error:
            raise ArtifactError(
                f"The folder of jobs cannot be written: {error.strerror}.", "Check its permissions."
            ) from error

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        with atomic_file(path, private=True) as part:
            part.write_bytes(content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _modified(path: Path) -> float:
    """Return the time of the last change, seconds since 1970; 0 if the file was removed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _safe_name(name: str) -> str:
    """Return the name of an uploaded file, reduced to what every file system accepts."""
    text = re.sub(r"[^\w.\-() ]+", "_", re.split(r"[/\\]", name)[-1])
    return text[-100:].strip(". ") or "upload"
