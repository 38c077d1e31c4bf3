"""The keyboard shortcuts of the main window. Side windows define their own; the help page lists all."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial

from smart_retail.presentation.labels import METHODS
from smart_retail_tkinter.commands import Commands
from smart_retail_tkinter.pages.base import PAGES

TEXT_FIELDS = ("TEntry", "TCombobox", "TSpinbox", "Text")
"""Widget classes that copy their own selection."""


def bind_shortcuts(root: tk.Tk, commands: Commands) -> None:
    """Bind every shortcut of the main window to its command."""
    bindings: dict[str, Callable[[], object]] = {
        "<Control-o>": commands.open_bundle,
        "<Control-O>": commands.open_spreadsheet,
        "<Control-f>": commands.focus_search,
        "<Control-e>": lambda: commands.export_table("csv"),
        "<Control-b>": commands.show_basket,
        "<Control-q>": commands.quit,
        "<F1>": commands.show_help,
        "<Escape>": commands.cancel_work,
    }
    for key, command in bindings.items():
        root.bind(key, _ignoring_event(command))
    for i, method in enumerate(METHODS, 1):
        root.bind(f"<Alt-Key-{i}>", _ending_event(partial(commands.choose_method, method)))
    for i, _ in enumerate(PAGES, 1):
        root.bind(f"<Control-Key-{i}>", _ending_event(partial(commands.select_page, i - 1)))
    for key, step in (("<Control-Next>", 1), ("<Control-Prior>", -1)):
        root.bind(key, _ending_event(partial(commands.step_page, step)))
    root.bind("<Control-c>", lambda event: _copy(commands, event))
    root.bind("<Control-Tab>", lambda event: _step_tab(commands, event, 1))
    # X11 has a separate key symbol for Shift and Tab.
    back = "<Control-ISO_Left_Tab>" if root.tk.call("tk", "windowingsystem") == "x11" else "<Control-Shift-Tab>"
    root.bind(back, lambda event: _step_tab(commands, event, -1))


def _ignoring_event(command: Callable[[], object]) -> Callable[[tk.Event], None]:
    def handler(_: tk.Event) -> None:
        command()

    return handler


def _ending_event(command: Callable[[], object]) -> Callable[[tk.Event], str]:
    """Return a handler after which no other binding of the key runs."""

    def handler(_: tk.Event) -> str:
        command()
        return "break"

    return handler


def _copy(commands: Commands, event: tk.Event) -> None:
    if event.widget.winfo_class() not in TEXT_FIELDS:
        commands.copy_table()


def _step_tab(commands: Commands, event: tk.Event, step: int) -> str:
    # A focused notebook has changed the tab already.
    if event.widget.winfo_class() != "TNotebook":
        commands.step_tab(step)
    return "break"
