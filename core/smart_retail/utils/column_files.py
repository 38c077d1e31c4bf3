"""Columns in files of their own, appended block by block and read back as read-only memory maps.

Columns that are larger than memory can be used like arrays: the operating system reads what is used and drops it again.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray


class ColumnFiles:
    """Writer of columns of equal length, a context manager that closes the files.

    Parameters
    ----------
    folder : Path
        Receives one file for each column.
    types : mapping
        Column name -> NumPy type.
    """

    def __init__(self, folder: Path, types: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._types = {name: np.dtype(kind) for name, kind in types.items()}
        self._paths = {name: folder / f"{name}.bin" for name in types}
        self._files: dict[str, BinaryIO] = {name: path.open("wb") for name, path in self._paths.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append rows; every column of the constructor is required."""
        for name, file in self._files.items():
            file.write(np.ascontiguousarray(columns[name], self._types[name]).data)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all columns as read-only maps of the files, which must not be removed before."""
        self.__exit__()
        return {name: _map(path, self._types[name]) for name, path in self._paths.items()}


def _map(path: Path, kind: np.dtype[Any]) -> NDArray[Any]:
    if not path.stat().st_size:
        return np.empty(0, kind)
    return np.asarray(np.memmap(path, kind, mode="r"))


def release_pages(*arrays: NDArray[Any]) -> None:
    """Let the operating system drop the memory of mapped files; it reads them again when they are used.

    Other arrays, and platforms without the call, are left as they are.
    """
    for array in arrays:
        base: Any = array
        while base is not None and not isinstance(base, mmap.mmap):
            base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
        if base is not None and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
