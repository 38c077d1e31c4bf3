"""Files with mutated bytes: they are read or rejected with a clear error, within bounded memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from smart_retail.errors import DataError

from .mutated_files import mutate, parquet, read_mutated_files, read_table

MUTATIONS = 15
"""Mutated files for each reader."""
MAX_MEMORY_MB = 600
"""Most of it is used by the libraries; the files are smaller than 100 kB."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
@pytest.mark.slow
def test_mutated_files_raise_only_retail_errors(tmp_path: Path) -> None:
    summary = read_mutated_files(tmp_path, MUTATIONS)
    assert summary["failures"] == []
    assert summary["peak_mb"] < MAX_MEMORY_MB
    outcomes = summary["counts"]
    for name in {key.partition(":")[0] for key in outcomes}:
        assert outcomes.get(f"{name}: read", 0) + outcomes.get(f"{name}: rejected", 0) == MUTATIONS, name


def test_table_with_damaged_pages_is_a_clear_error(tmp_path: Path) -> None:
    path, content = tmp_path / "orders.parquet", bytearray(parquet())
    content[60:400] = b"\xff" * 340
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(path)
    assert error.value.hint


@pytest.mark.parametrize(
    "replacement", [(b"category", b"categ\xff\xfey"), (b"Garden", b"Gar\xff\xc3n")], ids=["name", "text"]
)
def test_table_that_is_not_utf_8_is_a_clear_error(tmp_path: Path, replacement: tuple[bytes, bytes]) -> None:
    path = tmp_path / "orders.parquet"
    path.write_bytes(parquet(compression="none").replace(*replacement))
    with pytest.raises(DataError) as error:
        read_table(path)
    assert error.value.hint


def test_mutation_is_reproducible_from_its_number() -> None:
    content = b"order_id,customer_id\n" * 10
    mutations = [mutate(content, random.Random(f"csv/{number}")) for number in range(50)]
    assert mutations == [mutate(content, random.Random(f"csv/{number}")) for number in range(50)]
    assert sum(mutation != content for mutation in mutations) > 45
