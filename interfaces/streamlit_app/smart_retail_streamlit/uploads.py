"""Files that a visitor uploads: bytes in, temporary files out, removed as soon as nobody needs them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

SUFFIXES = ("csv", "gz", "parquet", "tsv", "txt", "xls", "xlsx")
_CHUNK = 1 << 20


class Upload(Protocol):
    """What Streamlit hands over for a file."""

    file_id: str
    name: str

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class UploadStore:
    """The uploads of one visitor, each a file in a private temporary folder."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._files: dict[str, Path] = {}

    def store(self, uploads: Sequence[Upload]) -> list[Path]:
        """Files for these uploads, in their order; those of earlier uploads are removed."""
        wanted = {upload.file_id: upload for upload in uploads}
        for gone in self._files.keys() - wanted.keys():
            shutil.rmtree(self._files.pop(gone).parent, ignore_errors=True)
        for identity in wanted.keys() - self._files.keys():
            self._files[identity] = self._store(wanted[identity])
        return [self._files[upload.file_id] for upload in uploads]

    def _store(self, upload: Upload) -> Path:
        """Copy in pieces, under the visitor's own file name but never outside the folder."""
        if self._folder is None:
            # Goes with the process at the latest.
            self._folder = TemporaryDirectory(prefix="smart-retail-upload-")
        path = Path(tempfile.mkdtemp(dir=self._folder.name)) / file_name(upload.name)
        upload.seek(0)
        with path.open("wb") as file:
            while piece := upload.read(_CHUNK):
                file.write(piece)
        return path

    def detach_folder(self) -> TemporaryDirectory[str] | None:
        """Give the folder to somebody who will remove it; this visitor starts anew."""
        folder, self._folder, self._files = self._folder, None, {}
        return folder

    def close(self) -> None:
        """Remove everything."""
        folder = self.detach_folder()
        if folder is not None:
            folder.cleanup()


def file_name(text: str) -> str:
    """What a visitor's file is called here: its own name as far as every file system takes it."""
    name = re.sub(r"[^\w.\-() ]+", "_", re.split(r"[/\\]", text)[-1])
    return name[-100:].strip(". ") or "upload"
