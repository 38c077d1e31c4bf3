"""Reasons state what was counted: every kind is recounted from the raw lines of the small shop."""

from __future__ import annotations

from collections import Counter

import pytest
from tests import recount, shop

from smart_retail.protocol import METHODS
from smart_retail.serving.engine import Engine


@pytest.fixture(scope="module")
def lines() -> list[recount.Line]:
    return recount.kept_lines()


def fine_cluster_name(engine: Engine, customer: str) -> str:
    """Return the name of the cluster by which the lists of a customer are made."""
    tables = engine.tables
    return tables.group_name("fine_clusters", int(tables.fine_cluster[tables.customers.code(customer)]))


@pytest.fixture
def counts(engine: Engine, lines: list[recount.Line]) -> recount.Counts:
    customers = {line.customer for line in lines}
    profiles = {c: engine.customer(c) for c in customers}
    return recount.Counts.of(
        lines,
        {i: name for i, name, _ in shop.items()},
        {i: category for i, _, category in shop.items()},
        {
            "segment": {c: p.rfm.segment for c, p in profiles.items() if p.rfm},
            "cluster": {c: fine_cluster_name(engine, c) for c in customers},
        },
        recount.guest_lines(),
    )


def test_every_kind_of_reason_is_recounted_from_the_raw_lines(engine: Engine, counts: recount.Counts) -> None:
    kinds: Counter[str] = Counter()
    for method in METHODS:
        for exclude in (True, False):
            for result in engine.recommend_many(shop.customers(), method, 12, exclude_purchased=exclude):
                if result.customer_id not in counts.bought:
                    continue
                for stated, counted in recount.recount(counts, result.customer_id, result.items):
                    assert stated == counted, (method, result.customer_id)
                kinds.update(reason.kind for item in result.items for reason in item.reasons)
    expected = {
        "bought_together",
        "same_customers",
        "buy_again",
        "segment",
        "cluster",
        "popular",
        "trending",
        "similar",
    }
    assert set(kinds) == expected
    assert min(kinds.values()) > 20


def test_the_reason_is_the_purchase_with_the_largest_lift(engine: Engine, counts: recount.Counts) -> None:
    least = engine.tables.min_support
    checked = 0
    for customer in shop.customers()[:60]:
        for item in engine.recommend(customer, "cf", 5).items:
            for reason in item.reasons:
                if reason.kind not in ("bought_together", "same_customers"):
                    continue
                lifts = {
                    (relation, own): figures[1]
                    for own in counts.bought[customer]
                    for relation in ("orders", "customers")
                    if (figures := counts.lift(relation, own, item.item_id))[0] >= least
                }
                relation = "orders" if reason.kind == "bought_together" else "customers"
                assert lifts[relation, reason.item_id] == pytest.approx(max(lifts.values()), rel=1e-6)
                checked += 1
    assert checked > 100


def test_a_reason_never_names_a_variant_of_the_item(engine: Engine) -> None:
    tables = engine.tables
    variant = {tables.item_id(code): int(product) for code, product in enumerate(tables.variant)}
    for result in engine.recommend_many(shop.customers()[:60], "hybrid", 20):
        for item in result.items:
            for reason in item.reasons:
                assert reason.item_id is None or variant[reason.item_id] != variant[item.item_id]


def test_related_items_state_their_own_counts(engine: Engine, counts: recount.Counts) -> None:
    for base in shop.item_ids():
        together = engine.similar_items(base, 20, relation="bought_together")
        assert together.method == "bought_together"
        for item in together.items:
            (reason,) = item.reasons
            shared, lift = counts.lift("orders", base, item.item_id)
            assert reason.item_id == base
            assert reason.text.startswith(f"in the same order {shared} times, ")
            assert shared >= engine.tables.min_support
            assert lift >= 1.1
        for item in engine.similar_items(base, 20).items:
            (reason,) = item.reasons
            shared, _ = counts.lift("customers", base, item.item_id)
            buyers = len(counts.customers[base])
            assert reason.text.startswith(f"{shared} of the {buyers} customers who buy it also buy")


def test_items_never_bought_together_are_not_called_so(engine: Engine, counts: recount.Counts) -> None:
    never_together = 0
    for base in shop.item_ids():
        listed = {item.item_id for item in engine.similar_items(base, 60, relation="bought_together").items}
        never = {other for other in shop.item_ids() if not counts.orders_of(base) & counts.orders_of(other)}
        never_together += len(never)
        assert not listed & never
    assert never_together > 1000
