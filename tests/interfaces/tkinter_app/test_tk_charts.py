"""Charts of the reports: their values are those of the engine, and every mark can be read with the keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_retail.analysis.sales_forecast import Forecast, ForecastDay
from smart_retail.progress import SILENT
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.chart_models import Bars, HeatMap, axis_ticks, label_positions
from smart_retail_tkinter.pages.base import REPORTS
from smart_retail_tkinter.reports import REPORTS as REPORT_NAMES
from smart_retail_tkinter.reports import forecast_chart


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def chart_of(engine: Engine, name: str, option: str = "") -> Any:
    return REPORT_NAMES[name].compute(engine, option, "EUR", SILENT).chart


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 40, (0, 10, 20, 30, 40)),
        (0, 41, (0, 10, 20, 30, 40, 50)),
        (-5, 12, (-5, 0, 5, 10, 15)),
        (0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (7, 9, (0, 2, 4, 6, 8, 10)),
        (0, 0, (0, 1)),
    ],
)
def test_ticks_are_round_numbers_that_cover_the_range(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert axis_ticks(low, high) == pytest.approx(expected)


def test_as_many_labels_are_shown_as_fit() -> None:
    assert label_positions([40] * 6, 300, 10) == (0, 1, 2, 3, 4, 5)
    assert label_positions([40] * 12, 300, 10) == (0, 2, 4, 6, 8, 10)
    assert label_positions([400] * 3, 300, 10) == (0,)
    assert label_positions([], 300, 10) == ()


def test_months_have_the_sales_of_the_model(engine: Engine) -> None:
    chart = chart_of(engine, "sales")
    assert isinstance(chart, Bars)
    months = engine.model().statistics["months"]
    assert chart.names == tuple(month["month"] for month in months)
    assert sum(chart.values) == pytest.approx(sum(week.amount for week in engine.model().weekly_sales))
    assert chart.describe(0) == f"{months[0]['month']}: {months[0]['amount']:,.2f} EUR"


@pytest.mark.parametrize(
    ("name", "figure", "skipped"), [("retention", "retention", 1), ("cohort-value", "cumulative_value", 0)]
)
def test_cohorts_have_the_shares_and_values_of_the_engine(engine: Engine, name: str, figure: str, skipped: int) -> None:
    chart, found = chart_of(engine, name, "quarter"), engine.cohorts("quarter")
    assert isinstance(chart, HeatMap)
    assert len(chart.rows) == len(found.cohorts)
    cut = -1 if name == "retention" and not found.last_period_complete else None
    for row, cohort in zip(chart.values, found.cohorts, strict=True):
        expected = getattr(cohort, figure)[skipped:cut]
        assert row[: len(expected)] == expected
        assert row[len(expected) :] == (None,) * (len(row) - len(expected))
    first = found.cohorts[0]
    share = (
        f"{100 * first.retention[1]:.0f} % ordered" if skipped else f"{first.cumulative_value[0]:,.0f} EUR per customer"
    )
    where = f"first order (customers): {first.start} ({first.customers}), quarters later: {skipped}"
    assert chart.describe(0, 0) == f"{where}: {share}"


def test_moves_add_up_to_the_customers(engine: Engine) -> None:
    result = REPORT_NAMES["moves"].compute(engine, "2024-10-01", "", SILENT)
    chart = result.chart
    assert isinstance(chart, HeatMap)
    table = [row.values[1:] for row in result.table.rows]
    assert [tuple(line) for line in chart.values] == [tuple(line) for line in table]
    assert sum(value or 0 for line in chart.values for value in line) > 0


def test_a_forecast_goes_on_from_the_history() -> None:
    days = tuple(ForecastDay(f"2024-01-{k:02}", 10.0 * k, 8.0 * k, 12.0 * k) for k in (11, 12))
    forecast = Forecast("all", "Prophet", 5, (), days, "")
    history = (19_723, np.arange(10.0))  # 2024-01-01
    chart = forecast_chart(forecast, history, "EUR")
    assert chart is not None
    assert chart.days[0] == "2024-01-01"
    assert chart.days[9:] == ("2024-01-10", "2024-01-11", "2024-01-12")
    assert (chart.past, chart.expected) == (tuple(range(10)), (110.0, 120.0))
    assert (chart.low, chart.high) == ((88.0, 96.0), (132.0, 144.0))
    assert chart.describe(9) == "2024-01-10: 9.00 EUR"
    assert chart.describe(10) == "2024-01-11: 110.00 EUR expected, 80 % interval 88.00 to 132.00"
    assert forecast_chart(Forecast("all", "", 0, (), (), "too short"), history, "") is None


def test_the_keyboard_reads_a_chart_and_the_table_stays(window: Any) -> None:
    window.app.select_page(REPORTS)
    window.settle()
    page = window.app.reports_page
    page.select_report("sales")
    window.settle()
    view = page.chart
    assert view.winfo_ismapped()
    chart = view.chart
    window.key("<Right>", view.canvas)
    assert view.detail.cget("text") == chart.describe(0)
    window.key("<Right>", view.canvas)
    assert view.detail.cget("text") == chart.describe(1)
    window.key("<Left>", view.canvas)
    window.key("<Left>", view.canvas)
    assert view.detail.cget("text") == chart.describe(0)
    page.step_tab(1)
    window.settle()
    assert page.result.winfo_ismapped()
    assert [row.cells[0] for row in page.result.displayed().rows] == list(chart.names)
    page.select_report("retention")
    window.settle()
    window.key("<Down>", view.canvas)
    window.key("<Down>", view.canvas)
    assert view.detail.cget("text") == view.chart.describe(1, 0)


def test_a_report_without_a_chart_shows_its_table(window: Any) -> None:
    window.app.select_page(REPORTS)
    page = window.app.reports_page
    page.select_report("retention")
    window.settle()
    page.select_report("due")
    window.settle()
    assert page.result.winfo_ismapped()
    assert not page.chart.winfo_ismapped()
    page.step_tab(1)
    window.settle()
    assert page.result.winfo_ismapped()


def test_a_click_selects_the_cell_under_the_pointer(window: Any) -> None:
    window.app.select_page(REPORTS)
    page = window.app.reports_page
    page.select_report("retention")
    window.settle()
    view = page.chart
    drawing = view._drawing
    x, y = drawing.left + 0.5 * drawing.cell_width, drawing.top + 1.5 * drawing.cell_height
    view.canvas.event_generate("<Button-1>", x=round(x), y=round(y))
    window.settle()
    assert view.chosen == (1, 0)
    assert view.detail.cget("text") == view.chart.describe(1, 0)
