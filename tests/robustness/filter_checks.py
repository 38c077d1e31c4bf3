"""Trial: any rules, any filters of a call, any customer, every method. No list holds what it must not."""

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

from .tampered_bundles import LIVE

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
customers = st.sampled_from([*shop.customers()[:40], LIVE, "nobody"])


def write(root: Path, given: Rules) -> None:
    """The rules as a file."""
    lines = [f"{name} = {_toml(value)}" for name, value in given.items() if name != "boost"]
    lines += ["[boost]", *(f"{json.dumps(i, ensure_ascii=False)} = {f!r}" for i, f in given.get("boost", {}).items())]
    (root / "rules.toml").write_text("\n".join(lines), encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {number!r}" for name, number in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def faults(root: Path, given: Rules, call: dict[str, Any], customer: str) -> list[str]:
    """What is in a list and must not be, over every question that takes filters."""
    write(root, given)
    engine = Engine.load(root)
    n, offset, wanted = call["n"], call["offset"], call["categories"]
    seen = {engine.store.items.id(code) for code in engine.people.resolve(customer).seen_items().tolist()}
    hidden = seen if call["exclude_purchased"] else set()
    many = {name: value for name, value in call.items() if name != "offset"}
    basket = ["G-007", "K-003", "no such item"]
    answers = [
        ("recommend", engine.recommend(customer, **call), hidden, wanted),
        ("recommend_many", engine.recommend_many([customer], **many)[0], hidden, wanted),
        ("basket", engine.recommend_for_basket(basket, **call), {*basket} if hidden is seen else set(), wanted),
        ("similar", engine.similar_items("K-003", n, offset=offset, categories=wanted), {"K-003"}, wanted),
        ("popular", engine.popular(n, offset=offset, category=(wanted or [None])[0]), set(), (wanted or [])[:1]),
    ]
    prices = {item: engine.search_items(item, 1)[0].unit_price for item in ITEMS} if "price" in given else {}
    return [
        f"{question}: {fault}"
        for question, answer, away, categories in answers
        for one in (answer, *answer.lists.values())
        for fault in _faults(one, given, away, categories or (), n, prices)
    ]


def _faults(
    answer: RecommendationList, given: Rules, hidden: set[str], categories: Any, n: int, prices: dict[str, Any]
) -> Iterator[str]:
    found = [item.item_id for item in answer.items]
    price = given.get("price", {})
    if len(found) > n or len(found) != len(set(found)):
        yield f"{len(found)} items for n = {n}, {len(set(found))} of them different"
    for item in found:
        if item in hidden:
            yield f"{item} was bought"
        if item in given.get("ban", ()):
            yield f"{item} is banned"
        if item not in given.get("stock", ITEMS):
            yield f"{item} is out of stock"
        if categories and ITEMS[item] not in categories:
            yield f"{item} is of no category that was asked for"
        if ITEMS[item] not in given.get("categories", shop.GROUPS) or ITEMS[item] in given.get(
            "exclude_categories", ()
        ):
            yield f"{item} is of a category that the rules leave out"
        if prices.get(item) is not None and not price.get("min", 0) <= prices[item] <= price.get("max", 1e9):
            yield f"{item} costs {prices[item]}"
    most = max(Counter(ITEMS[item] for item in found).values(), default=0)
    if most > given.get("max_per_category", most):
        yield f"{most} of one category"
