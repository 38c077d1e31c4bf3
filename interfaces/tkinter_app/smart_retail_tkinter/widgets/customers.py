"""The list of customers with its search field."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import font, ttk

from smart_retail.results import CustomerMatch
from smart_retail_tkinter import theme
from smart_retail_tkinter.widgets.scrolling import add_bar

SELECTION_DELAY_MS = 90
"""Milliseconds between the selection of a customer by arrow key and its request."""


class CustomerList(ttk.Frame):
    """Search while typing; Up and Down select customers also from the search field.

    Parameters
    ----------
    on_search : callable
        Receives the text whenever it changes.
    on_choose : callable
        Receives a customer id.
    """

    def __init__(self, master: tk.Misc, on_search: Callable[[str], object], on_choose: Callable[[str], object]) -> None:
        super().__init__(master)
        self._on_choose = on_choose
        self._names: dict[str, str] = {}
        self._pending_choice: str | None = None
        self._fitting: str | None = None
        self._chosen: str | None = None
        self._font = font.nametofont("SunValleyBodyFont", self)
        ttk.Label(self, text="Customers", style="Strong.TLabel").grid(row=0, column=0, sticky="w", pady=(0, 4))
        ttk.Label(self, text="by id or name", style="Small.TLabel").grid(row=0, column=0, columnspan=2, sticky="e")
        self.text = tk.StringVar(self)
        self.text.trace_add("write", lambda *_: on_search(self.text.get()))
        self.entry = ttk.Entry(self, textvariable=self.text)
        self.entry.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(0, 8))
        self.tree = ttk.Treeview(
            self,
            columns=("id", "name"),
            displaycolumns=("name",),
            show="tree",
            selectmode="browse",
            style="Tall.Treeview",
        )
        self.tree.column("#0", width=0, minwidth=0, stretch=False)
        self.tree.column("name", width=round(220 * theme.scaling(self)), stretch=True)
        add_bar(self.tree, 2, 1)
        self.tree.grid(row=2, column=0, sticky="nsew")
        self.note = ttk.Label(self, style="Small.TLabel")
        self.note.grid(row=3, column=0, columnspan=2, sticky="w", pady=(6, 0))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(2, weight=1)
        self.tree.bind("<<TreeviewSelect>>", self._selected)
        self.tree.bind("<Configure>", self._fit_soon)
        for widget in (self.entry,):
            widget.bind("<Down>", lambda _: self.move_selection(1))
            widget.bind("<Up>", lambda _: self.move_selection(-1))
            widget.bind("<Return>", lambda _: self._accept())
            widget.bind("<Control-Return>", lambda _: self._choose_exact_id())

    @property
    def selection_pending(self) -> bool:
        """Whether a selected customer has not been requested yet."""
        return self._pending_choice is not None

    def focus_search(self) -> None:
        """Move the focus to the search field and select its text."""
        self.entry.focus_set()
        self.entry.selection_range(0, "end")

    def fill(self, matches: Sequence[CustomerMatch], more: bool) -> None:
        """Show matches; the selected customer stays selected."""
        self.tree.delete(*self.tree.get_children())
        self._names.clear()
        for match in matches:
            i = self.tree.insert("", "end")
            first = match.customer_name or match.customer_id
            second = " · ".join(
                part for part in (match.customer_id if match.customer_name else "", match.segment) if part
            )
            self._names[i] = f"{first}\n{second}"
            self._write(i, match.customer_id)
            if match.customer_id == self._chosen:
                self.tree.selection_set(i)
        if not matches:
            text = self.text.get().strip()
            self.note.configure(text=f"No customer found. Press Enter to use {text!r} as an id." if text else "")
        else:
            self.note.configure(
                text=f"First {len(matches):,}; type to narrow the search" if more else f"{len(matches):,} found"
            )

    def _write(self, i: str, customer_id: str) -> None:
        width = self.tree.column("name", "width") - 14
        lines = "\n".join(theme.cut(line, width, self._font) for line in self._names[i].split("\n"))
        # Tcl receives a tuple as a list of strings, so that ids such as 00012 are unchanged.
        self.tree.tk.call(str(self.tree), "item", i, "-values", (customer_id, lines))

    def _fit_soon(self, _: tk.Event) -> None:
        if self._fitting is None:
            self._fitting = self.after(60, self._fit)

    def _fit(self) -> None:
        self._fitting = None
        for i in self.tree.get_children():
            self._write(i, self.tree.set(i, "id"))

    def move_selection(self, by: int) -> str:
        """Select the customer `by` rows below the selected one, or the first."""
        rows = self.tree.get_children()
        if rows:
            now = self.tree.selection()
            at = rows.index(now[0]) + by if now else 0
            row = rows[min(max(at, 0), len(rows) - 1)]
            self.tree.selection_set(row)
            self.tree.focus(row)
            self.tree.see(row)
        return "break"

    def _accept(self) -> None:
        """Select the first match; without a match use the text as an id."""
        rows = self.tree.get_children()
        if rows and not self.tree.selection():
            self.move_selection(0)
        elif not rows:
            self._choose_exact_id()

    def _choose_exact_id(self) -> str:
        """Use the text as an id, with blanks and case unchanged, whatever the search found."""
        if self.text.get():
            self.tree.selection_set()
            self._chosen = self.text.get()
            self._on_choose(self._chosen)
        return "break"

    def _selected(self, _: tk.Event) -> None:
        chosen = self.tree.selection()
        if not chosen:
            return
        customer = self.tree.set(chosen[0], "id")
        if customer != self._chosen:
            self._chosen = customer
            if self._pending_choice is not None:
                self.after_cancel(self._pending_choice)
            self._pending_choice = self.after(SELECTION_DELAY_MS, self._report_choice)

    def _report_choice(self) -> None:
        self._pending_choice = None
        if self._chosen is not None:
            self._on_choose(self._chosen)
