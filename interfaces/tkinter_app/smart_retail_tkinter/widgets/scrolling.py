"""A scroll bar that is hidden when everything is visible."""

from __future__ import annotations

from tkinter import ttk


def add_bar(tree: ttk.Treeview, row: int, column: int) -> None:
    """Add a vertical scroll bar for `tree` to a cell of the grid that contains it."""
    bar = ttk.Scrollbar(tree.master, command=tree.yview)

    def moved(first: float, last: float) -> None:  # Tk passes both as text
        bar.set(first, last)
        if float(first) <= 0.0 and float(last) >= 1.0:
            bar.grid_remove()
        else:
            bar.grid(row=row, column=column, sticky="ns")

    tree.configure(yscrollcommand=moved)
