"""The presenters of the pages: their results are those of the engine, in the words of the shared texts."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import shop
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.analysis.campaign import CampaignSettings, build_campaign
from smart_retail.errors import CancelledError, NeedsLocalEngineError, RetailError, SettingsError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import CustomerFilter, CustomerQuery
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail_tkinter import analyses
from smart_retail_tkinter.background_jobs import Jobs
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.long_work import LongWork
from smart_retail_tkinter.presenter import FILES, Presenter
from smart_retail_tkinter.presenters.campaign import CampaignForm, CampaignPresenter, read_settings
from smart_retail_tkinter.presenters.customers import CustomersPresenter, read_filter
from smart_retail_tkinter.presenters.products import ProductsPresenter
from smart_retail_tkinter.presenters.reports import ReportsPresenter
from smart_retail_tkinter.presenters.rules import TEMPLATE, RulesPresenter
from smart_retail_tkinter.recent_files import Preferences
from smart_retail_tkinter.reports import REPORTS

from .test_tk_presenter import RecordingView

WAIT = 120.0


class Harness:
    """A presenter of the window over an engine, and a recording view for the presenter of a page."""

    def __init__(self, engine: Engine, preferences: Preferences) -> None:
        self.window = RecordingView()
        self.page = RecordingView()
        self.shell = Presenter(self.window, Services(load=lambda folder: engine), preferences)

    def open(self, folder: str = "artifacts") -> None:
        self.shell.open_bundle(folder)
        self.settle()

    def settle(self) -> None:
        end = time.monotonic() + WAIT
        while self.shell.jobs.is_running():
            assert time.monotonic() < end
            self.shell.poll()
            time.sleep(0.001)
        assert not self.window.errors, self.window.errors

    def error(self) -> RetailError:
        """Return the error that is shown next."""
        end = time.monotonic() + WAIT
        while not self.window.errors:
            assert time.monotonic() < end
            self.shell.poll()
            time.sleep(0.001)
        return self.window.errors.pop()


@pytest.fixture
def make_harness(preferences: Preferences, engine: Engine) -> Iterator[Callable[..., Harness]]:
    made = []

    def make(opened: Engine = engine, folder: str = "artifacts") -> Harness:
        made.append(Harness(opened, preferences))
        made[-1].open(folder)
        return made[-1]

    yield make
    for harness in made:
        harness.shell.jobs.close()


@pytest.fixture
def harness(make_harness: Callable[..., Harness]) -> Harness:
    return make_harness()


@pytest.fixture
def copied(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A copy of the artifacts folder that a test may change."""
    return Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))


# Long work -----------------------------------------------------------------------------------


@pytest.fixture
def work() -> Iterator[tuple[LongWork, Jobs, RecordingView]]:
    jobs, view = Jobs(), RecordingView()
    yield LongWork(jobs, view.show_status, view.show_error), jobs, view
    jobs.close()


def poll(jobs: Jobs, until: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not until():
        assert time.monotonic() < end
        jobs.poll()
        time.sleep(0.001)


def test_long_work_shows_its_progress_and_its_result(work: tuple[LongWork, Jobs, RecordingView]) -> None:
    long, jobs, _ = work
    go_on, found = threading.Event(), []

    def count(progress: Progress) -> int:
        progress.stage("Counting", 0.5)
        assert go_on.wait(WAIT)
        return 3

    long.start("count", count, found.append)
    poll(jobs, lambda: (state := long.state("count")) and state.stage == "Counting")
    assert long.state("count").done == 0.5
    assert long.state("other") is None
    with pytest.raises(UsageError):
        long.start("count", count, found.append)
    go_on.set()
    poll(jobs, lambda: found == [3])
    assert long.state("count") is None


def test_cancelled_work_ends_without_a_result_or_an_error(work: tuple[LongWork, Jobs, RecordingView]) -> None:
    long, jobs, view = work

    def endless(progress: Progress) -> None:
        while True:
            progress.check()
            time.sleep(0.001)

    long.start("endless", endless, lambda _: pytest.fail("cancelled work has no result"))
    assert long.cancel_all()
    assert long.state("endless").line == "Cancelling"
    poll(jobs, lambda: long.state("endless") is None)
    assert view.shown["status"] == ("Cancelled.",)
    assert not view.errors
    assert not long.cancel("endless")


def test_the_error_of_long_work_is_shown(work: tuple[LongWork, Jobs, RecordingView]) -> None:
    long, jobs, view = work

    def fail(_: Progress) -> None:
        raise UsageError("It failed.", "Try again.")

    long.start("fail", fail, lambda _: None)
    poll(jobs, lambda: view.errors)
    assert view.errors[0].message == "It failed."
    assert long.state("fail") is None


# Customers -----------------------------------------------------------------------------------


def test_the_table_of_customers_is_that_of_the_engine(harness: Harness, engine: Engine) -> None:
    customers = CustomersPresenter(harness.page, harness.shell)
    customers.refresh()
    harness.settle()
    page, summary = harness.page.shown["customers"]
    assert page == engine.customers(CustomerQuery(n=1000))
    assert summary.startswith(f"{len(shop.customers())} customers. ")
    segment = engine.segments()[0].name
    customers.filter(CustomerFilter("name", segment))
    customers.sort("orders", True)
    harness.settle()
    page, summary = harness.page.shown["customers"]
    assert page == engine.customers(CustomerQuery("name", segment, sort="orders", ascending=True, n=1000))
    assert 0 < page.total < page.customers
    assert f"of {page.customers}" in summary


def test_the_fields_of_the_table_become_a_filter() -> None:
    choices = {"segment": "", "cluster": "", "country": "", "category": "Garden", "churn_risk": "high"}
    texts = {
        "text": " a ",
        "due_days": "14",
        "min_amount": " 100 ",
        "max_amount": "",
        "last_order_from": "2024-01-31",
        "last_order_to": "",
    }
    assert read_filter(choices, texts) == CustomerFilter(
        "a", category="Garden", churn_risk="high", due_days=14, min_amount=100.0, last_order_from="2024-01-31"
    )
    for name, text in (("due_days", "1.5"), ("min_amount", "much"), ("last_order_to", "31.1.")):
        with pytest.raises(UsageError):
            read_filter(choices, texts | {name: text})


def test_a_campaign_is_made_for_the_filtered_customers(harness: Harness, engine: Engine) -> None:
    selected = CustomerFilter("c00", category="Garden", min_amount=100.0)
    found = engine.customers(CustomerQuery(**selected.conditions, n=1000))
    campaign = CampaignPresenter(harness.page, harness.shell)
    campaign.choose(selected)
    harness.settle()
    (text,) = harness.page.shown["chosen"]
    assert text.startswith(f"{found.with_orders} customers of the page Customers: id or name contains 'c00', ")
    campaign.make(CampaignForm(customers=selected))
    harness.settle()
    made, _ = harness.page.shown["campaign"]
    assert {row["customer_id"] for row in made.rows} == {c.customer_id for c in found.entries if c.orders}


def test_filters_without_customers_say_what_to_do(harness: Harness) -> None:
    customers = CustomersPresenter(harness.page, harness.shell)
    customers.filter(CustomerFilter("no such name"))
    harness.settle()
    page, summary = harness.page.shown["customers"]
    assert page.total == 0
    assert summary == "No customer passes these filters. Remove one of them."


def test_the_file_has_all_customers_that_pass_the_filters(harness: Harness, engine: Engine, tmp_path: Path) -> None:
    customers = CustomersPresenter(harness.page, harness.shell)
    segment = engine.segments()[0].name
    customers.filter(CustomerFilter(segment=segment))
    customers.query = replace_n(customers.query, 1)  # only one is on screen
    customers.export(str(tmp_path / "customers.csv"))
    harness.settle()
    lines = (tmp_path / "customers.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == engine.customers(CustomerQuery(segment=segment)).total


def replace_n(query: CustomerQuery, n: int) -> CustomerQuery:
    from msgspec import structs

    return structs.replace(query, n=n)


# Products ------------------------------------------------------------------------------------


def test_products_show_bundles_substitutes_and_audience(harness: Harness, engine: Engine) -> None:
    products = ProductsPresenter(harness.page, harness.shell)
    products.refresh()
    harness.settle()
    assert harness.page.shown["product"] == ("All products",)
    assert harness.page.shown["bundles"][0] == engine.bundles(n=1000)
    assert harness.page.shown["substitutes"] == (None, "Choose a product to see its substitutes.")
    item = engine.popular(1).items[0]
    products.choose(item.item_id, item.item_name)
    products.set_bundles("revenue", 2)
    products.set_audience(False)
    harness.settle()
    assert harness.page.shown["bundles"][0] == engine.bundles(item.item_id, sort="revenue", size=2, n=1000)
    assert harness.page.shown["substitutes"][0] == engine.substitutes(item.item_id, 20)
    audience = engine.audience(item.item_id, 1000, exclude_purchased=False)
    assert harness.page.shown["audience"][0] == audience
    assert harness.page.shown["audience"][1].startswith(f"{audience.total} customer")


def test_an_api_that_lists_no_customers_is_said_in_place_of_the_audience(
    make_harness: Callable[..., Harness], make_engine: MakeEngine
) -> None:
    class WithoutAudience(RemoteLikeEngine):
        def audience(self, *_: Any, **__: Any) -> Any:
            raise UsageError("The key has no right to list customers.", "Use a key of the role admin.")

    harness = make_harness(make_engine(WithoutAudience))
    products = ProductsPresenter(harness.page, harness.shell)
    products.choose("G-001", "Garden thing 1")
    harness.settle()
    assert harness.page.shown["audience"] == (
        None,
        "The key has no right to list customers. Use a key of the role admin.",
    )


# Campaign ------------------------------------------------------------------------------------


def test_a_form_becomes_the_settings_of_a_campaign() -> None:
    form = CampaignForm(
        segments=("Loyal",), churn_risks=("high",), worth_above="1.5", likely_from="20 %", likely_to="90",
        horizon_days=30, method="cf", n="3", exclude_purchased=False, holdout="25", name=" spring ",
    )  # fmt: skip
    assert read_settings(form) == CampaignSettings(
        "cf", 3, ("Loyal",), 0.25, "spring", False, 30, 1.5, 0.9, 0.2, ("high",)
    )
    assert read_settings(CampaignForm()) == CampaignSettings()
    with pytest.raises(UsageError, match="Held out: 'ten' is not a number"):
        read_settings(replace(CampaignForm(), holdout="ten"))


def test_a_campaign_is_made_saved_and_measured(harness: Harness, engine: Engine, tmp_path: Path) -> None:
    campaign = CampaignPresenter(harness.page, harness.shell)
    with pytest.raises(UsageError):
        campaign.save(str(tmp_path / "none.csv"))
    campaign.make(CampaignForm(holdout="50", name="test"))
    harness.settle()
    made, sentences = harness.page.shown["campaign"]
    expected = build_campaign(engine, engine.customer_ids(), CampaignSettings(holdout=0.5, name="test"))
    assert made.rows == expected.rows
    assert sentences[0] == expected.groups.sentences()[0]
    assert "held out: do not contact these" in sentences[0]
    assert sentences[1].startswith("Expected spend without the campaign in 90 days: ")
    path = tmp_path / f"{campaign.file_name()}.xlsx"
    campaign.save(str(path))
    harness.settle()
    assert harness.page.shown["campaign_file"] == (str(path),)
    orders = shop.write(tmp_path / "orders.csv")
    campaign.measure(str(path), (str(orders),), engine.model().first)
    harness.settle()
    effect, _ = harness.page.shown["effect"]
    assert effect == analyses.measure_campaign(str(path), (str(orders),), engine.model().first, SILENT)
    treated = sum(row["group"] == "treated" for row in made.rows)
    assert effect.uplifts[0].treated_customers == treated


def test_a_measurement_needs_both_files(harness: Harness) -> None:
    campaign = CampaignPresenter(harness.page, harness.shell)
    with pytest.raises(UsageError, match="No campaign file"):
        campaign.measure("", ("orders.csv",), "2025-01-01")
    with pytest.raises(UsageError, match="No orders"):
        campaign.measure("campaign.csv", (), "2025-01-01")


# Reports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "forecast"])
def test_a_report_has_a_sentence_and_a_table(harness: Harness, name: str) -> None:
    reports = ReportsPresenter(harness.page, harness.shell)
    reports.show(name, reports.default_option(name))
    harness.settle()
    shown, result = harness.page.shown["report"]
    assert shown == name
    assert result.sentence.endswith(".")
    assert all(len(row.cells) == len(row.values) == len(result.table.columns) for row in result.table.rows)
    if name not in ("at-risk", "due", "dropped"):
        assert result.table.rows


def test_reports_have_the_figures_of_the_engine(harness: Harness, engine: Engine) -> None:
    reports = ReportsPresenter(harness.page, harness.shell)
    reports.show("segments", "90")
    harness.settle()
    _, result = harness.page.shown["report"]
    groups = engine.value_summary(90).segments
    assert [row.values[:2] for row in result.table.rows] == [(g.name, g.customers) for g in groups]
    reports.show("retention", "quarter")
    harness.settle()
    _, result = harness.page.shown["report"]
    cohorts = engine.cohorts("quarter").cohorts
    assert [row.values[1] for row in result.table.rows] == [c.customers for c in reversed(cohorts)]
    assert result.table.rows[-1].values[2] == cohorts[0].retention[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prophet
def test_the_sales_forecast_is_a_sentence_and_weeks(harness: Harness) -> None:
    pytest.importorskip("prophet")
    reports = ReportsPresenter(harness.page, harness.shell)
    reports.show("forecast", "14")
    harness.settle()
    _, result = harness.page.shown["report"]
    assert result.sentence.startswith("Next 14 days: about ")
    assert [row.values[1] for row in result.table.rows] == [7, 7]
    assert result.note.startswith("Used: ")


@pytest.mark.slow
def test_the_html_report_is_a_file(harness: Harness, tmp_path: Path) -> None:
    reports = ReportsPresenter(harness.page, harness.shell)
    path = tmp_path / f"{reports.file_name()}.html"
    reports.write(str(path))
    harness.settle()
    assert harness.page.shown["written"] == (path,)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


# Rules ---------------------------------------------------------------------------------------


def test_rules_are_checked_tried_saved_and_restored(make_harness: Callable[..., Harness], copied: Path) -> None:
    engine = Engine.load(copied)
    harness = make_harness(engine, str(copied))
    rules = RulesPresenter(harness.page, harness.shell)
    rules.refresh()
    harness.settle()
    assert harness.page.shown["rules"] == (TEMPLATE,)
    assert harness.page.shown["saved"] == ((),)
    item = engine.popular(1).items[0].item_id
    text = f'ban = ["{item}"]  # sold out\n'
    rules.check(text)
    harness.settle()
    (check,) = harness.page.shown["check"]
    assert [effect.effect for effect in check.effects] == ["excludes 1 item"]
    assert not (copied / "rules.toml").exists()
    rules.try_out(text, "50")
    harness.settle()
    assert harness.page.shown["trial"][0].changed_customers > 0
    assert not (copied / "rules.toml").exists()
    rules.save(text)
    harness.settle()
    assert (copied / "rules.toml").read_text() == text
    assert harness.page.shown["rules"] == (text,)
    rules.save("")
    harness.settle()
    (saved,) = harness.page.shown["saved"]
    assert [state.rules for state in saved] == [(), ("ban",)]
    rules.restore(saved[1].name)
    harness.settle()
    assert harness.page.shown["rules"] == (text,)
    assert item not in [i.item_id for i in engine.popular(5).items]


def test_rules_that_are_not_valid_are_refused_and_change_nothing(harness: Harness) -> None:
    rules = RulesPresenter(harness.page, harness.shell)
    for act in (rules.check, rules.save, lambda text: rules.try_out(text, "50")):
        act("ban = [")
        assert isinstance(harness.error(), SettingsError)
    assert "check" not in harness.page.shown
    with pytest.raises(UsageError, match="'some' is not a number of customers"):
        rules.try_out("", "some")


# All customers -------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["recommendations", "values"])
def test_files_of_all_customers_have_them_all(harness: Harness, what: str, tmp_path: Path) -> None:
    path = tmp_path / f"{what}.csv"
    harness.shell.write_all(what, str(path))
    assert harness.shell.work.state(FILES) is not None
    harness.settle()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) > len(shop.customers())
    (status,) = harness.window.shown["status"]
    assert status.startswith(f"Wrote {len(lines) - 1:,} rows to ")


def test_a_file_that_is_cancelled_is_not_written(
    make_harness: Callable[..., Harness], make_engine: MakeEngine, tmp_path: Path
) -> None:
    shells: list[Presenter] = []

    class CancelledEngine(Engine):
        def query_customers(self, *arguments: Any) -> Any:
            shells[0].work.cancel_all()
            return super().query_customers(*arguments)

    harness = make_harness(make_engine(CancelledEngine))
    shells.append(harness.shell)
    path = tmp_path / "lists.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smart_retail.serving.batch_export.CHUNK_CUSTOMERS", 1)
        harness.shell.write_all("recommendations", str(path))
        harness.settle()
    assert not path.exists()
    assert harness.window.shown["status"] == ("Cancelled.",)


def test_over_an_api_local_work_says_so(make_harness: Callable[..., Harness], make_engine: MakeEngine) -> None:
    harness = make_harness(make_engine(RemoteLikeEngine))
    with pytest.raises(NeedsLocalEngineError, match="Erasing a customer needs a local engine"):
        harness.shell.erase("c0001")
    harness.shell.write_all("values", "values.csv")
    error = harness.error()
    assert isinstance(error, NeedsLocalEngineError)
    assert error.hint == "Start the tool without --api-url on the machine that has the artifacts folder."


def test_an_erased_customer_is_gone(make_harness: Callable[..., Harness], copied: Path) -> None:
    harness = make_harness(Engine.load(copied), str(copied))
    harness.shell.services = Services(load=lambda folder: Engine.load(folder))
    harness.shell.choose_customer("c0001")
    harness.settle()
    harness.shell.erase("c0001")
    harness.settle()
    assert not Engine.load(copied).customer("c0001").known
    assert harness.window.cleared
    (text,) = harness.window.shown["erased"]
    assert text.startswith("The customer is erased: ")
    assert "Receipt" in text


def test_an_unknown_customer_is_not_erased(make_harness: Callable[..., Harness], copied: Path) -> None:
    harness = make_harness(Engine.load(copied), str(copied))
    harness.shell.erase("no-such-customer")
    assert harness.error().code == "unknown_customer"


def test_without_data_pages_say_so(preferences: Preferences) -> None:
    harness = Harness(None, preferences)  # type: ignore[arg-type]
    for act in (CampaignPresenter(harness.page, harness.shell).make, lambda _: harness.shell.write_all("values", "x")):
        with pytest.raises(UsageError, match="No data is open"):
            act(CampaignForm())
    assert not issubclass(UsageError, CancelledError)
