"""Scroll bars that are hidden when everything is visible."""

from __future__ import annotations

from collections.abc import Callable
from tkinter import ttk


def add_bar(tree: ttk.Treeview, row: int, column: int) -> None:
    """Add a vertical scroll bar for `tree` to a cell of the grid that contains it."""
    tree.configure(yscrollcommand=_hiding(ttk.Scrollbar(tree.master, command=tree.yview), row, column, "ns"))


def add_horizontal_bar(tree: ttk.Treeview, row: int, column: int) -> None:
    """Add a horizontal scroll bar for columns that do not fit."""
    bar = ttk.Scrollbar(tree.master, command=tree.xview, orient="horizontal")
    tree.configure(xscrollcommand=_hiding(bar, row, column, "ew"))


def _hiding(bar: ttk.Scrollbar, row: int, column: int, sticky: str) -> Callable[[float, float], None]:
    """Return the scroll command of a bar, which shows it where it is needed."""

    def moved(first: float, last: float) -> None:  # Tk passes both as text
        bar.set(first, last)
        if float(first) <= 0.0 and float(last) >= 1.0:
            bar.grid_remove()
        else:
            bar.grid(row=row, column=column, sticky=sticky)

    return moved
