"""Files that ask for far more than their size suggests are read or refused with a clear error, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from .hostile_files import OTHERS, PARQUET, WORKBOOKS, read_hostile_files

MAX_MEMORY_MB = 600


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak memory from /proc")
@pytest.mark.slow
def test_each_kind_of_hostile_file_is_read_or_refused(tmp_path: Path) -> None:
    large, others = 2 * len(WORKBOOKS), len(OTHERS)
    files = read_hostile_files(tmp_path, large, others)
    assert len(files) == large + others
    assert {file["kind"] for file in files} == {make.__name__ for _, make in (*WORKBOOKS, *PARQUET, *OTHERS)}
    assert [file for file in files if file["outcome"] not in ("read", "rejected")] == []
    assert [file for file in files if file["peak_mb"] > MAX_MEMORY_MB] == []
