"""Pages of the Streamlit app over an API: analyses run there as jobs, and changes are made there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import shop
from tests.served_api import add_version, run_jobs_in_threads, served_api

pytest.importorskip("flask_openapi3")

from smart_retail.analysis.campaign import CampaignSettings, build_campaign
from smart_retail.bundle.reader import read_pointer
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.protocol import CustomerFilter
from smart_retail.results import FitReport
from smart_retail.serving.business_rules import read_rules
from smart_retail.serving.engine import Engine
from smart_retail.settings import Settings
from smart_retail_flask import auth
from smart_retail_streamlit import engine_source, fit_request
from smart_retail_streamlit.views import campaign, fit, whatif

from .conftest import html_of

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Any]


@pytest.fixture
def artifacts(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """The folder of the API."""
    return Path(shutil.copytree(fitted[0], tmp_path / "served"))


@pytest.fixture
def open_page(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """``open_page("campaign")``: a page over the API; the app has no folder of its own."""
    from tests.streamlit_page import new_page

    run_jobs_in_threads(monkeypatch)
    monkeypatch.setenv(engine_source.ARTIFACTS, str(tmp_path / "nothing"))
    monkeypatch.setenv(engine_source.ALLOW_FIT, "1")
    engine_source.clear_engines()
    with served_api(artifacts) as url:
        monkeypatch.setenv(engine_source.API_URL, url)

        def open_(path: str, **address: str) -> Any:
            page = new_page(path, **address).run()
            assert not page.exception, page.exception
            return page

        yield open_
    engine_source.clear_engines()


def press(page: Any, label: str) -> None:
    next(b for b in page.button if b.label == label).click().run()
    assert not page.exception, page.exception


def finish(page: Any, slot: str) -> Any:
    job = page.session_state[slot].job
    assert job is not None
    job.wait(120)
    page.run()
    assert not page.exception, page.exception
    assert job.error is None, job.error
    return job.report


def test_a_campaign_is_made_by_the_api(open_page: OpenPage, artifacts: Path) -> None:
    page = open_page("campaign", **{"customers-category": "Garden", "customers-min_amount": "100.0"})
    assert not page.error
    page.number_input(key="campaign-n").set_value(1).run()
    press(page, "Make the campaign")
    made = finish(page, campaign.JOB_SLOT)
    engine = Engine.load(artifacts)
    settings = CampaignSettings(n=1, customers=CustomerFilter(category="Garden", min_amount=100.0))
    assert made == build_campaign(engine, engine.customer_ids(settings.customers), settings)
    assert "To contact" in html_of(page)


def test_a_change_of_rules_is_tried_saved_and_restored_by_the_api(open_page: OpenPage, artifacts: Path) -> None:
    item = Engine.load(artifacts).popular(1).items[0].item_id
    page = open_page("what-if")
    assert not page.error
    page.number_input(key="sample").set_value(20)
    page.multiselect(key="ban").set_value([item]).run()
    press(page, "Try")
    assert finish(page, whatif.JOB_SLOT).customers == 20
    assert "The list changes for" in html_of(page)
    press(page, "Save for all customers")
    assert read_rules(artifacts / "rules.toml") == {"ban": [item]}
    assert page.multiselect(key="ban").value == [item]
    page.multiselect(key="ban").set_value([]).run()
    press(page, "Save for all customers")
    saved = next(box for box in page.selectbox if box.label == "Saved earlier")
    saved.select_index(1).run()
    press(page, "Restore")
    assert read_rules(artifacts / "rules.toml") == {"ban": [item]}


def test_any_version_is_used_again(open_page: OpenPage, artifacts: Path) -> None:
    first = read_pointer(artifacts)[0]
    second, third = add_version(artifacts, 2), add_version(artifacts, 3)
    page = open_page("versions")
    body = html_of(page)
    assert f"In use: {third}" in body
    assert all(version in body for version in (first, second))
    assert page.selectbox(key="version").value == second, "the one before"
    page.selectbox(key="version").select(first).run()
    press(page, "Use this version")
    assert read_pointer(artifacts)[0] == first
    assert f"In use: {first}" in html_of(page)


def test_versions_can_only_be_seen_without_the_switch(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine_source.ALLOW_FIT, "")
    page = open_page("versions")
    assert "In use" in html_of(page)
    assert not page.button
    assert any("--allow-fit" in caption.value for caption in page.caption)


def test_a_key_of_the_role_read_gets_a_sentence(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth.RequestGuard, "_check_key", lambda *_: ("client", "read"))
    page = open_page("versions")
    assert "needs a key of the role admin" in page.error[0].value


def test_every_choice_of_a_fit_is_sent_to_the_api() -> None:
    files = [Path(name) for name in ("orders.csv", "more.csv", "returns.csv", "catalogue.csv")]
    task = fit_request.fit_task(
        fit_request.FitRequest(
            (files[0], files[1]),
            files[2],
            (("customer_id", "Client"),),
            Settings(),
            force=True,
            reading=ReadOptions(3, "Orders"),
            catalogue=files[3],
        )
    )
    assert (task.sources, task.returns, task.catalogue) == (("orders.csv", "more.csv"), "returns.csv", "catalogue.csv")
    assert (task.mapping, task.force, task.header_row, task.sheet) == ({"customer_id": "Client"}, True, 3, "Orders")
    assert Settings.from_dict(task.settings) == Settings()


@pytest.mark.slow
def test_a_file_is_fitted_by_the_api(open_page: OpenPage, artifacts: Path, tmp_path: Path) -> None:
    fit.job_slot.clear()
    before = read_pointer(artifacts)[0]
    page = open_page("fit")
    page.file_uploader[0].upload("orders.csv", shop.write(tmp_path / "orders.csv").read_bytes(), "text/csv").run()
    page.checkbox(key="force").set_value(True).run()
    press(page, "Fit")
    job = fit.job_slot().job
    assert job is not None
    job.wait(240)
    report, error = job.report, job.error
    fit.job_slot.clear()
    assert error is None, error
    assert report is not None
    assert report.published
    assert read_pointer(artifacts)[0] == report.version != before
