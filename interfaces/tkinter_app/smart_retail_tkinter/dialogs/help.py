"""The help page: keyboard shortcuts, methods and segments."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from smart_retail.presentation.labels import METHODS
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail_tkinter.dialogs.base import SideWindow

SHORTCUTS = (
    ("Ctrl+O", "Open a bundle"),
    ("Ctrl+Shift+O", "Open a spreadsheet"),
    ("Ctrl+F", "Search customers"),
    ("Ctrl+Enter", "Show the id exactly as typed"),
    ("Up, Down", "Previous or next customer"),
    ("Alt+1 … Alt+6", "Choose the method"),
    ("Ctrl+1 … Ctrl+6", "Choose the page"),
    ("Ctrl+Page Down", "Next page"),
    ("Ctrl+Tab", "Next tab of a page"),
    ("Enter, double click", "Show what is bought with the selected product"),
    ("Ctrl+B", "Show the basket and what completes it"),
    ("S, Shift+S in a table", "Sort by the next column, reverse the order"),
    ("Ctrl+C", "Copy the visible table"),
    ("Ctrl+E", "Export the visible table"),
    ("Esc", "Cancel what is running"),
    ("F1", "Show this page"),
)


class HelpWindow(SideWindow):
    """Window with the help page."""

    def __init__(self, root: tk.Misc) -> None:
        super().__init__(root, "Help", 900, 420)
        left = _column(self.body, 0)
        _list(left, "Keyboard shortcuts", SHORTCUTS)
        right = _column(self.body, 1)
        _list(right, "Methods", tuple((f"{i}  {label}", text) for i, (label, text) in enumerate(METHODS.values(), 1)))
        _list(right, "Segments", tuple((name, meaning) for name, (meaning, _) in SEGMENTS.items()))
        self.focus_set()


def _column(body: ttk.Frame, column: int) -> ttk.Frame:
    frame = ttk.Frame(body)
    frame.grid(row=0, column=column, sticky="nsew", padx=(0 if column == 0 else 32, 0))
    body.columnconfigure(column, weight=column)
    return frame


def _list(frame: ttk.Frame, title: str, lines: tuple[tuple[str, str], ...]) -> None:
    start = frame.grid_size()[1]
    ttk.Label(frame, text=title, style="Strong.TLabel").grid(
        row=start, column=0, columnspan=2, sticky="w", pady=(16 if start else 0, 6)
    )
    for i, (term, text) in enumerate(lines, start + 1):
        ttk.Label(frame, text=term).grid(row=i, column=0, sticky="w", padx=(0, 18), pady=1)
        ttk.Label(frame, text=text, style="Muted.TLabel").grid(row=i, column=1, sticky="w", pady=1)
