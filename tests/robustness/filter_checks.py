"""Check lists for random business rules, filters, customers and methods: no list may contain an excluded item."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from smart_retail.protocol import ALL, METHODS
from smart_retail.results import RecommendationList
from smart_retail.serving.engine import Engine
from tests import shop

from .tampered_bundles import LIVE_CUSTOMER

ITEMS = {item: category for item, _, category in shop.items()}
Rules = dict[str, Any]
some_items = st.lists(st.sampled_from([*ITEMS, "no such item"]), unique=True, max_size=40)
some_categories = st.lists(st.sampled_from(shop.GROUPS), unique=True, min_size=1, max_size=3)
rules = st.fixed_dictionaries(
    {},
    optional={
        "ban": some_items,
        "pin": some_items,
        "stock": some_items,
        "categories": some_categories,
        "exclude_categories": some_categories,
        "max_per_category": st.integers(1, 5),
        "price": st.fixed_dictionaries({}, optional={"min": st.floats(0, 10), "max": st.floats(5, 30)}),
        "boost": st.dictionaries(st.sampled_from([*ITEMS]), st.floats(0.01, 1000), max_size=10),
    },
)
calls = st.fixed_dictionaries(
    {
        "method": st.sampled_from((*METHODS, ALL)),
        "n": st.integers(1, 80),
        "offset": st.integers(0, 30),
        "exclude_purchased": st.booleans(),
        "categories": st.none() | some_categories,
    }
)
customers = st.sampled_from([*shop.customers()[:40], LIVE_CUSTOMER, "unknown"])


def write_rules(root: Path, applied: Rules) -> None:
    """Write the rules file."""
    lines = [f"{name} = {_toml(value)}" for name, value in applied.items() if name != "boost"]
    boosts = applied.get("boost", {}).items()
    lines += ["[boost]", *(f"{json.dumps(item, ensure_ascii=False)} = {factor!r}" for item, factor in boosts)]
    (root / "rules.toml").write_text("\n".join(lines), encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {number!r}" for name, number in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def seen_items(customer: str) -> set[str]:
    """Return every item that the customer bought or returned, according to the source data."""
    live = {"G-007"} if customer == LIVE_CUSTOMER else set()
    return live | {line[3] for line in shop.lines() if line[1] == customer}


def find_faults(root: Path, applied: Rules, call: dict[str, Any], customer: str) -> list[str]:
    """Apply the rules and return all faults of `find_faults_of`."""
    write_rules(root, applied)
    return find_faults_of(Engine.load(root), applied, call, customer)


def find_faults_of(engine: Engine, expected: Rules, call: dict[str, Any], customer: str) -> list[str]:
    """Describe each item that must not be in a list, over every engine method that takes filters.

    Parameters
    ----------
    engine : Engine
        The engine under test.
    expected : dict
        Business rules that its lists must follow.
    call : dict
        Arguments of `Engine.recommend`.
    customer : str
        Customer id.

    Returns
    -------
    list of str
    """
    n, offset, wanted = call["n"], call["offset"], call["categories"]
    seen = seen_items(customer)
    hidden = seen if call["exclude_purchased"] else set()
    without_offset = {name: value for name, value in call.items() if name != "offset"}
    basket = ["G-007", "K-003", "no such item"]
    results = [
        ("recommend", engine.recommend(customer, **call), hidden, wanted),
        ("recommend_many", engine.recommend_many([customer], **without_offset)[0], hidden, wanted),
        ("basket", engine.recommend_for_basket(basket, **call), {*basket} if hidden is seen else set(), wanted),
        ("similar", engine.similar_items("K-003", n, offset=offset, categories=wanted), {"K-003"}, wanted),
        ("popular", engine.popular(n, offset=offset, category=(wanted or [None])[0]), set(), (wanted or [])[:1]),
    ]
    prices = {item: engine.search_items(item, 1)[0].unit_price for item in ITEMS} if "price" in expected else {}
    return [
        f"{method}: {fault}"
        for method, result, excluded, categories in results
        for part in (result, *result.lists.values())
        for fault in (
            *_shape_faults(part, n),
            *_item_faults(part, expected, excluded, categories or ()),
            *_price_faults(part, expected.get("price", {}), prices),
        )
    ]


def _shape_faults(result: RecommendationList, n: int) -> Iterator[str]:
    ids = [item.item_id for item in result.items]
    if len(ids) > n or len(ids) != len(set(ids)):
        yield f"{len(ids)} items for n = {n}, {len(set(ids))} of them distinct"


def _item_faults(result: RecommendationList, expected: Rules, excluded: set[str], categories: Any) -> Iterator[str]:
    allowed = expected.get("categories", shop.GROUPS)
    excluded_categories = expected.get("exclude_categories", ())
    ids = [item.item_id for item in result.items]
    for item in ids:
        if item in excluded:
            yield f"{item} was purchased"
        if item in expected.get("ban", ()):
            yield f"{item} is banned"
        if item not in expected.get("stock", ITEMS):
            yield f"{item} is out of stock"
        if categories and ITEMS[item] not in categories:
            yield f"{item} does not match the category filter"
        if ITEMS[item] not in allowed or ITEMS[item] in excluded_categories:
            yield f"{item} is in a category that the rules exclude"
    largest = max(Counter(ITEMS[item] for item in ids).values(), default=0)
    if largest > expected.get("max_per_category", largest):
        yield f"{largest} items of one category"


def _price_faults(result: RecommendationList, limits: dict[str, float], prices: dict[str, Any]) -> Iterator[str]:
    for item in result.items:
        price = prices.get(item.item_id)
        if price is not None and not limits.get("min", 0) <= price <= limits.get("max", 1e9):
            yield f"{item.item_id} costs {price}"
