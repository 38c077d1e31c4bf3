"""Blocks of rows that DuckDB reads as a stream."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from smart_retail.utils import arrow_stream
from smart_retail.utils.arrow_stream import BlockStream

COLUMNS = {"text": "VARCHAR", "flag": "BOOLEAN", "whole": "INTEGER", "number": "DOUBLE"}


def select(stream: BlockStream, query: str = "FROM stream") -> list[tuple[Any, ...]]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("stream", stream)
        return connection.execute(query).fetchall()


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """After a query, no memory that a reader should have released exists."""
    yield
    assert not arrow_stream._owned_by_reader
    assert not arrow_stream._streams


def test_values_are_unchanged() -> None:
    texts = ["", "a", "é日本", "\x00z", "a\r\n,", "x" * 100_000, "\U0001f600", "00012", " "]
    rows = [(t, i % 3 == 0, i * (-1) ** i, i / 3) for i, t in enumerate(texts)]
    rows += [("", True, 2**31 - 1, math.inf), ("", False, -(2**31), 5e-324)]
    assert select(BlockStream(COLUMNS, [rows[:5], rows[5:6], [], rows[6:]])) == rows


def test_flags_keep_their_order_over_the_bytes_of_a_bitmap() -> None:
    rows = [("", i % 3 == 0 or i % 7 == 0, i, 0.0) for i in range(20)]
    assert select(BlockStream(COLUMNS, [rows[:9], rows[9:]])) == rows


@pytest.mark.parametrize("blocks", [[], [[]], [[], []]])
def test_no_rows(blocks: list[Any]) -> None:
    assert select(BlockStream(COLUMNS, blocks)) == []


def test_a_query_may_read_some_columns_and_stop_early() -> None:
    blocks = ([(str(10 * i + j), True, j, 0.5) for j in range(10)] for i in range(1000))
    assert select(BlockStream(COLUMNS, blocks), "SELECT whole, text FROM stream LIMIT 3") == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
    ]


def test_each_block_is_requested_after_the_one_before_is_processed() -> None:
    class Block(list[tuple[Any, ...]]):
        pass

    alive: list[weakref.ref[Block]] = []
    most = 0

    def blocks() -> Iterator[Block]:
        nonlocal most
        for i in range(200):
            block = Block((f"{i} {j}", True, j, 0.0) for j in range(100))
            alive.append(weakref.ref(block))
            most = max(most, sum(reference() is not None for reference in alive))
            # The values of a block are copied, and its memory is released before the next but one.
            assert len(arrow_stream._owned_by_reader) < 30
            yield block
            del block

    assert select(BlockStream(COLUMNS, blocks()), "SELECT count(*), sum(whole) FROM stream") == [(20_000, 990_000)]
    assert most == 1


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_the_error_of_a_block_ends_the_query_and_is_kept(kind: type[BaseException]) -> None:
    def blocks() -> Iterator[list[tuple[Any, ...]]]:
        yield [("", True, 1, 0.0)]
        raise kind("é is wrong")

    stream = BlockStream(COLUMNS, blocks())
    with pytest.raises(duckdb.Error, match=f"{kind.__name__}: é is wrong"):
        select(stream)
    assert type(stream.error) is kind


def test_a_value_of_another_type_ends_the_query() -> None:
    stream = BlockStream(COLUMNS, [[("", True, "x", 0.0)]])
    with pytest.raises(duckdb.Error):
        select(stream)
    assert isinstance(stream.error, ValueError)


def test_a_stream_that_is_never_read_is_freed() -> None:
    assert BlockStream(COLUMNS, []).__arrow_c_stream__() is not None


def test_other_readers_understand_the_stream() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    rows = [("é", True, 1, 0.5), ("", False, -2, 1.5)]
    table = pyarrow.table(BlockStream(COLUMNS, [rows[:1], rows[1:]]))
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    table.validate(full=True)
