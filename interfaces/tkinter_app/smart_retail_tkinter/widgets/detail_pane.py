"""The lines below a table: a frame in, a label out that tells all of the chosen row."""

from __future__ import annotations

from tkinter import font, ttk

LINES = 3


def add_detail(page: ttk.Frame) -> ttk.Label:
    """A label of fixed height at the foot of `page`, so that the table above never jumps."""
    height = LINES * font.nametofont("SunValleyCaptionFont", page).metrics("linespace")
    room = ttk.Frame(page, height=height)
    room.pack(side="bottom", fill="x", pady=(6, 0))
    room.pack_propagate(False)
    label = ttk.Label(room, style="Small.TLabel", anchor="nw", justify="left")
    label.pack(fill="both", expand=True)
    label.bind("<Configure>", lambda event: label.configure(wraplength=event.width))
    return label
