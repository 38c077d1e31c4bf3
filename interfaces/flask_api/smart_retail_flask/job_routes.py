"""Routes of jobs: start a long task, look at it, cancel it, and get its result.

All need a key of the role admin. The jobs are in the artifacts folder, so that every worker sees them.
"""

from __future__ import annotations

import base64
from typing import Any

from flask import Response

from smart_retail.errors import UsageError
from smart_retail.serving.jobs import JobRequest, JobStore
from smart_retail_flask import job_runner
from smart_retail_flask.admin_routes import local_engine
from smart_retail_flask.job_tasks import check_options, find_task
from smart_retail_flask.json_responses import encoded_response
from smart_retail_flask.request_models import JobBody, JobPath, UploadBody


def start_job(body: JobBody) -> Any:
    """Start a job

    Runs a task in a process of its own, one job at a time, after those that wait. Request the job until it has ended,
    then get its result. 429 if too many jobs wait. Options that are files are ids of uploads. Needs a key of the role
    admin.
    """
    current = local_engine()
    task = find_task(body.task)
    check_options(task, body.options)
    rules = current.rules_file
    request = JobRequest(body.task, body.options, str(rules.resolve()) if rules.is_file() else None)
    store = JobStore(current.artifacts)
    job = store.create(request, current.version, task.file_fields)
    job_runner.start_runner(store.artifacts)
    return job


def list_jobs() -> Any:
    """Jobs, the newest first

    Jobs that have ended are kept for a day, at most 50. Needs a key of the role admin.
    """
    return {"jobs": JobStore(local_engine().artifacts).read_all()}


def job(path: JobPath) -> Any:
    """State of a job

    Waiting, running with the finished share, or ended with the problem if there is one. Needs a key of the role admin.
    """
    return JobStore(local_engine().artifacts).get(path.job_id)


def job_result(path: JobPath) -> Response:
    """Result of a job

    JSON as of the task. 409 while there is no result. Needs a key of the role admin.
    """
    return encoded_response(JobStore(local_engine().artifacts).read_result(path.job_id))


def cancel_job(path: JobPath) -> Any:
    """Cancel a job, or remove one that has ended

    A running job stops at its next step. A job that has ended is removed with its result. Needs a key of the role
    admin.
    """
    return JobStore(local_engine().artifacts).cancel(path.job_id)


def upload_file(body: UploadBody) -> Any:
    """Upload a file for a job, in parts

    The first part, without `upload`, returns the id for the others. Files that no job uses are removed after two hours.
    Needs a key of the role admin.
    """
    try:
        data = base64.b64decode(body.data, validate=True)
    except ValueError:  # binascii.Error is one; so is the error for text that is not ASCII
        raise UsageError("data: not valid base64.", "Encode the part of the file as base64.") from None
    return JobStore(local_engine().artifacts).add_part(body.upload, body.name, body.offset, data)


def resume_jobs(store: JobStore) -> None:
    """Fail the jobs of a process that is gone, remove old ones, and run those that wait: at the start of a worker."""
    if not store.folder.is_dir():
        return
    store.remove_old()
    if store.next_queued() is not None:
        job_runner.start_runner(store.artifacts)
