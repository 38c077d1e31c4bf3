"""Reads a bundle and verifies that its files are as published.

Nothing is unpickled: array headers are parsed by NumPy, and object types are rejected. Each file is mapped once, and
its digest is computed over this mapping before use. With a signing key a file is read into memory instead, so that a
later change of it has no effect.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from smart_retail.bundle.layout import (
    array_problem,
    companion_of,
    companion_problem,
    find_array,
    shape_problem,
    value_problem,
)
from smart_retail.bundle.signing import MAX_SIGNATURE_BYTES, SIGNATURE, check_signature, signing_key
from smart_retail.errors import ArtifactError, DamagedBundleError, FormatVersionError, MissingBundleError
from smart_retail.utils.artifacts_location import shown_location
from smart_retail.utils.regular_file import open_regular_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION = 3
MANIFEST = "manifest.json"
MAX_POINTER_BYTES = 256
MAX_MANIFEST_BYTES = 64 * 2**20
DIGEST_BYTES = 64 * 2**20
"""Bytes of a file that are in memory while its digest is computed; a multiple of the page size."""
MAX_JSON_BYTES = 256 * 2**20
MIN_PARALLEL_BYTES = 2**20
"""Bytes; the digests of less data are computed faster than a thread starts."""

VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_POINTER = re.compile(rf"({VERSION.pattern}) ([0-9a-f]{{64}})\n?")
_TABLE = re.compile(r"tables(/[a-z0-9_]+(\.[a-z0-9_]+)*)+\.(npy|json)")

T = TypeVar("T")


class BundleDict(dict[str, Any]):
    """A dict read from a bundle; a missing key is an error, since the bundle was written with another layout."""

    def __missing__(self, name: str) -> Any:
        raise missing_part_error(name)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One opened version. A file is verified when it is first read."""

    folder: Path
    version: str
    manifest: dict[str, Any]
    signature: str
    """valid, unchecked (signed, but no key is configured) or none."""
    _cache: dict[str, Any] = field(default_factory=dict)
    _pending: dict[str, Future[mmap.mmap | bytes]] = field(default_factory=dict)
    """Checks that are running and whose result has not been requested yet."""

    @classmethod
    def open(cls, root: str | os.PathLike[str], version: str | None = None, digest: str | None = None) -> Bundle:
        """Open the active version, or the given one.

        Parameters
        ----------
        root : path
            The artifacts folder.
        version : str, optional
            Id of a version; by default that of the pointer ``current``.
        digest : str, optional
            SHA-256 of the manifest of the given version; by default it is not compared.

        Raises
        ------
        MissingBundleError
            The folder has no active version, or not the given one.
        DamagedBundleError
            The pointer or the manifest is not as published.
        SignatureError
            A signing key is configured, and the manifest is not signed with it.
        FormatVersionError
            The bundle was written by an older or newer format.
        """
        root = Path(root)
        if version is None:
            version, digest = read_pointer(root, "current")
        folder = root / "versions" / version
        if not VERSION.fullmatch(version) or not folder.is_dir() or folder.is_symlink():
            raise MissingBundleError(
                f"There is no version {version} in {shown_location(root)}.",
                "`smart-retail versions` lists the versions.",
            )
        blob = read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES)
        if digest is not None and hashlib.sha256(blob).hexdigest() != digest:
            raise corrupt_bundle_error(f"The manifest of version {version} was changed after it was published.")
        signature = signature_status(folder, blob)
        manifest = parse_manifest(blob, version)
        return cls(folder, version, manifest, signature)

    def array(self, name: str) -> NDArray[Any]:
        """Return a read-only array, such as ``history/item``: memory-mapped, or in memory with a signing key."""
        found: NDArray[Any] = self._load_cached(f"tables/{name}.npy")
        return found

    def arrays(self, group: str) -> BundleDict:
        """Return all arrays below ``tables/<group>/`` by the rest of their names; empty if there are none."""
        keys = self._keys(group)
        self.prefetch(group)
        return BundleDict(
            (key.removeprefix(f"tables/{group}/").removesuffix(".npy"), self._load_cached(key)) for key in keys
        )

    def prefetch(self, *groups: str) -> None:
        """Start to verify the arrays of these groups on another thread; reading an array waits for its check."""
        keys = [key for group in groups for key in self._keys(group)]
        self._submit([key for key in keys if key not in self._cache and key not in self._pending])

    def json(self, name: str) -> Any:
        """Return the content of a JSON table, such as ``segments``."""
        return self._load_cached(f"tables/{name}.json")

    def decode_json(self, name: str, build: Callable[[Any], T]) -> T:
        """Return ``build(self.json(name))``; `FormatVersionError` if the table has another structure."""
        try:
            return build(self.json(name))
        except (AttributeError, TypeError, ValueError) as error:  # a field is missing or has another type
            raise missing_part_error(f"tables/{name}.json of the expected structure") from error

    def with_overrides(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], without: str) -> Bundle:
        """Return the bundle with some content replaced in memory.

        Parameters
        ----------
        arrays : mapping
            Array name -> replacement.
        facts : mapping
            Manifest entry -> replacement.
        without : str
            Group of tables that the result does not have.

        Returns
        -------
        Bundle
        """
        removed = f"tables/{without}/"
        files = {key: entry for key, entry in self.manifest["files"].items() if not key.startswith(removed)}
        cache = {f"tables/{name}.npy": values for name, values in arrays.items()}
        return replace(self, manifest={**self.manifest, **facts, "files": files}, _cache=cache, _pending={})

    def verify(self) -> list[str]:
        """Verify every file and return the problems; empty if there are none.

        All files stay mapped, so that the bundle can be used even after its folder was removed.
        """
        from smart_retail.utils.column_files import release_pages  # imports NumPy

        problems = []
        self._submit(list(self.manifest["files"]))
        for key in sorted(self.manifest["files"]):
            try:
                self._cache[key] = self._read(key)
                if key.endswith(".npy"):  # the lists of a million customers would take 14 GB of memory
                    release_pages(self._cache[key])
            except ArtifactError as error:
                problems.append(error.message)
        for path in sorted((self.folder / "tables").rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if path.is_symlink() or (path.is_file() and key not in self.manifest["files"]):
                problems.append(f"{key} is not part of the bundle.")
        return problems

    def _keys(self, group: str) -> list[str]:
        start = f"tables/{group}/"
        return sorted(key for key in self.manifest["files"] if key.startswith(start) and key.endswith(".npy"))

    def _submit(self, keys: Sequence[str]) -> None:
        """Verify files in parallel, the largest first; computing a digest releases Python's global lock."""
        size = {key: self._entry(key)["size"] for key in keys}
        if sum(size.values()) < MIN_PARALLEL_BYTES:
            return
        pool = ThreadPoolExecutor(os.cpu_count())
        for key in sorted(size, key=size.__getitem__, reverse=True):
            self._pending[key] = pool.submit(self._read_file, key)
        pool.shutdown(wait=False)

    def _load_cached(self, key: str) -> Any:
        if key not in self._cache:
            self._cache[key] = self._read(key)
        return self._cache[key]

    def _read(self, key: str) -> Any:
        pending = self._pending.pop(key, None)
        content = self._read_file(key) if pending is None else pending.result()
        if key.endswith(".npy"):
            values, name = _array(content, key), key.removeprefix("tables/").removesuffix(".npy")
            if problem := array_problem(name, values):
                raise FormatVersionError(
                    f"{problem}: an engine of another version wrote it.", "Fit again with this engine."
                )
            if problem := self._content_problem(name, values):
                raise corrupt_bundle_error(problem)
            return values
        if len(content) > MAX_JSON_BYTES:
            raise corrupt_bundle_error(f"{key} is larger than {MAX_JSON_BYTES:,} bytes.")
        return _json(bytes(content), key)

    def _content_problem(self, name: str, values: NDArray[Any]) -> str:
        """Return why an array with a valid digest cannot be used with the others; empty if it can."""
        found = find_array(name)
        if found is None:
            return ""
        kinds = {word.partition(" ")[0] for word in found[1].shape} & {"customers", "items"} | {found[1].codes} - {""}
        lengths = {kind: n for kind in kinds if (n := self._count(kind, name)) is not None}
        problem = shape_problem(name, values.shape, lengths) or value_problem(name, values, lengths)
        companion = companion_of(name)
        other = self._load_optional(companion, ".npy") if companion and not problem else None
        return problem if other is None else companion_problem(name, values, other, companion)

    def _count(self, kind: str, name: str) -> int | None:
        """Return the number of customers, items, or names of a kind; None if it is not known."""
        if kind in ("customers", "items"):
            ids = f"{kind}/ids/offsets"
            offsets = None if name == ids else self._load_optional(ids, ".npy")
            return None if offsets is None else len(offsets) - 1
        names = self._load_optional("names", ".json")
        found = names.get(kind) if isinstance(names, dict) else None
        return len(found) if isinstance(found, list) else None

    def _load_optional(self, name: str, ending: str) -> Any:
        """Return an array or JSON table, None without one; a damaged one is reported when it is read itself."""
        key = f"tables/{name}{ending}"
        if key not in self.manifest["files"]:
            return None
        try:
            return self._load_cached(key)
        except ArtifactError:
            return None

    def _entry(self, key: str) -> dict[str, Any]:
        entry: dict[str, Any] | None = self.manifest["files"].get(key)
        if entry is None:
            raise missing_part_error(key)
        return entry

    def _read_file(self, key: str) -> mmap.mmap | bytes:
        entry = self._entry(key)
        path = self.folder / key
        if path.is_symlink() or any(p.is_symlink() for p in path.parents if self.folder in p.parents):
            raise corrupt_bundle_error(f"{key} is a link.")
        try:
            with open_regular_file(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size != entry["size"]:
                    raise corrupt_bundle_error(f"{key} has {size} bytes instead of {entry['size']}.")
                if not size:
                    content: mmap.mmap | bytes = b""
                elif self.signature == "valid":  # a mapping would show later changes of the file
                    content = file.read(size)
                else:
                    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise corrupt_bundle_error(f"{key} cannot be read: {error.strerror}.") from error
        if _digest(content) != entry["sha256"]:
            raise corrupt_bundle_error(f"{key} was changed after it was published.")
        return content


def _digest(content: mmap.mmap | bytes) -> str:
    """Return the SHA-256 of a file; the memory of a large map is released on the way, it is read again when used."""
    digest = hashlib.sha256()
    for start in range(0, len(content), DIGEST_BYTES):
        with memoryview(content) as view:
            digest.update(view[start : start + DIGEST_BYTES])
        if isinstance(content, mmap.mmap) and len(content) > DIGEST_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            content.madvise(mmap.MADV_DONTNEED, start, min(DIGEST_BYTES, len(content) - start))
    return digest.hexdigest()


def parse_manifest(blob: bytes, version: str) -> dict[str, Any]:
    """Return the content of the manifest of a version.

    Raises
    ------
    DamagedBundleError
        It is not valid, or belongs to another version.
    FormatVersionError
        The bundle was written by an older or newer format.
    """
    manifest = _json(blob, MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("version") != version:
        raise corrupt_bundle_error(f"The manifest of version {version} belongs to another version.")
    if manifest.get("format") != FORMAT_VERSION:
        written = manifest.get("format")
        age = "newer" if isinstance(written, int) and written > FORMAT_VERSION else "older"
        raise FormatVersionError(
            f"Version {version} has bundle format {written}, {age} than {FORMAT_VERSION} of this engine.",
            "Upgrade smart-retail-engine." if age == "newer" else "Fit again with this engine.",
        )
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_entry(k, v) for k, v in files.items()):
        raise corrupt_bundle_error(f"The manifest of version {version} lists files that are not valid.")
    return manifest


def signature_status(folder: Path, manifest: bytes) -> str:
    """Return valid, unchecked (signed, but no key is configured) or none.

    Raises
    ------
    SignatureError
        A signing key is configured, and the signature is missing or was not made with it.
    """
    path = folder / SIGNATURE
    line = read_bounded(path, MAX_SIGNATURE_BYTES) if os.path.lexists(path) else None
    key = signing_key()
    if key is None:
        return "none" if line is None else "unchecked"
    check_signature(key, manifest, line, folder.name)
    return "valid"


def read_pointer(root: str | os.PathLike[str], name: str = "current") -> tuple[str, str]:
    """Return the version id and the manifest digest of a pointer file, ``current`` or ``previous``.

    Raises
    ------
    MissingBundleError
        The file does not exist.
    DamagedBundleError
        The file is not a valid pointer.
    """
    root = Path(root)
    path = root / name
    if not path.exists():
        raise MissingBundleError(
            f"There is no fitted bundle in {shown_location(root)}.",
            "Run `smart-retail demo`, or `smart-retail fit ORDERS.xlsx` with your own orders.",
        )
    found = _POINTER.fullmatch(read_bounded(path, MAX_POINTER_BYTES).decode("ascii", "replace"))
    if found is None:
        raise corrupt_bundle_error(f"The file {name} does not name a version.")
    return found[1], found[2]


def _is_entry(key: object, entry: object) -> bool:
    return (
        isinstance(key, str)
        and _TABLE.fullmatch(key) is not None
        and isinstance(entry, dict)
        and type(entry.get("size")) is int
        and entry["size"] >= 0
        and isinstance(entry.get("sha256"), str)
    )


def read_bounded(path: Path, cap: int) -> bytes:
    """Return the content of a file; `DamagedBundleError` if it is larger than `cap` bytes or a link."""
    try:
        if path.is_symlink():
            raise corrupt_bundle_error(f"{path.name} is a link.")
        with open_regular_file(path) as file:
            blob = file.read(cap + 1)
    except OSError as error:
        raise corrupt_bundle_error(f"{path.name} cannot be read: {error.strerror}.") from error
    if len(blob) > cap:
        raise corrupt_bundle_error(f"{path.name} is larger than {cap:,} bytes.")
    return blob


def _json(blob: bytes, name: str) -> Any:
    try:
        return json.loads(blob, object_hook=BundleDict)
    except (ValueError, RecursionError) as error:
        raise corrupt_bundle_error(f"{name} is not valid JSON.") from error


def _array(content: mmap.mmap | bytes, name: str) -> NDArray[Any]:
    """Return an array over the mapped file; NumPy reads its header, and nothing is unpickled."""
    import numpy as np  # files are verified on other threads during this import

    head = BytesIO(content[:4096])
    try:
        if np.lib.format.read_magic(head) != (1, 0):
            raise ValueError("version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(head)
        if dtype.hasobject or fortran:
            raise ValueError("type")
        count = int(np.prod(shape, dtype=np.int64))
        if head.tell() + count * dtype.itemsize != len(content):
            raise ValueError("size")
        if count == 0:
            return np.empty(shape, dtype)
        return np.frombuffer(content, dtype=dtype, count=count, offset=head.tell()).reshape(shape)
    except Exception as error:  # the header parser can raise many types, such as TokenError and OverflowError
        raise corrupt_bundle_error(f"{name} is not a plain array.") from error


def corrupt_bundle_error(message: str) -> DamagedBundleError:
    """Return the error for a file that is not as published."""
    return DamagedBundleError(
        message, "`smart-retail rollback` returns to the previous version; a new fit writes a new one."
    )


def missing_part_error(name: str) -> FormatVersionError:
    """Return the error for an intact bundle without content that this engine needs."""
    return FormatVersionError(
        f"The bundle has no {name}, which this engine needs: an engine of another version wrote it.",
        "Fit again with this engine.",
    )
