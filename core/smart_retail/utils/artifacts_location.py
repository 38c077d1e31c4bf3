"""Where artifacts are: a folder, or a remote store whose URL stands for a local copy of it.

Everything that reads or writes artifacts works on a folder. The local copy of a remote store is such a folder, below
the cache folder of this account; the file ``store.json`` in it names the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smart_retail.errors import UsageError
from smart_retail.utils.atomic_file import write_atomically

CACHE_VARIABLE: Final = "SMART_RETAIL_CACHE"
MARKER: Final = "store.json"
"""File of a local copy that contains the URL of its store."""
PROTOCOLS: Final = ("s3", "gs", "gcs", "abfs", "abfss", "az", "file", "memory")
"""Types of stores that can create an object only if it does not exist, which publishing needs."""
MAX_MARKER_BYTES: Final = 4096
PRIVATE_FOLDER: Final = 0o700

_URL: Final = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)")
_PASSWORD: Final = re.compile(r"[^/]*:[^/]*@")


def is_url(artifacts: str | os.PathLike[str]) -> bool:
    """Return whether artifacts are named by a URL such as ``s3://bucket/shop``."""
    return isinstance(artifacts, str) and _URL.match(artifacts) is not None


def check_url(url: str) -> str:
    """Return the URL of a store without a slash at its end.

    Raises
    ------
    UsageError
        The type of the store is not supported, the URL names no bucket, or it contains a password.
    """
    found = _URL.fullmatch(url)
    if found is None or not found[2].strip("/"):
        raise UsageError("The address of the artifacts is not valid.", "Write it like s3://bucket/shop.")
    if found[1] not in PROTOCOLS:
        raise UsageError(
            f"Artifacts cannot be in a store of the type {found[1]}://.",
            "Use s3://, gs://, abfs://, file:// or a folder.",
        )
    if _PASSWORD.match(found[2]):
        raise UsageError(
            "The address of the artifacts contains a password.",
            "Leave it out, and configure credentials as the store's own tools do.",
        )
    return url.rstrip("/")


def resolve_folder(artifacts: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of artifacts: a path as it is, and for a URL the folder of the local copy.

    The folder of a local copy is created, readable by this account only. The store is not contacted.

    Parameters
    ----------
    artifacts : str or path
    environ : mapping, optional
        Environment variables; by default those of the process.

    Raises
    ------
    UsageError
        The URL is not valid, or the cache folder cannot be written.
    """
    if not isinstance(artifacts, str) or not is_url(artifacts):
        return Path(artifacts)
    url = check_url(artifacts)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", url.rpartition("/")[2])[:40]
    folder = cache_folder(environ) / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        if not (folder / MARKER).is_file():
            write_atomically(folder / MARKER, json.dumps({"url": url}).encode())
        if os.name != "nt":
            _require_private(folder)
    except OSError as error:
        raise UsageError(
            f"The cache folder cannot be written: {error.strerror}.", f"Name another folder with {CACHE_VARIABLE}."
        ) from error
    return folder


def _require_private(folder: Path) -> None:
    """Make a folder of a local copy private; raise `UsageError` if it belongs to another account."""
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid():
        raise UsageError(
            "The cache folder belongs to another account, who could change the files in it.",
            f"Name another folder with {CACHE_VARIABLE}.",
        )
    if status.st_mode & 0o077:
        folder.chmod(PRIVATE_FOLDER)


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the local copies: ``SMART_RETAIL_CACHE``, or one below the cache folder of this account."""
    environ = os.environ if environ is None else environ
    if folder := environ.get(CACHE_VARIABLE, ""):
        return Path(folder)
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "smart-retail"


def store_url(folder: str | os.PathLike[str]) -> str | None:
    """Return the URL of the store of which a folder is a local copy; None for any other folder."""
    marker = Path(folder) / MARKER
    try:
        with marker.open("rb") as file:
            url = json.loads(file.read(MAX_MARKER_BYTES))["url"]
        return check_url(url)
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None


def shown_location(folder: str | os.PathLike[str]) -> str:
    """Return what messages call a folder of artifacts: the URL of its store, or its path."""
    return store_url(folder) or str(folder)
