"""The presenter without tk: what it asks, what it shows, and that it knows no tk."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smart_retail.errors import MissingBundleError, NeedsLocalEngineError, RetailError, UsageError
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.recent_files import Memory


class Seen:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.errors: list[RetailError] = []
        self.threads: set[threading.Thread] = set()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("show_"):
            raise AttributeError(name)

        def show(*values: Any) -> None:
            self.threads.add(threading.current_thread())
            self.told[name.removeprefix("show_")] = values

        return show

    def show_error(self, error: RetailError) -> None:
        self.errors.append(error)


class Desk:
    """A presenter with its view."""

    def __init__(self, memory: Memory, **services: Any) -> None:
        self.view = Seen()
        self.presenter = Presenter(self.view, Services(**services), memory)

    def settle(self) -> None:
        end = time.monotonic() + 10
        while self.presenter.jobs.busy():
            assert time.monotonic() < end
            self.presenter.poll()
            time.sleep(0.001)


@pytest.fixture
def make_desk(memory: Memory, fake: ModuleType) -> Iterator[Callable[..., Desk]]:
    desks = []

    def make(**services: Any) -> Desk:
        services.setdefault("load", lambda folder: fake.FakeEngine())
        desks.append(Desk(memory, **services))
        return desks[-1]

    yield make
    for desk in desks:
        desk.presenter.jobs.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk()
    desk.presenter.open_bundle("artifacts")
    desk.settle()
    return desk


def test_opening_shows_model_customers_and_groups(desk: Desk, fake: ModuleType) -> None:
    model, categories = desk.view.told["model"]
    assert model.customers == len(fake.CUSTOMER_IDS)
    assert categories == list(fake.CATEGORIES)
    matches, more = desk.view.told["matches"]
    assert len(matches) == len(fake.CUSTOMER_IDS)
    assert not more
    cells, segments = desk.view.told["groups"]
    assert len(cells) == 25
    assert sum(cell.customers for cell in cells) == sum(segment.customers for segment in segments)
    assert desk.presenter.memory.files[0].kind == "bundle"


def test_everything_is_shown_in_the_polling_thread(desk: Desk) -> None:
    desk.presenter.choose_customer("C-002")
    desk.settle()
    assert desk.view.threads == {threading.current_thread()}


@pytest.mark.parametrize("method", ["hybrid", "personalized", "rfm", "cf", "popular", "all"])
def test_a_list_is_what_the_engine_says(desk: Desk, fake: ModuleType, method: str) -> None:
    desk.presenter.choose_customer("C-007")
    desk.presenter.choose_method(method)
    desk.settle()
    assert desk.view.told["list"][0] == fake.FakeEngine().recommend("C-007", method)
    assert desk.view.told["profile"][0] == fake.FakeEngine().customer("C-007")


def test_filters_reach_the_engine(desk: Desk, fake: ModuleType) -> None:
    desk.presenter.choose_customer("C-007")
    desk.presenter.set_filters(4, False, "Furniture")
    desk.settle()
    expected = fake.FakeEngine().recommend("C-007", n=4, exclude_purchased=False, categories=["Furniture"])
    assert desk.view.told["list"][0] == expected


def test_an_unknown_customer_is_answered_with_popularity(desk: Desk) -> None:
    desk.presenter.choose_customer("nobody")
    desk.settle()
    assert not desk.view.told["profile"][0].known
    answer = desk.view.told["list"][0]
    assert not answer.known
    assert answer.items
    assert not desk.view.errors


def test_the_box_starts_unticked_where_people_buy_again(make_desk: Callable[..., Desk], fake: ModuleType) -> None:
    from msgspec.structs import replace

    class Again(fake.FakeEngine):  # type: ignore[name-defined, misc]
        def model(self) -> Any:
            return replace(super().model(), show_purchased=True)

    desk = make_desk(load=lambda folder: Again())
    desk.presenter.open_bundle("artifacts")
    desk.settle()
    assert desk.presenter.exclude_purchased is False


def test_only_the_newest_search_is_shown(make_desk: Callable[..., Desk], fake: ModuleType) -> None:
    asked: list[str] = []

    class Slow(fake.FakeEngine):  # type: ignore[name-defined, misc]
        def search_customers(self, text: str, n: int = 20) -> Any:
            asked.append(text)
            time.sleep(0.05)
            return super().search_customers(text, n)

    desk = make_desk(load=lambda folder: Slow())
    desk.presenter.open_bundle("artifacts")
    desk.settle()
    for text in ("C", "C-", "C-0", "C-00", "C-001"):
        desk.presenter.search(text)
    desk.settle()
    assert [match.customer_id for match in desk.view.told["matches"][0]] == ["C-001"]
    assert len(asked) <= 4


def test_an_error_is_shown_and_the_window_goes_on(desk: Desk) -> None:
    desk.presenter.similar("no such item", "x")
    desk.settle()
    assert [error.code for error in desk.view.errors] == ["unknown_item"]
    desk.presenter.choose_customer("C-001")
    desk.settle()
    assert desk.view.told["list"][0].items


def test_a_bundle_that_is_not_there_is_silent_only_at_the_start(make_desk: Callable[..., Desk]) -> None:
    def load(folder: str) -> Any:
        raise MissingBundleError("No bundle here.", "Fit one.")

    desk = make_desk(load=load)
    desk.presenter.open_bundle("artifacts", missing_ok=True)
    desk.settle()
    assert desk.view.errors == []
    desk.presenter.open_bundle("artifacts")
    desk.settle()
    assert [error.code for error in desk.view.errors] == ["bundle_missing"]
    assert desk.presenter.memory.files == ()


def test_a_new_bundle_keeps_customer_and_search(desk: Desk) -> None:
    desk.presenter.search("C-00")
    desk.presenter.choose_customer("C-004")
    desk.settle()
    desk.view.told.clear()
    desk.presenter.open_bundle("other")
    desk.settle()
    assert desk.view.told["profile"][0].customer_id == "C-004"
    assert len(desk.view.told["matches"][0]) == 9


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_exported_file_holds_the_list_and_its_origin(desk: Desk, tmp_path: Path, ending: str) -> None:
    desk.presenter.choose_customer("00012")
    desk.settle()
    path = tmp_path / f"list.{ending}"
    desk.presenter.export(desk.presenter.list_table(), str(path))
    desk.settle()
    assert desk.view.errors == []
    items = desk.view.told["list"][0].items
    if ending == "csv":
        import csv

        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["Product id"] for row in rows] == [item.item_id for item in items]
        assert {row["Model"] for row in rows} == {"fake-1"}
    else:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.load_workbook(path)
        cells = list(book["Table"].iter_rows(min_row=2, values_only=True))
        assert [row[2] for row in cells] == [item.item_id for item in items]
        assert ("Model", "fake-1") in list(book["About"].iter_rows(values_only=True))


def test_an_export_to_nowhere_is_an_error_for_people(desk: Desk, tmp_path: Path) -> None:
    desk.presenter.choose_customer("C-001")
    desk.settle()
    for name in ("list.pdf", "no/such/folder.csv"):
        desk.presenter.export(desk.presenter.list_table(), str(tmp_path / name))
        desk.settle()
    assert [type(error) for error in desk.view.errors] == [UsageError, UsageError]


def test_a_proposed_file_name_holds_no_path(desk: Desk) -> None:
    for customer in ("A/B", "..", "x/../../y"):
        desk.presenter.choose_customer(customer)
        desk.settle()
        name = desk.presenter.file_name("list")
        assert name == Path(name).name
        assert name.endswith("-hybrid")


def test_over_the_api_a_fit_is_refused(make_desk: Callable[..., Desk], fake: ModuleType) -> None:
    class Remote(fake.FakeEngine):  # type: ignore[name-defined, misc]
        is_local = False

    asked: list[tuple[str, str | None]] = []

    def connect(url: str, key: str | None) -> Any:
        asked.append((url, key))
        return Remote()

    desk = make_desk(connect=connect)
    desk.presenter.check_local()
    desk.presenter.open_api("http://127.0.0.1:1", "key")
    desk.settle()
    assert asked == [("http://127.0.0.1:1", "key")]
    assert desk.view.told["model"][0].version == "fake-1"
    with pytest.raises(NeedsLocalEngineError):
        desk.presenter.check_local()


def test_presenter_and_what_it_stands_on_know_no_tk() -> None:
    code = (
        "import smart_retail_tkinter.presenter, smart_retail_tkinter.fit_presenter, smart_retail_tkinter.fit_worker, "
        "sys; print([m for m in ('tkinter', 'sv_ttk', 'numpy', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
