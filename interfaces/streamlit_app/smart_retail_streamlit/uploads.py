"""Uploaded files as temporary files, removed when they are no longer needed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

SUFFIXES = ("csv", "gz", "ods", "parquet", "tsv", "txt", "xls", "xlsb", "xlsx")
"""Types of file that the engine reads."""
_CHUNK = 1 << 20


class Upload(Protocol):
    """An uploaded file of Streamlit."""

    file_id: str
    name: str

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class UploadStore:
    """Uploads of one visitor, each a file in a private temporary folder."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._files: dict[str, Path] = {}

    def store(self, uploads: Sequence[Upload]) -> list[Path]:
        """Return a file for each upload, in order; files of uploads that are gone are removed."""
        wanted = {upload.file_id: upload for upload in uploads}
        for file_id in self._files.keys() - wanted.keys():
            shutil.rmtree(self._files.pop(file_id).parent, ignore_errors=True)
        for file_id in wanted.keys() - self._files.keys():
            self._files[file_id] = self._copy(wanted[file_id])
        return [self._files[upload.file_id] for upload in uploads]

    def _copy(self, upload: Upload) -> Path:
        """Copy an upload in pieces, under its own name but never outside the folder."""
        if self._folder is None:
            # Removed when the process ends, at the latest.
            self._folder = TemporaryDirectory(prefix="smart-retail-upload-")
        path = Path(tempfile.mkdtemp(dir=self._folder.name)) / file_name(upload.name)
        upload.seek(0)
        with path.open("wb") as file:
            while chunk := upload.read(_CHUNK):
                file.write(chunk)
        return path

    def detach_folder(self) -> TemporaryDirectory[str] | None:
        """Hand the folder to the caller, who removes it; the store is empty afterwards."""
        folder, self._folder, self._files = self._folder, None, {}
        return folder

    def close(self) -> None:
        """Remove everything."""
        folder = self.detach_folder()
        if folder is not None:
            folder.cleanup()


def file_name(text: str) -> str:
    """Return the name of an uploaded file, reduced to what every file system accepts."""
    name = re.sub(r"[^\w.\-() ]+", "_", re.split(r"[/\\]", text)[-1])
    return name[-100:].strip(". ") or "upload"
