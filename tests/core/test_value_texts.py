"""Sentences about customer value that all screens share."""

from __future__ import annotations

import pytest

from smart_retail.presentation import value_texts
from smart_retail.presentation.formatting import format_short_amount
from smart_retail.results import Cohort, CohortTable, CustomerValue, ReplenishmentCalendar, ValueGroup
from smart_retail.serving.engine import Engine


def group(name: str, spend: float, share: float) -> ValueGroup:
    return ValueGroup(name, 10, 5.0, spend, share, 0.5, 20.0, 100.0)


def cohorts(*retention: float) -> CohortTable:
    return CohortTable("month", True, (), retention, (), "v1")


def test_the_group_with_most_expected_spend_is_named() -> None:
    groups = (group("New", 10.0, 0.1), group("Loyal", 90.0, 0.9))
    assert value_texts.describe_best_group("segment", groups) == (
        "By segment: Loyal customers bring 90.0 % of the expected spend"
    )
    assert value_texts.describe_best_group("cluster", ()) == "Expected value by cluster"
    assert value_texts.describe_tenths(groups) == "The best tenth of the customers brings 10.0 % of the expected spend"
    assert value_texts.describe_tenths(()) == ""


def test_retention_needs_two_periods() -> None:
    assert value_texts.describe_retention(cohorts(1.0)) == (
        "Cohorts need orders in at least two months. Try a shorter period."
    )
    assert value_texts.describe_retention(cohorts(1.0, 0.2, 0.15)) == (
        "20.0 % of new customers order again in the month after their first order, 15.0 % in month 2"
    )


def test_what_is_due_is_counted() -> None:
    calendar = ReplenishmentCalendar("2026-02-01", 7, 1, (), "v1")
    assert value_texts.describe_due(calendar) == "1 purchase due in the 7 days from 2026-02-01"


def test_expected_spend_and_customers_at_risk_are_sums(engine: Engine) -> None:
    summary = engine.value_summary(90)
    text = value_texts.describe_expected_spend(summary, "EUR")
    assert text.startswith(f"Expected spend of the next 90 days: {summary.expected_spend:,.0f} EUR, 80 % sure between ")
    value: CustomerValue = engine.customer_value("c0001")
    assert value_texts.describe_at_risk([value, value]) == (
        f"Contact first: 2 customers worth {2 * value.spend:,.2f} so far have stayed away much longer than usual"
    )


def test_short_amounts_have_three_digits() -> None:
    assert [format_short_amount(v) for v in (999.0, 1234.0, 1234567.0, 2.5e9)] == ["999", "1.23 k", "1.23 m", "2.5 bn"]


@pytest.mark.parametrize(("complete", "retention"), [(True, {1: 0.4, 2: 0.1}), (False, {1: 0.4})])
def test_retention_is_shown_for_later_complete_periods(complete: bool, retention: dict[int, float]) -> None:
    cohort = Cohort("2024-01-01", 10, (1.0, 0.4, 0.1), (5.0, 7.0, 7.5))
    table = CohortTable("month", complete, (cohort,), (), (), "v1")
    assert table.by_period(cohort, "retention") == retention
    assert table.by_period(cohort, "cumulative_value") == {0: 5.0, 1: 7.0, 2: 7.5}
