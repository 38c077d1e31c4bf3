"""Sales of a period and their comparison, recounted from the purchases of the bundle."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from smart_retail.analysis.bundle_history import read_history, read_returned_purchases
from smart_retail.errors import UsageError
from smart_retail.presentation.sales_texts import describe_sales, format_change, format_points, key_figures
from smart_retail.results import FitReport, SalesComparison, SalesFigures
from smart_retail.serving.engine import Engine
from smart_retail.utils.dates import parse_day


@pytest.fixture(scope="module")
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def recount(engine: Engine, first: str, last: str, category: str = "") -> dict[str, Any]:
    """The figures of a period, counted row by row."""
    history = read_history(engine.bundle, len(engine.tables.items))
    names, codes = engine.tables.names["categories"], engine.tables.catalogue.category
    low, high = parse_day(first), parse_day(last)
    first_order: dict[int, int] = {}
    orders, customers, revenue, units = set(), set(), 0, 0
    weekdays: dict[str, int] = defaultdict(int)
    for k in range(len(history)):
        customer, day = int(history.customer[k]), int(history.day[k])
        first_order[customer] = min(first_order.get(customer, day), day)
        if low <= day <= high and category in ("", names[codes[history.item[k]]]):
            orders.add(int(history.order[k]))
            customers.add(customer)
            revenue += int(history.amount[k])
            units += int(history.quantity[k])
            weekdays[f"{date(1970, 1, 1) + timedelta(days=day):%A}"] += int(history.amount[k])
    new = sum(first_order[customer] >= low for customer in customers)
    returned = read_returned_purchases(engine.bundle)
    back = [
        int(returned.amount[k])
        for k in range(len(returned.day))
        if low <= returned.day[k] <= high and category in ("", names[codes[returned.item[k]]])
    ]
    return {
        "revenue": revenue / 1e6,
        "orders": len(orders),
        "customers": len(customers),
        "new_customers": new,
        "average_order_value": revenue / 1e6 / max(len(orders), 1),
        "returning_share": 1 - new / max(len(customers), 1),
        "units": units / 1e6,
        "returned_amount": sum(back) / 1e6,
        "weekdays": weekdays,
    }


@pytest.mark.parametrize("category", ["", "Garden"])
def test_every_figure_equals_a_recount_row_by_row(engine: Engine, category: str) -> None:
    first, last = "2025-01-06", "2025-02-09"
    found = engine.sales(first, last, category or None)
    assert found.previous is not None
    assert found.year_ago is not None
    assert (found.previous.first, found.previous.last) == ("2024-12-02", "2025-01-05")
    assert (found.year_ago.first, found.year_ago.last) == ("2024-01-08", "2024-02-11")
    for figures in (found.current, found.previous, found.year_ago):
        counted = recount(engine, figures.first, figures.last, category)
        for name in ("revenue", "orders", "customers", "new_customers", "returning_share", "units", "returned_amount"):
            assert getattr(figures, name) == pytest.approx(counted[name], abs=1e-6), (figures.first, name)
        assert figures.average_order_value == pytest.approx(counted["average_order_value"], abs=0.005)
    days = recount(engine, first, last, category)["weekdays"]
    assert {g.name: g.revenue for g in found.weekdays} == pytest.approx(
        {g.name: days[g.name] / 1e6 for g in found.weekdays}
    )


def test_groups_add_up_to_the_revenue(engine: Engine) -> None:
    found = engine.sales("2024-06-01", "2024-12-31")
    for groups in (found.categories, found.countries, found.weekdays):
        assert sum(group.revenue for group in groups) == pytest.approx(found.current.revenue)
        assert found.previous is None
        assert all(group.previous is None for group in groups)
    assert [g.name for g in found.weekdays][::6] == ["Monday", "Sunday"]
    assert {g.name for g in found.countries} == {"Norway"}


def test_the_whole_history_is_the_net_revenue_of_the_model(engine: Engine) -> None:
    model = engine.model()
    found = engine.sales(model.first, model.last)
    assert found.current.revenue == pytest.approx(model.cleaning.net_amount)
    assert found.current.new_customers == found.current.customers
    assert (found.previous, found.year_ago) == (None, None)
    assert any("more than 52 weeks" in note for note in found.notes)


def test_the_default_is_the_last_four_weeks(engine: Engine) -> None:
    found = engine.sales()
    assert found.current.last == engine.model().last
    assert parse_day(found.current.last) - parse_day(found.current.first) == 27


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2025-02-01", "2025-01-01", "begins on 2025-02-01, after"),
        ("2030-01-01", None, "no sales from 2030-01-01 on"),
        (None, "2001-01-01", "no sales up to 2001-01-01"),
        ("yesterday", None, "not a valid date"),
    ],
)
def test_periods_without_sales_are_refused(engine: Engine, first: str | None, last: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        engine.sales(first, last)


def test_an_unknown_category_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="Cars"):
        engine.sales(category="Cars")


@pytest.mark.parametrize(
    ("current", "earlier", "text"),
    [(110.0, 100.0, "▲ 10.0 %"), (90.0, 100.0, "▼ 10.0 %"), (100.0, 100.0, "= 0.0 %"), (5.0, 0.0, "from 0")],
)
def test_changes_have_an_arrow(current: float, earlier: float, text: str) -> None:
    assert format_change(current, earlier) == text


def test_the_sentence_names_the_periods_that_exist() -> None:
    def figures(revenue: float, share: float) -> SalesFigures:
        return SalesFigures("2026-01-01", "2026-01-28", revenue, 10, 5, 1, revenue / 10, share, 20.0, 0.0)

    found = SalesComparison(figures(1100, 0.8), figures(1000, 0.75), None, "", (), (), (), (), "v")
    assert describe_sales(found, "EUR") == "Net revenue of 28 days: 1,100.00 EUR, ▲ 10.0 % against the 28 days before."
    returning = next(figure for figure in key_figures(found, "EUR") if figure.label == "Returning customers")
    assert returning.changes == {"the 28 days before": "▲ 5.0 points"}
    assert format_points(0.5, 0.5) == "= 0.0 points"
