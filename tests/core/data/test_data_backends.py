"""DuckDB, Polars and pandas give the same, from files and from their own frames."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
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

BACKENDS = ("duckdb", "polars", "pandas")

ORDERS = """Customer,SKU,Order No,Date,Qty,Total,Description,Category,Country,Ship Date,Discount,Returned
C1,i1,o1,2020-01-31 10:00:00,2,10.5,Mug,Kitchen,FR,2020-02-02,0.2,
C1,i2,o1,2020-01-31 10:00:00,1,0,Cup,Kitchen,FR,,0,
C2,i1,o2,2020-02-03,3,15.75,Mug,Kitchen,DE,2020-02-03,0,yes
C1,i1,o3,2020-02-10,-1,-5.25,Mug,,FR,,0,
,i1,o4,2020-02-11,1,5,Mug,,FR,,0,
c1,i3,,2020-02-30,1,5,Hat,,,,0,
c1,i3,,2020-02-28,1,5,Hat,,,,1,
"""


def content(prepared: Dataset) -> dict[str, Any]:
    history, table = prepared.history_between(), prepared.rfm()
    lines = prepared._backend.fetch(
        prepared.lines.select(
            nw.col("kept_amount", "order_year", "order_month").cast(nw.Int64).sum(),
            *(
                nw.col(n).cast(nw.Float64).sum()
                for n in ("shipping_days", "discount_rate")
                if n in prepared.lines.columns
            ),
        )
    )
    return {
        "report": {k: v for k, v in prepared.report.as_dict().items() if k != "notes"},
        "fingerprint": prepared.fingerprint,
        "history": [getattr(history, n).tolist() for n in ("customer", "order", "item", "day", "quantity", "amount")],
        "rfm": [a.tolist() for a in (table.recency, table.frequency, table.monetary)],
        "names": [prepared.item_names, prepared.customer_countries, prepared.category_names],
        "categories": prepared.item_category.tolist(),
        "prices": [repr(p) for p in prepared.item_price.tolist()],
        "returned": prepared.returned_share.tolist(),
        "weeks": prepared.weekly_sales(),
        "lines": {k: round(float(v[0]), 6) for k, v in lines.items()},
    }


def contents(sources: list[Any], backend: str) -> dict[str, Any]:
    with prepare(sources, settings=DataSettings(backend=backend)) as prepared:
        return content(prepared)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_every_backend_reads_a_file_alike(orders: Path, backend: str) -> None:
    assert contents([orders], backend) == contents([orders], "duckdb")


def typed() -> pl.DataFrame:
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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", ["polars", "polars lazy", "pandas", "duckdb", "parquet", "narwhals", "pandas zoned"])
def test_every_backend_takes_every_frame(tmp_path: Path, form: str, backend: str) -> None:
    frame = typed()
    path = tmp_path / "orders.parquet"
    frame.write_parquet(path)
    connection = duckdb.connect()
    source: Any = {
        "polars": lambda: frame,
        "polars lazy": frame.lazy,
        "pandas": frame.to_pandas,
        "pandas zoned": lambda: frame.to_pandas().assign(timestamp=lambda t: t.timestamp.dt.tz_localize("Asia/Tokyo")),
        "duckdb": lambda: connection.sql(f"SELECT * FROM read_parquet('{path}')"),
        "parquet": lambda: path,
        "narwhals": lambda: nw.from_native(frame),
    }[form]()
    found = contents([source], backend)
    connection.close()
    assert found["report"]["customers"] == 2
    assert found["report"]["rejected"] == [
        {"reason": "bad quantity", "rows": 1, "examples": []},
        {"reason": "no customer", "rows": 1, "examples": ["2"]},
    ]
    assert found["history"][3] == [18262, 18262]
    assert found["history"][5] == [1_500_000, 2_250_000]


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
    for backend in BACKENDS:
        with prepare([frame], settings=DataSettings(backend=backend)) as prepared:
            assert list(prepared.customers.ids) == ["12", "a"]
            assert [(s.reason, s.rows) for s in prepared.report.rejected] == [("no customer", 2)]


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(UsageError, match="no backend abacus"):
        prepare([typed()], settings=DataSettings(backend="abacus"))


@pytest.mark.real_data
def test_every_backend_agrees_on_a_real_export(real_data: Path) -> None:
    sources = [real_data / "messy" / "superstore_semicolon_decimal_comma_cp1252.csv"]
    assert contents(sources, "polars") == contents(sources, "pandas") == contents(sources, "duckdb")


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [["global_superstore.xlsx"], ["online_retail_2009_2010.csv.gz", "online_retail_2010_2011.csv.gz"]]
)
def test_every_backend_agrees_on_real_data(real_data: Path, names: list[str]) -> None:
    sources = [real_data / name for name in names]
    assert contents(sources, "polars") == contents(sources, "pandas") == contents(sources, "duckdb")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local session serves all; it starts in seconds where Java is there."""
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
def test_spark_reads_a_file_alike(spark: Any, orders: Path) -> None:
    assert contents([orders], "spark") == contents([orders], "duckdb")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning")
def test_spark_takes_its_own_frames_and_tables(spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    typed().write_parquet(path)
    expected = contents([path], "duckdb")
    frame = spark.read.parquet(str(path))
    frame.createOrReplaceTempView("orders_view")
    assert contents([frame], "spark") == expected
    assert contents([frame], "duckdb") == expected, "a Spark frame stays on Spark"
    assert contents(["orders_view"], "spark") == expected
    with pytest.raises(DataError, match="no file, address or table"):
        contents(["nowhere"], "spark")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning", "ignore::ResourceWarning")
@pytest.mark.real_data
def test_spark_agrees_on_real_exports(spark: Any, real_data: Path) -> None:
    for name in ("global_superstore.xlsx", "messy/superstore_semicolon_decimal_comma_cp1252.csv"):
        assert contents([real_data / name], "spark") == contents([real_data / name], "duckdb")
