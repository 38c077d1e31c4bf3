"""Bundles and substitutes of an engine, recounted from the raw lines of the small shop."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import pytest
from tests import recount, shop

from smart_retail.errors import UnknownItemError, UsageError
from smart_retail.protocol import BUNDLE_SORTS
from smart_retail.results import ProductBundle
from smart_retail.serving.engine import Engine

Orders = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def orders() -> Orders:
    """Items and amounts of each order."""
    found: Orders = defaultdict(dict)
    for line in recount.kept_lines():
        found[str(line.order)][line.item] = line.amount
    for line in shop.REJECTED_LINES:
        if not line[1]:
            found[f"guest {line[0]}"][line[3]] = float(line[7])
    return found


def check_bundle(bundle: ProductBundle, orders: Orders) -> None:
    """Compare all figures of a bundle with those of the raw lines."""
    items = [item.item_id for item in bundle.items]
    with_all = [basket for basket in orders.values() if all(item in basket for item in items)]
    with_others = [basket for basket in orders.values() if all(item in basket for item in items[:-1])]
    assert bundle.support == len(with_all)
    assert bundle.confidence == pytest.approx(len(with_all) / len(with_others), abs=1e-6)
    share = 1.0
    for item in items:
        share *= sum(item in basket for basket in orders.values()) / len(orders)
    assert bundle.lift == pytest.approx(len(with_all) / (share * len(orders)), rel=1e-3)
    assert bundle.revenue == pytest.approx(sum(basket[item] for basket in with_all for item in items), abs=0.01)
    for others in combinations(items, len(items) - 1):
        has_others = [basket for basket in orders.values() if all(item in basket for item in others)]
        assert len(with_all) / len(has_others) <= bundle.confidence + 1e-6


def test_bundles_of_the_shop_are_recounted_from_the_raw_lines(engine: Engine, orders: Orders) -> None:
    found = engine.bundles(n=1000)
    assert found.total == len(found.entries) > 50
    assert found.orders == len(orders)
    assert {len(bundle.items) for bundle in found.entries} == {2, 3}
    assert all(bundle.support >= found.min_support == 5 for bundle in found.entries)
    for bundle in found.entries[::7]:
        check_bundle(bundle, orders)


def test_bundles_of_an_item_are_those_of_the_shop_with_it(engine: Engine) -> None:
    whole = engine.bundles(n=1000).entries
    for item in ("G-004", "A/B", shop.ODD_ITEMS[0]):
        found = engine.bundles(item, n=1000)
        assert found.item is not None
        assert found.item.item_id == item
        assert list(found.entries) == [bundle for bundle in whole if item in [i.item_id for i in bundle.items]]


@pytest.mark.parametrize("sort", BUNDLE_SORTS)
def test_bundles_are_sorted_filtered_and_paged(engine: Engine, sort: str) -> None:
    found = engine.bundles(sort=sort, size=3, min_support=6, n=1000).entries
    values = [getattr(bundle, sort) for bundle in found]
    assert values == sorted(values, reverse=True)
    assert {len(bundle.items) for bundle in found} == {3}
    assert min(bundle.support for bundle in found) >= 6
    assert engine.bundles(sort=sort, size=3, min_support=6, n=4, offset=2).entries == found[2:6]


def test_substitutes_are_recounted_from_the_raw_lines(engine: Engine, orders: Orders) -> None:
    lines = recount.kept_lines()
    bought: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    orders_of: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        bought[line.customer][line.item] += 1
        orders_of[line.customer].add(str(line.order))
    categories = {item: category for item, _, category in shop.items()}
    n = 0
    for item in shop.item_ids():
        for entry in engine.substitutes(item).entries:
            other = entry.item.item_id
            both = [c for c, items in bought.items() if item in items and other in items]
            assert categories[other] == categories[item]
            assert entry.customers == len(both)
            assert entry.together == sum(item in basket and other in basket for basket in orders.values())
            expected = sum(bought[c][item] * bought[c][other] / len(orders_of[c]) for c in both)
            assert entry.expected == pytest.approx(expected, abs=0.01)
            assert f"{len(both)} customers bought both" in entry.text
            n += 1
    assert n
    assert "is a clear substitute" in next(s for i in shop.item_ids() if (s := engine.substitutes(i).note))


def test_options_out_of_range_and_unknown_items_are_errors(engine: Engine) -> None:
    for options in ({"sort": "profit"}, {"size": 4}, {"min_support": 0}, {"n": 0}, {"offset": -1}):
        with pytest.raises(UsageError):
            engine.bundles(**options)  # type: ignore[arg-type]
    for call in (engine.bundles, engine.substitutes):
        with pytest.raises(UnknownItemError):
            call("no such item")
