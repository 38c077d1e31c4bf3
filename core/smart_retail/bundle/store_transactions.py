"""Transactions that change a remote store: publications, and changes of shared files.

In: a local copy of the store. Each transaction works in a private folder below the copy, uploads what is new, and
writes the next state of the store, of which exactly one of several processes can write each number.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from smart_retail.bundle.local_copy import (
    FILE_CHANGE,
    PUBLICATION,
    copy_files,
    copy_manifests,
    list_shared_files,
    open_folder,
    refresh,
    set_pointer,
    sync_lock,
    version_names,
)
from smart_retail.bundle.reader import read_pointer
from smart_retail.bundle.remote_store import RemoteStore, StateConflictError, StoredFile, StoredVersion, StoreState
from smart_retail.errors import ArtifactError, ErasureError, LockError, StoreError
from smart_retail.utils.artifacts_location import MARKER, PRIVATE_FOLDER, store_url

log = logging.getLogger("smart_retail.bundle.store_transactions")

FILES_WAIT_S: Final = 10.0
MAX_ATTEMPTS: Final = 5
"""Attempts to write a state when only shared files were changed by others."""


@contextmanager
def publication(copy: Path) -> Iterator[Path]:
    """Yield a folder to change; when the block ends, its versions and pointers are published in one step.

    If the block raises an error, or another process publishes meanwhile, nothing is published. The caller holds the
    lock of the copy.

    Parameters
    ----------
    copy : Path
        A local copy.

    Yields
    ------
    Path
        An artifacts folder with the pointers and shared files of the store, and the manifests of its versions.

    Raises
    ------
    LockError
        Another process has published since the block began.
    StoreError
        The store cannot be reached or written.
    """
    with _transaction(copy, PUBLICATION) as (working, store, base):
        yield working
        new = _publish(working, store, base)
    _adopt(working, copy, new)
    shutil.rmtree(working, ignore_errors=True)


@contextmanager
def shared_files(artifacts: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a folder whose shared files, such as added items, can be changed; they are stored when the block ends.

    A folder of artifacts that is not a local copy is yielded itself.

    Raises
    ------
    LockError
        Another process has changed the same file meanwhile.
    StoreError
        The store cannot be reached or written.
    """
    from filelock import FileLock, Timeout

    folder = open_folder(artifacts)
    if store_url(folder) is None:
        yield folder
        return
    try:
        with FileLock(folder / ".files.lock", timeout=FILES_WAIT_S):
            for path in folder.glob(f"{FILE_CHANGE}*"):  # of killed processes
                shutil.rmtree(path, ignore_errors=True)
            with _transaction(folder, FILE_CHANGE) as (working, store, base):
                yield working
                _write_files(working, store, base)
    except Timeout as error:
        raise LockError("Another process is writing to this store.", "Try again.") from error
    shutil.rmtree(working, ignore_errors=True)
    with suppress(ArtifactError):  # stored; the next check of the store shows it here
        refresh(folder)


@contextmanager
def _transaction(copy: Path, prefix: str) -> Iterator[tuple[Path, RemoteStore, StoreState]]:
    """Yield a working folder with the state of the store; it is removed if the block raises an error."""
    store = RemoteStore(store_url(copy) or "")
    base = store.prepare()
    working = copy / f"{prefix}{secrets.token_hex(8)}"
    working.mkdir(mode=PRIVATE_FOLDER)
    try:
        shutil.copyfile(copy / MARKER, working / MARKER)
        (working / "versions").mkdir()
        copy_files(working, store, base)
        copy_manifests(working, store, base, copy)
        set_pointer(working, "current", base.find(base.current))
        set_pointer(working, "previous", base.find(base.previous))
        yield working, store, base
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise


def _publish(working: Path, store: RemoteStore, base: StoreState) -> list[str]:
    """Upload new versions and write the next state; return the ids of the new versions."""
    names = version_names(working)
    new = sorted(names - {stored.version for stored in base.versions})
    uploaded: list[StoredVersion] = []
    try:
        uploaded = [store.upload_version(working / "versions" / version) for version in new]
        kept = [stored for stored in base.versions if stored.version in names]
        unused = store.version_folders() - {stored.folder for stored in (*kept, *uploaded)}
        changes = {
            "publication": base.publication + 1,
            "current": _pointer_version(working, "current"),
            "previous": _pointer_version(working, "previous"),
            "versions": (*kept, *uploaded),
        }
        _write_files(working, store, base, changes)
    except BaseException as error:
        _discard_versions(store, uploaded)
        if isinstance(error, StoreError | FileNotFoundError) and _was_published(store, base):
            raise _lost_error(store) from error
        raise
    try:
        for folder in unused:
            # Folders that were there before the state was written belong to removed versions, to killed processes, or
            # to processes that started from an earlier state and cannot publish any more.
            store.remove_folder(folder)
    except StoreError as error:
        if not _is_erasure(working, base):
            log.warning({"event": "store_not_cleaned", "code": error.code})  # the next publication does it
            return new
        raise ErasureError(
            f"The customer was erased from the versions in use, but files of others remain. {error.message}",
            "Erase the customer again.",
        ) from error
    return new


def _discard_versions(store: RemoteStore, uploaded: list[StoredVersion]) -> None:
    """Remove versions that were not published; if the state cannot be read, the next publication does it."""
    with suppress(ArtifactError, FileNotFoundError):
        state = store.read_state()
        for stored in uploaded:
            if state is None or stored not in state.versions:
                store.remove_folder(stored.folder)


def _is_erasure(working: Path, base: StoreState) -> bool:
    """Return whether a transaction has added the receipt of an erasure."""
    return any(name.startswith("receipts/") and name not in base.files for name in list_shared_files(working))


def _pointer_version(working: Path, name: str) -> str:
    return read_pointer(working, name)[0] if (working / name).is_file() else ""


def _was_published(store: RemoteStore, base: StoreState) -> bool:
    try:
        state = store.read_state()
    except ArtifactError:
        return False
    return state is not None and state.publication != base.publication


def _lost_error(store: RemoteStore) -> LockError:
    return LockError(
        f"Another process has published to {store.url} meanwhile; nothing of this one is active.",
        "`smart-retail versions` lists the versions; start again if it is still needed.",
    )


def _write_files(working: Path, store: RemoteStore, base: StoreState, changes: dict[str, object] | None = None) -> None:
    """Write the next state with the shared files of a working folder, and with changes of versions and pointers."""
    present = list_shared_files(working)
    before = {name: stored.sha256 for name, stored in base.files.items()}
    changed = {name for name in before | present if before.get(name) != present.get(name)}
    if not changed and changes is None:
        return
    uploaded = {name: store.upload_file((working / name).read_bytes()) for name in sorted(changed) if name in present}
    latest = base
    try:
        for _ in range(MAX_ATTEMPTS):
            if changes is not None and latest.publication != base.publication:
                raise _lost_error(store)
            if any(latest.files.get(name) != base.files.get(name) for name in changed):
                raise LockError(f"Another process has changed the same file in {store.url}.", "Try again.")
            files = {name: stored for name, stored in latest.files.items() if name not in changed} | uploaded
            facts = {"change": latest.change + 1, "writer": os.urandom(8).hex(), "files": dict(sorted(files.items()))}
            state = msgspec.structs.replace(latest, **facts, **(changes or {}))
            try:
                store.write_state(state)
                break
            except StateConflictError:
                latest = store.read_state() or base
        else:
            raise LockError(f"Other processes keep changing {store.url}.", "Try again.")
    except BaseException:
        with suppress(ArtifactError, FileNotFoundError):
            found = store.read_state()
            known = [] if found is None else list(found.files.values())
            store.remove_files(file for file in uploaded.values() if file not in known)
        raise
    with suppress(StoreError):  # what remains is not in use
        store.remove_files(_replaced_files(latest, changed))
        store.remove_old_states()


def _replaced_files(latest: StoreState, changed: set[str]) -> list[StoredFile]:
    return [latest.files[name] for name in changed if name in latest.files]


def _adopt(working: Path, copy: Path, new: list[str]) -> None:
    """Move published versions from a working folder into the copy, so that this host need not download them."""
    with suppress(ArtifactError), sync_lock(copy):
        for version in new:
            target = copy / "versions" / version
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                (working / "versions" / version).rename(target)
    with suppress(ArtifactError):  # published; the next check of the store shows it here
        refresh(copy)
