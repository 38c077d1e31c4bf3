"""Base class of the pages, and parts that several of them have."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping, Sequence
from tkinter import ttk

from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.detail_pane import wrap_to_width
from smart_retail_tkinter.widgets.status import WorkBar

EXPLORE, CUSTOMERS, PRODUCTS, CAMPAIGN, REPORTS, RULES = range(6)
"""Indices of the pages."""
PAGES = ("Explore", "Customers", "Products", "Campaign", "Reports", "Rules")


FIRST_WRAP = 160
"""Pixels at which a text is wrapped until its width is known."""


class Page(ttk.Frame):
    """A page that fills the window.

    Parameters
    ----------
    shell : Presenter
        Has the engine and runs the work.
    dialogs : Dialogs
    """

    def __init__(self, master: tk.Misc, shell: Presenter, dialogs: Dialogs) -> None:
        super().__init__(master, padding=(12, 10, 12, 4))
        self._shell, self._dialogs = shell, dialogs
        self._bars: list[tuple[str, WorkBar, ttk.Button]] = []

    def refresh(self) -> None:
        """Show the current engine; called when the page becomes visible, and when another engine is opened."""

    def table(self) -> tuple[str, Table]:
        """Return the visible table, and its name for a file."""
        raise NotImplementedError

    def export(self, path: str) -> None:
        """Write the visible table to a file."""
        self._shell.export(self.table()[1], path)

    def step_tab(self, step: int) -> None:
        """Select the next (1) or previous (-1) tab, on a page that has tabs."""

    def show_state(self) -> None:
        """Show the progress of running work; called often."""
        for lane, bar, button in self._bars:
            state = self._shell.work.state(lane)
            bar.show(state)
            button.state(["disabled" if state is not None else "!disabled"])

    def add_work_bar(self, master: tk.Misc, lane: str, button: ttk.Button) -> WorkBar:
        """Return a progress bar for the work of a lane, during which `button` is disabled."""
        bar = WorkBar(master, lambda: self._shell.work.cancel(lane), length=140)
        self._bars.append((lane, bar, button))
        return bar


def add_text(master: tk.Misc, style: str = "Strong.TLabel") -> ttk.Label:
    """Return a label that wraps its text at its width."""
    # Without a first limit, the label would request the width of its whole text, and push other widgets out.
    label = ttk.Label(master, style=style, justify="left", anchor="w", wraplength=FIRST_WRAP)
    wrap_to_width(label)
    return label


def add_choice(
    master: tk.Misc, choices: Sequence[str], on_choose: Callable[[], object], *, width: int = 16
) -> ttk.Combobox:
    """Return a drop-down whose first entry is selected; it changes nothing by itself."""
    box = ttk.Combobox(master, values=tuple(choices), state="readonly", width=width)
    if choices:
        box.current(0)
    box.bind("<<ComboboxSelected>>", lambda _: on_choose())
    return box


def chosen_value(box: ttk.Combobox, values: Mapping[str, str]) -> str:
    """Return the value of the selected label; the text itself if it is not one of the labels."""
    return values.get(box.get(), box.get())


def step_notebook(tabs: ttk.Notebook, step: int) -> None:
    """Select and focus the next (1) or previous (-1) tab."""
    count = len(tabs.tabs())  # type: ignore[no-untyped-call]
    tabs.select((tabs.index("current") + step) % count)  # type: ignore[no-untyped-call]
    tabs.focus_set()
