"""Atomic replacement of files: a reader sees the old file or the complete new one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from smart_retail.errors import UsageError

PRIVATE_MODE: Final = 0o600
"""Permissions of files with customers: readable by the account that wrote them only."""


@contextmanager
def atomic_file(target: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `target`; when the block ends, the file replaces the target durably.

    If the block raises an error, the target is unchanged and the temporary file is removed.

    Parameters
    ----------
    target : Path
    private : bool
        Whether only this account may read the file. A target that exists keeps its permissions.

    Raises
    ------
    UsageError
        The folder does not exist, or the file cannot be written.
    OSError
        The disk is full; see `storage_errors`.
    """
    if not target.parent.is_dir():
        raise UsageError(f"The folder {target.parent} does not exist.", "Make it first, or name another.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if private:
            part.unlink(missing_ok=True)
            part.touch(PRIVATE_MODE, exist_ok=False)
        yield part
        if private:  # the block may have replaced the file
            part.chmod(target.stat().st_mode & 0o777 if target.is_file() else PRIVATE_MODE)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        if error.errno is None or error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(f"{target} cannot be written: {error.strerror}.", "Name another file.") from error
    finally:
        part.unlink(missing_ok=True)


def write_atomically(target: Path, content: bytes) -> None:
    """Replace a file by `content`; raises the errors of `atomic_file`."""
    with atomic_file(target) as part:
        part.write_bytes(content)
