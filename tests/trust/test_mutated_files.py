"""Files of people with mutated bytes: a clear error or an answer, within bounded memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from smart_retail.errors import DataError

from .mutated_files import mutated, parquet, read_mutated, read_table

SECONDS = 20
PEAK_MB = 600
"""Most of it are the libraries; the files are smaller than 100 kB."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by /proc")
@pytest.mark.slow
def test_mutated_files_raise_nothing_but_the_engines_errors(tmp_path: Path) -> None:
    told = read_mutated(tmp_path, SECONDS)
    assert told["failures"] == []
    assert told["peak_mb"] < PEAK_MB
    assert sum(told["counts"].values()) > 13


def test_a_table_that_turns_out_damaged_while_it_is_read_is_a_clear_error(tmp_path: Path) -> None:
    path, content = tmp_path / "orders.parquet", bytearray(parquet())
    content[60:400] = b"\xff" * 340
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(path)
    assert error.value.hint


@pytest.mark.parametrize(
    "wrong", [(b"category", b"categ\xff\xfey"), (b"Garden", b"Gar\xff\xc3n")], ids=["name", "text"]
)
def test_a_table_that_is_not_utf_8_is_a_clear_error(tmp_path: Path, wrong: tuple[bytes, bytes]) -> None:
    path = tmp_path / "orders.parquet"
    path.write_bytes(parquet(compression="none").replace(*wrong))
    with pytest.raises(DataError) as error:
        read_table(path)
    assert error.value.hint


def test_a_mutation_is_one_and_the_same_for_a_number() -> None:
    content = b"order_id,customer_id\n" * 10
    several = [mutated(content, random.Random(f"csv/{number}")) for number in range(50)]
    assert several == [mutated(content, random.Random(f"csv/{number}")) for number in range(50)]
    assert sum(one != content for one in several) > 45
