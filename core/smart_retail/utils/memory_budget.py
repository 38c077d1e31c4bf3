"""The memory in which a fit reads and processes purchases, and how DuckDB and the blocks of rows share it.

Models take memory in addition. DuckDB gets a limit of its own and spills to disk beyond it; purchase histories are
files, which are processed in blocks of rows.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smart_retail.errors import SettingsError

UNITS: Final = {"MB": 2**20, "GB": 2**30, "TB": 2**40}
MIN_BYTES: Final = 2 * 2**30
"""DuckDB and a block of rows would not become smaller with less."""
_BYTES_OF_BLOCK_ROW: Final = 200
"""Memory of the arrays that are derived from one row of a block."""
_MIN_BLOCK_ROWS, _MAX_BLOCK_ROWS = 500_000, 2_000_000
"""Between these bounds, blocks take 100 to 400 MB."""
_DUCKDB_BYTES_OF_THREAD: Final = 384 * 2**20
"""On 20 million lines a higher limit of DuckDB was not faster; it only doubled the peak."""


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """A budget in bytes."""

    total: int

    @property
    def block_rows(self) -> int:
        """Rows of a history that are processed at a time: their arrays take an eighth of the budget at most."""
        return max(_MIN_BLOCK_ROWS, min(_MAX_BLOCK_ROWS, self.total // 8 // _BYTES_OF_BLOCK_ROW))

    def duckdb_bytes(self, threads: int) -> int:
        """Return the limit of DuckDB: 384 MB per thread, at least 512 MB, at most a quarter of the budget."""
        return max(512 * 2**20, min(_DUCKDB_BYTES_OF_THREAD * threads, self.total // 4))


def read_budget(text: str) -> MemoryBudget:
    """Return the budget of a text such as ``8GB``; an empty one is half of the memory of the machine.

    Raises
    ------
    SettingsError
        The text is not a size, or is less than `MIN_BYTES`.
    """
    if not text:
        return MemoryBudget(max(machine_bytes() // 2, MIN_BYTES))
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|TB)\s*", text, re.IGNORECASE)
    if parts is None:
        raise SettingsError(f"Invalid memory size {text!r}.", "Give a size such as 8GB or 4000MB.")
    total = int(float(parts[1]) * UNITS[parts[2].upper()])
    if total < MIN_BYTES:
        raise SettingsError(f"A fit needs more memory than {text.strip()}.", "Set memory to 2GB or more.")
    return MemoryBudget(total)


def machine_bytes() -> int:
    """Return the memory of the machine, or the limit of its container; 8 GB where the platform does not say."""
    try:
        total = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30
    return min(total, _container_bytes() or total)


def _container_bytes() -> int:
    """Return the limit of the control group of this process, 0 for none."""
    for path in _CONTAINER_LIMITS:
        try:
            return int(path.read_text())
        except (OSError, ValueError):  # another version of control groups, or "max"
            continue
    return 0


_CONTAINER_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
DEFAULT_MEMORY: Final = MemoryBudget(8 * 2**30)
"""For histories that are built without settings."""
