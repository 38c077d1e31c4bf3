"""The fit window: preview, fit, cancellation, errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.fitted_shop import MakeEngine, RemoteLikeEngine

from smart_retail.data.dry_run import ColumnChoice, FieldColumn, OpenColumn, SourceColumns
from smart_retail.data.parsing.unused_columns import UnusedColumn
from smart_retail.errors import CancelledError, DataError, QualityGateError
from smart_retail.results import FitReport, MonthTotals
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.fit_request import Preview
from smart_retail_tkinter.work_progress import WorkProgress

pytestmark = pytest.mark.slow


def test_time_left_follows_the_finished_share() -> None:
    now = [100.0]
    progress = WorkProgress.of_fit(clock=lambda: now[0])
    assert progress.state().seconds_left is None
    progress.stage("clusters", 0.25)
    now[0] = 110.0
    progress.update(0.25)
    assert progress.state().seconds_left == pytest.approx(30.0)
    assert progress.state().line == "clusters, about 30 s left"
    now[0] = 115.0
    assert progress.state().seconds_left == pytest.approx(25.0)
    progress.update(0.1)
    assert progress.state().done == 0.25


def test_cancel_is_raised_at_the_next_check() -> None:
    progress = WorkProgress.of_fit()
    progress.check()
    progress.cancel()
    assert progress.state().cancelling
    with pytest.raises(CancelledError):
        progress.check()


NEW, OLD = "fitted-2", "fitted-1"
COLUMNS = SourceColumns(
    name="one.csv",
    preset="aliases",
    fields=(
        FieldColumn("customer_id", "Customer ID", ("A", "B"), "certain"),
        FieldColumn("item_id", "Product ID", ("P1",), "likely"),
    ),
    computed=(),
    unused=(UnusedColumn("State", "status", ("Paid",)),),
    open=(),
    choices=(ColumnChoice("Customer ID", ("A", "B")), ColumnChoice("Product ID", ("P1",))),
)


class Work:
    """Replaces inspecting and fitting, and records the calls."""

    def __init__(self, engine: Engine) -> None:
        self.cleaning = engine.model().cleaning
        self.report = FitReport(
            NEW, True, self.cleaning, tuple(engine.segments()), tuple(engine.clusters()), {}, {}, ("noted",)
        )
        self.calls: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self.previews: list[Preview] = []
        self.go = threading.Event()

    def inspect(self, sources: tuple[str, ...], **options: Any) -> Preview:
        self.calls.append({"sources": sources, **options})
        if self.errors:
            raise self.errors.pop(0)
        if self.previews:
            return self.previews.pop(0)
        return Preview((COLUMNS,), self.cleaning, (MonthTotals("2024-01", 5, 4, 10.0, 9.0),))

    def fit(self, *sources: str, progress: Any, **options: Any) -> FitReport:
        self.calls.append({"sources": sources, **options})
        progress.stage("clusters", 0.4)
        while not self.go.wait(0.01):
            progress.check()
        if self.errors:
            raise self.errors.pop(0)
        return self.report


@pytest.fixture
def work(engine: Engine) -> Work:
    return Work(engine)


@pytest.fixture
def window(make_window: Callable[..., Any], work: Work, make_engine: MakeEngine) -> Any:
    return make_window(
        inspect=work.inspect,
        fit=work.fit,
        load=lambda folder: make_engine(version=NEW if work.go.is_set() else OLD),
    )


@pytest.fixture
def inspected_window(window: Any) -> Any:
    """A window whose fit window shows the preview of two files."""
    window.dialogs.chosen_sources = ("one.csv", "two é.csv")
    window.key("<Control-O>", window.root)
    window.settle()
    return window


def test_a_preview_shows_columns_and_cleaning_report(inspected_window: Any, work: Work) -> None:
    dialog = inspected_window.app.fit_window
    assert [call["sources"] for call in work.calls] == [("one.csv", "two é.csv")]
    assert "artifacts" not in work.calls[0]
    names = ("field", "header", "confidence", "samples")
    rows = [[dialog.fields.tree.set(i, c) for c in names] for i in dialog.fields.tree.get_children()]
    assert rows == [
        ["customer_id", "Customer ID", "certain", "A, B"],
        ["item_id", "Product ID", "likely", "P1"],
        ["(not used)", "State", "a status?", "Paid"],
    ]
    assert len(dialog.months.tree.get_children()) == 1
    assert dialog.headline.cget("text").startswith(f"{work.cleaning.rows_accepted:,} of ")
    assert len(dialog.cleaning.tree.get_children()) == 2 + len(work.cleaning.rejected) + len(work.cleaning.returns)
    assert work.cleaning.notes[0] in dialog.notes.cget("text")
    assert dialog.start.instate(["!disabled"])
    assert Path(inspected_window.app.presenter.preferences.files[0].path).name == "one.csv"


def test_a_fit_shows_progress_publishes_and_opens_the_new_bundle(inspected_window: Any, work: Work) -> None:
    app = inspected_window.app
    app.fit_window.artifacts.set("out")
    app.fit_window.start.invoke()
    inspected_window.until(lambda: app.fits.state() and app.fits.state().done == 0.4)
    inspected_window.until(lambda: "clusters" in app.status.fit.text.cget("text"), "progress in the main window")
    assert float(app.status.fit.bar.cget("value")) == 0.4
    assert app.fit_window.bar.text.cget("text").startswith("clusters")
    assert app.fit_window.start.instate(["disabled"])
    inspected_window.choose("c0002")
    work.go.set()
    inspected_window.until(lambda: not app.fits.running)
    inspected_window.settle()
    assert work.calls[-1]["artifacts"] == "out"
    assert work.calls[-1]["settings"].data.returns_policy == "net"
    assert app.presenter.model.version == NEW
    assert NEW in app.model_line.full_text()
    assert app.fit_window.headline.cget("text") == f"Published {NEW} to out"
    assert not app.status.fit.bar.winfo_ismapped()
    assert inspected_window.dialogs.errors == []


def test_settings_come_from_the_environment(inspected_window: Any, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_RETAIL_CLUSTERS__K", "5")
    monkeypatch.setenv("SMART_RETAIL_DATA__RETURNS_POLICY", "keep")
    inspected_window.app.fit_window.close()
    inspected_window.key("<Control-O>", inspected_window.root)
    inspected_window.settle()
    assert work.calls[-1]["settings"].clusters.k == 5
    assert work.calls[-1]["settings"].data.returns_policy == "keep"
    assert inspected_window.app.fit_window.policy.get() == "ignore returns"


def test_a_catalogue_is_read_with_the_orders(inspected_window: Any, work: Work) -> None:
    window = inspected_window.app.fit_window
    window.catalogue.set("items.csv")
    window.inspect()
    inspected_window.settle()
    assert work.calls[-1]["catalogue"] == "items.csv"
    assert window.request().catalogue == "items.csv"


@pytest.mark.parametrize("where", ["main window", "fit window", "button"])
def test_escape_or_the_button_cancels_the_fit(inspected_window: Any, work: Work, where: str) -> None:
    app = inspected_window.app
    app.fit_window.start.invoke()
    inspected_window.until(lambda: app.fits.state() and app.fits.state().done == 0.4)
    if where == "button":
        inspected_window.until(lambda: app.status.fit.cancel.winfo_ismapped())
        app.status.fit.cancel.invoke()
    else:
        inspected_window.key("<Escape>", inspected_window.root if where == "main window" else app.fit_window.first)
    inspected_window.until(lambda: not app.fits.running)
    inspected_window.settle()
    assert app.presenter.model.version == OLD
    assert "cancelled" in app.fit_window.headline.cget("text")
    assert inspected_window.dialogs.errors == []


def test_closing_the_fit_window_does_not_stop_the_fit(inspected_window: Any, work: Work) -> None:
    inspected_window.app.fit_window.start.invoke()
    inspected_window.until(lambda: inspected_window.app.fits.state() and inspected_window.app.fits.state().done == 0.4)
    inspected_window.app.fit_window.close()
    assert inspected_window.app.fits.running
    work.go.set()
    inspected_window.until(lambda: inspected_window.app.presenter.model.version == NEW)


def test_an_open_column_is_chosen_from_a_list_with_sample_values(window: Any, work: Work) -> None:
    client = ColumnChoice("Client", ("K1", "K2"))
    open_columns = replace(
        COLUMNS, fields=(), open=(OpenColumn("customer_id", (client,)),), choices=(ColumnChoice("Row", ("1",)), client)
    )
    work.previews = [Preview((open_columns,), None, (), "No column was recognised as the customer.")]
    window.dialogs.chosen_sources = ("one.csv",)
    window.key("<Control-O>", window.root)
    window.settle()
    dialog = window.app.fit_window
    assert dialog.headline.cget("text") == "No column was recognised as the customer."
    assert "--" not in dialog.notes.cget("text")
    assert dialog.start.instate(["disabled"])
    assert window.dialogs.errors == []
    assert dialog.field_box.get() == "Customer id"
    assert dialog.column_box.cget("values") == ("automatic", "Client (K1, K2)", "Row (1)")
    dialog.column_box.current(1)
    dialog.column_box.event_generate("<<ComboboxSelected>>")
    window.settle()
    assert work.calls[-1]["mapping"] == {"customer_id": "Client"}
    assert dialog.start.instate(["!disabled"])
    assert dialog.choices.cget("text") == "Chosen: Customer id: Client"


def test_an_unreadable_file_shows_an_error_message(window: Any, work: Work) -> None:
    work.errors = [DataError("one.csv holds no row.", "Choose another file.")]
    window.dialogs.chosen_sources = ("one.csv",)
    window.key("<Control-O>", window.root)
    window.until(lambda: window.dialogs.errors)
    assert window.dialogs.errors[0].message == "one.csv holds no row."
    assert window.app.fit_window.start.instate(["disabled"])


@pytest.mark.parametrize("yes", [True, False])
def test_a_rejected_fit_is_published_only_after_confirmation(inspected_window: Any, work: Work, yes: bool) -> None:
    work.errors = [QualityGateError("Worse than popularity.", "Force it.")]
    inspected_window.dialogs.confirmed = yes
    work.go.set()
    inspected_window.app.fit_window.start.invoke()
    inspected_window.until(lambda: not work.errors and not inspected_window.app.fits.running)
    inspected_window.settle()
    forced = [call["force"] for call in work.calls if "force" in call]
    assert forced == ([False, True] if yes else [False])


def test_an_unpublished_fit_keeps_the_open_bundle(inspected_window: Any, work: Work) -> None:
    work.report = replace(work.report, published=False)
    work.go.set()
    inspected_window.app.fit_window.start.invoke()
    inspected_window.until(lambda: not inspected_window.app.fits.running)
    inspected_window.settle()
    assert inspected_window.app.fit_window.headline.cget("text") == "Not published"
    assert inspected_window.app.presenter.model.version == OLD


def test_fitting_over_an_api_shows_an_error(make_window: Callable[..., Any], make_engine: MakeEngine) -> None:
    window = make_window(make_engine(RemoteLikeEngine))
    window.app.open_fit()
    window.key("<Control-O>", window.root)
    assert [error.code for error in window.dialogs.errors] == ["needs_local_engine"] * 2
    assert window.app.fit_window is None


def test_quitting_stops_a_running_fit(inspected_window: Any, work: Work) -> None:
    inspected_window.app.fit_window.start.invoke()
    inspected_window.until(lambda: inspected_window.app.fits.state() and inspected_window.app.fits.state().done == 0.4)
    before = threading.active_count()
    inspected_window.app.quit()
    end = time.monotonic() + 5
    while threading.active_count() >= before:
        assert time.monotonic() < end
        time.sleep(0.01)
