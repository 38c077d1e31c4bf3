"""Labels that adapt to their width, and the text below a table with the details of the selected row."""

from __future__ import annotations

import tkinter as tk
from tkinter import font, ttk
from typing import Literal

from smart_retail_tkinter import theme

LINES = 3


def add_detail_label(page: ttk.Frame, lines: int = LINES) -> ttk.Label:
    """Return a label of some lines at the bottom of `page`, so that the table above keeps its size."""
    height = lines * font.nametofont("SunValleyCaptionFont", page).metrics("linespace")
    frame = ttk.Frame(page, height=height)
    frame.pack(side="bottom", fill="x", pady=(6, 0))
    frame.pack_propagate(False)
    label = ttk.Label(frame, style="Small.TLabel", anchor="nw", justify="left")
    label.pack(fill="both", expand=True)
    wrap_to_width(label)
    return label


def wrap_to_width(label: ttk.Label) -> None:
    """Wrap the text of a label at its current width."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))


class ShortenedLabel(ttk.Label):
    """A label that shortens its text with an ellipsis to its current width."""

    def __init__(self, master: tk.Misc, *, style: str, anchor: Literal["e", "w"], font_name: str) -> None:
        super().__init__(master, style=style, anchor=anchor, width=1)
        self._text = ""
        self._font = font.nametofont(font_name, self)
        self.bind("<Configure>", lambda event: self._fit(event.width))

    def set_text(self, text: str) -> None:
        """Show a text."""
        self._text = text
        self._fit(self.winfo_width())

    def full_text(self) -> str:
        """Return the text without shortening."""
        return self._text

    def _fit(self, width: int) -> None:
        self.configure(text=theme.cut(self._text, max(width - 4, 0), self._font))
