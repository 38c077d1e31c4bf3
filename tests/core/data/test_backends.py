"""Data frames give the same results as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from smart_retail.data.pipeline import prepare
from smart_retail.errors import UsageError
from smart_retail.settings import DataSettings

from .dataset_contents import ORDERS, contents, typed_orders


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


FORMS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame,
    "polars lazy": lambda frame: frame.lazy(),
    "polars with a time zone": lambda frame: frame.with_columns(pl.col("timestamp").dt.replace_time_zone("Asia/Tokyo")),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas with a time zone": lambda frame: frame.to_pandas().assign(
        timestamp=lambda table: table.timestamp.dt.tz_localize("Asia/Tokyo")
    ),
    "pandas with NumPy types": lambda frame: pd.DataFrame({n: frame[n].to_numpy() for n in frame.columns}),
    "pyarrow": lambda frame: frame.to_arrow(),
    "narwhals": nw.from_native,
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_data_frame_gives_the_same_results_as_its_parquet_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "orders.parquet"
    typed_orders().write_parquet(path)
    expected = contents([path])
    assert contents([FORMS[form](typed_orders())]) == expected
    assert expected["report"]["customers"] == 2
    assert expected["report"]["rejected"] == [
        {"reason": "bad quantity", "rows": 1, "examples": []},
        {"reason": "no customer", "rows": 1, "examples": ["2"]},
    ]
    assert expected["history"][3] == [18262, 18262]
    assert expected["history"][5] == [1_500_000, 2_250_000]
    assert expected["guests"] == [[0], [1], [18263], [1_000_000], [3_000_000]]


@pytest.mark.slow
def test_a_duckdb_relation_of_another_connection_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    typed_orders().write_parquet(path)
    with duckdb.connect() as connection:
        assert contents([connection.sql(f"SELECT * FROM read_parquet('{path}')")]) == contents([path])


@pytest.mark.slow
def test_data_frames_read_from_a_csv_give_the_same_results_as_the_file(orders: Path) -> None:
    expected = contents([orders])
    assert contents([pd.read_csv(orders, dtype=str)]) == expected
    assert contents([pl.read_csv(orders, infer_schema=False)]) == expected


def test_a_pandas_frame_may_hold_missing_ids_and_mixed_objects() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": np.array(["a", None, 12, float("nan")], dtype=object),
            "item_id": pd.Categorical(["x", "x", "y", "y"]),
            "date": ["2020-01-01", "2020-01-01", "2020-01-02", "2020-01-02"],
            "amount": ["1.5", "2", "3", "4"],
        },
        index=[5, 5, 6, 7],
    )
    with prepare([frame]) as dataset:
        assert list(dataset.customers.ids) == ["12", "a"]
        assert [(s.reason, s.rows) for s in dataset.report.rejected] == [("no customer", 2)]


def test_an_unknown_backend_is_an_error_with_the_valid_names() -> None:
    with pytest.raises(UsageError, match="'abacus' is not a valid backend") as error:
        prepare([typed_orders()], settings=DataSettings(backend="abacus"))
    assert error.value.hint == "Choose duckdb or spark."
