"""The status bar: progress of running work, last message, export buttons."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial
from tkinter import ttk

from smart_retail_tkinter.work_progress import WorkState


class WorkBar(ttk.Frame):
    """A progress bar with a text and a Cancel button; hidden while nothing is running."""

    def __init__(self, master: tk.Misc, on_cancel: Callable[[], object], *, length: int = 220) -> None:
        super().__init__(master)
        self.bar = ttk.Progressbar(self, length=length, maximum=1.0)
        self.text = ttk.Label(self)
        self.cancel = ttk.Button(self, text="Cancel", command=on_cancel)

    def show(self, state: WorkState | None) -> None:
        """Show the progress of running work; None hides the bar."""
        if state is None:
            for widget in (self.bar, self.text, self.cancel):
                widget.pack_forget()
            return
        if not self.bar.winfo_manager():
            # The text is packed last: where space is short, it is cut and not the button.
            self.bar.pack(side="left", padx=(0, 10))
            self.cancel.pack(side="left", padx=(0, 10))
            self.text.pack(side="left")
        self.bar.configure(value=state.done)
        self.text.configure(text=state.line)
        self.cancel.state(["disabled" if state.cancelling else "!disabled"])


class StatusBar(ttk.Frame):
    """Progress or last message on the left, export buttons on the right."""

    def __init__(self, master: tk.Misc, on_cancel: Callable[[], object], on_export: Callable[[str], object]) -> None:
        super().__init__(master)
        # Buttons are packed first: where space is short, the text is cut and not the buttons.
        self.buttons: dict[str, ttk.Button] = {}
        for ending in ("xlsx", "csv"):
            button = ttk.Button(self, text=f"Export {ending.upper()}", command=partial(on_export, ending))
            button.pack(side="right", padx=(8, 0))
            self.buttons[ending] = button
        self.fit = WorkBar(self, on_cancel)
        self.fit.pack(side="left")
        self.text = ttk.Label(self, style="Muted.TLabel")
        self.text.pack(side="left", fill="x", expand=True)

    def show_text(self, text: str) -> None:
        """Show a message."""
        self.text.configure(text=text)
