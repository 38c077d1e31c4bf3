"""The Reports page: forecast, moves between segments and the HTML report, each as a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.analysis.customer_snapshots import migration_between_dates
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_streamlit.views import reports

from .conftest import html_of, page_of


def run_job(page: Any, label: str, slot: str) -> Any:
    next(b for b in page.button if b.label == label).click().run()
    job = page.session_state[slot].job
    assert job is not None
    job.wait(120)
    page.run()
    assert not page.exception, page.exception
    return job


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prophet
def test_the_forecast_is_a_sentence_with_a_table_of_weeks(
    fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prophet")
    page = page_of("reports", monkeypatch, artifacts=fitted[0])
    found = run_job(page, "Forecast", reports.FORECAST_SLOT).report
    body = html_of(page)
    assert "Next 28 days: about " in body
    assert found.total.days[7].day in body
    assert "Expected sales" in body


def test_moves_between_segments_equal_those_of_the_core(
    fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of("reports", monkeypatch, artifacts=fitted[0], view="migration")
    day = str(page.date_input[0].value)
    found = run_job(page, "Compare", reports.MIGRATION_SLOT).report
    assert found == migration_between_dates(Engine.load(fitted[0]), day)
    body = html_of(page)
    assert "moved to another segment" in body
    for customer in found.dropped[:5]:
        assert customer.last_order in body


@pytest.mark.slow
def test_the_report_can_be_downloaded(fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of("reports", monkeypatch, artifacts=fitted[0], view="report")
    html = run_job(page, "Make the report", reports.REPORT_SLOT).report
    assert Engine.load(fitted[0]).version in html
    assert "The report is ready" in html_of(page)
    assert [b.proto.label for b in page.get("download_button")] == ["Download the report"]
