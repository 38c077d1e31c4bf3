"""Parquet files with far more content than their size allows are refused before they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smart_retail.data.files import limits
from smart_retail.data.pipeline import prepare
from smart_retail.errors import DataError


def constant(value: Any, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


def write(path: Path, rows: int, **columns: Any) -> Path:
    values = {"order_id": "o1", "customer_id": "c1", "item_id": "i1", "order_date": "2024-01-01", "amount": "1"}
    table = {name: constant(value, rows) for name, value in values.items()} | columns
    pq.write_table(pa.table(table), path, compression="zstd", store_schema=False)
    return path


def test_an_ordinary_file_is_read(tmp_path: Path) -> None:
    with prepare([write(tmp_path / "orders.parquet", 50)]) as dataset:
        assert dataset.report.rows_in == 50


def test_a_long_text_repeated_in_every_row_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.parquet", 100_000, item_name=constant("x" * 1_000_000, 100_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match="a text of 1,000,000 bytes in the column item_name"):
        prepare([path])


def test_texts_that_are_large_together_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.parquet", 100_000, item_name=constant("x" * 10_000, 100_000))
    with pytest.raises(DataError, match=r"955 MB of text in \d"):
        prepare([path])


def test_millions_of_equal_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PARQUET_ROWS", 50_000)
    with pytest.raises(DataError, match="100,000 rows in"):
        prepare([write(tmp_path / "orders.parquet", 100_000)])


@pytest.mark.parametrize("value", [[["a"] * 5] * 3, [{"a": 1}] * 3, [b"\xff"] * 3], ids=["list", "record", "binary"])
def test_columns_without_a_fixed_size_are_not_read(tmp_path: Path, value: list[Any]) -> None:
    path = write(tmp_path / "orders.parquet", 3, item_name=pa.array(value))
    with prepare([path]) as dataset:
        assert dataset.report.rows_accepted == 3
        assert set(dataset.item_names) == {""}


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    columns = {f"c{n}": constant("x", 2) for n in range(2_100)}
    with pytest.raises(DataError, match="columns; the maximum is 1,000"):
        prepare([write(tmp_path / "orders.parquet", 2, **columns)])
