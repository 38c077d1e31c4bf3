"""The Fit page: the cleaning report first, then a fit that can be watched, with nothing lost when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import shop
from tests.fake_engine import FakeEngine

from smart_retail.errors import ColumnError, QualityGateError
from smart_retail.progress import Progress
from smart_retail.results import FitReport
from smart_retail_streamlit import engine_source, fit_request
from smart_retail_streamlit.views import fit

from .conftest import Open, html_of, page_of

CSV = b"customer_id,item_id,timestamp,amount\nA,1,2024-01-02,3.5\n"


class Seen:
    """What `inspect_source` gives for a file."""

    report = FakeEngine().model().cleaning

    class Source:
        name, preset, unused, dates = "orders.csv", "aliases", ("Colour",), {"Date": "day first"}
        columns = {"customer_id": "Client", "timestamp": "Date"}  # noqa: RUF012

    sources = (Source,)


@pytest.fixture(autouse=True)
def _fresh_desk() -> Iterator[None]:
    fit._desk.clear()
    yield
    fit._desk.clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[fit_request.FitRequest]:
    """Plans that were fitted; the core is not reached."""
    seen: list[fit_request.FitRequest] = []

    def run(wanted: fit_request.FitRequest, artifacts: str, progress: Progress) -> FitReport:
        assert wanted.sources[0].read_bytes() == CSV
        progress.stage("segments", 0.5)
        seen.append(wanted)
        return FitReport("v9", True, Seen.report, (), (), {}, {"segments": 1.0}, ("A note.",))

    monkeypatch.setattr(fit_request, "inspect", lambda wanted: Seen)
    monkeypatch.setattr(fit_request, "fit", run)
    return seen


def uploaded(open_page: Open) -> Any:
    page = open_page("fit")
    page.file_uploader[0].upload("orders.csv", CSV, "text/csv").run()
    return page


def test_the_report_stands_there_before_anything_is_fitted(
    open_page: Open, asked: list[fit_request.FitRequest]
) -> None:
    body = html_of(uploaded(open_page))
    assert "560 of 575 rows can be used (97.4 %)" in body
    assert "<b>Client</b>" in body
    assert "day first" in body
    assert "Colour" in body
    assert "no customer" in body
    assert asked == []


def test_choices_reach_the_fit_and_the_upload_is_removed(open_page: Open, asked: list[fit_request.FitRequest]) -> None:
    page = uploaded(open_page)
    page.radio(key="policy").set_value("keep")
    page.number_input(key="k").set_value(4)
    page.text_input(key="map-customer_id").set_value("Client")
    page.run()
    next(b for b in page.button if b.label == "Fit").click().run()
    fit._desk().job.wait(10)
    page.run()
    assert "v9" in page.success[0].value
    assert "A note." in html_of(page)
    (wanted,) = asked
    assert wanted.settings.data.returns_policy == "keep"
    assert wanted.settings.clusters.k == 4
    assert wanted.mapping == (("customer_id", "Client"),)
    assert not wanted.sources[0].exists()
    next(b for b in page.button if "another" in b.label).click().run()
    assert page.file_uploader


def test_a_refused_fit_leaves_the_model_in_use(
    open_page: Open, asked: list[fit_request.FitRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> FitReport:
        raise QualityGateError("The new model is clearly worse.", "Look at the scorecard.")

    monkeypatch.setattr(fit_request, "fit", refuse)
    page = uploaded(open_page)
    next(b for b in page.button if b.label == "Fit").click().run()
    fit._desk().job.wait(10)
    page.run()
    assert "clearly worse" in page.error[0].value
    assert "unchanged" in page.caption[0].value
    assert "model fake-1" in html_of(page)


def test_a_column_that_is_not_found_is_asked_for_on_the_page(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(wanted: fit_request.FitRequest) -> Any:
        raise ColumnError("Column for the customer not found.", "Say which one it is: --map customer_id=Client")

    monkeypatch.setattr(fit_request, "inspect", unknown)
    page = uploaded(open_page)
    assert "--map" not in page.error[0].value
    assert "More choices" in page.error[0].value


def test_over_the_api_the_page_says_that_a_local_engine_is_needed(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("fit")
    monkeypatch.setenv(engine_source.API_URL, "http://127.0.0.1:9")
    page.run()
    assert "needs an engine in this process" in html_of(page)
    assert not page.file_uploader


def test_a_real_file_is_inspected(open_page: Open, tmp_path: Path) -> None:
    page = open_page("fit")
    rows = [f"c{i % 7},p{i % 5},2024-0{1 + i % 9}-03,{i + 1}.50" for i in range(60)]
    text = "\n".join(["Customer ID,Product ID,Order Date,Sales", *rows]).encode()
    page.file_uploader[0].upload("orders.csv", text, "text/csv").run()
    assert not page.error, page.error[0].value
    assert "60 of 60 rows can be used (100.0 %)" in html_of(page)
    assert "<b>Customer ID</b>" in html_of(page)


@pytest.mark.slow
def test_a_fit_is_published_and_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of("fit", monkeypatch, artifacts=tmp_path / "artifacts")
    page.file_uploader[0].upload("orders.csv", shop.write(tmp_path / "orders.csv").read_bytes(), "text/csv")
    page.number_input(key="k").set_value(3)
    page.run()
    next(b for b in page.button if b.label == "Fit").click().run()
    fit._desk().job.wait(240)
    page.run()
    assert not page.error, page.error[0].value
    version = engine_source.engine().version
    assert version in page.success[0].value.replace("\\", "")
    body = html_of(page_of("customer", monkeypatch, artifacts=tmp_path / "artifacts", customer="00012"))
    assert f"model {version}" in body
    assert "sr-list" in body
