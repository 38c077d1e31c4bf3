"""The presenter: engine calls, data passed to the view, independence of tk."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests import shop
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.errors import MissingBundleError, NeedsLocalEngineError, RetailError, UsageError
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.recent_files import Preferences


class RecordingView:
    """A view that records its calls."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}
        self.errors: list[RetailError] = []
        self.threads: set[threading.Thread] = set()
        self.cleared = False

    def clear_customer(self) -> None:
        self.cleared = True

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("show_"):
            raise AttributeError(name)

        def show(*values: Any) -> None:
            self.threads.add(threading.current_thread())
            self.shown[name.removeprefix("show_")] = values

        return show

    def show_error(self, error: RetailError) -> None:
        self.errors.append(error)


class Harness:
    """A presenter with a recording view."""

    def __init__(self, preferences: Preferences, **services: Any) -> None:
        self.view = RecordingView()
        self.presenter = Presenter(self.view, Services(**services), preferences)

    def settle(self) -> None:
        end = time.monotonic() + 10
        while self.presenter.jobs.is_running():
            assert time.monotonic() < end
            self.presenter.poll()
            time.sleep(0.001)


@pytest.fixture
def make_harness(preferences: Preferences, engine: Engine) -> Iterator[Callable[..., Harness]]:
    harnesses = []

    def make(**services: Any) -> Harness:
        services.setdefault("load", lambda folder: engine)
        harnesses.append(Harness(preferences, **services))
        return harnesses[-1]

    yield make
    for harness in harnesses:
        harness.presenter.jobs.close()


@pytest.fixture
def harness(make_harness: Callable[..., Harness]) -> Harness:
    harness = make_harness()
    harness.presenter.open_bundle("artifacts")
    harness.settle()
    return harness


def test_opening_shows_model_customers_and_groups(harness: Harness) -> None:
    model, categories = harness.view.shown["model"]
    assert model.customers == len(shop.customers())
    assert categories == list(shop.GROUPS)
    matches, more = harness.view.shown["matches"]
    assert len(matches) == len(shop.customers())
    assert not more
    cells, segments, clusters = harness.view.shown["groups"]
    assert sum(cluster.customers for cluster in clusters) == sum(segment.customers for segment in segments)
    assert len(cells) == 25
    assert sum(cell.customers for cell in cells) == sum(segment.customers for segment in segments)
    assert harness.presenter.preferences.files[0].kind == "bundle"


def test_sales_are_those_of_the_last_days(harness: Harness, engine: Engine) -> None:
    assert harness.view.shown["sales"] == (engine.sales(),)
    harness.presenter.show_sales(91)
    harness.settle()
    (found,) = harness.view.shown["sales"]
    assert (date.fromisoformat(found.current.last) - date.fromisoformat(found.current.first)).days == 90
    assert found.current.last == engine.model().last


def test_the_view_is_called_in_the_polling_thread(harness: Harness) -> None:
    harness.presenter.choose_customer("c0002")
    harness.settle()
    assert harness.view.threads == {threading.current_thread()}


@pytest.mark.parametrize("method", ["hybrid", "personalized", "rfm", "cf", "popular", "all"])
def test_a_list_equals_the_result_of_the_engine(harness: Harness, method: str, engine: Engine) -> None:
    harness.presenter.choose_customer("c0007")
    harness.presenter.choose_method(method)
    harness.settle()
    assert harness.view.shown["list"][0] == engine.recommend("c0007", method, exclude_purchased=False)
    assert harness.view.shown["profile"][0] == engine.customer("c0007")


def test_filters_reach_the_engine(harness: Harness, engine: Engine) -> None:
    harness.presenter.choose_customer("c0007")
    harness.presenter.set_filters(4, False, "Garden")
    harness.settle()
    expected = engine.recommend("c0007", n=4, exclude_purchased=False, categories=["Garden"])
    assert harness.view.shown["list"][0] == expected


def test_an_unknown_customer_gets_popular_products(harness: Harness) -> None:
    harness.presenter.choose_customer("unknown-id")
    harness.settle()
    assert not harness.view.shown["profile"][0].known
    result = harness.view.shown["list"][0]
    assert not result.known
    assert result.items
    assert not harness.view.errors


def test_purchased_products_are_shown_in_a_repeat_shop(
    make_harness: Callable[..., Harness], make_engine: MakeEngine
) -> None:
    from msgspec.structs import replace

    class RepeatShop(Engine):
        def model(self) -> Any:
            return replace(super().model(), show_purchased=True)

    harness = make_harness(load=lambda folder: make_engine(RepeatShop))
    harness.presenter.open_bundle("artifacts")
    harness.settle()
    assert harness.presenter.exclude_purchased is False


def test_only_the_newest_search_is_shown(make_harness: Callable[..., Harness], make_engine: MakeEngine) -> None:
    searches: list[str] = []

    class Slow(Engine):
        def search_customers(self, text: str, n: int = 20) -> Any:
            searches.append(text)
            time.sleep(0.05)
            return super().search_customers(text, n)

    harness = make_harness(load=lambda folder: make_engine(Slow))
    harness.presenter.open_bundle("artifacts")
    harness.settle()
    for text in ("C", "C-", "C-0", "c000", "c0001"):
        harness.presenter.search(text)
    harness.settle()
    assert [match.customer_id for match in harness.view.shown["matches"][0]] == ["c0001"]
    assert len(searches) <= 4


def test_an_error_is_shown_and_later_calls_work(harness: Harness) -> None:
    harness.presenter.similar("no such item", "x")
    harness.settle()
    assert [error.code for error in harness.view.errors] == ["unknown_item"]
    harness.presenter.choose_customer("c0001")
    harness.settle()
    assert harness.view.shown["list"][0].items


def test_a_missing_bundle_is_ignored_only_at_the_start(make_harness: Callable[..., Harness]) -> None:
    def load(folder: str) -> Any:
        raise MissingBundleError("No bundle here.", "Fit one.")

    harness = make_harness(load=load)
    harness.presenter.open_bundle("artifacts", missing_ok=True)
    harness.settle()
    assert harness.view.errors == []
    harness.presenter.open_bundle("artifacts")
    harness.settle()
    assert [error.code for error in harness.view.errors] == ["bundle_missing"]
    assert harness.presenter.preferences.files == ()


def test_opening_another_bundle_keeps_customer_and_search(harness: Harness) -> None:
    harness.presenter.search("c000")
    harness.presenter.choose_customer("c0004")
    harness.settle()
    harness.view.shown.clear()
    harness.presenter.open_bundle("other")
    harness.settle()
    assert harness.view.shown["profile"][0].customer_id == "c0004"
    assert len(harness.view.shown["matches"][0]) == 10


def test_a_customer_that_the_new_bundle_does_not_know_is_cleared(
    make_harness: Callable[..., Harness], engine: Engine, make_engine: MakeEngine
) -> None:
    class OtherShop(Engine):
        def customer(self, customer_id: str) -> Any:
            return super().customer("unknown-id")

    harness = make_harness(load=lambda folder: make_engine(OtherShop) if folder == "other" else engine)
    harness.presenter.open_bundle("artifacts")
    harness.settle()
    harness.presenter.choose_customer("c0004")
    harness.settle()
    harness.view.shown.clear()
    harness.presenter.open_bundle("other")
    harness.settle()
    assert harness.presenter.customer_id is None
    assert harness.presenter.recommendations is None
    assert "profile" not in harness.view.shown
    assert harness.view.cleared


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_exported_file_contains_list_and_model_version(
    harness: Harness, tmp_path: Path, ending: str, engine: Engine
) -> None:
    harness.presenter.choose_customer("00012")
    harness.settle()
    path = tmp_path / f"list.{ending}"
    harness.presenter.export(harness.presenter.list_table(), str(path))
    harness.settle()
    assert harness.view.errors == []
    items = harness.view.shown["list"][0].items
    if ending == "csv":
        import csv

        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["Product id"] for row in rows] == [item.item_id for item in items]
        assert {row["Model version"] for row in rows} == {engine.version}
    else:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.load_workbook(path)
        cells = list(book["Table"].iter_rows(min_row=2, values_only=True))
        assert [row[2] for row in cells] == [item.item_id for item in items]
        assert ("Model version", engine.version) in list(book["About"].iter_rows(values_only=True))


def test_an_invalid_export_path_is_a_usage_error(harness: Harness, tmp_path: Path) -> None:
    harness.presenter.choose_customer("c0001")
    harness.settle()
    for name in ("list.pdf", "no/such/folder.csv"):
        harness.presenter.export(harness.presenter.list_table(), str(tmp_path / name))
        harness.settle()
    assert [type(error) for error in harness.view.errors] == [UsageError, UsageError]


def test_a_suggested_file_name_contains_no_path(harness: Harness) -> None:
    for customer in ("A/B", "..", "x/../../y"):
        harness.presenter.choose_customer(customer)
        harness.settle()
        name = harness.presenter.file_name("list")
        assert name == Path(name).name
        assert name.endswith("-hybrid")


def test_fitting_is_rejected_for_an_api(
    make_harness: Callable[..., Harness], make_engine: MakeEngine, engine: Engine
) -> None:
    calls: list[tuple[str, str | None]] = []

    def connect(url: str, key: str | None) -> Any:
        calls.append((url, key))
        return make_engine(RemoteLikeEngine)

    harness = make_harness(connect=connect)
    harness.presenter.check_local()
    harness.presenter.open_api("http://127.0.0.1:1", "key")
    harness.settle()
    assert calls == [("http://127.0.0.1:1", "key")]
    assert harness.view.shown["model"][0].version == engine.version
    with pytest.raises(NeedsLocalEngineError):
        harness.presenter.check_local()


def test_the_presenters_do_not_import_tk() -> None:
    code = (
        "import smart_retail_tkinter.presenter, smart_retail_tkinter.fit_presenter, smart_retail_tkinter.fit_worker, "
        "sys; print([m for m in ('tkinter', 'sv_ttk', 'numpy', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
