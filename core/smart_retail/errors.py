"""Everything that can go wrong for a reason a person can mend.

`core` raises these; each front end translates them once, by `code` and `exit_code`, into its
own form (HTTP status, process exit, banner, message box). The message is one clear sentence
and the hint says what to do. Neither holds a stack trace, a key or a path outside the user's
own arguments.
"""

from __future__ import annotations

from typing import ClassVar


class RetailError(Exception):
    """Base of all errors with a message for people.

    Parameters
    ----------
    message : str
        What happened and where, one sentence.
    hint : str
        What to do about it, one sentence; empty where nothing can be done.
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
        """The error as plain data: ``code``, ``message``, ``hint``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageError(RetailError):
    """An argument is out of range or contradicts another."""

    code = "usage"
    exit_code = 2
    http_status = 400


class SettingsError(UsageError):
    """A settings or rules file cannot be read or holds an unknown or impossible value."""

    code = "settings"


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""

    code = "missing_extra"
    http_status = 501


class NeedsLocalEngineError(UsageError):
    """Asked of an engine behind the API what only an engine in this process can do."""

    code = "needs_local_engine"
    http_status = 501


class DataError(RetailError):
    """A source cannot be read or holds nothing that can be used."""

    code = "data"
    exit_code = 3
    http_status = 422


class ColumnError(DataError):
    """A needed column was not recognised."""

    code = "column"


class UnknownItemError(DataError):
    """No item has this id."""

    code = "unknown_item"
    http_status = 404


class UnknownCustomerError(DataError):
    """No customer has this id (only raised where the caller asked to be strict)."""

    code = "unknown_customer"
    http_status = 404


class FitError(RetailError):
    """Fitting was not possible with this history."""

    code = "fit"
    exit_code = 4
    http_status = 422


class CancelledError(FitError):
    """The user cancelled a running fit; nothing was published."""

    code = "cancelled"


class ArtifactError(RetailError):
    """A bundle is missing, damaged or cannot be written."""

    code = "artifact"
    exit_code = 5
    http_status = 503


class MissingBundleError(ArtifactError):
    """There is no published bundle in the folder."""

    code = "bundle_missing"


class DamagedBundleError(ArtifactError):
    """A file of the bundle is absent, changed or malformed."""

    code = "bundle_damaged"


class SignatureError(ArtifactError):
    """A bundle is not signed with the key of this place."""

    code = "bundle_signature"


class FormatVersionError(ArtifactError):
    """The bundle was written in a format this engine does not read."""

    code = "bundle_format"


class LockError(RetailError):
    """Another process is writing to the same artifacts folder."""

    code = "locked"
    exit_code = 6
    http_status = 409


class QualityGateError(RetailError):
    """The new fit is clearly worse than popularity and was not published."""

    code = "quality_gate"
    exit_code = 7
    http_status = 409


class RemoteError(RetailError):
    """The API could not be reached or gave an answer that is not its own."""

    code = "remote"
    exit_code = 5
    http_status = 502


def _subclasses_by_code(root: type[RetailError]) -> dict[str, type[RetailError]]:
    classes = {root.code: root}
    for child in root.__subclasses__():
        classes.update(_subclasses_by_code(child))
    return classes


def by_code(code: str) -> type[RetailError]:
    """The error class with this stable code; `RetailError` for a code of a newer version."""
    return _subclasses_by_code(RetailError).get(code, RetailError)
