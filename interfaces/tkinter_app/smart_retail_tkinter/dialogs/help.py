"""Keys, methods and segments, on one page."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from smart_retail.presentation.labels import METHODS, SEGMENTS
from smart_retail_tkinter.dialogs.base import SideWindow

KEYS = (
    ("Ctrl+O", "open a bundle"),
    ("Ctrl+Shift+O", "open a spreadsheet"),
    ("Ctrl+F", "search customers"),
    ("Ctrl+Enter", "ask for the id exactly as typed"),
    ("Up, Down", "walk through the customers"),
    ("Alt+1 … Alt+6", "choose the method"),
    ("Ctrl+Tab", "next tab"),
    ("Enter, double click", "items similar to the chosen one"),
    ("S, Shift+S in a table", "sort by the next column, turn round"),
    ("Ctrl+C", "copy the table in front"),
    ("Ctrl+E", "export the table in front"),
    ("Esc", "cancel a running fit"),
    ("F1", "this page"),
)


class HelpWindow(SideWindow):
    def __init__(self, root: tk.Misc) -> None:
        super().__init__(root, "Help", 900, 420)
        left = _column(self.body, 0)
        _list(left, "Keys", KEYS)
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
