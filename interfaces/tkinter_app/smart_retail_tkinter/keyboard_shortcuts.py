"""The keys of the main window. Side windows have their own; the help page names them all."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from typing import TYPE_CHECKING

from smart_retail.presentation.labels import METHODS
from smart_retail_tkinter import formatting
from smart_retail_tkinter.dialogs.help import HelpWindow

if TYPE_CHECKING:
    from smart_retail_tkinter.app import App


def bind(app: App) -> None:
    """Bind every key to what `app` offers."""
    root = app.root
    commands: dict[str, Callable[[], object]] = {
        "<Control-o>": app.ask_bundle,
        "<Control-O>": app.ask_spreadsheet,
        "<Control-f>": app.customers.focus_search,
        "<Control-e>": lambda: app.ask_export("csv"),
        "<Control-q>": app.quit,
        "<F1>": lambda: HelpWindow(root),
        "<Escape>": app.cancel_fit,
    }
    for key, command in commands.items():
        root.bind(key, lambda _, command=command: command() and None)
    for i, method in enumerate(METHODS, 1):
        root.bind(f"<Alt-Key-{i}>", lambda _, method=method: _choose(app, method))
    root.bind("<Control-c>", lambda event: _copy(app, event))
    root.bind("<Control-Tab>", lambda event: _next_tab(app, event, 1))
    # X11 has a key of its own for Shift and Tab.
    back = "<Control-ISO_Left_Tab>" if root.tk.call("tk", "windowingsystem") == "x11" else "<Control-Shift-Tab>"
    root.bind(back, lambda event: _next_tab(app, event, -1))


def _choose(app: App, method: str) -> str:
    app.customer.tabs.select(0)
    app.customer.methods.choose(method)
    return "break"


def _copy(app: App, event: tk.Event) -> None:
    # An entry copies its own selection.
    if event.widget.winfo_class() in ("TEntry", "TCombobox", "TSpinbox"):
        return
    table = app.customer.table()[1]
    app.root.clipboard_clear()
    app.root.clipboard_append(table.text())
    app.show_status(f"copied {formatting.pluralize(len(table.rows), 'row')}")


def _next_tab(app: App, event: tk.Event, step: int) -> str:
    tabs = app.customer.tabs
    # A notebook that has the focus has turned already.
    if event.widget is not tabs:
        tabs.select((tabs.index("current") + step) % tabs.index("end"))
        tabs.focus_set()
    return "break"
