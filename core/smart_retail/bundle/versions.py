"""Versions in an artifacts folder: listing, inspection, verification and rollback.

Layout::

    current                     "<version> <SHA-256 of its manifest.json>", replaced atomically
    previous                    the same for the version that `rollback` activates
    versions/<version>/
        manifest.json           format, settings and reports; size and SHA-256 of every file
        manifest.hmac           signature of the manifest, if a signing key is configured
        tables/**/*.npy         plain arrays, memory-mapped when serving
        tables/**/*.json        small tables
        export/                 for notebooks; not used for serving
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from smart_retail.bundle.local_copy import (
    MANIFESTS,
    manifest_folder,
    open_bundle,
    open_folder,
    remove_transactions,
    verify_stored,
    version_names,
    written_at,
)
from smart_retail.bundle.reader import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Bundle,
    corrupt_bundle_error,
    parse_manifest,
    read_bounded,
    read_pointer,
    signature_status,
)
from smart_retail.bundle.signing import SIGNATURE
from smart_retail.bundle.store_transactions import publication
from smart_retail.errors import (
    ArtifactError,
    LockError,
    MissingBundleError,
    RetailError,
    UnknownVersionError,
    UsageError,
)
from smart_retail.results import Result
from smart_retail.utils.artifacts_location import resolve_folder, shown_location, store_url
from smart_retail.utils.atomic_file import write_atomically
from smart_retail.utils.storage_errors import storage_error

TEMPORARY: Final = ".temporary"
"""Folder of the temporary files of a running fit."""
WRITING: Final = ".writing-"
"""Prefix of the folders of versions that are being written, below ``versions/``."""


class VersionInfo(Result, frozen=True):
    """A published version in the artifacts folder."""

    version: str
    """Version id."""
    fitted_at: str
    """Time of the fit, ISO 8601 in UTC."""
    active: bool
    """Whether it is in use."""
    previous: bool
    """Whether `rollback` without a version activates it."""
    size: int
    """Bytes."""
    signature: str
    """valid, wrong, unchecked (signed, but no key is configured) or none."""
    last_order: str = ""
    """Day of the last order of the data, ISO date; empty if the manifest cannot be read."""
    customers: int = 0
    """Number of customers of the data; 0 if the manifest cannot be read."""
    hit_rate: float | None = None
    """Share of the tested customers who bought one of the first products of their list, 0 to 1; null without a test."""


def versions(root: str | os.PathLike[str]) -> list[VersionInfo]:
    """Return all published versions, newest first."""
    root = open_folder(root)
    active, previous = (_pointer_target(root, name) for name in ("current", "previous"))
    found = []
    folders = [
        p
        for p in (manifest_folder(root, version) for version in version_names(root))
        if (p / MANIFEST).is_file() and not p.is_symlink()
    ]
    # Version ids have a resolution of one second; within a second, the manifests' modification times decide.
    folders.sort(key=lambda p: (_version_time(p.name), written_at(root, p.name)), reverse=True)
    for folder in folders:
        size = _total_size(folder)
        pointed = folder.name == active, folder.name == previous
        facts = folder.name, _version_time(folder.name), *pointed, size, _signature_status(folder)
        found.append(VersionInfo(*facts, *_data_facts(folder)))
    return found


def _total_size(folder: Path) -> int:
    """Return the bytes of a version; of one that is only in a store, those of the files that its manifest lists."""
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    if folder.parent.name != MANIFESTS:
        return size
    try:
        files = parse_manifest(read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES), folder.name)["files"]
    except ArtifactError:
        return size
    return size + sum(int(entry["size"]) for entry in files.values())


def _data_facts(folder: Path) -> tuple[str, int, float | None]:
    """Return last order, customers and hit rate of a version from its manifest; nothing from one that is damaged."""
    try:
        manifest = json.loads(read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES))
        scorecard = manifest["scorecard"]
        tested = scorecard.get("tasks", {}).get("any", {}).get("hybrid", {})
        hit_rate = tested.get(f"hit_rate@{scorecard.get('k', 10)}")
        cleaning = manifest["cleaning"]
        return str(cleaning["last"]), int(cleaning["customers"]), None if hit_rate is None else float(hit_rate)
    except (ArtifactError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return "", 0, None


def inspect(root: str | os.PathLike[str], version: str | None = None) -> dict[str, Any]:
    """Return manifest and signature status of the active or a given version, without reading its tables."""
    bundle = open_bundle(root, version)
    return {**bundle.manifest, "signature": bundle.signature}


def verify(root: str | os.PathLike[str], version: str | None = None) -> list[str]:
    """Return the problems of the active or a given version; empty if every file is as published."""
    folder = open_folder(root)
    problems = verify_stored(folder, version)
    return Bundle.open(folder, version).verify() if problems is None else problems


def events_through(root: str | os.PathLike[str]) -> int:
    """Return the number of the last event that the active version includes, 0 if no version can be opened."""
    try:
        return int(open_bundle(root).manifest.get("events_through", 0))
    except ArtifactError:
        return 0


def events_in_all_versions(root: str | os.PathLike[str], store_id: str) -> int:
    """Return the number of the last event that both the active and the previous version include.

    Parameters
    ----------
    root : path
        The artifacts folder.
    store_id : str
        Id of the event store, which must be that of the versions.

    Raises
    ------
    UsageError
        A version was fitted with the events of another store.
    MissingBundleError
        No version is active.
    ArtifactError
        A version cannot be opened.
    """
    through = []
    for name in ("current", "previous"):
        if name == "current" or (Path(root) / name).exists():
            manifest = open_bundle(root, *read_pointer(root, name)).manifest
            if manifest.get("events_store", "") != store_id:
                raise UsageError(
                    f"Version {manifest['version']} was fitted without the events of this store.", "Fit again first."
                )
            through.append(int(manifest["events_through"]))
    return min(through)


def rollback(root: str | os.PathLike[str], version: str | None = None) -> str:
    """Activate an earlier version, or the given one.

    A version that was rolled back is not activated by a further rollback, which goes back one more version; it can
    only be activated by its id.

    Parameters
    ----------
    root : path
        The artifacts folder.
    version : str, optional
        The id of the version to activate; by default the one that was active before the current one.

    Returns
    -------
    str
        The id of the activated version.

    Raises
    ------
    UnknownVersionError
        There is no such version, or no previous one.
    UsageError
        The version is active already.
    DamagedBundleError
        The version does not verify; the active one stays.
    LockError
        A fit or another rollback is running.
    """
    with lock(root) as root:
        newest_first = [info.version for info in versions(root)]
        active = _pointer_target(root, "current")
        if version is None:
            target, digest = _previous_pointer(root, newest_first)
        else:
            target, digest = version, None
            if target not in newest_first:
                raise UnknownVersionError(
                    f"There is no version {target}.", "`smart-retail versions` lists the versions."
                )
        if target == active:
            raise UsageError(f"Version {target} is active already.", "`smart-retail versions` lists the versions.")
        bundle = open_bundle(root, target)
        if digest is not None and _pointer_to(root, target) != f"{target} {digest}\n".encode():
            raise corrupt_bundle_error(f"The manifest of version {target} was changed after it was published.")
        if problems := bundle.verify():
            raise corrupt_bundle_error(problems[0])
        previous = _version_before(newest_first, target, active)
        write_atomically(root / "current", _pointer_to(root, target))
        if previous is None:
            (root / "previous").unlink(missing_ok=True)
        else:
            write_atomically(root / "previous", _pointer_to(root, previous))
    return target


def _previous_pointer(root: Path, newest_first: list[str]) -> tuple[str, str]:
    """Return id and manifest digest of the previous version."""
    if (root / "previous").exists():
        return read_pointer(root, "previous")
    if len(newest_first) > 1:
        hint = "Name the version to activate: smart-retail rollback VERSION. `smart-retail versions` lists them."
    else:
        hint = "Only one version was ever published."
    raise UnknownVersionError("There is no previous version.", hint)


def _version_before(newest_first: list[str], target: str, active: str | None) -> str | None:
    """Return the version that a rollback after the activation of `target` activates.

    After a step back it is the next older version, after a step forward the one that was active.
    """
    position = newest_first.index(target) if target in newest_first else len(newest_first)
    if active in newest_first and newest_first.index(active) > position:
        return active
    return next(iter(newest_first[position + 1 :]), None)


def _pointer_to(root: Path, version: str) -> bytes:
    """Return the content of a pointer file for a version: its id and the digest of its manifest."""
    manifest = read_bounded(manifest_folder(root, version) / MANIFEST, MAX_MANIFEST_BYTES)
    return f"{version} {hashlib.sha256(manifest).hexdigest()}\n".encode()


@contextmanager
def lock(root: str | os.PathLike[str], *, create: bool = False) -> Iterator[Path]:
    """Hold the write lock of the artifacts folder, and remove the incomplete files of killed processes.

    Of a remote store it is the lock of the local copy. What is changed in the yielded folder is published to the store
    when the block ends without an error.

    Parameters
    ----------
    root : path
        The artifacts folder.
    create : bool
        Whether the folder is created if it does not exist.

    Yields
    ------
    Path
        The folder to read and to change.

    Raises
    ------
    MissingBundleError
        The folder does not exist.
    LockError
        Another process holds the lock, raised without waiting; or another host has published to the remote store
        meanwhile.
    ArtifactError
        The folder cannot be written, or the disk becomes full while the lock is held.
    """
    from filelock import FileLock, Timeout

    location, root = shown_location(root), resolve_folder(root)
    if not create and not root.is_dir():
        raise MissingBundleError("The artifacts folder does not exist.", "Name the folder of the fitted versions.")
    file_lock = FileLock(root / ".lock", timeout=0)
    try:
        root.mkdir(parents=True, exist_ok=True)
        file_lock.acquire()
    except Timeout as error:
        raise LockError(
            f"Another fit or rollback is running on {location}.", "Wait for it to end, then try again."
        ) from error
    except OSError as error:
        if (found := storage_error(error)) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise found from error
        raise ArtifactError(
            f"The folder {root} cannot be written: {error.strerror}.", "Choose another with --artifacts."
        ) from error
    try:
        _remove_incomplete(root)
        if store_url(root) is None:
            yield root
        else:
            remove_transactions(root)
            with publication(root) as folder:
                yield folder
    except RetailError:
        raise
    except Exception as error:
        if found := storage_error(error):
            raise found from error
        raise
    finally:
        file_lock.release()


@contextmanager
def temporary_folder(root: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder for temporary files below the artifacts folder, readable by this account only.

    The caller holds the lock. If the process is killed, the next one that holds the lock removes the folder.
    """
    folder = Path(root) / TEMPORARY
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_incomplete(root: Path) -> None:
    """Remove the temporary files and incomplete versions of killed processes, which can contain customers."""
    for path in (root / TEMPORARY, *(root / "versions").glob(f"{WRITING}*")):
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


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
