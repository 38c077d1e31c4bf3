"""Executors rank the customers of a block from packed data alone, and get the lists of the bundle."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_retail.bundle.reader import Bundle
from smart_retail.data.backends.executors import CustomerLines
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import FormatVersionError, SparkError
from smart_retail.recommenders.cached_lists import CACHED_LISTS, CachedLists, ListRequest
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.source_registry import SOURCES
from smart_retail.results import FitReport
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.training.outputs.executor_lists import (
    RankingData,
    open_executors,
    rank_block,
    unpack,
)

ADDED = replace(SOURCES[0], name="luck")


@pytest.fixture
def bundle(fitted: tuple[Path, FitReport]) -> Bundle:
    return Bundle.open(fitted[0])


def ranking_data(bundle: Bundle) -> RankingData:
    tables = BundleTables(bundle)
    model = RecommenderModel.from_arrays(bundle.arrays("recommender"), bundle.json("recommender"))
    returned = bundle.arrays("fully_returned")
    customer = np.repeat(np.arange(len(tables.customers), dtype=np.int32), np.diff(returned["indptr"]))
    pairs = customer, np.asarray(returned["item"])
    return RankingData(model, tables.segment, tables.fine_cluster, pairs, tables.n_fitted_items, tables.last_day)


def purchase_lines(bundle: Bundle, first: int, n_customers: int) -> CustomerLines:
    """The purchases of some customers, each order line in two parts, with order codes of their own."""
    tables = BundleTables(bundle)
    history = PurchaseHistory.concat([tables.history(first + i) for i in range(n_customers)])
    steps = np.diff(history.customer, prepend=0) + (np.diff(history.order, prepend=history.order[:1]) != 0)
    columns = {
        "customer_id": history.customer + first,
        "order_id": 1000 + np.cumsum(steps > 0),
        "item_id": history.item,
        "day": history.day,
        "kept_quantity": history.quantity,
        "kept_amount": history.amount,
    }
    columns = {name: np.repeat(values, 2) for name, values in columns.items()}
    for name in ("kept_quantity", "kept_amount"):
        columns[name] = columns[name] - columns[name] // 2 * np.tile([1, 0], len(history))
        columns[name][1::2] = columns[name][1::2] // 2
    return CustomerLines(first, n_customers, columns)


@pytest.mark.parametrize(("method", "exclude_purchased"), CACHED_LISTS)
@pytest.mark.parametrize(("first", "n_customers"), [(0, 40), (13, 1)])
def test_a_block_gets_the_lists_of_the_bundle(
    bundle: Bundle, method: str, exclude_purchased: bool, first: int, n_customers: int
) -> None:
    name = f"lists/{method}_{'new' if exclude_purchased else 'any'}"
    expected = CachedLists.from_arrays(bundle.arrays(name))
    length = expected.item.shape[1]
    data = pickle.loads(pickle.dumps(ranking_data(bundle)))
    packed = rank_block(
        data, purchase_lines(bundle, first, n_customers), ListRequest(method, exclude_purchased, length)
    )
    found = unpack(packed, n_customers, length)
    for part, array in found.arrays().items():
        np.testing.assert_array_equal(array, expected.arrays()[part][first : first + n_customers], part)


def test_a_process_without_the_sources_of_the_model_cannot_load_it(bundle: Bundle) -> None:
    data = ranking_data(bundle)
    SOURCES.register(ADDED)
    try:
        packed = pickle.dumps(data)
    finally:
        SOURCES.unregister(ADDED.name)
    with pytest.raises(FormatVersionError, match="other recommendation sources"):
        pickle.loads(packed)


class FakeDataset:
    """A dataset on a cluster whose executors are `executors`, or that raises an error."""

    def __init__(self, executors: Any = None, error: Exception | None = None) -> None:
        self.executors, self.error = executors, error

    def open_executors(self, modules: Any) -> Any:
        if self.error is not None:
            raise self.error
        return self.executors


def test_the_report_says_why_the_driver_ranks_the_lists() -> None:
    executors, notes = open_executors(FakeDataset(error=SparkError("They have no Python.", "Install it.")))
    assert executors is None
    assert notes == ["They have no Python. The driver ranks the lists of all customers. Install it."]
    assert open_executors(FakeDataset()) == (None, []), "one machine needs no note"
    able = object()
    assert open_executors(FakeDataset(able)) == (able, [])


def test_an_added_source_is_ranked_by_the_driver() -> None:
    SOURCES.register(ADDED)
    try:
        executors, notes = open_executors(FakeDataset(object()))
        assert open_executors(FakeDataset()) == (None, [])
    finally:
        SOURCES.unregister(ADDED.name)
    assert executors is None
    assert notes == ["The driver ranks the lists of all customers: executors do not have the added source luck."]
