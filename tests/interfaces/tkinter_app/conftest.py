"""Fixtures of the desktop tests: a display, a window with a small engine, and scripted dialogs."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.virtual_display import NoDisplayError, display_name, open_root

from smart_retail.errors import RetailError
from smart_retail.serving.engine import Engine
from smart_retail_tkinter.core_services import Services
from smart_retail_tkinter.recent_files import Preferences

WAIT = 270.0
"""Seconds; long, for machines under load."""


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "config" / "desktop.json")


@dataclass
class ScriptedDialogs:
    """Dialogs with fixed results that record errors and suggested file names."""

    chosen_folder: str = ""
    chosen_sources: tuple[str, ...] = ()
    save_path: str = ""
    confirmed: bool = False
    errors: list[RetailError] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)

    def choose_folder(self, title: str) -> str:
        return self.chosen_folder

    def choose_sources(self, title: str) -> tuple[str, ...]:
        return self.chosen_sources

    def choose_save_path(self, title: str, name: str, ending: str) -> str:
        self.proposed.append(f"{name}.{ending}")
        return self.save_path

    def show_error(self, error: RetailError) -> None:
        self.errors.append(error)

    def show_message(self, title: str, text: str) -> None:
        self.messages.append(text)

    def confirm(self, title: str, text: str) -> bool:
        return self.confirmed


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a display: the existing one, otherwise a new Xvfb."""
    try:
        name = display_name()
    except NoDisplayError as error:
        if "tk" in os.environ.get("SMART_RETAIL_REQUIRE", "").replace(",", " ").split():
            pytest.fail(str(error))
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        yield name


@dataclass
class Window:
    """The window under test, with methods for user input and for reading its tables."""

    app: Any
    dialogs: ScriptedDialogs

    @property
    def root(self) -> Any:
        return self.app.root

    @property
    def list_tree(self) -> Any:
        """The table of recommendations of one method."""
        return self.app.customer.single_list.tree

    def until(self, true: Callable[[], object], what: str = "it") -> None:
        """Run the event loop until a condition holds."""
        end = time.monotonic() + WAIT
        while not true():
            assert time.monotonic() < end, f"{what} did not happen"
            self.root.update()
            time.sleep(0.002)

    def settle(self) -> None:
        """Run the event loop until all results except those of a fit are shown."""
        customers = self.app.customers
        self.until(lambda: not customers.selection_pending, "the pause after an arrow key")
        self.until(lambda: not self.app.presenter.jobs.is_running(except_for="fit"), "the last answer")
        # Columns are fitted to a new width 60 ms after it came about.
        end = time.monotonic() + 0.08
        self.until(lambda: time.monotonic() > end)

    def key(self, keys: str, widget: Any = None) -> None:
        """Press keys in the focused widget; `widget` is focused first if given."""
        if widget is not None:
            widget.focus_force()
            self.root.update()
        there = self.root.focus_get() or self.root
        there.event_generate(keys)
        self.root.update()

    def type(self, text: str) -> None:
        """Type text into the search field, character by character."""
        for character in text:
            self.app.customers.entry.insert("end", character)
            self.root.update()

    def ids(self, tree: Any) -> list[str]:
        return [tree.set(i, "key") for i in tree.get_children()]

    def customers(self) -> list[str]:
        tree = self.app.customers.tree
        return [tree.set(i, "id") for i in tree.get_children()]

    def choose(self, customer_id: str) -> None:
        """Select a customer in the list."""
        tree = self.app.customers.tree
        self.until(lambda: customer_id in self.customers(), f"{customer_id} in the list")
        tree.selection_set(next(i for i in tree.get_children() if tree.set(i, "id") == customer_id))
        self.until(
            lambda: self.app.presenter.recommendations and self.app.presenter.recommendations.customer_id == customer_id
        )
        self.settle()


@pytest.fixture
def make_window(display: str, preferences: Preferences, engine: Engine) -> Iterator[Callable[..., Window]]:
    """A function that opens a window with an engine and replaced `services`."""
    from smart_retail_tkinter.app import App

    opened: list[Window] = []

    def make(opened_engine: Any = engine, **services: Any) -> Window:
        services.setdefault("load", lambda folder: opened_engine)
        dialogs = ScriptedDialogs()
        window = Window(App(open_root(), Services(**services), preferences, dialogs), dialogs)
        window.root.geometry("1200x780+0+0")
        opened.append(window)
        if opened_engine is not None:
            window.app.presenter.open_bundle("artifacts")
            window.until(lambda: window.customers(), "the list of customers")
            window.settle()
        return window

    yield make
    for window in opened:
        if window.app.alive:
            window.app.quit()
        # The test still refers to the window.
        window.app = None
    # Variables of closed windows must not be collected in the thread of a later job: Tk refuses other threads.
    gc.collect()


@pytest.fixture
def window(make_window: Callable[..., Window]) -> Window:
    return make_window()
