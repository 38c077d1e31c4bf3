"""Decompress gzip files as a stream, with limits on their content and on the number of their members.

Files that were compressed in parts have many members. `gzip` of the standard library takes half a millisecond for each,
so that a file of a few megabytes with empty members would occupy it for minutes.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO, Final

from smart_retail.data.files import limits
from smart_retail.errors import DataError

INPUT_BYTES: Final = 2**14
"""Compressed bytes per step; the rest of a step is copied once for each member in it."""
OUTPUT_BYTES: Final = 2**22
_GZIP: Final = 31
"""Window size of zlib for data with a gzip header and checksum."""


def decompress(path: Path, folder: Path) -> Path:
    """Decompress a gzip file into `folder`, at most `limits.MAX_FILE_BYTES`.

    Raises
    ------
    DataError
        The file is damaged, decompresses to too much, or consists of almost empty members.
    """
    target = folder / f"decompressed-{len(list(folder.iterdir()))}.csv"
    try:
        with path.open("rb") as compressed, target.open("wb") as out:
            is_complete = _copy(compressed, out, path)
    except zlib.error as error:
        raise _damaged(path.name) from error
    if not is_complete:
        raise _damaged(path.name)
    return target


def _copy(compressed: BinaryIO, out: BinaryIO, path: Path) -> bool:
    """Write the content of all members; return whether the last one is complete."""
    most = limits.FREE_CONTENT_BYTES + path.stat().st_size * limits.MAX_GZIP_RATIO
    written = members = 0
    member, data, has_more = None, b"", False
    while True:
        if not data and not has_more:
            data = compressed.read(INPUT_BYTES)
            if not data:
                return member is None
        if member is None:
            data = data.lstrip(b"\0")  # padding after a member
            if not data:
                continue
            member, members = zlib.decompressobj(_GZIP), members + 1
            _check_members(members, written, path.name)
        block = member.decompress(data, OUTPUT_BYTES)
        written += len(block)
        if written > limits.MAX_FILE_BYTES:
            size = f"{limits.MAX_FILE_BYTES / 2**30:.0f} GB"
            raise DataError(f"{path.name} decompresses to more than {size}.", "Split it, or use Parquet.")
        if written > most:
            times = f"{limits.MAX_GZIP_RATIO} times its size"
            raise DataError(f"{path.name} decompresses to more than {times}: it is almost empty.", "Export it again.")
        out.write(block)
        data, has_more = member.unconsumed_tail, len(block) == OUTPUT_BYTES
        if member.eof:
            data, has_more, member = member.unused_data, False, None


def _check_members(members: int, written: int, name: str) -> None:
    if members > limits.MAX_GZIP_MEMBERS and written < members * limits.MIN_GZIP_MEMBER_BYTES:
        raise DataError(f"{name} consists of thousands of almost empty parts.", "Export it again.")


def _damaged(name: str) -> DataError:
    return DataError(f"{name} is a damaged gzip file.", "Copy or export it again.")
