"""Exceptions for errors that a user can correct.

`core` raises them; each front end translates them once, by `code`, `exit_code` or `http_status`, into an HTTP
response, a process exit code or a message on the screen. The message is one sentence about what happened and
where; the hint is what to do. Neither contains a stack trace, a key or a path outside the user's own arguments.
"""

from __future__ import annotations

from typing import ClassVar


class RetailError(Exception):
    """Base class of all errors with a message for users.

    Parameters
    ----------
    message : str
        What happened and where, one sentence.
    hint : str
        What to do about it, one sentence; empty if nothing can be done.
    """

    code: ClassVar[str] = "error"
    """Stable, machine-readable; clients may rely on it."""
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        """Return the error as a dict with the keys ``code``, ``message`` and ``hint``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageError(RetailError):
    """An argument is not valid or contradicts another."""

    code = "usage"
    exit_code = 2
    http_status = 400


class SettingsError(UsageError):
    """A settings or rules file cannot be read, or has an unknown name or a value that is not valid."""

    code = "settings"


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""

    code = "missing_extra"
    http_status = 501


class NeedsLocalEngineError(UsageError):
    """The operation needs an engine in this process; an engine behind the API does not offer it."""

    code = "needs_local_engine"
    http_status = 501


class NeedsDatabaseError(UsageError):
    """The operation needs a database that all hosts share."""

    code = "needs_database"
    http_status = 501


class DataError(RetailError):
    """A source cannot be read or has no usable rows."""

    code = "data"
    exit_code = 3
    http_status = 422


class ColumnError(DataError):
    """A required column was not recognised."""

    code = "column"


class UnknownItemError(DataError):
    """There is no item with this id."""

    code = "unknown_item"
    http_status = 404


class UnknownCustomerError(DataError):
    """There is no customer with this id (only raised in strict mode)."""

    code = "unknown_customer"
    http_status = 404


class FitError(RetailError):
    """The model cannot be fitted on this history."""

    code = "fit"
    exit_code = 4
    http_status = 422


class CancelledError(FitError):
    """A running fit was cancelled; nothing was published."""

    code = "cancelled"


class ArtifactError(RetailError):
    """A bundle is missing, corrupt or cannot be written."""

    code = "artifact"
    exit_code = 5
    http_status = 503


class StoreError(ArtifactError):
    """A remote store of artifacts cannot be reached, read or written."""

    code = "store"


class MissingBundleError(ArtifactError):
    """The folder has no published bundle."""

    code = "bundle_missing"


class UnknownVersionError(ArtifactError):
    """There is no such version in the artifacts folder."""

    code = "unknown_version"
    http_status = 404


class DamagedBundleError(ArtifactError):
    """A file of the bundle is missing, changed or malformed."""

    code = "bundle_damaged"


class SignatureError(ArtifactError):
    """The bundle is not signed with the configured key."""

    code = "bundle_signature"


class FormatVersionError(ArtifactError):
    """The bundle has a format version that this engine cannot read."""

    code = "bundle_format"


class ErasureError(RetailError):
    """A customer could not be erased from every file; the message names what remains, and the hint what to do."""

    code = "erasure"
    exit_code = 5
    http_status = 409


class LockError(RetailError):
    """Another process is writing to the same artifacts folder."""

    code = "locked"
    exit_code = 6
    http_status = 409


class JobQueueError(RetailError):
    """Too many jobs are waiting."""

    code = "jobs_full"
    exit_code = 6
    http_status = 429


class UnknownJobError(RetailError):
    """There is no such job or upload, or it is too old."""

    code = "unknown_job"
    exit_code = 2
    http_status = 404


class JobStateError(RetailError):
    """A job has no result: it has not ended, or it failed or was cancelled."""

    code = "job_state"
    exit_code = 2
    http_status = 409


class LostJobError(RetailError):
    """The process of a job ended before the job, or the file of a job is damaged."""

    code = "job_lost"
    exit_code = 5
    http_status = 500


class UploadSizeError(DataError):
    """An uploaded file is larger than the limit."""

    code = "upload_size"
    http_status = 413


class QualityGateError(RetailError):
    """The new model did not pass a quality check and was not published."""

    code = "quality_gate"
    exit_code = 7
    http_status = 409


class ImportGuardError(QualityGateError):
    """The imported data is clearly less than in the active version, and nothing was published."""

    code = "import_guard"


class SparkError(RetailError):
    """Spark cannot be started, or its cluster cannot be reached or cannot do the work."""

    code = "spark"
    exit_code = 5
    http_status = 503


class RemoteError(RetailError):
    """The API could not be reached or returned an unexpected response."""

    code = "remote"
    exit_code = 5
    http_status = 502


def _subclasses_by_code(root: type[RetailError]) -> dict[str, type[RetailError]]:
    classes = {root.code: root}
    for child in root.__subclasses__():
        classes.update(_subclasses_by_code(child))
    return classes


def by_code(code: str) -> type[RetailError]:
    """Return the error class with this stable code; `RetailError` for an unknown code."""
    return _subclasses_by_code(RetailError).get(code, RetailError)
