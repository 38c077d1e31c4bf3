"""The local copy of a remote store: a verified artifacts folder that follows the store.

In: the URL of a store, or the folder of its copy. Another folder is returned as it is, so that callers need
not distinguish them. Layout of a copy, in addition to that of an artifacts folder::

    store.json              URL of the store
    synced.json             state of the store that the copy shows
    check.json              result of the last request to the store
    manifests/<version>/    manifest and signature of every version of the store

The copy has the files of the active version, and of others that were opened; of those without notebook exports.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from smart_retail.bundle.job_files import remove_jobs
from smart_retail.bundle.reader import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    VERSION,
    Bundle,
    corrupt_bundle_error,
    parse_manifest,
    read_pointer,
)
from smart_retail.bundle.remote_store import (
    SHARED_FILE,
    RemoteStore,
    StoredVersion,
    StoreState,
    run_parallel,
)
from smart_retail.bundle.signing import MAX_SIGNATURE_BYTES, SIGNATURE
from smart_retail.errors import (
    ArtifactError,
    DamagedBundleError,
    MissingBundleError,
    RetailError,
    StoreError,
    UnknownVersionError,
)
from smart_retail.utils.artifacts_location import MARKER, PRIVATE_FOLDER, is_url, resolve_folder, store_url
from smart_retail.utils.atomic_file import write_atomically

log = logging.getLogger("smart_retail.bundle.local_copy")

MANIFESTS: Final = "manifests"
SYNCED: Final = "synced.json"
CHECK: Final = "check.json"
PUBLICATION: Final = ".publication-"
"""Prefix of the folders of transactions that publish, in a copy; they can contain customers."""
FILE_CHANGE: Final = ".file-change-"
"""Prefix of the folders of transactions that change shared files, in a copy."""
DOWNLOAD: Final = ".download-"
"""Prefix of the folders of versions that are being downloaded, below ``versions/``."""
KEEP_UNUSED_S: Final = 3600.0
"""Seconds after which a version that is neither active nor the previous one is removed from the copy."""
RETRY_DAMAGED_S: Final = 300.0
"""Seconds after which a server downloads a damaged version again, since it may have been repaired."""
SYNC_WAIT_S: Final = 300.0


class StoreCheck(msgspec.Struct, frozen=True):
    """Result of the last request of a copy to its store."""

    checked_at: float
    """Seconds since 1970."""
    code: str = ""
    """Error code; empty if the copy shows the state of the store."""
    message: str = ""
    change: int = -1
    """Number of the state whose active version is damaged, -1 otherwise."""
    tried_at: float = 0.0
    """Time at which the files of this version were last requested, seconds since 1970."""


def open_folder(artifacts: str | os.PathLike[str], on_stale: Callable[[StoreError], None] | None = None) -> Path:
    """Return the folder of artifacts; for a URL the local copy after it was compared with the store.

    Parameters
    ----------
    artifacts : str or path
        A path, which is returned as it is, or a URL.
    on_stale : callable, optional
        Receives the error of a store that cannot be reached if the copy has a version; by default it is logged.

    Raises
    ------
    StoreError
        The store cannot be reached, and the copy has no version.
    ArtifactError
        The store has no intact version, and neither has the copy.
    UsageError
        The URL is not valid.
    """
    folder = resolve_folder(artifacts)
    if not is_url(artifacts):
        return folder
    try:
        refresh(folder)
    except ArtifactError as error:
        if not (folder / "current").is_file():
            raise
        if on_stale is not None and isinstance(error, StoreError):
            on_stale(error)
        else:
            log.warning({"event": "store_not_read", "code": error.code})
    return folder


def open_bundle(artifacts: str | os.PathLike[str], version: str | None = None, digest: str | None = None) -> Bundle:
    """Open a version like `Bundle.open`, of a folder or of a store; adds the errors of `open_folder`."""
    folder = open_folder(artifacts)
    if version is None:
        if not (folder / "current").is_file():
            refresh(folder)
        version, digest = read_pointer(folder)
    require_version(folder, version)
    return Bundle.open(folder, version, digest)


def require_version(folder: Path, version: str) -> None:
    """Download a version that the local copy does not have; nothing happens in another folder.

    Raises
    ------
    DamagedBundleError
        The version in the store is damaged.
    StoreError
        The store cannot be reached.
    """
    if not VERSION.fullmatch(version) or (folder / "versions" / version).is_dir():
        return
    if (url := store_url(folder)) is None:
        return
    store = RemoteStore(url)
    state = store.read_state()
    stored = None if state is None else state.find(version)
    if stored is not None:
        with sync_lock(folder):
            fetch_version(store, stored, folder, exports=_is_working(folder), seed=copy_of(folder))


def refresh(folder: Path, max_age_s: float = 0.0) -> None:
    """Make a local copy equal to its store; nothing happens in another folder.

    A version becomes active in the copy after all of its files were compared with their digests. Versions that are no
    longer in the store are removed.

    Parameters
    ----------
    folder : Path
    max_age_s : float
        Nothing is requested if any process has done so within this time, in seconds.

    Raises
    ------
    StoreError
        The store cannot be reached; the copy is unchanged.
    DamagedBundleError
        The active version of the store is damaged; the copy keeps its own.
    """
    if (url := store_url(folder)) is None:
        return
    with sync_lock(folder):
        if max_age_s and 0 <= time.time() - last_check(folder).checked_at < max_age_s:
            return
        change = -1
        try:
            store = RemoteStore(url)
            state = store.read_state()
            change = -1 if state is None else state.change
            if max_age_s and _is_known_as_damaged(folder, change):
                return
            _synchronize(folder, store, state)
        except DamagedBundleError as error:
            _write_check(folder, StoreCheck(time.time(), error.code, error.message, change, time.time()))
            raise
        except RetailError as error:
            _write_check(folder, StoreCheck(time.time(), error.code, error.message))
            raise
        except FileNotFoundError as error:  # removed by a writer since the state was read
            _write_check(folder, StoreCheck(time.time(), StoreError.code, "Files of the store are missing."))
            raise StoreError(f"Files of {url} are missing or were just replaced.", "Try again.") from error
        _write_check(folder, StoreCheck(time.time()))


def _is_known_as_damaged(folder: Path, change: int) -> bool:
    """Return whether the active version of this state was found damaged a short time ago; its check stays in force."""
    failed = last_check(folder)
    if change != failed.change or not 0 <= time.time() - failed.tried_at < RETRY_DAMAGED_S:
        return False
    _write_check(folder, msgspec.structs.replace(failed, checked_at=time.time()))
    return True


def last_check(folder: Path) -> StoreCheck:
    """Return the result of the last request to the store; time 0 if there was none."""
    try:
        return msgspec.json.decode((folder / CHECK).read_bytes(), type=StoreCheck)
    except (OSError, msgspec.DecodeError):
        return StoreCheck(0.0)


def version_names(root: Path) -> set[str]:
    """Return the ids of all versions of an artifacts folder; of a local copy, those of the store."""
    folder = root / MANIFESTS if (root / MARKER).is_file() else root / "versions"
    names = {path.name for path in folder.glob("*")}
    if _is_working(root):
        names |= {path.name for path in (root / "versions").glob("*")}
    return {name for name in names if VERSION.fullmatch(name)}


def manifest_folder(root: Path, version: str) -> Path:
    """Return the folder of the manifest of a version, which need not exist."""
    folder = root / "versions" / version
    return folder if folder.is_dir() or not (root / MARKER).is_file() else root / MANIFESTS / version


def written_at(root: Path, version: str) -> int:
    """Return the time at which the manifest of a version was written, in nanoseconds; in a copy, its number there."""
    known = root / MANIFESTS / version / MANIFEST
    return (known if known.is_file() else root / "versions" / version / MANIFEST).stat().st_mtime_ns


def remove_version(root: Path, version: str, *, ignore_errors: bool = False) -> None:
    """Remove a version from an artifacts folder; in a transaction, from the store when it ends."""
    if (root / "versions" / version).exists():
        shutil.rmtree(root / "versions" / version, ignore_errors=ignore_errors)
    shutil.rmtree(root / MANIFESTS / version, ignore_errors=True)


def verify_stored(root: Path, version: str | None) -> list[str] | None:
    """Compare every file of a version in the store with its digest; return None in another folder.

    Parameters
    ----------
    root : Path
    version : str or None
        Id of a version; by default the active one.

    Returns
    -------
    list of str or None
        Problems; empty if every file is as published.
    """
    if (url := store_url(root)) is None:
        return None
    store = RemoteStore(url)
    state = store.read_state() or StoreState()
    if not state.versions:
        raise MissingBundleError(f"There is no fitted bundle in {url}.", "Fit one: smart-retail fit ORDERS.xlsx.")
    stored = state.find(version or state.current)
    if stored is None:
        raise UnknownVersionError(
            f"There is no version {version} in {url}." if version else f"No version is active in {url}.",
            "`smart-retail versions` lists the versions.",
        )
    blob = _read_manifest(store, stored)
    entries, sizes = parse_manifest(blob, stored.version)["files"], store.sizes(stored)
    problems = []
    for key in sorted(entries):
        if sizes.get(key) != entries[key]["size"]:
            found = "is missing" if key not in sizes else f"has {sizes[key]} bytes instead of {entries[key]['size']}"
            problems.append(f"{key} {found}.")
        elif store.digest(stored, key, sizes[key]) != entries[key]["sha256"]:
            problems.append(f"{key} was changed after it was published.")
    problems += [
        f"{key} is not part of the bundle." for key in sizes if key.startswith("tables/") and key not in entries
    ]
    return problems


def copy_of(root: Path) -> Path:
    """Return the local copy to which the folder of a transaction belongs; another folder is returned as it is."""
    return root.parent if _is_working(root) else root


def fetch_version(
    store: RemoteStore, stored: StoredVersion, folder: Path, *, exports: bool = False, seed: Path | None = None
) -> None:
    """Put the files of a version into an artifacts folder, after comparing each with its digest.

    Parameters
    ----------
    store : RemoteStore
    stored : StoredVersion
    folder : Path
    exports : bool
        Whether the notebook files are included; they have no digests.
    seed : Path, optional
        An artifacts folder that may have verified files of the version.

    Raises
    ------
    DamagedBundleError
        A file is missing or damaged; nothing was added to the folder.
    """
    target = folder / "versions" / stored.version
    if target.is_dir():
        return
    manifest = _read_manifest(store, stored)
    entries, sizes = parse_manifest(manifest, stored.version)["files"], store.sizes(stored)
    for key, entry in entries.items():
        if sizes.get(key) != entry["size"]:
            raise corrupt_bundle_error(f"{key} of version {stored.version} is incomplete in the store.")
    names = list(entries) + [name for name in sizes if exports and _is_export(name)]
    part = target.with_name(f"{DOWNLOAD}{stored.version}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=PRIVATE_FOLDER, parents=True)

    def fetch(name: str) -> None:
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if seed is not None and _link(seed / "versions" / stored.version / name, path):
            return
        digest = store.download(stored, name, path)
        if name in entries and digest != entries[name]["sha256"]:
            raise corrupt_bundle_error(f"{name} of version {stored.version} is damaged in the store.")

    try:
        run_parallel(fetch, names)
        (part / MANIFEST).write_bytes(manifest)
        if (line := store.read_small(stored, SIGNATURE, MAX_SIGNATURE_BYTES)) is not None:
            (part / SIGNATURE).write_bytes(line)
        part.rename(target)
    except FileNotFoundError as error:
        raise corrupt_bundle_error(f"Version {stored.version} is incomplete in the store.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _synchronize(folder: Path, store: RemoteStore, state: StoreState | None) -> None:
    """Bring a copy to a state of the store. The caller holds the sync lock."""
    if state is None or not state.versions:
        return
    known = _synced(folder)
    for part in (folder / "versions").glob(f"{DOWNLOAD}*"):
        shutil.rmtree(part, ignore_errors=True)
    if known != state or not (folder / "versions" / state.current).is_dir():
        receipts = {name for name in state.files if name.startswith("receipts/")}
        if known is not None and not receipts <= set(known.files):
            _remove_leftovers(folder)  # a customer was erased
        copy_files(folder, store, state)
        copy_manifests(folder, store, state)
        _activate(folder, store, state)
        write_atomically(folder / SYNCED, msgspec.json.encode(state))
    _remove_unused(folder, state)


def _remove_leftovers(folder: Path) -> None:
    """Remove jobs and the files of killed processes of this host, which can contain an erased customer."""
    from filelock import FileLock, Timeout

    remove_jobs(folder)
    with suppress(Timeout), FileLock(folder / ".lock", timeout=0):  # a running fit cannot be published any more
        remove_transactions(folder)


def remove_transactions(copy: Path) -> None:
    """Remove the folders of publications of killed processes. The caller holds the lock of the copy."""
    for path in copy.glob(f"{PUBLICATION}*"):
        shutil.rmtree(path, ignore_errors=True)


def _activate(folder: Path, store: RemoteStore, state: StoreState) -> None:
    """Download the active version and set the pointers; without any version, fall back on the previous one."""
    current = state.find(state.current)
    if current is None:
        (folder / "current").unlink(missing_ok=True)
        (folder / "previous").unlink(missing_ok=True)
        return
    previous = state.find(state.previous)
    try:
        fetch_version(store, current, folder)
    except ArtifactError:
        if not (folder / "current").is_file() and previous is not None:
            fetch_version(store, previous, folder)
            set_pointer(folder, "previous", previous)
            set_pointer(folder, "current", current)
        raise
    set_pointer(folder, "previous", previous)
    set_pointer(folder, "current", current)


def set_pointer(folder: Path, name: str, stored: StoredVersion | None) -> None:
    path = folder / name
    if stored is None:
        path.unlink(missing_ok=True)
        return
    content = f"{stored.version} {stored.manifest}\n".encode()
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


def copy_files(folder: Path, store: RemoteStore, state: StoreState) -> None:
    """Make the shared files equal to those of the store."""
    present = list_shared_files(folder)
    for name, stored in state.files.items():
        if present.pop(name, "") != stored.sha256:
            content = store.read_file(stored)
            (folder / name).parent.mkdir(exist_ok=True)
            write_atomically(folder / name, content)
    for name in present:
        (folder / name).unlink(missing_ok=True)


def list_shared_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the shared files of a folder by name."""
    found = {}
    for pattern in ("*", "rules-history/*", "receipts/*"):
        for path in folder.glob(pattern):
            name = path.relative_to(folder).as_posix()
            if SHARED_FILE.fullmatch(name) and path.is_file() and not path.is_symlink():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def copy_manifests(folder: Path, store: RemoteStore, state: StoreState, seed: Path | None = None) -> None:
    """Write the manifest and the signature of every version of the store, with times in the order of publication."""
    for position, stored in enumerate(state.versions):
        target = folder / MANIFESTS / stored.version
        if not (target / MANIFEST).is_file():
            target.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            known = None if seed is None else seed / MANIFESTS / stored.version
            if known is not None and (known / MANIFEST).is_file():
                blob = (known / MANIFEST).read_bytes()
                line = (known / SIGNATURE).read_bytes() if (known / SIGNATURE).is_file() else None
            else:
                try:
                    blob = _read_manifest(store, stored)
                    line = store.read_small(stored, SIGNATURE, MAX_SIGNATURE_BYTES)
                except ArtifactError:
                    if stored.version == state.current:
                        raise
                    blob, line = b"", None  # listed as damaged
            if line is not None:
                write_atomically(target / SIGNATURE, line)
            write_atomically(target / MANIFEST, blob)
        os.utime(target / MANIFEST, ns=(position, position))


def _read_manifest(store: RemoteStore, stored: StoredVersion) -> bytes:
    blob = store.read_small(stored, MANIFEST, MAX_MANIFEST_BYTES)
    if blob is None or hashlib.sha256(blob).hexdigest() != stored.manifest:
        raise corrupt_bundle_error(f"The manifest of version {stored.version} is missing or damaged in the store.")
    return blob


def _remove_unused(folder: Path, state: StoreState) -> None:
    """Remove versions that are no longer in the store, and those that have not been used for an hour."""
    stored = {entry.version for entry in state.versions}
    for name in (MANIFESTS, "versions"):
        for path in (folder / name).glob("*"):
            if VERSION.fullmatch(path.name) and path.name not in stored:
                shutil.rmtree(path, ignore_errors=True)
    for path in (folder / "versions").glob("*"):
        is_old = time.time() - path.stat().st_mtime > KEEP_UNUSED_S
        if is_old and VERSION.fullmatch(path.name) and path.name not in (state.current, state.previous):
            shutil.rmtree(path, ignore_errors=True)


def _link(source: Path, target: Path) -> bool:
    """Make a verified file appear in another folder; return whether it exists."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _is_export(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and parts[0] == "export" and parts[1] not in ("", ".", "..") and "\\" not in name


def _is_working(root: Path) -> bool:
    return root.name.startswith((PUBLICATION, FILE_CHANGE))


def _synced(folder: Path) -> StoreState | None:
    try:
        return msgspec.json.decode((folder / SYNCED).read_bytes(), type=StoreState)
    except (OSError, msgspec.DecodeError):
        return None


def _write_check(folder: Path, check: StoreCheck) -> None:
    write_atomically(folder / CHECK, msgspec.json.encode(check))


@contextmanager
def sync_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the files of a copy; threads and processes of a host take turns."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / ".sync.lock", timeout=SYNC_WAIT_S):
            yield
    except Timeout as error:
        raise StoreError("Another process is copying from this store.", "Try again.") from error
    except OSError as error:
        raise ArtifactError(
            f"The cache folder cannot be written: {error.strerror}.", "Check its permissions and free space."
        ) from error
