"""The Campaign page writes the file of the core and measures its effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.analysis.campaign import CampaignSettings, build_campaign
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.utils.spreadsheet import write_table
from smart_retail_streamlit.views import campaign

from .conftest import html_of, page_of


@pytest.fixture
def page(fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch) -> Any:
    return page_of("campaign", monkeypatch, artifacts=fitted[0])


def make(page: Any) -> Any:
    next(b for b in page.button if b.label == "Make the campaign").click().run()
    return finish(page, campaign.JOB_SLOT)


def finish(page: Any, slot: str) -> Any:
    job = page.session_state[slot].job
    assert job is not None
    job.wait(60)
    page.run()
    assert not page.exception, page.exception
    return job


def test_the_campaign_is_that_of_the_core(page: Any, fitted: tuple[Path, FitReport]) -> None:
    job = make(page)
    engine = Engine.load(fitted[0])
    same = build_campaign(engine, engine.customer_ids(), CampaignSettings())
    assert (job.report.rows, job.report.metadata) == (same.rows, same.metadata)
    body = html_of(page)
    assert f"{same.groups.treated} to contact" in body
    assert "do not contact these" in body
    assert {b.label for b in page.get("download_button")} >= {"Excel, a sheet per group", "CSV"}


@pytest.mark.slow
def test_the_choices_reach_the_campaign(page: Any) -> None:
    page.multiselect(key="campaign-segments").set_value(["Champions"])
    page.number_input(key="campaign-n").set_value(2)
    page.slider(key="campaign-holdout").set_value(40)
    page.slider(key="campaign-likely").set_value((20, 90))
    page.text_input(key="campaign-name").set_value("spring")
    page.run()
    report = make(page).report
    wanted = CampaignSettings(
        n=2, segments=("Champions",), holdout=0.4, name="spring", return_above=0.2, return_below=0.9
    )
    assert report.settings == wanted
    assert {row["segment"] for row in report.rows} == {"Champions"}
    assert page.query_params["segment"] == "Champions"


def test_a_link_selects_the_segment(fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of("campaign", monkeypatch, artifacts=fitted[0], segment="Champions", risk="high")
    assert page.multiselect(key="campaign-segments").value == ["Champions"]
    assert page.multiselect(key="campaign-risks").value == ["high"]


@pytest.mark.slow
def test_no_customer_matches(page: Any) -> None:
    page.number_input(key="campaign-worth").set_value(1e9)
    page.run()
    make(page)
    assert "No customer matches" in html_of(page)
    assert not page.get("download_button")


@pytest.mark.slow
def test_the_download_is_the_file_of_the_cli(page: Any, tmp_path: Path) -> None:
    made = make(page).report
    file = tmp_path / "c.csv"
    write_table(file, made.rows, made.headings, made.metadata)
    assert campaign._file_bytes(made, "csv") == file.read_bytes()


@pytest.mark.slow
def test_the_effect_of_a_campaign_is_measured(
    fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = page_of("campaign", monkeypatch, artifacts=fitted[0], view="measure")
    assert next(b for b in page.button if b.label == "Measure").disabled
    engine = Engine.load(fitted[0])
    made = build_campaign(engine, engine.customer_ids(), CampaignSettings(holdout=0.4, n=1))
    lines = ["customer_id,item_id,timestamp,quantity,amount,order_id"]
    for number, row in enumerate(made.rows):  # contacted customers spend twice as much
        amount = 20 if row["group"] == "treated" else 10
        lines.append(f"{row['customer_id']},x,2025-03-05,1,{amount},{number}")
    file = tmp_path / "c.csv"
    write_table(file, made.rows, made.headings, made.metadata)
    page.file_uploader(key="effect-file").set_value(("c.csv", file.read_bytes(), "text/csv"))
    page.file_uploader(key="effect-orders").set_value([("orders.csv", "\n".join(lines).encode(), "text/csv")])
    page.run()
    next(b for b in page.button if b.label == "Measure").click().run()
    job = finish(page, campaign.EFFECT_SLOT)
    assert job.error is None
    assert [u.uplift for u in job.report.uplifts] == [1.0, 0.0]
    assert "100 % more revenue per customer than without the campaign" in html_of(page)
