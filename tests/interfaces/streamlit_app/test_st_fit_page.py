"""The Fit page shows the cleaning report, then the progress and the result of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import shop

from smart_retail.data.dry_run import FieldColumn, SourceColumns
from smart_retail.data.parsing.unused_columns import UnusedColumn
from smart_retail.errors import ColumnError, QualityGateError
from smart_retail.progress import Progress
from smart_retail.results import CleaningReport, FitReport, MonthTotals
from smart_retail.serving.engine import Engine
from smart_retail_streamlit import engine_source, fit_request
from smart_retail_streamlit.fit_request import FitRequest
from smart_retail_streamlit.views import fit

from .conftest import Open, html_of, page_of

CSV = b"customer_id,item_id,timestamp,amount\nA,1,2024-01-02,3.5\n"


class Inspected:
    """Result of `inspect_source` for a file."""

    def __init__(self, report: CleaningReport) -> None:
        self.report = report

    sources = (
        SourceColumns(
            name="orders.csv",
            preset="aliases",
            fields=(
                FieldColumn("customer_id", "Client", ("A", "B"), "certain"),
                FieldColumn("timestamp", "Date", ("31.01.2024",), "certain", "day first"),
            ),
            computed=("quantity = 1 per row",),
            unused=(UnusedColumn("Colour", "", ("red",)), UnusedColumn("State", "status", ("Paid", "Void"))),
            open=(),
            choices=(),
        ),
    )
    months = (MonthTotals("2024-01", 10, 9, 100.0, 90.0),)


@pytest.fixture(autouse=True)
def _empty_job_slot() -> Iterator[None]:
    fit.job_slot.clear()
    yield
    fit.job_slot.clear()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[FitRequest]:
    """Requests that would have been fitted; the core is replaced."""
    received: list[FitRequest] = []
    inspected = Inspected(engine.model().cleaning)

    def run(request: FitRequest, artifacts: str, progress: Progress) -> FitReport:
        assert request.sources[0].read_bytes() == CSV
        progress.stage("segments", 0.5)
        received.append(request)
        return FitReport("v9", True, inspected.report, (), (), {}, {"segments": 1.0}, ("A note.",))

    monkeypatch.setattr(fit_request, "inspect", lambda request: inspected)
    monkeypatch.setattr(fit_request, "fit", run)
    return received


def uploaded(open_page: Open) -> Any:
    page = open_page("fit")
    page.file_uploader[0].upload("orders.csv", CSV, "text/csv").run()
    return page


def test_the_cleaning_report_is_shown_before_anything_is_fitted(
    open_page: Open, requests: list[FitRequest], engine: Engine
) -> None:
    body = html_of(uploaded(open_page))
    cleaning = engine.model().cleaning
    assert f"{cleaning.rows_accepted:,} of {cleaning.rows_in:,} rows can be used (99.9 %)" in body
    assert "<b>Client</b>" in body
    assert "day first" in body
    assert "Colour" in body
    assert "no customer" in body
    assert requests == []


@pytest.mark.slow
def test_choices_reach_the_fit_and_the_upload_is_removed(open_page: Open, requests: list[FitRequest]) -> None:
    page = uploaded(open_page)
    page.radio(key="policy").set_value("keep")
    page.number_input(key="k").set_value(4)
    page.selectbox(key="recency").set_value("intervals")
    page.selectbox(key="map-customer_id").set_value("customer_id")
    page.file_uploader[2].upload("items.csv", b"item_id,item_name\n1,One\n", "text/csv")
    page.run()
    next(b for b in page.button if b.label == "Fit").click().run()
    fit.job_slot().job.wait(10)
    page.run()
    assert "v9" in page.success[0].value
    assert "A note." in html_of(page)
    (request,) = requests
    assert request.settings.data.returns_policy == "keep"
    assert request.settings.rfm.recency == "intervals"
    assert request.settings.clusters.k == 4
    assert request.mapping == (("customer_id", "customer_id"),)
    assert (request.returns, request.catalogue and request.catalogue.name) == (None, "items.csv")
    assert not request.sources[0].exists()
    next(b for b in page.button if "another" in b.label).click().run()
    assert page.file_uploader


@pytest.mark.slow
def test_a_failed_fit_leaves_the_model_in_use(
    open_page: Open, requests: list[FitRequest], monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    def fail(*_: Any) -> FitReport:
        raise QualityGateError("The new model is clearly worse.", "Look at the scorecard.")

    monkeypatch.setattr(fit_request, "fit", fail)
    page = uploaded(open_page)
    next(b for b in page.button if b.label == "Fit").click().run()
    fit.job_slot().job.wait(10)
    page.run()
    assert "clearly worse" in page.error[0].value
    assert "unchanged" in page.caption[0].value
    assert f"model {engine.version}" in html_of(page)


def test_a_missing_column_can_be_named_on_the_page(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(request: FitRequest) -> Any:
        raise ColumnError("Column for the customer not found.", "Choose with --map customer_id=Client")

    monkeypatch.setattr(fit_request, "inspect", unknown)
    page = uploaded(open_page)
    assert "--map" not in page.error[0].value
    assert "under Columns" in page.error[0].value


def test_fitting_and_local_files_have_to_be_allowed(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("fit")
    assert not [box for box in page.text_input if "this machine" in box.label]
    monkeypatch.setenv(engine_source.ALLOW_LOCAL_FILES, "1")
    page.run()
    assert [box for box in page.text_input if "this machine" in box.label]
    monkeypatch.setenv(engine_source.ALLOW_FIT, "")
    page.run()
    assert not page.file_uploader
    assert not page.button
    assert "Fitting is switched off in this app" in html_of(page)


@pytest.mark.slow
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
    fit.job_slot().job.wait(240)
    page.run()
    assert not page.error, page.error[0].value
    version = engine_source.engine().version
    assert version in page.success[0].value.replace("\\", "")
    body = html_of(page_of("customer", monkeypatch, artifacts=tmp_path / "artifacts", customer="00012"))
    assert f"model {version}" in body
    assert "sr-list" in body


@pytest.mark.slow
def test_open_columns_are_chosen_from_lists_with_sample_values(open_page: Open) -> None:
    page = open_page("fit")
    rows = [f"K{i % 7};{i % 28 + 1:02}.03.2024;A{i % 5};{i + 1},50" for i in range(60)]
    text = "\n".join(["Wer;Datum;Artikel;Wert netto", *rows]).encode()
    page.file_uploader[0].upload("verkauf.csv", text, "text/csv").run()
    assert "recognised as the customer and the amount" in page.error[0].value
    assert "--map" not in page.error[0].value
    box = page.selectbox(key="map-customer_id")
    assert box.options[:2] == ["please choose", "Wer (K0, K1, K2)"]
    assert page.selectbox(key="map-amount").options[1].startswith("Wert netto (1,50, 2,50, 3,50)")
    box.set_value("Wer")
    page.selectbox(key="map-amount").set_value("Wert netto")
    page.run()
    assert not page.error
    body = html_of(page)
    assert "60 of 60 rows can be used" in body
    assert "chosen by you" in body
    assert "2024-03" in body


def test_the_import_report_shows_samples_computed_fields_months_and_unused_columns(
    open_page: Open, requests: list[FitRequest]
) -> None:
    body = html_of(uploaded(open_page))
    for text in ("A, B", "certain", "quantity = 1 per row", "2024-01", "Paid, Void", "status"):
        assert text in body, text
