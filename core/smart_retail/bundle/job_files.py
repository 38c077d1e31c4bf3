"""Folder of the jobs of an API in an artifacts folder; their results and files contain customers."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Final

JOBS: Final = "jobs"
REMOVED: Final = ".removed-"
"""Prefix of the folders of jobs that are being removed."""


def remove_jobs(root: Path) -> None:
    """Remove jobs with their results and files; a running job loses its folder, and ends without a result."""
    for path in (root / JOBS).glob("*"):
        if path.is_symlink() or not path.is_dir() or path.name.startswith(REMOVED):
            continue
        try:
            path = path.rename(path.with_name(f"{REMOVED}{secrets.token_hex(8)}"))
        except OSError:  # on Windows, an open file is in it
            continue
    for path in (root / JOBS).glob("*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=path.name.startswith(REMOVED))
