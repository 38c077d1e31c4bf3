"""Writes a bundle to a hidden folder, verifies it and activates it by one atomic rename.

If the process is killed, the active version is unchanged, and the next process that holds the lock removes the
incomplete files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.layout import JSON_FILES, array_problem, find_array
from smart_retail.bundle.local_copy import remove_version
from smart_retail.bundle.reader import FORMAT_VERSION, MANIFEST, MAX_POINTER_BYTES, Bundle, read_bounded
from smart_retail.bundle.signing import SIGNATURE, signature_line, signing_key
from smart_retail.bundle.versions import WRITING, VersionInfo, versions
from smart_retail.errors import DamagedBundleError
from smart_retail.utils.atomic_file import write_atomically

_WRITE_ENTRIES = 2_000_000
"""Entries of an array that are written at a time, so that a mapped array is not read into memory at once."""
VERSIONS_KEPT = 5
"""Number of versions that a publish keeps; older ones are removed."""


class ArrayFile:
    """Writer of one array of a bundle, part by part; a context manager that completes the file.

    Parameters
    ----------
    path : Path
    dtype : dtype
    shape : tuple of int
        Of the whole array.
    complete : callable
        Receives size and SHA-256 of the complete file.
    """

    def __init__(
        self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], complete: Callable[[int, str], None]
    ) -> None:
        self._dtype, self._shape, self._complete = dtype, shape, complete
        self._rows = self._size = 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb")
        header = io.BytesIO()
        facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, facts)
        self._write(header.getbuffer())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if error is None:
            if self._rows != (self._shape[0] if self._shape else 1):
                raise ValueError(f"{self._rows} rows were written to an array of shape {self._shape}")
            self._complete(self._size, self._digest.hexdigest())

    def append(self, values: NDArray[Any]) -> None:
        """Append rows of the array, or the whole array."""
        if values.dtype != self._dtype or values.shape[1:] != self._shape[1:]:
            raise ValueError(f"{values.dtype} {values.shape} does not fit an array of {self._dtype} {self._shape}")
        self._rows += values.shape[0] if values.ndim else 1
        contiguous = np.ascontiguousarray(values).reshape(-1)
        for start in range(0, len(contiguous), _WRITE_ENTRIES):
            self._write(contiguous[start : start + _WRITE_ENTRIES].view(np.uint8).data)

    def _write(self, data: memoryview) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


class BundleWriter:
    """Writer of one new version, a context manager that removes all files that were not published.

    The caller holds `versions.lock`. Several threads may write different files.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.folder = self.root / "versions" / f"{WRITING}{os.getpid()}"
        self._files: dict[str, dict[str, Any]] = {}
        (self.folder / "export").mkdir(parents=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    @property
    def export(self) -> Path:
        """Folder of the files for notebooks; not covered by the digests."""
        return self.folder / "export"

    def array(self, name: str, values: NDArray[Any]) -> None:
        """Write ``tables/<name>.npy``.

        Raises
        ------
        ValueError
            `bundle/layout.py` does not list the array, or lists another dtype or number of axes.
        """
        with self.array_file(name, values.dtype, values.shape) as file:
            file.append(values)

    @staticmethod
    def _check(name: str, values: NDArray[Any]) -> None:
        if find_array(name) is None:
            raise ValueError(f"bundle/layout.py does not list the array {name!r}")
        if problem := array_problem(name, values):
            raise ValueError(f"{problem}, see bundle/layout.py")

    def array_file(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> ArrayFile:
        """Open ``tables/<name>.npy`` for an array that is appended part by part; raises the errors of `array`.

        Parameters
        ----------
        name : str
        dtype : dtype
        shape : tuple of int
            Of the whole array.
        """
        self._check(name, np.empty((0, *shape[1:]), dtype))
        path = self._path(f"tables/{name}.npy")

        def add(size: int, digest: str) -> None:
            self._files[path.relative_to(self.folder).as_posix()] = {"size": size, "sha256": digest}

        return ArrayFile(path, dtype, shape, add)

    def arrays(self, group: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write ``tables/<group>/<name>.npy`` for each array; raises the errors of `array`."""
        for name, values in arrays.items():
            self.array(f"{group}/{name}", values)

    def json(self, name: str, value: Any) -> None:
        """Write ``tables/<name>.json``.

        Raises
        ------
        ValueError
            `bundle/layout.py` does not list the file.
        """
        if name not in JSON_FILES:
            raise ValueError(f"bundle/layout.py does not list the JSON file {name!r}")
        path = self._path(f"tables/{name}.json")
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        self._add(path)

    def publish(self, facts: Mapping[str, Any]) -> str:
        """Finalize the bundle, make it the active version and return its id.

        `facts` are written to the manifest in addition to format, version and digests.
        """
        version = self.finalize(facts)
        current = self.root / "current"
        # The same content published twice within a second has the same id: the version before it stays the previous.
        if current.exists() and not (active := read_bounded(current, MAX_POINTER_BYTES)).startswith(version.encode()):
            write_atomically(self.root / "previous", active)
        set_active_pointer(self.root, "current", version)
        prune(self.root)
        return version

    def finalize(self, facts: Mapping[str, Any], replaces: str = "") -> str:
        """Complete the bundle without activating it, and return its id.

        The bundle is signed if a signing key is configured, flushed to the disk, renamed and verified.

        Parameters
        ----------
        facts : mapping
            Entries of the manifest.
        replaces : str
            Id of the version that this one replaces. Two versions with equal content, rewritten within one second,
            have different ids because of it.

        Raises
        ------
        DamagedBundleError
            The written bundle does not verify.
        """
        digest = hashlib.sha256(json.dumps([self._files, facts, replaces], sort_keys=True).encode()).hexdigest()
        now = datetime.now(UTC)
        version = f"{now:%Y%m%dT%H%M%SZ}-{digest[:8]}"
        manifest = {
            "fitted_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            **facts,
            "format": FORMAT_VERSION,
            "version": version,
            "files": dict(sorted(self._files.items())),
        }
        blob = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False).encode()
        write_atomically(self.folder / MANIFEST, blob)
        if key := signing_key():
            write_atomically(self.folder / SIGNATURE, signature_line(key, blob))
        for path in self.folder.rglob("*"):
            _sync(path)
        target = self.folder.with_name(version)
        if target.exists():
            self.discard()
        else:
            self.folder.rename(target)
        _sync(target.parent)
        if problems := Bundle.open(self.root, version).verify():
            raise DamagedBundleError(
                f"The new version did not verify: {problems[0]}", "Check the disk, then fit again."
            )
        return version

    def discard(self) -> None:
        """Remove the files that were not published."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _add(self, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._files[path.relative_to(self.folder).as_posix()] = {"size": path.stat().st_size, "sha256": digest}


def set_active_pointer(root: Path, name: str, version: str) -> None:
    """Set a pointer file to a finalized version.

    Parameters
    ----------
    root : Path
        The artifacts folder.
    name : str
        ``current`` or ``previous``.
    version : str
        Id of a finalized version.
    """
    digest = hashlib.sha256((root / "versions" / version / MANIFEST).read_bytes()).hexdigest()
    write_atomically(root / name, f"{version} {digest}\n".encode())
    _sync(root)


def prune(root: str | os.PathLike[str], keep: int = VERSIONS_KEPT) -> list[str]:
    """Remove old versions except the active and the previous one, and return their ids."""

    def is_protected(v: VersionInfo) -> bool:
        return v.active or v.previous

    old = [v.version for v in versions(root)[keep:] if not is_protected(v)]
    for version in old:
        # Windows cannot remove mapped files; a later fit removes them.
        remove_version(Path(root), version, ignore_errors=True)
    return old


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk, if the platform supports it."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
