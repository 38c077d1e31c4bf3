"""Small orders, and all that a data set says of them, for comparing back ends and forms of a source."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals as nw
import polars as pl

from smart_retail.data.pipeline import Dataset, prepare
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
