"""The peers: what somebody would write by hand, or another library, for the same result.

Each is a job of `measuring`: it gets a clock and its arguments, times what counts, and writes its result.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.jobs import THREADS, TOP, csr, save_lists
from tests.benchmarks.measuring import Clock

_LINES = """
CREATE TABLE lines AS
SELECT *, CASE WHEN customer_id IS NULL OR customer_id = '' THEN 'no customer'
               WHEN item_id IS NULL OR item_id = '' THEN 'no item'
               WHEN day IS NULL THEN 'bad date'
               WHEN quantity IS NULL OR quantity = 0 THEN 'bad quantity'
               WHEN amount IS NULL THEN 'bad amount'
               ELSE 'accepted' END AS reason
FROM (SELECT customer_id, order_id, item_id, TRY_CAST(timestamp AS TIMESTAMP) AS timestamp,
             TRY_CAST(timestamp AS TIMESTAMP)::DATE AS day,
             CAST(ROUND(TRY_CAST(quantity AS DOUBLE) * 1000000) AS BIGINT) AS quantity,
             CAST(ROUND(TRY_CAST(amount AS DOUBLE) * 1000000) AS BIGINT) AS amount
      FROM {source})
"""
_ACCOUNTS = (
    "SELECT reason, COUNT(*), SUM(amount), MIN(day), MAX(day) FROM lines GROUP BY reason",
    "SELECT reason, MIN(order_id) FROM lines WHERE reason <> 'accepted' GROUP BY reason",
    "SELECT COUNT(DISTINCT item_id) FROM lines WHERE reason = 'accepted'",
)
_RFM = """
SELECT customer_id, DATE_DIFF('day', MAX(day), DATE '{last}') + 1 AS recency, COUNT(*) AS frequency,
       CAST(SUM(amount) AS BIGINT) AS monetary
FROM (SELECT customer_id, order_id, MIN(day) AS day, SUM(amount) AS amount
      FROM lines WHERE reason = 'accepted' GROUP BY customer_id, order_id)
GROUP BY customer_id ORDER BY customer_id
"""


def rfm_sql(clock: Clock, source: str, out: str) -> None:
    """RFM by hand-written DuckDB SQL, its lines in a database file as ours are."""
    import duckdb

    database = Path(out).with_suffix(".duckdb")
    database.unlink(missing_ok=True)
    config = {"threads": THREADS, "preserve_insertion_order": False}
    read = (
        f"read_csv('{source}', header=true, all_varchar=true, delim=',', quote='\"', auto_detect=false, "
        "columns={'order_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'item_id': 'VARCHAR', 'timestamp': 'VARCHAR', "
        "'quantity': 'VARCHAR', 'amount': 'VARCHAR'})"
    ).replace(", all_varchar=true", "")
    with clock(), duckdb.connect(str(database), config=config) as connection:
        connection.execute(_LINES.format(source=read))
        accounts = connection.execute(_ACCOUNTS[0]).fetchall()
        for query in _ACCOUNTS[1:]:
            connection.execute(query).fetchall()
        last = next(row[4] for row in accounts if row[0] == "accepted")
        table = connection.execute(_RFM.format(last=last)).fetchnumpy()
    database.unlink()
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
    """implicit's batch of the ten best for everybody, bought items left out."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    model, found = _cosine(matrix), csr(matrix)
    with clock():
        items, _ = model.recommend(np.arange(found.shape[0]), found, N=10, filter_already_liked_items=True)
    save_lists(out, items)
    return {"customers": found.shape[0]}
