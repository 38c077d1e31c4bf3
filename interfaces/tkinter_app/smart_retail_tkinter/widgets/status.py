"""The bottom of the window: what goes on, how far a fit is, and the export buttons."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from smart_retail_tkinter.fit_request import FitState


class FitBar(ttk.Frame):
    """A progress bar with a line of text and Cancel; empty when nothing is being fitted."""

    def __init__(self, master: tk.Misc, on_cancel: Callable[[], object], *, length: int = 220) -> None:
        super().__init__(master)
        self.bar = ttk.Progressbar(self, length=length, maximum=1.0)
        self.text = ttk.Label(self)
        self.cancel = ttk.Button(self, text="Cancel", command=on_cancel)

    def show(self, state: FitState | None) -> None:
        """Show a moment of the fit; None takes the bar away."""
        if state is None:
            for widget in (self.bar, self.text, self.cancel):
                widget.pack_forget()
            return
        if not self.bar.winfo_manager():
            self.bar.pack(side="left", padx=(0, 10))
            self.text.pack(side="left", padx=(0, 10))
            self.cancel.pack(side="left")
        self.bar.configure(value=state.done)
        self.text.configure(text=state.line)
        self.cancel.state(["disabled" if state.cancelling else "!disabled"])


class StatusBar(ttk.Frame):
    """Left the fit or the last thing done, right the two export buttons."""

    def __init__(self, master: tk.Misc, on_cancel: Callable[[], object], on_export: Callable[[str], object]) -> None:
        super().__init__(master)
        self.fit = FitBar(self, on_cancel)
        self.fit.pack(side="left")
        self.text = ttk.Label(self, style="Muted.TLabel")
        self.text.pack(side="left", fill="x", expand=True)
        for ending in ("xlsx", "csv"):
            ttk.Button(self, text=f"Export {ending.upper()}", command=lambda e=ending: on_export(e)).pack(
                side="right", padx=(8, 0)
            )

    def say(self, text: str) -> None:
        self.text.configure(text=text)
