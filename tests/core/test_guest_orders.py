"""A fit with guest orders: pairs and bundles of items are recounted with them, all else is as without them."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests import recount, shop
from tests.core.test_product_relations import Orders, check_bundle
from tests.fitted_shop import SETTINGS

from smart_retail.analysis.what_if_engine import Scenario, WhatIfEngine
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import Bundle
from smart_retail.serving.engine import Engine
from smart_retail.training.fit import fit
from smart_retail.utils.dates import iso

COUNT = 60
GUEST_ARRAYS = {f"tables/guest_orders/{name}.npy" for name in ("order", "item", "day", "quantity", "amount")}
COUNTED_WITH_GUESTS = {
    *(f"tables/pairs/orders.{name}.npy" for name in ("indptr", "item", "count", "totals")),
    "tables/pairs/sizes.npy",
    *(f"tables/item_sets/{name}.npy" for name in ("items", "support", "antecedent", "revenue", "least")),
}

pytestmark = pytest.mark.slow


def guest_lines(orders: int = 90) -> list[tuple[str, ...]]:
    """Lines without a customer: most orders have the same two items, which are rarely in one order of a customer."""
    rng = np.random.default_rng(3)
    items = shop.items()
    rows = []
    for order in range(orders):
        basket = {20, 50} if order % 3 else set()
        basket |= set(rng.choice(len(items), 2, replace=False).tolist())
        for k in sorted(basket):
            item, name, category = items[k]
            day = f"2024-{1 + order % 12:02}-15"
            rows.append((f"o{order}-0", "", day, item, name, category, "1", f"{1 + k}.00", "", "Norway"))
    return rows


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([shop.HEADER, *rows])
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Artifacts folders of the shop with guest orders and without them."""
    base = tmp_path_factory.mktemp("guests")
    rows, guests = shop.lines(COUNT), guest_lines()
    order = np.random.default_rng(1).permutation(len(rows) + len(guests))
    mixed = [[*rows, *guests][i] for i in order]
    for name, lines in (("with", mixed), ("without", rows)):
        fit(write(base / f"{name}.csv", lines), artifacts=base / name, settings=SETTINGS, force=True)
    return base / "with", base / "without"


@pytest.fixture(scope="module")
def lines() -> list[recount.Line]:
    return recount.kept_lines(COUNT)


@pytest.fixture(scope="module")
def orders(lines: list[recount.Line]) -> Orders:
    """Items and amounts of each order, guest orders included."""
    found: Orders = defaultdict(dict)
    for line in lines:
        found[str(line.order)][line.item] = line.amount
    bought = {line.item for line in lines}
    for row in guest_lines():
        if row[3] in bought:
            found[f"guest {row[0]}"][row[3]] = float(row[7])
    return found


RECENT_GUESTS, RECENT_DAY, PROMOTED = 30, "2025-02-15", 33
"""Guest orders of one item in the last weeks of the shop."""


@pytest.fixture(scope="module")
def popular_with_guests(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Artifacts folders of a fit that counts guest orders in popularity, and of one that does not."""
    base = tmp_path_factory.mktemp("popular")
    item, name, category = shop.items()[PROMOTED]
    guests = [(f"g{k}", "", RECENT_DAY, item, name, category, "1", "5.00", "", "Norway") for k in range(RECENT_GUESTS)]
    path = write(base / "orders.csv", [*shop.lines(COUNT), *guests])
    for count in (True, False):
        recommend = msgspec.structs.replace(SETTINGS.recommend, guest_orders_in_popularity=count)
        settings = msgspec.structs.replace(SETTINGS, recommend=recommend)
        fit(path, artifacts=base / str(count), settings=settings, force=True)
    return base / "True", base / "False"


def digests(artifacts: Path) -> dict[str, str]:
    """Return the SHA-256 of the arrays of the active version by name."""
    files = Bundle.open(artifacts).manifest["files"]
    return {name: entry["sha256"] for name, entry in files.items() if name.endswith(".npy")}


def test_only_pairs_and_bundles_of_items_differ_from_a_fit_without_guests(folders: tuple[Path, Path]) -> None:
    with_guests, without = map(digests, folders)
    differ = {name for name in with_guests.keys() | without.keys() if with_guests.get(name) != without.get(name)}
    assert differ - COUNTED_WITH_GUESTS == GUEST_ARRAYS
    assert with_guests.keys() - without.keys() == {*GUEST_ARRAYS, "tables/pairs/orders.totals.npy"}


def test_items_bought_together_are_recounted_with_guest_orders(folders: tuple[Path, Path], orders: Orders) -> None:
    engine = Engine.load(folders[0])
    names = {item: name for item, name, _ in shop.items()}
    a, b = (shop.items()[k][0] for k in (20, 50))
    found = {item.item_id: item.reasons[0].text for item in engine.similar_items(a, relation="bought_together").items}
    assert b in found
    assert b not in {i.item_id for i in Engine.load(folders[1]).similar_items(a, relation="bought_together").items}
    for base in names:
        for item in engine.similar_items(base, 20, relation="bought_together").items:
            both, with_base, with_item = (
                sum(all(i in basket for i in items) for basket in orders.values())
                for items in ((base, item.item_id), (base,), (item.item_id,))
            )
            lift = both * len(orders) / (with_base * with_item)
            times = f"{lift:,.0f}" if lift >= 10 else f"{lift:.1f}"
            assert item.reasons[0].text == f"in the same order {both} times, {times} times as often as by chance"


def test_bundles_are_recounted_with_guest_orders(folders: tuple[Path, Path], orders: Orders) -> None:
    engine = Engine.load(folders[0])
    found = engine.bundles(n=1000)
    assert found.orders == len(orders)
    for bundle in found.entries:
        check_bundle(bundle, orders)
    item = shop.items()[20][0]
    of_item = engine.bundles(item, n=1000).entries
    assert list(of_item) == [bundle for bundle in found.entries if item in [i.item_id for i in bundle.items]]
    assert of_item


def test_substitutes_and_popularity_know_customers_only(folders: tuple[Path, Path]) -> None:
    with_guests, without = map(Engine.load, folders)
    for item in shop.item_ids():
        assert with_guests.substitutes(item).entries == without.substitutes(item).entries
    assert [i.as_dict() for i in with_guests.popular(20).items] == [i.as_dict() for i in without.popular(20).items]


def test_what_if_counts_the_guest_orders_before_the_date(folders: tuple[Path, Path], lines: list[recount.Line]) -> None:
    engine = Engine.load(folders[0])
    day = "2024-07-01"
    changed = WhatIfEngine.from_scenario(engine, Scenario(analysis_date=day))
    customers = {str(line.order) for line in lines if iso(line.day) < day}
    bought = {line.item for line in lines}
    guests = {row[0] for row in guest_lines() if row[2] < day and row[3] in bought}
    assert changed.tables.pairs.orders.n == len(customers) + len(guests)
    item = shop.items()[20][0]
    kept = sum(line.item == item and iso(line.day) < day for line in lines)
    of_guests = sum(row[3] == item and row[2] < day for row in guest_lines())
    assert changed.tables.pairs.orders.totals[engine.tables.item_code(item)] == kept + of_guests


def test_an_erasure_leaves_the_guest_orders(folders: tuple[Path, Path]) -> None:
    before = digests(folders[0])
    erase(folders[0], shop.customers(COUNT)[3])
    after = digests(folders[0])
    assert before != after
    assert all(before[name] == after[name] for name in GUEST_ARRAYS)
    assert Engine.load(folders[0]).bundles(shop.items()[20][0]).entries


def test_the_setting_counts_guest_orders_in_the_popularity_of_the_shop(
    popular_with_guests: tuple[Path, Path], lines: list[recount.Line]
) -> None:
    counted, plain = map(Engine.load, popular_with_guests)
    item = shop.items()[PROMOTED][0]
    first = counted.popular(1).items[0]
    assert first.item_id == item
    assert plain.popular(1).items[0].item_id != item
    last = max(line.day for line in lines)
    recent = [line for line in lines if line.day > last - recount.RECENT_DAYS]
    with_item = sum(line.item == item for line in recent) + RECENT_GUESTS
    all_recent = len({line.order for line in recent}) + RECENT_GUESTS
    assert first.reasons[0].text == f"popular: in {with_item} of the {all_recent} orders of the last four weeks"


def test_the_setting_leaves_the_models_that_need_customers(popular_with_guests: tuple[Path, Path]) -> None:
    counted, plain = map(digests, popular_with_guests)
    assert counted["tables/recommender/popular.order.npy"] != plain["tables/recommender/popular.order.npy"]
    for name in ("item_knn.value", "ease.value", "segment.order", "cluster.order", "trending.order"):
        assert counted[f"tables/recommender/{name}.npy"] == plain[f"tables/recommender/{name}.npy"]
    assert counted["tables/items/orders.npy"] == plain["tables/items/orders.npy"]


def test_what_if_keeps_guest_orders_in_popularity(popular_with_guests: tuple[Path, Path]) -> None:
    engine = Engine.load(popular_with_guests[0])
    changed = WhatIfEngine.from_scenario(engine, Scenario(returns_policy="keep"))
    assert changed.popular(1).items[0].item_id == shop.items()[PROMOTED][0]
