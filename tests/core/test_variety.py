"""One variant of each product in a list, unless variants are requested or were bought by the customer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import shop

from smart_retail.protocol import METHODS
from smart_retail.results import FitReport, RecommendationList
from smart_retail.serving.engine import Engine

KNOWN = shop.customers()[:25]


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    """The engine of the small shop, whose items 2k and 2k + 1 are taken as variants of one product."""
    engine = Engine.load(fitted[0])
    tables = engine.tables
    variant = np.arange(len(tables.items), dtype=np.int32) // 2 * 2
    tables.__dict__["variant"] = variant
    tables.__dict__["catalogue"] = replace(tables.catalogue, variant=variant)
    return engine


def products(engine: Engine, result: RecommendationList) -> list[int]:
    return [engine.tables.item_code(item.item_id) // 2 for item in result.items]


@pytest.mark.parametrize("method", METHODS)
def test_a_list_has_one_variant_of_each_product(engine: Engine, method: str) -> None:
    for customer in [*KNOWN, "no-such-customer"]:
        result = engine.recommend(customer, method, 12)
        assert len(set(products(engine, result))) == len(result.items) == 12
    for result in (engine.popular(12), engine.similar_items("G-004", 12), engine.recommend_for_basket(["G-004"], 12)):
        assert len(set(products(engine, result))) == len(result.items)


def test_variants_are_listed_on_request(engine: Engine) -> None:
    repeated = 0
    for customer in KNOWN:
        plain, variants = (engine.recommend(customer, n=20, variants=wanted) for wanted in (False, True))
        found = products(engine, variants)
        repeated += len(set(found)) < len(found)
        first = [item.item_id for k, item in enumerate(variants.items) if found[k] not in found[:k]]
        assert [item.item_id for item in plain.items][: len(first)] == first
    assert repeated > 10


def test_what_the_customer_bought_is_listed_with_its_variants(engine: Engine) -> None:
    both = 0
    for customer in KNOWN:
        own = {purchase.item_id for purchase in engine.customer(customer).purchases}
        result = engine.recommend(customer, n=1000, exclude_purchased=False)
        assert own <= {item.item_id for item in result.items}
        new = [p for p, item in zip(products(engine, result), result.items, strict=True) if item.item_id not in own]
        assert len(set(new)) == len(new)
        both += len({engine.tables.item_code(item) // 2 for item in own}) < len(own)
    assert both > 5


def test_cached_and_live_lists_are_equal_and_begin_alike(engine: Engine) -> None:
    cached = {
        (customer, exclude): engine.recommend(customer, n=8, exclude_purchased=exclude)
        for customer in KNOWN
        for exclude in (True, False)
    }
    engine._ranker.lists.clear()
    for (customer, exclude), result in cached.items():
        assert engine.recommend(customer, n=8, exclude_purchased=exclude) == result
        long = engine.recommend(customer, n=1000, exclude_purchased=exclude)
        assert long.items[:8] == result.items
