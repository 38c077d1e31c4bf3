"""Data frames give the same results as files, and Spark the same results as DuckDB."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.errors import DataError, UsageError
from smart_retail.settings import DataSettings

ORDERS = """Customer,SKU,Order No,Date,Qty,Total,Description,Category,Country,Ship Date,Discount,Returned
C1,i1,o1,2020-01-31 10:00:00,2,10.5,Mug,Kitchen,FR,2020-02-02,0.2,
C1,i2,o1,2020-01-31 10:00:00,1,0,Cup,Kitchen,FR,,0,
C2,i1,o2,2020-02-03,3,15.75,Mug,Kitchen,DE,2020-02-03,0,yes
C1,i1,o3,2020-02-10,-1,-5.25,Mug,,FR,,0,
,i1,o4,2020-02-11,1,5,Mug,,FR,,0,
c1,i3,,2020-02-30,1,5,Hat,,,,0,
c1,i3,,2020-02-28,1,5,Hat,,,,1,
"""


def content(dataset: Dataset) -> dict[str, Any]:
    history, table = dataset.history_between(), dataset.rfm()
    lines = dataset._backend.fetch(
        dataset.lines.select(
            nw.col("kept_amount", "order_year", "order_month").cast(nw.Int64).sum(),
            *(
                nw.col(n).cast(nw.Float64).sum()
                for n in ("shipping_days", "discount_rate")
                if n in dataset.lines.columns
            ),
        )
    )
    return {
        "report": {k: v for k, v in dataset.report.as_dict().items() if k != "notes"},
        "fingerprint": dataset.fingerprint,
        "history": [getattr(history, n).tolist() for n in ("customer", "order", "item", "day", "quantity", "amount")],
        "guests": [getattr(dataset.guest_orders, n).tolist() for n in ("order", "item", "day", "quantity", "amount")],
        "rfm": [a.tolist() for a in (table.recency, table.frequency, table.monetary)],
        "names": [dataset.item_names, dataset.customer_countries, dataset.category_names],
        "categories": dataset.item_category.tolist(),
        "prices": [repr(p) for p in dataset.item_price.tolist()],
        "returned": dataset.returned_share.tolist(),
        "weeks": dataset.weekly_sales(),
        "lines": {k: round(float(v[0]), 6) for k, v in lines.items()},
    }


def contents(sources: list[Any], backend: str = "duckdb") -> dict[str, Any]:
    with prepare(sources, settings=DataSettings(backend=backend)) as dataset:
        return content(dataset)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def typed_orders() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [13085, 13085, None, 12, 12],
            "item_id": ["00012", "A", "A", "é", "A"],
            "order_id": [1, 1, 2, 3, 4],
            "timestamp": [dt.datetime(2020, 1, d, 23, 30) for d in (1, 1, 2, 3, 4)],
            "quantity": [1, 2, 1, None, -1],
            "amount": [1.5, 2.25, 3.0, 4.0, -1.0],
            "category": ["x", None, "y", "y", "x"],
        }
    )


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


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local Spark session for all tests; skipped without Java."""
    if "spark" not in os.environ.get("SMART_RETAIL_REQUIRE", ""):  # `tox run -e spark` asks for it
        pytest.importorskip("pyspark.sql", reason="the extra spark is not installed")
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            pytest.skip("Spark needs Java 17")
    import pyspark.sql as pyspark

    builder = pyspark.SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "2")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning")
def test_spark_reads_a_file_with_the_same_results(spark: Any, orders: Path) -> None:
    assert contents([orders], "spark") == contents([orders])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning")
def test_spark_reads_its_own_frames_and_tables(spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    typed_orders().write_parquet(path)
    expected = contents([path])
    frame = spark.read.parquet(str(path))
    frame.createOrReplaceTempView("orders_view")
    assert contents([frame], "spark") == expected
    assert contents([frame]) == expected, "a Spark frame stays on Spark"
    assert contents(["orders_view"], "spark") == expected
    with pytest.raises(DataError, match="no file, address or table"):
        contents(["nowhere"], "spark")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning")
@pytest.mark.real_data
def test_spark_reads_real_exports_with_the_same_results(spark: Any, real_data: Path) -> None:
    for name in ("global_superstore.xlsx", "messy/superstore_semicolon_decimal_comma_cp1252.csv"):
        assert contents([real_data / name], "spark") == contents([real_data / name])
