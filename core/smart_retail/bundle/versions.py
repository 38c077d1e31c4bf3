"""The artifacts folder: versions, the active one, and the way back.

Layout::

    current                     "<version> <SHA-256 of its manifest.json>", replaced atomically
    previous                    the same for the version that was active before
    versions/<version>/
        manifest.json           what the bundle is, and size and SHA-256 of every file
        manifest.hmac           its signature, where a signing key is configured
        tables/**/*.npy         plain arrays, memory-mapped when serving
        tables/**/*.json        small facts
        export/                 for notebooks; never read back
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_retail.bundle.reader import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MAX_POINTER_BYTES,
    VERSION,
    Bundle,
    corrupt_bundle_error,
    read_bounded,
    read_pointer,
    signature_status,
)
from smart_retail.bundle.signing import SIGNATURE
from smart_retail.errors import ArtifactError, LockError, MissingBundleError
from smart_retail.utils.atomic_file import atomic_write


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version that lies in the folder."""

    version: str
    fitted_at: str
    active: bool
    previous: bool
    size: int
    """Bytes."""
    signature: str
    """valid, wrong, unchecked (there is one, and no key here) or none."""


def versions(root: str | os.PathLike[str]) -> list[VersionInfo]:
    """All published versions, newest first."""
    root = Path(root)
    active, previous = (_pointer_target(root, name) for name in ("current", "previous"))
    found = []
    whole = [
        p
        for p in (root / "versions").glob("*")
        if VERSION.fullmatch(p.name) and (p / MANIFEST).is_file() and not p.is_symlink()
    ]
    # Ids tell the second; within one the manifests' own times do.
    whole.sort(key=lambda p: (_version_time(p.name), (p / MANIFEST).stat().st_mtime_ns), reverse=True)
    for folder in whole:
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        pointed = folder.name == active, folder.name == previous
        found.append(VersionInfo(folder.name, _version_time(folder.name), *pointed, size, _signature_status(folder)))
    return found


def inspect(root: str | os.PathLike[str], version: str | None = None) -> dict[str, Any]:
    """The manifest of the active or a named version, and what its signature is worth; nothing else is read."""
    bundle = Bundle.open(root, version)
    return {**bundle.manifest, "signature": bundle.signature}


def verify(root: str | os.PathLike[str], version: str | None = None) -> list[str]:
    """What is wrong with the active or a named version, empty when every file is as published."""
    return Bundle.open(root, version).verify()


def rollback(root: str | os.PathLike[str]) -> str:
    """Make the previous version the active one and the other way round; its id.

    Raises
    ------
    MissingBundleError
        There is no previous version.
    DamagedBundleError
        The previous version does not verify; the active one stays.
    LockError
        A fit or another rollback is running.
    """
    root = Path(root)
    with lock(root):
        if not (root / "previous").exists():
            raise MissingBundleError(f"There is no previous version in {root}.", "Only one version was ever published.")
        active, previous = (read_bounded(root / name, MAX_POINTER_BYTES) for name in ("current", "previous"))
        version, digest = read_pointer(root, "previous")
        bundle = Bundle.open(root, version)
        if hashlib.sha256(read_bounded(bundle.folder / MANIFEST, MAX_MANIFEST_BYTES)).hexdigest() != digest:
            raise corrupt_bundle_error(f"The manifest of version {version} was changed after it was published.")
        if problems := bundle.verify():
            raise corrupt_bundle_error(problems[0])
        atomic_write(root / "current", previous)
        atomic_write(root / "previous", active)
    return version


@contextmanager
def lock(root: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the folder's write lock; `LockError` at once where another process has it."""
    from filelock import FileLock, Timeout

    Path(root).mkdir(parents=True, exist_ok=True)
    held = FileLock(Path(root) / ".lock", timeout=0)
    try:
        held.acquire()
    except Timeout as error:
        raise LockError(
            f"Another fit or rollback is running on {root}.", "Wait for it to end, then try again."
        ) from error
    except OSError as error:
        raise ArtifactError(
            f"The folder {root} cannot be written: {error.strerror}.", "Choose another with --artifacts."
        ) from error
    try:
        yield
    finally:
        held.release()


def _version_time(version: str) -> str:
    y, m, d, h, i, s = (version[a:b] for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15)))
    return f"{y}-{m}-{d}T{h}:{i}:{s}Z"


def _signature_status(folder: Path) -> str:
    try:
        return signature_status(folder, read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES))
    except ArtifactError:
        return "wrong" if os.path.lexists(folder / SIGNATURE) else "none"


def _pointer_target(root: Path, name: str) -> str | None:
    try:
        return read_pointer(root, name)[0]
    except ArtifactError:
        return None
