"""Which list is wanted: six methods, how many items, what may stand in it."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from contextlib import suppress
from tkinter import ttk

from smart_retail.presentation.labels import METHODS
from smart_retail.protocol import DEFAULT_METHOD, MAX_N

ANY = "any category"


class MethodBar(ttk.Frame):
    """Radio buttons for the methods, and below them the filters.

    Parameters
    ----------
    on_method : callable
        Is handed the method's name.
    on_filters : callable
        Is handed n, whether purchases are hidden, and the category or None.
    """

    def __init__(
        self,
        master: tk.Misc,
        on_method: Callable[[str], object],
        on_filters: Callable[[int, bool, str | None], object],
    ) -> None:
        super().__init__(master)
        self._on_filters = on_filters
        self.method = tk.StringVar(self, DEFAULT_METHOD)
        self.n = tk.StringVar(self, "10")
        self.hide = tk.BooleanVar(self, True)
        self.category = tk.StringVar(self, ANY)
        line = ttk.Frame(self)
        line.pack(fill="x")
        self.buttons: dict[str, ttk.Radiobutton] = {}
        for i, (method, (label, _)) in enumerate(METHODS.items()):
            button = ttk.Radiobutton(
                line,
                text=label,
                value=method,
                variable=self.method,
                command=lambda: (on_method(self.method.get()), self._tell_meaning()),
            )
            button.pack(side="left", padx=(0 if i == 0 else 6, 6))
            self.buttons[method] = button
        self._meaning = ttk.Label(line, style="Small.TLabel", anchor="e")
        self._meaning.pack(side="right", fill="x", expand=True)
        self._tell_meaning()
        self._build_filters()

    def _build_filters(self) -> None:
        line = ttk.Frame(self)
        line.pack(fill="x", pady=(8, 0))
        ttk.Label(line, text="Items").pack(side="left")
        spin = ttk.Spinbox(
            line, textvariable=self.n, from_=1, to=MAX_N, width=5, justify="right", command=self._filters
        )
        spin.pack(side="left", padx=(8, 16))
        hide = ttk.Checkbutton(line, text="hide what was bought", variable=self.hide, command=self._filters)
        hide.pack(side="left", padx=(0, 16))
        self._categories = ttk.Combobox(line, textvariable=self.category, values=(ANY,), state="readonly", width=22)
        self._categories.pack(side="left")
        for widget in (spin, self._categories):
            widget.bind("<Return>", lambda _: self._filters())
            widget.bind("<FocusOut>", lambda _: self._filters())
        self._categories.bind("<<ComboboxSelected>>", lambda _: self._filters())

    def choose(self, method: str) -> None:
        """As if the method's button had been pressed."""
        self.buttons[method].invoke()
        self.buttons[method].focus_set()

    def show(self, categories: Sequence[str], category: str | None, exclude_purchased: bool) -> None:
        """Take over what a newly opened bundle offers."""
        self._categories.configure(values=(ANY, *categories))
        self.category.set(category or ANY)
        self.hide.set(exclude_purchased)

    def _filters(self) -> None:
        n = 10
        with suppress(ValueError):
            n = min(max(int(self.n.get()), 1), MAX_N)
        self.n.set(str(n))
        category = self.category.get()
        self._on_filters(n, self.hide.get(), None if category == ANY else category)

    def _tell_meaning(self) -> None:
        self._meaning.configure(text=METHODS[self.method.get()][1])
