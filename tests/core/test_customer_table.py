"""The table of customers: its figures are those of single customers, and filters, order and pages hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from tests import shop

from smart_retail.errors import UsageError
from smart_retail.protocol import CHURN_RISKS, CUSTOMER_SORTS, CustomerQuery, all_customers
from smart_retail.results import CustomerSummary
from smart_retail.serving.engine import Engine

ALL = CustomerQuery(n=1000)


def test_every_row_has_the_figures_of_its_customer(engine: Engine) -> None:
    page = engine.customers(ALL)
    assert page.total == page.customers == len(page.entries) == page.with_orders + 1  # one returned everything
    assert {customer.customer_id for customer in page.entries} == set(shop.customers())
    assert page.countries == ("Norway",)
    for row in (*page.entries[::5], next(row for row in page.entries if row.customer_id == shop.RETURNED_ALL)):
        profile = engine.customer(row.customer_id)
        value = engine.customer_value(row.customer_id, page.horizon_days)
        assert row.customer_name == profile.customer_name
        assert row.segment == (profile.rfm.segment if profile.rfm else "")
        assert row.cluster == (profile.cluster.name if profile.cluster else "")
        assert (row.orders, row.last_order) == (profile.orders, profile.last_order)
        assert row.amount == pytest.approx(profile.rfm.monetary if profile.rfm else 0.0)
        assert (row.expected_spend, row.return_probability) == (value.expected_spend, value.return_probability)
        assert row.churn_risk == (value.churn_risk if profile.rfm else "")


@pytest.mark.parametrize("sort", CUSTOMER_SORTS)
def test_rows_are_sorted_both_ways_and_missing_values_are_last(engine: Engine, sort: str) -> None:
    def keys(ascending: bool) -> list[object]:
        return [
            getattr(row, sort)
            for row in engine.customers(CustomerQuery(sort=sort, ascending=ascending, n=1000)).entries
        ]

    for ascending in (True, False):
        found = keys(ascending)
        present = [key for key in found if key is not None]
        assert found[: len(present)] == present
        assert present == sorted(present, reverse=not ascending)  # type: ignore[type-var]


def test_filters_select_and_combine(engine: Engine) -> None:
    rows = engine.customers(ALL).entries

    def ids(query: CustomerQuery) -> set[str]:
        page = engine.customers(structs.replace(query, n=1000))
        assert page.total == len(page.entries)
        return {row.customer_id for row in page.entries}

    def expected(**values: str) -> set[str]:
        return {row.customer_id for row in rows if all(getattr(row, name) == text for name, text in values.items())}

    segment, cluster = rows[0].segment, rows[0].cluster
    assert ids(CustomerQuery(segment=segment)) == expected(segment=segment)
    assert ids(CustomerQuery(cluster=cluster, country="Norway")) == expected(cluster=cluster)
    assert ids(CustomerQuery(segment=segment, cluster=cluster)) == expected(segment=segment, cluster=cluster)
    matching = {match.customer_id for match in engine.search_customers("c001", 1000)}
    assert ids(CustomerQuery(text="c001")) == matching
    assert ids(CustomerQuery(text="no such customer")) == set()


def ids_of(engine: Engine, **conditions: object) -> set[str]:
    """Return the ids of a filter, which are the same in the table and for a campaign."""
    query = CustomerQuery(**conditions, n=1000)
    page = engine.customers(query)
    found = [row.customer_id for row in page.entries]
    assert list(engine.customer_ids(query.filter)) == sorted(found, key=shop_order(engine))
    assert page.total == len(found)
    assert page.with_orders == sum(row.orders > 0 for row in page.entries)
    return set(found)


def shop_order(engine: Engine) -> Callable[[str], int]:
    return list(engine.customer_ids()).index


def test_customers_are_selected_by_what_they_bought(engine: Engine) -> None:
    buyers = {c for c in shop.customers() if any(p.category == "Garden" for p in engine.customer(c).purchases)}
    assert 0 < len(buyers) < engine.customers().customers
    assert ids_of(engine, category="Garden") == buyers


def test_customers_are_selected_by_amount_and_last_order(engine: Engine) -> None:
    rows = engine.customers(ALL).entries
    low, high = sorted(row.amount for row in rows)[40], sorted(row.amount for row in rows)[120]
    assert ids_of(engine, min_amount=low, max_amount=high) == {
        row.customer_id for row in rows if low <= row.amount <= high
    }
    days = sorted(row.last_order for row in rows if row.last_order)
    first, last = days[40], days[120]
    found = ids_of(engine, last_order_from=first, last_order_to=last)
    assert found == {row.customer_id for row in rows if row.last_order and first <= row.last_order <= last}
    assert shop.RETURNED_ALL not in ids_of(engine, last_order_to=days[-1])
    assert shop.RETURNED_ALL in ids_of(engine, max_amount=0)


def test_customers_are_selected_by_churn_risk(engine: Engine) -> None:
    ordered = [c for c in shop.customers() if engine.customer(c).rfm]
    by_risk = [ids_of(engine, churn_risk=risk) for risk in CHURN_RISKS]
    assert sum(map(len, by_risk)) == len(ordered)
    for risk, found in zip(CHURN_RISKS, by_risk, strict=True):
        assert found == {c for c in ordered if engine.customer_value(c).churn_risk == risk}


def test_customers_are_selected_by_what_is_due(engine: Engine) -> None:
    for days in (7, 30):
        due = {entry.customer_id for entry in engine.replenishment(days, n=1000).entries}
        assert due
        assert ids_of(engine, due_days=days) == due


def test_pages_are_parts_of_the_whole(engine: Engine) -> None:
    whole = engine.customers(ALL).entries
    assert engine.customers(CustomerQuery(n=7, offset=3)).entries == whole[3:10]
    found: list[CustomerSummary] = list(all_customers(engine, CustomerQuery(n=1)))
    assert tuple(found) == whole


@pytest.mark.parametrize("options", [{"segment": "VIP"}, {"cluster": "x"}, {"country": "Atlantis"}, {"category": "x"}])
def test_unknown_groups_are_errors(engine: Engine, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        engine.customers(CustomerQuery(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"sort": "shoe_size"},
        {"n": 0},
        {"offset": -1},
        {"churn_risk": "some"},
        {"due_days": 0},
        {"min_amount": 2.0, "max_amount": 1.0},
        {"min_amount": float("nan")},
        {"last_order_from": "2024-02-30"},
        {"last_order_from": "2024-03-01", "last_order_to": "2024-02-01"},
    ],
)
def test_options_out_of_range_are_errors(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CustomerQuery(**options)  # type: ignore[arg-type]
