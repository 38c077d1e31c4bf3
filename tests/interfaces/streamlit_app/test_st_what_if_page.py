"""The What-if page compares lists before and after a change, and saves rules only when asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from smart_retail.analysis import long_tasks
from smart_retail.bundle.versions import versions
from smart_retail.errors import RetailError
from smart_retail.presentation.labels import RULE_LABELS
from smart_retail.results import FitReport
from smart_retail.serving.business_rules import RULE_NAMES, read_rules
from smart_retail.serving.engine import Engine
from smart_retail.serving.rule_set import SCENARIO_OPTIONS, SCENARIOS, SECTIONS
from smart_retail_streamlit import engine_source, what_if_controls
from smart_retail_streamlit.views import whatif

from .conftest import html_of, page_of


@pytest.fixture
def page(fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch) -> Any:
    return page_of("what-if", monkeypatch, artifacts=fitted[0])


def run_trial(page: Any) -> Any:
    next(b for b in page.button if b.label == "Try").click().run()
    job = page.session_state[whatif.JOB_SLOT].job
    assert job is not None
    job.wait(60)
    page.run()
    assert not page.exception, page.exception
    return job


def test_the_button_is_disabled_until_something_is_changed(page: Any) -> None:
    assert not page.error
    assert next(b for b in page.button if b.label == "Try").disabled
    assert "none yet" in html_of(page)


def test_a_ban_is_shown_before_and_after(page: Any, fitted: tuple[Path, FitReport]) -> None:
    published = [v.version for v in versions(fitted[0])]
    item = Engine.load(fitted[0]).popular(1).items[0]
    page.multiselect(key="ban").set_value([item.item_id])
    page.number_input(key="sample").set_value(40)
    page.run()
    assert "Changes: business rules" in html_of(page)
    job = run_trial(page)
    body = html_of(page)
    assert "of 40 customers" in body
    assert "The list changes for" in body
    assert "Share of the catalogue that is in a list" in body
    before, after = (text for text in (piece.value for piece in page.html) if 'class="sr-table sr-list"' in text)
    assert f'<span class="sr-id">{item.item_id}</span>' in before
    assert f'<span class="sr-id">{item.item_id}</span>' not in after
    assert job.report.changed_customers > 0
    assert [v.version for v in versions(fitted[0])] == published
    assert not (fitted[0] / "rules.toml").exists()


def test_the_controls_start_with_the_current_rules(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('ban = ["007"]\nmax_per_category = 2\n[boost]\n"i/0" = 3.0\n', encoding="utf-8")
    monkeypatch.setenv(engine_source.RULES, str(rules))
    page = page_of("what-if", monkeypatch, artifacts=fitted[0])
    assert page.multiselect(key="ban").value == ["007"]
    assert page.multiselect(key="boost").value == ["i/0"]
    assert page.number_input(key="cap").value == 2
    assert "none yet" in html_of(page)
    page.multiselect(key="ban").set_value([])
    page.run()
    assert "Changes: business rules" in html_of(page)


@pytest.mark.slow
def test_weights_and_returns_policy_reach_the_core(page: Any) -> None:
    page.number_input(key="weight-popular").set_value(3.0)
    page.radio(key="try-policy").set_value("keep")
    page.number_input(key="sample").set_value(10)
    page.text_input(key="whose").set_value("00012")
    page.run()
    job = run_trial(page)
    assert job.name == "weights of popular; returned items: count returned items as bought"
    assert [pair.customer_id for pair in job.report.lists] == ["00012"]
    assert "were recomputed" in html_of(page)


@pytest.mark.slow
def test_an_error_of_the_trial_is_shown(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RetailError("It cannot be.", "Try another.")

    monkeypatch.setattr(long_tasks, "what_if", fail)
    page.radio(key="try-policy").set_value("keep")
    page.run()
    run_trial(page)
    assert "It cannot be" in page.error[0].value


def test_changes_are_described_in_a_few_words() -> None:
    scenario = what_if_controls.Scenario({"ban": ["x"]}, {"popular": 2.0}, "2024-01-01", "keep")
    assert (
        what_if_controls.describe_changes(scenario) == "business rules; weights of popular; analysis date 2024-01-01; "
        "returned items: count returned items as bought"
    )
    assert what_if_controls.describe_changes(what_if_controls.Scenario()) == ""


def press(page: Any, label: str) -> None:
    next(b for b in page.button if b.label == label).click().run()
    assert not page.exception, page.exception


@pytest.mark.slow
def test_rules_are_saved_for_all_and_restored(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = shutil.copytree(fitted[0], tmp_path / "artifacts")
    first, second = (item.item_id for item in Engine.load(artifacts).popular(2).items)
    page = page_of("what-if", monkeypatch, artifacts=artifacts)
    for item in (first, second):
        page.multiselect(key="ban").set_value([item]).run()
        assert "excludes 1 item" in html_of(page)
        press(page, "Save for all customers")
        assert page.multiselect(key="ban").value == [item]
    assert read_rules(artifacts / "rules.toml") == {"ban": [second]}
    saved = next(box for box in page.selectbox if box.label == "Saved earlier")
    assert [("in force" in option) for option in saved.options] == [True, False]
    saved.select_index(1).run()
    press(page, "Restore")
    assert read_rules(artifacts / "rules.toml") == {"ban": [first]}
    assert page.multiselect(key="ban").value == [first]


def test_without_allow_fit_rules_can_only_be_downloaded(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine_source.ALLOW_FIT, "")
    page.number_input(key="cap").set_value(2).run()
    labels = [b.label for b in page.button]
    assert "Try" in labels
    assert "Save for all customers" not in labels
    assert any("--allow-fit" in caption.value for caption in page.caption)


def test_every_rule_has_a_label() -> None:
    assert set(RULE_LABELS) == {*RULE_NAMES, *SCENARIO_OPTIONS, SECTIONS, SCENARIOS}
