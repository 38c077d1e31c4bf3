"""The What-if page: a change is tried on the published model, shown beside it, and published nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.bundle.versions import versions
from smart_retail.errors import RetailError
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_streamlit import engine_source, what_if_controls
from smart_retail_streamlit.views import whatif

from .conftest import Open, html_of, page_of


@pytest.fixture
def page(fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch) -> Any:
    return page_of("what-if", monkeypatch, artifacts=fitted[0])


def tried(page: Any) -> Any:
    next(b for b in page.button if b.label == "Try").click().run()
    job = page.session_state["trial-desk"].job
    assert job is not None
    job.wait(60)
    page.run()
    assert not page.exception, page.exception
    return job


def test_there_is_nothing_to_try_before_something_is_changed(page: Any) -> None:
    assert not page.error
    assert next(b for b in page.button if b.label == "Try").disabled
    assert "nothing yet" in html_of(page)


def test_a_ban_is_shown_before_and_after(page: Any, fitted: tuple[Path, FitReport]) -> None:
    there = [v.version for v in versions(fitted[0])]
    item = Engine.load(fitted[0]).popular(1).items[0]
    page.multiselect(key="ban").set_value([item.item_id])
    page.number_input(key="sample").set_value(40)
    page.run()
    assert "changes: the rules" in html_of(page)
    job = tried(page)
    body = html_of(page)
    assert "of 40 customers would see another list" in body
    assert "Coverage of the catalogue" in body
    before, after = (text for text in (piece.value for piece in page.html) if "sr-list" in text)
    assert f'<span class="sr-id">{item.item_id}</span>' in before
    assert f'<span class="sr-id">{item.item_id}</span>' not in after
    assert job.report.changed_customers > 0
    assert [v.version for v in versions(fitted[0])] == there
    assert not (fitted[0] / "rules.toml").exists()


def test_the_rules_in_force_stand_in_the_boxes(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "own.toml"
    rules.write_text('ban = ["007"]\nmax_per_category = 2\n[boost]\n"i/0" = 3.0\n', encoding="utf-8")
    monkeypatch.setenv(engine_source.RULES, str(rules))
    page = page_of("what-if", monkeypatch, artifacts=fitted[0])
    assert page.multiselect(key="ban").value == ["007"]
    assert page.multiselect(key="boost").value == ["i/0"]
    assert page.number_input(key="cap").value == 2
    assert "nothing yet" in html_of(page)
    page.multiselect(key="ban").set_value([])
    page.run()
    assert "changes: the rules" in html_of(page)


def test_a_weight_a_day_and_a_policy_reach_the_core(page: Any) -> None:
    page.number_input(key="weight-popular").set_value(3.0)
    page.radio(key="try-policy").set_value("keep")
    page.number_input(key="sample").set_value(10)
    page.text_input(key="whose").set_value("00012")
    page.run()
    job = tried(page)
    assert job.name == "weights of popular; returns policy keep"
    assert [pair.customer_id for pair in job.report.lists] == ["00012"]
    assert "counted anew" in html_of(page)


def test_what_cannot_be_tried_is_told(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RetailError("It cannot be.", "Try another.")

    monkeypatch.setattr(whatif, "what_if", refuse)
    page.radio(key="try-policy").set_value("keep")
    page.run()
    tried(page)
    assert "It cannot be" in page.error[0].value


def test_over_the_api_the_page_says_that_a_local_engine_is_needed(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    monkeypatch.setenv(engine_source.API_URL, "http://127.0.0.1:9")
    page = open_page("what-if")
    assert "What-if needs an engine in this process" in html_of(page)
    assert not page.multiselect


def test_a_change_is_told_in_a_few_words() -> None:
    change = what_if_controls.Scenario({"ban": ["x"]}, {"popular": 2.0}, "2024-01-01", "keep")
    assert (
        what_if_controls.describe_changes(change)
        == "the rules; weights of popular; the date 2024-01-01; returns policy keep"
    )
    assert what_if_controls.describe_changes(what_if_controls.Scenario()) == ""
