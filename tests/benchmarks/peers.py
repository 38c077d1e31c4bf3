"""Peers: hand-written code or another library for the same result.

Each is a job of `measuring`: it gets a clock and its arguments, times what counts, and writes its result.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tests.benchmarks.jobs import THREADS, TOP, csr, save_lists
from tests.benchmarks.measuring import Clock

_SUMS = """
CREATE TEMP TABLE sums AS
WITH typed AS (
  SELECT customer_id, order_id, item_id, TRY_CAST(timestamp AS TIMESTAMP)::DATE AS day,
         TRY_CAST(quantity AS DOUBLE) AS quantity,
         CAST(ROUND(TRY_CAST(amount AS DOUBLE) * 1000000) AS BIGINT) AS amount
  FROM {source}
), lines AS MATERIALIZED (
  SELECT *, CASE WHEN customer_id IS NULL OR customer_id = '' THEN 'no customer'
                 WHEN item_id IS NULL OR item_id = '' THEN 'no item'
                 WHEN day IS NULL THEN 'bad date'
                 WHEN quantity IS NULL OR quantity = 0 THEN 'bad quantity'
                 WHEN amount IS NULL THEN 'bad amount'
                 ELSE 'accepted' END AS reason
  FROM typed
)
SELECT 'order' AS what, reason, customer_id, order_id, COUNT(*) AS n, SUM(amount) AS amount, MIN(day) AS day,
       MAX(day) AS last
FROM lines GROUP BY reason, customer_id, order_id
UNION ALL BY NAME
SELECT 'item' AS what, reason, item_id, COUNT(*) AS n FROM lines GROUP BY reason, item_id
"""
"""Each line is read, typed and validated once and passed to both groupings; none is stored."""
_ACCOUNTS = (
    "SELECT reason, SUM(n), SUM(amount), MIN(day), MAX(last) FROM sums WHERE what = 'order' GROUP BY reason",
    "SELECT reason, MIN(order_id) FROM sums WHERE what = 'order' AND reason <> 'accepted' GROUP BY reason",
    "SELECT COUNT(*) FROM sums WHERE what = 'item' AND reason = 'accepted'",
)
_RFM = """
SELECT customer_id, DATE_DIFF('day', MAX(day), DATE '{last}') + 1 AS recency, COUNT(*) AS frequency,
       CAST(SUM(amount) AS BIGINT) AS monetary
FROM sums WHERE what = 'order' AND reason = 'accepted' GROUP BY customer_id ORDER BY customer_id
"""


def rfm_sql(clock: Clock, source: str, out: str) -> None:
    """RFM by hand-written DuckDB SQL."""
    import duckdb

    names = ("order_id", "customer_id", "item_id", "timestamp", "quantity", "amount")
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    dialect = "header=true, delim=',', quote='\"', escape='\"', auto_detect=false"
    read = f"read_csv('{source}', {dialect}, columns={{{columns}}})"
    with clock(), duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        connection.execute(_SUMS.format(source=read))
        accounts = connection.execute(_ACCOUNTS[0]).fetchall()
        for query in _ACCOUNTS[1:]:
            connection.execute(query).fetchall()
        last = next(row[4] for row in accounts if row[0] == "accepted")
        table = connection.execute(_RFM.format(last=last)).fetchnumpy()
    _save_rfm(out, table["customer_id"], table["recency"], table["frequency"], table["monetary"])


def rfm_pandas(clock: Clock, source: str, out: str) -> None:
    """RFM as it is written with pandas."""
    import pandas as pd

    with clock():
        lines = pd.read_csv(source, dtype={"order_id": str, "customer_id": str, "item_id": str})
        lines["day"] = pd.to_datetime(lines["timestamp"], errors="coerce").dt.normalize()
        good = lines.dropna(subset=["customer_id", "item_id", "day", "quantity", "amount"])
        len(lines), len(good), good["amount"].sum(), good["item_id"].nunique()
        orders = good.groupby(["customer_id", "order_id"]).agg(day=("day", "min"), amount=("amount", "sum"))
        of_customer = orders.groupby("customer_id").agg(
            last=("day", "max"), frequency=("day", "size"), monetary=("amount", "sum")
        )
        recency = (of_customer["last"].max() - of_customer["last"]).dt.days + 1
    monetary = (of_customer["monetary"] * 1e6).round().astype("int64")
    _save_rfm(out, of_customer.index.to_numpy(), recency, of_customer["frequency"], monetary)


def _save_rfm(out: str, customer: Any, *columns: Any) -> None:
    order = np.argsort(np.asarray(customer).astype("S"), kind="stable")
    names = ("recency", "frequency", "monetary")
    np.savez(out, **{n: np.asarray(c).astype(np.int64)[order] for n, c in zip(names, columns, strict=True)})


def similarity_implicit(clock: Clock, matrix: str) -> None:
    """implicit's CosineRecommender."""
    model = _cosine(matrix, clock)
    assert model.similarity is not None


def _cosine(matrix: str, clock: Clock | None = None) -> Any:
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=TOP, num_threads=THREADS)
    small = csr(matrix)[:100]
    CosineRecommender(K=TOP, num_threads=THREADS).fit(small, show_progress=False)
    found = csr(matrix)
    with (clock or Clock())():
        model.fit(found, show_progress=False)
    return model


def similarity_topn(clock: Clock, matrix: str) -> None:
    """sparse_dot_topn, the fastest library tried."""
    from sparse_dot_topn import sp_matmul_topn

    found = csr(matrix).astype(np.float32)
    with clock():
        norm = np.sqrt(np.asarray(found.power(2).sum(axis=0)).ravel())
        scaled = found.multiply(np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)).tocsr()
        sp_matmul_topn(scaled.T.tocsr(), scaled, top_n=TOP + 1, sort=True, n_threads=THREADS)


def lists_implicit(clock: Clock, matrix: str, out: str) -> dict[str, Any]:
    """implicit's batch of the top ten for all customers, without purchased items."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    model, found = _cosine(matrix), csr(matrix)
    with clock():
        items, _ = model.recommend(np.arange(found.shape[0]), found, N=10, filter_already_liked_items=True)
    save_lists(out, items)
    return {"customers": found.shape[0]}


def value_lifetimes(clock: Clock, days: str) -> dict[str, Any]:
    """BG/NBD of lifetimes: fit on recency, frequency and age, and expected orders of the next 90 days."""
    from lifetimes import BetaGeoFitter

    from smart_retail.value.customer_statistics import CustomerStatistics
    from tests.benchmarks.purchase_days import load

    s = CustomerStatistics.from_purchase_days(load(days))
    with clock():
        model = BetaGeoFitter(penalizer_coef=0.0)
        model.fit(s.frequency, s.recency, s.age)
        expected = model.predict(90, s.frequency, s.recency, s.age)
    return {"customers": len(expected)}
