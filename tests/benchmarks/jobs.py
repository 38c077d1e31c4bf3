"""What is measured of the engine: each job gets a clock and its arguments and times what counts."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from smart_retail.progress import Silent
from tests.benchmarks.measuring import Clock, peak_megabytes, reset_peak

THREADS = 2
TOP = 50
"""Neighbours of an item."""
CHECKED = 200
"""Items whose neighbours are compared with SciPy's."""


def rfm(clock: Clock, source: str, out: str) -> None:
    """From CSV to the RFM table and the accounts of every row; libraries are imported before, as the peers' are.

    Like the peers, without guest orders, which depend on the purchase history.
    """
    import smart_retail.data.backends.duckdb_backend  # noqa: F401
    from smart_retail.data.pipeline import prepare

    with clock(), prepare([source], threads=THREADS) as prepared:
        table, report = prepared.rfm(), prepared.report_without_guests
    assert report.rows_in == report.rows_accepted + sum(s.rows for s in report.rejected)
    np.savez(out, recency=table.recency, frequency=table.frequency, monetary=table.monetary)


def matrix(clock: Clock, source: str, out: str) -> None:
    """The customer x item matrix, for the jobs that begin with it."""
    from smart_retail.data.pipeline import prepare

    with clock(), prepare([source], threads=THREADS) as prepared:
        history = prepared.history_between()
    key = np.unique(history.customer.astype(np.int64) * history.n_items + history.item)
    sizes = np.bincount(key // history.n_items, minlength=history.n_customers)
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    np.savez(out, indptr=indptr, item=(key % history.n_items).astype(np.int32), n_items=history.n_items)


def csr(path: str) -> Any:
    """That matrix for SciPy, ones as float64."""
    from scipy.sparse import csr_matrix

    found = np.load(path)
    indptr, item = found["indptr"], found["item"]
    return csr_matrix(
        (np.ones(len(item)), item, indptr.astype(np.int32)), shape=(len(indptr) - 1, int(found["n_items"]))
    )


def similarity(clock: Clock, matrix: str) -> dict[str, Any]:
    """Item similarity; the largest difference from SciPy is among the facts."""
    from smart_retail.recommenders.shopper_items import UserItemMatrix
    from smart_retail.training.models.item_knn import fit_item_knn

    def pairs(rows: int) -> UserItemMatrix:
        indptr = found["indptr"][: rows + 1].astype(np.int64)
        item = found["item"][: indptr[-1]].astype(np.int64)
        none = np.empty(0)
        return UserItemMatrix(indptr, none.astype(np.int64), item, none, *[none] * 6)  # type: ignore[arg-type]

    found = np.load(matrix)
    n_items = int(found["n_items"])
    fit_item_knn(pairs(100), n_items, "cosine", neighbours=TOP, threads=THREADS, shrink=0.0)  # compiled
    whole = pairs(len(found["indptr"]) - 1)
    with clock():
        near = fit_item_knn(whole, n_items, "cosine", neighbours=TOP, threads=THREADS, shrink=0.0)
    return {"difference": _difference(near, csr(matrix))}


def _difference(near: Any, matrix: Any) -> float:
    """The largest difference between the similarities found and those of SciPy, over some items of every kind."""
    chosen = np.unique(np.linspace(0, matrix.shape[1] - 1, CHECKED).astype(np.int64))
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    products = (matrix[:, chosen].T @ matrix).toarray()
    exact = products / np.maximum(norm[chosen][:, None] * norm[None, :], 1e-300)
    exact[np.arange(len(chosen)), chosen] = 0
    worst = 0.0
    for row, item in enumerate(chosen.tolist()):
        others, values = near.neighbours(item)
        best = np.sort(exact[row])[::-1][:TOP]
        best = best[best > 0]
        assert len(values) == len(best), f"item {item} has {len(values)} neighbours instead of {len(best)}"
        if len(best):
            worst = max(worst, float(np.abs(values - best).max()), float(np.abs(exact[row, others] - values).max()))
    return worst


def save_lists(out: str, items: Any) -> None:
    """Lists for a later comparison."""
    np.save(out, items)


def lists(clock: Clock, matrix: str, out: str) -> dict[str, Any]:
    """The top ten by cosine neighbours for all customers without purchased items, with reasons, as in a fit.

    The neighbours are the peer's, which counts an item among its own; every purchase counts alike, and there is
    neither trend nor linear model.
    """
    from smart_retail.data.purchase_history import PurchaseHistory
    from smart_retail.recommenders.base import Catalogue, Shoppers
    from smart_retail.recommenders.blend import default_weights
    from smart_retail.recommenders.hybrid import HybridModel
    from smart_retail.recommenders.item_similarity import Similarity
    from smart_retail.recommenders.model import RecommenderModel
    from smart_retail.recommenders.shopper_items import build_user_item_matrix
    from smart_retail.training.models.components import ComponentVariants, SimilarityModels, fit_components
    from smart_retail.training.models.item_knn import fit_item_knn
    from smart_retail.utils.fixed_point import MILLION

    found = np.load(matrix)
    n_customers, n_items, item = len(found["indptr"]) - 1, int(found["n_items"]), found["item"]
    zero, one = np.zeros(len(item), np.int32), np.full(len(item), MILLION, np.int64)
    customer = np.repeat(np.arange(n_customers, dtype=np.int32), np.diff(found["indptr"]))
    history = PurchaseHistory(customer, zero, item, zero, one, one, n_customers, n_items, 0)
    near = fit_item_knn(
        build_user_item_matrix(history), n_items, "cosine", neighbours=TOP - 1, threads=THREADS, shrink=0.0
    )
    none = Similarity(np.zeros(n_items + 1, np.int64), near.item[:0], near.value[:0])
    groups = np.zeros(n_customers, np.int16), np.zeros(n_customers, np.int16)
    category = np.zeros(n_items, np.int32)
    components = fit_components(
        history,
        groups,
        Catalogue(category, category, np.ones(n_items), ("",) * n_items),
        ComponentVariants(trend_power=0.0),
        threads=THREADS,
        models=SimilarityModels(near, none),
    )
    model, shoppers = RecommenderModel(components, HybridModel(default_weights())), Shoppers(history, *groups)
    some = Shoppers(history.select(np.arange(10, dtype=np.int32)), groups[0][:10], groups[1][:10])
    from smart_retail.training.kernels import batch_scorer

    model.rank("cf", some, exclude_purchased=True, length=10, scorer=batch_scorer, threads=THREADS)  # compiled
    with clock():
        ranked = model.rank("cf", shoppers, exclude_purchased=True, length=10, scorer=batch_scorer, threads=THREADS)
    save_lists(out, ranked.item.reshape(n_customers, 10))
    return {"customers": n_customers}


def fit(clock: Clock, source: str, artifacts: str) -> dict[str, Any]:
    """The whole fit with the blend."""
    from smart_retail import Settings
    from smart_retail.training.fit import fit as fit_all

    settings = Settings.from_dict({"recommend": {"merge": "blend"}, "threads": THREADS})
    with clock():
        report = fit_all(source, artifacts=artifacts, settings=settings, force=True)
    return {"stages": report.seconds}


class StagePeaks(Silent):
    """Peak memory of each stage of a fit, in megabytes."""

    def __init__(self) -> None:
        self.peaks: list[float] = []

    def stage(self, name: str, done: float) -> None:
        self.end()
        reset_peak()

    def end(self) -> None:
        """End the current stage."""
        self.peaks.append(peak_megabytes())


def fit_by_stage(clock: Clock, source: str, artifacts: str, merge: str, memory: str) -> dict[str, Any]:
    """The whole fit; among the facts the seconds and the peak memory of each stage."""
    from smart_retail import Settings
    from smart_retail.training.fit import fit as fit_all

    settings = Settings.from_dict({"recommend": {"merge": merge}, "threads": THREADS, "memory": memory})
    peaks = StagePeaks()
    with clock():
        report = fit_all(source, artifacts=artifacts, settings=settings, force=True, progress=peaks)
    peaks.end()
    stages = {
        name: [seconds, peak] for (name, seconds), peak in zip(report.seconds.items(), peaks.peaks[1:], strict=True)
    }
    shutil.rmtree(artifacts)  # the lists of a million customers take 14 GB
    return {"stages": stages, "peak": max(peaks.peaks), "customers": report.cleaning.customers}


def fit_on_spark(clock: Clock, source: str, artifacts: str, url: str) -> dict[str, Any]:
    """The same on a running cluster whose executors have this package; its master is at `url`."""
    import sys

    from pyspark import SparkContext

    from smart_retail import Settings
    from smart_retail.training.fit import fit as fit_all
    from tests import spark_cluster

    packages = os.pathsep.join(filter(None, sys.path))
    configuration = {
        "spark.executor.memory": "2g",
        "spark.executorEnv.PYTHONPATH": packages,
        "spark.ui.showConsoleProgress": "false",
    }
    session = spark_cluster.session(spark_cluster.SparkCluster(url, ()), sys.executable, configuration)
    settings = Settings.from_dict({"recommend": {"merge": "blend"}, "threads": THREADS, "data": {"backend": "spark"}})
    with clock():
        report = fit_all(source, artifacts=artifacts, settings=settings, force=True)
    java = peak_megabytes(SparkContext._gateway.proc.pid)
    session.stop()
    return {"stages": report.seconds, "java": java, "notes": list(report.notes)}


def latency(clock: Clock, artifacts: str, asked: int) -> dict[str, Any]:
    """Milliseconds of single calls in this process: a known customer's list, and the live path."""
    from smart_retail.serving.engine import Engine

    engine = Engine.load(artifacts)
    ids = list(engine.customer_ids())
    rng = np.random.default_rng(0)
    chosen = [ids[i] for i in rng.integers(0, len(ids), asked)]
    items = [i.item_id for i in engine.popular(200).items]
    baskets = [[items[j] for j in rng.integers(0, len(items), 3)] for _ in range(max(asked // 10, 20))]
    facts = {}
    calls = {
        "known": (chosen, lambda who: engine.recommend(who)),
        "live": (baskets, lambda basket: engine.recommend_for_basket(basket)),
    }
    for name, (questions, call) in calls.items():
        for question in questions[:50]:
            call(question)
        times = []
        for question in questions:
            start = time.perf_counter()
            call(question)
            times.append(time.perf_counter() - start)
        facts[name] = (np.percentile(times, [50, 99]) * 1000).tolist()
    return facts


def load(clock: Clock, artifacts: str) -> dict[str, Any]:
    """Opening a bundle with every file checked, and the digests of the same files alone."""
    from smart_retail.serving.engine import Engine

    tables = sorted(p for p in Path(artifacts).glob("versions/*/tables/**/*") if p.is_file())
    for path in tables:
        path.read_bytes()  # into the system's cache
    start = time.perf_counter()
    for path in tables:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    alone = time.perf_counter() - start
    with clock():
        engine = Engine.load(artifacts)
        assert not engine.bundle.verify()
    return {"digests": alone, "files": len(tables), "megabytes": sum(p.stat().st_size for p in tables) / 2**20}


def value_fit(clock: Clock, days: str, out: str) -> dict[str, Any]:
    """The value part of a fit, the forecasts of all customers included; its parameters are written to `out`."""
    from smart_retail.training.value.fit_value import fit_value
    from smart_retail.value.forecast_table import forecast_all_customers
    from tests.benchmarks.purchase_days import load

    history = load(days)
    with clock():
        fit = fit_value(history)
        forecast_all_customers(fit.model, history, 90, THREADS)
    np.savez(out, **fit.model.arrays())
    return {"customers": history.n_customers}


def value_file(clock: Clock, days: str, model: str, out: str) -> dict[str, Any]:
    """The values of all customers as a CSV file, all computed; among the facts the time with stored forecasts."""
    from smart_retail.serving.value_export import write_rows
    from smart_retail.value.model import ValueModel
    from tests.benchmarks.purchase_days import HistoryValues, load

    with np.load(model) as found:
        values = HistoryValues(load(days), ValueModel.from_arrays(dict(found)))
    with clock(), Path(out).open("w", encoding="utf-8", newline="") as file:
        rows = write_rows(values, file, 90)
    stored = Clock()
    with stored(), Path(out).open("w", encoding="utf-8", newline="") as file:
        write_rows(values, file, 90)
    return {"customers": rows, "seconds": stored.seconds, "cpu": stored.cpu}


def value_of_one(clock: Clock, artifacts: str, asked: int) -> dict[str, Any]:
    """Milliseconds of the value of one customer in this process."""
    from smart_retail.serving.engine import Engine

    engine = Engine.load(artifacts)
    ids = list(engine.customer_ids())
    chosen = [ids[i] for i in np.random.default_rng(0).integers(0, len(ids), asked)]
    for customer in chosen[:50]:
        engine.customer_value(customer)
    times = []
    with clock():
        for customer in chosen:
            start = time.perf_counter()
            engine.customer_value(customer)
            times.append(1000 * (time.perf_counter() - start))
    return {"median": float(np.median(times)), "p99": float(np.quantile(times, 0.99))}
