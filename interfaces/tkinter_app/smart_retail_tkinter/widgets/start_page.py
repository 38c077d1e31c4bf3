"""The page shown while no bundle is open."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk


class StartPage(ttk.Frame):
    """Explanation and buttons for opening a spreadsheet or a bundle."""

    def __init__(self, master: tk.Misc, on_bundle: Callable[[], object], on_spreadsheet: Callable[[], object]) -> None:
        super().__init__(master)
        page = ttk.Frame(self)
        page.place(relx=0.5, rely=0.42, anchor="center")
        ttk.Label(page, text="No data is open", style="Title.TLabel").pack(pady=(0, 8))
        ttk.Label(
            page,
            text="Open a spreadsheet of orders: you see a preview of the data before anything is fitted.\n"
            "Or open the folder of a bundle that was fitted before.",
            style="Muted.TLabel",
            justify="center",
        ).pack(pady=(0, 18))
        line = ttk.Frame(page)
        line.pack()
        ttk.Button(line, text="Open spreadsheet", style="Accent.TButton", command=on_spreadsheet).pack(side="left")
        ttk.Button(line, text="Open bundle", command=on_bundle).pack(side="left", padx=(8, 0))
