"""Artifacts in an object store that several hosts share: S3, Google Cloud Storage, Azure, or a mounted folder.

Layout below the URL::

    state-0000000017.json       what is published: versions, pointers and shared files; the highest number counts
    versions/<version>-<id>/    the files of a version, as in an artifacts folder
    files/<sha256>-<id>         content of a shared file, such as rules.toml

The store changes only by the creation of the next state, which fails if an object with this number exists. So of
several writers that started from one state, exactly one wins. Objects that no state names are not in use.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from smart_retail.bundle.reader import VERSION, corrupt_bundle_error
from smart_retail.errors import ArtifactError, MissingExtraError, RetailError, StoreError, UsageError
from smart_retail.utils.artifacts_location import check_url

FORMAT: Final = 1
STATES_KEPT: Final = 20
"""States that stay in the store; older ones are removed."""
MAX_STATE_BYTES: Final = 2**20
PARALLEL_TRANSFERS: Final = 8
CHUNK_BYTES: Final = 8 * 2**20
CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 60

_STATE: Final = re.compile(r"state-(\d{10})\.json")
_FOLDER: Final = re.compile(rf"({VERSION.pattern})-[0-9a-f]{{8}}")
_OBJECT: Final = re.compile(r"[0-9a-f]{64}-[0-9a-f]{8}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SHARED_FILE: Final = re.compile(
    r"rules\.toml|items\.json|erased\.txt|rules-history/\d{8}T\d{6}\.\d{6}Z\.toml|"
    r"receipts/\d{4}-\d{2}-\d{2}-[0-9a-f]{16}\.json"
)
"""Names of the files of an artifacts folder that all hosts share, in addition to versions and pointers."""
_CONFLICT_CODES: Final = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")

_EXCLUSIVE: Final = threading.Lock()
"""The store in memory, for tests, has no exclusive creation of its own."""


class StoredVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version in the store."""

    version: str
    manifest: str
    """SHA-256 of its manifest."""
    folder: str
    """Name of its folder below ``versions/``."""


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shared file in the store."""

    object: str
    """Name of the object below ``files/``, which begins with the SHA-256 of the content."""
    size: int
    """Bytes."""

    @property
    def sha256(self) -> str:
        return self.object[:64]


class StoreState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is published in a store."""

    format: int = FORMAT
    change: int = 0
    """Number of the state; each change adds one."""
    publication: int = 0
    """Number of changes of versions and pointers. Changes of shared files alone do not count."""
    writer: str = ""
    """Random text of the process that wrote the state."""
    current: str = ""
    """Id of the active version, empty without one."""
    previous: str = ""
    """Id of the version that a rollback activates, empty without one."""
    versions: tuple[StoredVersion, ...] = ()
    """Oldest first."""
    files: dict[str, StoredFile] = {}

    def find(self, version: str) -> StoredVersion | None:
        """Return a version by its id, None if it is not in the store."""
        return next((stored for stored in self.versions if stored.version == version), None)


class StateConflictError(Exception):
    """Another process has created the state with this number."""


class RemoteStore:
    """Objects below one URL.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/shop``. Credentials and other options come from the environment, as in `fsspec` and the
        store's own tools.

    Raises
    ------
    MissingExtraError
        The package for this type of store is not installed.
    UsageError
        The URL is not valid.
    """

    def __init__(self, url: str) -> None:
        self.url = check_url(url)
        protocol, _, _ = self.url.partition("://")
        try:
            import fsspec

            self._fs: Any = fsspec.filesystem(protocol, **_options(protocol))
        except ImportError as error:
            package = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(protocol, "adlfs")
            known = protocol in ("s3", "file", "memory")
            extra = "smart-retail-engine[remote]"
            raise MissingExtraError(
                f"Artifacts in {protocol}:// need packages that are not installed.",
                f'Install them with: pip install "{extra}"' if known else f'pip install "{extra}" {package}',
            ) from error
        except Exception as error:  # an option in the environment that is not valid
            raise self._error(error) from error
        self._root: str = self._fs._strip_protocol(self.url).rstrip("/")
        self._local = protocol == "file"

    # Reading

    def read_state(self) -> StoreState | None:
        """Return the current state, None for an empty store; one list request, and one for the state.

        Raises
        ------
        StoreError
            The store cannot be reached, or does not allow it.
        ArtifactError
            The state is damaged.
        """
        with self._translated_errors():
            numbers = self._state_numbers()
            return self._read_numbered(max(numbers)) if numbers else None

    def read_file(self, stored: StoredFile) -> bytes:
        """Return the content of a shared file after comparing its digest."""
        with self._translated_errors():
            content: bytes = self._fs.cat_file(f"{self._root}/files/{stored.object}", end=stored.size + 1)
        if hashlib.sha256(content).hexdigest() != stored.sha256:
            raise corrupt_bundle_error("A shared file of the store is damaged.")
        return content

    def read_small(self, stored: StoredVersion, name: str, cap: int) -> bytes | None:
        """Return a file of a version, None if it does not exist; at most `cap` bytes."""
        with self._translated_errors():
            try:
                content: bytes = self._fs.cat_file(f"{self._root}/versions/{stored.folder}/{name}", end=cap + 1)
            except FileNotFoundError:
                return None
        if len(content) > cap:
            raise corrupt_bundle_error(f"{name} of version {stored.version} is larger than {cap:,} bytes.")
        return content

    def sizes(self, stored: StoredVersion) -> dict[str, int]:
        """Return the size in bytes of every file of a version by its name."""
        base = f"{self._root}/versions/{stored.folder}/"
        with self._translated_errors():
            found = self._fs.find(base.rstrip("/"), detail=True)
        return {name.removeprefix(base): int(info["size"]) for name, info in found.items() if name.startswith(base)}

    def download(self, stored: StoredVersion, name: str, target: Path) -> str:
        """Copy a file of a version to `target`, and return its SHA-256."""
        with self._translated_errors():
            self._fs.get_file(f"{self._root}/versions/{stored.folder}/{name}", str(target))
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def digest(self, stored: StoredVersion, name: str, size: int) -> str:
        """Return the SHA-256 of a file of a version with `size` bytes, read without storing it."""
        path, digest = f"{self._root}/versions/{stored.folder}/{name}", hashlib.sha256()
        if size <= CHUNK_BYTES:  # one request; an opened file needs two
            with self._translated_errors():
                return hashlib.sha256(self._fs.cat_file(path)).hexdigest()
        with self._translated_errors(), self._fs.open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    # Writing

    def prepare(self) -> StoreState:
        """Return the current state of a store that can be written; an empty store gets a first state.

        Raises
        ------
        UsageError
            The store replaces objects that it was asked to create only: two writers could both win.
        StoreError
            The store cannot be reached or written.
        """
        state = self.read_state()
        if state is None:
            state = StoreState()
            with suppress(StateConflictError):
                self._create(state)
            state = self.read_state() or state
        try:
            self._create(state)  # equal to the existing object, so nothing changes if the store does not refuse
        except StateConflictError:
            return state
        raise UsageError(
            f"The store of {self.url} does not support conditional writes, so two fits could both be published.",
            "Use a store that supports If-None-Match, such as Amazon S3 or a current MinIO.",
        )

    def upload_version(self, folder: Path) -> StoredVersion:
        """Upload a version and read it back; nothing names it yet.

        Raises
        ------
        StoreError
            The store cannot be written, or a file was damaged on the way. What was uploaded is removed.
        """
        manifest = (folder / "manifest.json").read_bytes()
        digest = hashlib.sha256(manifest).hexdigest()
        stored = StoredVersion(folder.name, digest, f"{folder.name}-{secrets.token_hex(4)}")
        names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]

        def upload(name: str) -> None:
            with self._translated_errors():
                self._fs.put_file(str(folder / name), f"{self._root}/versions/{stored.folder}/{name}")
            with (folder / name).open("rb") as file:
                expected = hashlib.file_digest(file, "sha256").hexdigest()
            if self.digest(stored, name, (folder / name).stat().st_size) != expected:
                raise StoreError(f"{name} was damaged on its way to {self.url}.", "Try again.")

        try:
            run_parallel(upload, names)
        except BaseException:
            self.remove_folder(stored.folder)
            raise
        return stored

    def upload_file(self, content: bytes) -> StoredFile:
        """Store the content of a shared file; nothing names it yet."""
        stored = StoredFile(f"{hashlib.sha256(content).hexdigest()}-{secrets.token_hex(4)}", len(content))
        with self._translated_errors():
            self._fs.pipe_file(f"{self._root}/files/{stored.object}", content)
        return stored

    def write_state(self, state: StoreState) -> None:
        """Create the next state.

        Raises
        ------
        StateConflictError
            Another process has created it, or a later one.
        StoreError
            The store cannot be reached. The state may have been created if it cannot be read either.
        """
        try:
            self._create(state)
        except (StateConflictError, StoreError):
            # The state may have been created although the response was lost.
            with self._translated_errors(), suppress(FileNotFoundError):
                if self._read_numbered(state.change) == state:
                    return
            raise
        latest = state.change
        with suppress(StoreError), self._translated_errors():
            latest = max(self._state_numbers(), default=latest)
        if latest > state.change:  # the states between them were removed since they are old
            self._remove(f"{self._root}/{_state_name(state.change)}")
            raise StateConflictError

    def version_folders(self) -> set[str]:
        """Return the names of all folders below ``versions/``, also of those that no state names."""
        with self._translated_errors():
            try:
                found = self._fs.ls(f"{self._root}/versions", detail=False)
            except FileNotFoundError:
                return set()
        return {name for path in found if _FOLDER.fullmatch(name := path.rstrip("/").rpartition("/")[2])}

    def remove_folder(self, folder: str) -> None:
        """Remove the files of a version; an error is raised only if they are still there.

        Raises
        ------
        StoreError
            Files remain.
        """
        path = f"{self._root}/versions/{folder}"
        with self._translated_errors(), suppress(FileNotFoundError):
            self._fs.rm(path, recursive=True)

    def remove_files(self, stored: Iterable[StoredFile]) -> None:
        """Remove the content of shared files."""
        for file in stored:
            self._remove(f"{self._root}/files/{file.object}")

    def remove_old_states(self) -> None:
        """Remove all states but the latest ones."""
        with self._translated_errors():
            for number in sorted(self._state_numbers())[:-STATES_KEPT]:
                self._remove(f"{self._root}/{_state_name(number)}")

    # Requests

    def _state_numbers(self) -> list[int]:
        try:
            names = self._fs.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        found = [_STATE.fullmatch(name.rpartition("/")[2]) for name in names]
        return [int(match[1]) for match in found if match]

    def _read_numbered(self, number: int) -> StoreState:
        blob: bytes = self._fs.cat_file(f"{self._root}/{_state_name(number)}", end=MAX_STATE_BYTES + 1)
        state = _parse_state(blob[: MAX_STATE_BYTES + 1])
        if state is None or state.change != number:
            raise ArtifactError(
                f"{_state_name(number)} of {self.url} is damaged, or was written by a newer engine.",
                "Upgrade smart-retail-engine, or remove this object: the state before it then counts.",
            )
        return state

    def _create(self, state: StoreState) -> None:
        """Create the object of a state; `StateConflictError` if it exists."""
        blob = msgspec.json.format(msgspec.json.encode(state), indent=1)
        path = f"{self._root}/{_state_name(state.change)}"
        with self._translated_errors():
            try:
                if self._local:
                    _create_file(Path(path), blob)
                else:
                    with _EXCLUSIVE:
                        self._fs.pipe_file(path, blob, mode="create")
            except Exception as error:
                if _is_conflict(error):
                    raise StateConflictError from error
                raise

    def _remove(self, path: str) -> None:
        with self._translated_errors(), suppress(FileNotFoundError):
            self._fs.rm_file(path)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (RetailError, StateConflictError, FileNotFoundError):
            raise
        except Exception as error:  # each store has its own exceptions
            raise self._error(error) from error

    def _error(self, error: BaseException) -> StoreError:
        """Return the error for users; the messages of the libraries can contain keys and are left out."""
        kind = type(error).__name__
        if "Credential" in kind or "Credential" in str(error)[:200]:
            return StoreError(
                f"There are no credentials for {self.url}.",
                "Configure them as the store's own tools do, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        if isinstance(error, PermissionError):
            return StoreError(
                f"The credentials do not allow this access to {self.url}.",
                "Allow reading and listing for servers; fits and erasures also create and delete objects.",
            )
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreError("The disk is full.", "Free some space, or name another cache folder.")
        return StoreError(
            f"The store of {self.url} cannot be reached ({kind}).", "Check the address and the network, then try again."
        )


def run_parallel(task: Callable[[str], None], names: Iterable[str]) -> None:
    """Call a function for each name, several at a time; the first error is raised after the running calls ended."""
    with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
        calls = [pool.submit(task, name) for name in names]
        try:
            for call in calls:
                call.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _state_name(number: int) -> str:
    return f"state-{number:010}.json"


def _parse_state(blob: bytes) -> StoreState | None:
    """Return a state, None if it is not valid."""
    try:
        state = msgspec.json.decode(blob, type=StoreState)
    except (msgspec.DecodeError, RecursionError):
        return None
    known = {stored.version for stored in state.versions}
    is_valid = (
        state.format == FORMAT
        and all(
            (match := _FOLDER.fullmatch(stored.folder)) is not None
            and match[1] == stored.version
            and _DIGEST.fullmatch(stored.manifest)
            for stored in state.versions
        )
        and {state.current, state.previous} <= known | {""}
        and all(
            SHARED_FILE.fullmatch(name) and _OBJECT.fullmatch(file.object) and file.size >= 0
            for name, file in state.files.items()
        )
    )
    return state if is_valid else None


def _create_file(target: Path, content: bytes) -> None:
    """Create a file with its content in one step; `FileExistsError` if it exists."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, target)
    finally:
        part.unlink(missing_ok=True)


def _is_conflict(error: BaseException) -> bool:
    """Return whether a store has refused to replace an existing object."""
    found: BaseException | None = error
    while found is not None:
        response = getattr(found, "response", None)
        code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
        if isinstance(found, FileExistsError) or code in _CONFLICT_CODES or getattr(found, "code", 0) in (409, 412):
            return True
        if isinstance(found, OSError) and found.errno == errno.EEXIST:
            return True
        found = found.__cause__
    return False


def _options(protocol: str) -> dict[str, Any]:
    """Return the options of a file system; those of the environment (``FSSPEC_S3_...``) are added by fsspec."""
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol == "file":
        options["auto_mkdir"] = True
    if protocol == "s3":
        timeouts = {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": READ_TIMEOUT_S}
        options["config_kwargs"] = {**timeouts, "retries": {"max_attempts": 2}}
    return options
