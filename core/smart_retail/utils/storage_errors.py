"""Translates errors of a full or write-protected disk, which any library can raise, into one error for users."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Final

from smart_retail.errors import ArtifactError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_PROTECTED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL_TEXT: Final = re.compile(r"No space left on device|Disk quota exceeded|^\d+ requested and \d+ written$")
"""Messages of a full disk without an error number: of DuckDB, Polars, HDF5 and NumPy."""


def storage_error(error: BaseException) -> ArtifactError | None:
    """Return the error for users if a disk is full or cannot be written, else None.

    Parameters
    ----------
    error : BaseException
        Any exception; the exceptions that caused it are examined too.
    """
    found: BaseException | None = error
    while found is not None:
        number = found.errno if isinstance(found, OSError) else None
        if number in _FULL or _FULL_TEXT.search(str(found)):
            return ArtifactError(
                "The disk is full, or the quota of this account is used up.",
                "Free some space, or use other folders with --artifacts and TMPDIR. Published versions are unchanged.",
            )
        if number in _PROTECTED and isinstance(found, OSError):
            name = f" ({Path(str(found.filename)).name})" if found.filename else ""
            return ArtifactError(
                f"A file or folder cannot be written{name}: {found.strerror}.",
                "Check the permissions, or use other folders with --artifacts and TMPDIR.",
            )
        found = found.__cause__
    return None
