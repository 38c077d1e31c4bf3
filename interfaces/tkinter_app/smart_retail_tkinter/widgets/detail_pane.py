"""The text below a table with the details of the selected row."""

from __future__ import annotations

from tkinter import font, ttk

LINES = 3


def add_detail_label(page: ttk.Frame) -> ttk.Label:
    """Return a label of fixed height at the bottom of `page`, so that the table above keeps its size."""
    height = LINES * font.nametofont("SunValleyCaptionFont", page).metrics("linespace")
    frame = ttk.Frame(page, height=height)
    frame.pack(side="bottom", fill="x", pady=(6, 0))
    frame.pack_propagate(False)
    label = ttk.Label(frame, style="Small.TLabel", anchor="nw", justify="left")
    label.pack(fill="both", expand=True)
    label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))
    return label
