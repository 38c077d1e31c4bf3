"""A scroll bar that is there only when there is something to scroll."""

from __future__ import annotations

from tkinter import ttk


def add_bar(tree: ttk.Treeview, row: int, column: int) -> None:
    """Put a vertical bar for `tree` into a cell of their common grid."""
    bar = ttk.Scrollbar(tree.master, command=tree.yview)

    def moved(first: str, last: str) -> None:
        bar.set(first, last)
        if float(first) <= 0.0 and float(last) >= 1.0:
            bar.grid_remove()
        else:
            bar.grid(row=row, column=column, sticky="ns")

    tree.configure(yscrollcommand=moved)
