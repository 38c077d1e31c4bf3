"""Read a workbook in a process of its own, with limits on memory and time.

The reader of workbooks expands repeated and scattered cells before any of its results can be checked, so that a file of
a few kilobytes can ask for hundreds of gigabytes; it then ends its process. Run as a program, this module reads a
request from the standard input and writes the result to the standard output, both as JSON.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from smart_retail.data.files import limits
from smart_retail.data.files.delimited_text import TextFile
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.files.workbook import Sheets, open_workbook
from smart_retail.errors import DataError, RetailError, by_code

BASE_MEMORY_BYTES: Final = 384 * 2**20
"""Address space of the interpreter and of a small workbook."""
MAX_MEMORY_BYTES: Final = 8 * 2**30
MEMORY_PER_BYTE: Final = 8
"""Bytes of memory per byte of decompressed content; a cell needs about 22 bytes of XML and 72 bytes of memory."""
MEMORY_PER_BINARY_BYTE: Final = 20
"""The same for XLS, whose cells have as little as 6 bytes."""
BASE_SECONDS: Final = 8
SECONDS_PER_MEGABYTE: Final = 1
"""Processor time per megabyte of content; a tenth of it is usual."""
WAIT_FACTOR: Final = 20
"""How much longer than its processor time the process may take on a busy machine."""


def open_workbook_in_process(path: Path, folder: Path, options: ReadOptions) -> Sheets:
    """Return `open_workbook` of these arguments, read in another process.

    Raises
    ------
    DataError
        As `open_workbook`; or reading needs more memory or time than is plausible for the size of the file.
    """
    content, per_byte = _content_size(path)
    seconds = BASE_SECONDS + SECONDS_PER_MEGABYTE * content // 2**20
    request = {
        "path": str(path),
        "folder": str(folder),
        "options": asdict(options),
        "memory_bytes": min(BASE_MEMORY_BYTES + per_byte * content, MAX_MEMORY_BYTES),
        "cpu_seconds": seconds,
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603  # this interpreter and this module; the paths are passed in the JSON
            # -P: the folder the program was started in is not on the module path, so none of its files is imported.
            [sys.executable, "-P", "-m", __spec__.name],
            input=json.dumps(request),
            capture_output=True,
            encoding="utf-8",
            env=environment,
            timeout=seconds * WAIT_FACTOR,
            check=False,
        )
        return _sheets(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise DataError(
            f"{path.name} needs far more memory or time than a workbook of its size should.",
            "Delete cells outside the table and repeated empty rows, or save the sheet with the orders as CSV.",
        ) from error


def _content_size(path: Path) -> tuple[int, int]:
    """Return the size of the content, as far as it is acceptable, and the memory per byte of it."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as parts:
            content = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
        return min(size, limits.MAX_WORKBOOK_BYTES), MEMORY_PER_BINARY_BYTE
    return min(content, 10 * 2**20 + size * limits.MAX_WORKBOOK_RATIO), MEMORY_PER_BYTE


def _sheets(response: dict[str, Any]) -> Sheets:
    if "code" in response:
        raise by_code(response["code"])(response["message"], response["hint"])
    returns = response["returns"]
    return Sheets(_text_file(response["orders"]), _text_file(returns) if returns else None)


def _text_file(fields: dict[str, Any]) -> TextFile:
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return TextFile(**{**fields, **lists, "path": Path(fields["path"])})


def _respond(request: dict[str, Any]) -> dict[str, Any]:
    _limit_resources(request["memory_bytes"], request["cpu_seconds"])
    try:
        sheets = open_workbook(Path(request["path"]), Path(request["folder"]), ReadOptions(**request["options"]))
    except RetailError as error:
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return asdict(sheets)


def _limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: a crash still ends only this process
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_respond(json.load(sys.stdin)), default=str))
