"""Charts of customer value: they draw what the engine returns, and say so where there is too little data."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.errors import DataError
from smart_retail.reporting import value_charts
from smart_retail.reporting.chart_style import to_svg
from smart_retail.results import CohortTable, FitReport
from smart_retail.serving.engine import Engine


def test_charts_draw_the_summary_and_the_cohorts(fitted: tuple[Path, FitReport]) -> None:
    engine = Engine.load(fitted[0])
    summary, cohorts = engine.value_summary(), engine.cohorts()
    svg = to_svg(value_charts.backtests(summary, "EUR"), "backtests")
    assert "spend, EUR" in svg
    assert all(row["start"] in svg for row in value_charts.backtest_rows(summary))
    assert "perfect" in to_svg(value_charts.calibration(summary), "calibration")
    assert cohorts.cohorts[0].start in to_svg(value_charts.retention(cohorts), "retention")
    assert len(value_charts.value_rows(cohorts)) == len(cohorts.cohorts)


def test_a_single_period_has_no_retention() -> None:
    with pytest.raises(DataError, match="single period"):
        value_charts.retention(CohortTable("month", True, (), (), (), ""))
