"""The customers: a search field and the list of who it finds."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import font, ttk

from smart_retail.results import CustomerMatch
from smart_retail_tkinter import theme
from smart_retail_tkinter.widgets.scrolling import add_bar

PAUSE = 90
"""Milliseconds of rest before a customer passed by arrow key is asked for."""


class CustomerList(ttk.Frame):
    """Search as you type; Up and Down walk through the list also from the search field.

    Parameters
    ----------
    on_search : callable
        Is handed the text whenever it changes.
    on_choose : callable
        Is handed a customer's id.
    """

    def __init__(self, master: tk.Misc, on_search: Callable[[str], object], on_choose: Callable[[str], object]) -> None:
        super().__init__(master)
        self._on_choose = on_choose
        self._names: dict[str, str] = {}
        self._waiting: str | None = None
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
            widget.bind("<Down>", lambda _: self._step(1))
            widget.bind("<Up>", lambda _: self._step(-1))
            widget.bind("<Return>", lambda _: self._take())
            widget.bind("<Control-Return>", lambda _: self._ask_exactly())

    def focus_search(self) -> None:
        self.entry.focus_set()
        self.entry.selection_range(0, "end")

    def fill(self, matches: Sequence[CustomerMatch], more: bool) -> None:
        """Show who was found; the chosen customer stays chosen."""
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
            self.note.configure(text=f"Nobody matches. Enter asks for {text!r} as it is." if text else "")
        else:
            self.note.configure(
                text=f"the first {len(matches):,}; type to narrow" if more else f"{len(matches):,} found"
            )

    def _write(self, i: str, customer_id: str) -> None:
        width = self.tree.column("name", "width") - 14
        lines = "\n".join(theme.cut(line, width, self._font) for line in self._names[i].split("\n"))
        # A tuple reaches Tcl as a list of texts: ids such as 00012 stay what they are.
        self.tree.tk.call(str(self.tree), "item", i, "-values", (customer_id, lines))

    def _fit_soon(self, _: tk.Event) -> None:
        if self._fitting is None:
            self._fitting = self.after(60, self._fit)

    def _fit(self) -> None:
        self._fitting = None
        for i in self.tree.get_children():
            self._write(i, self.tree.set(i, "id"))

    def _step(self, by: int) -> str:
        rows = self.tree.get_children()
        if rows:
            now = self.tree.selection()
            at = rows.index(now[0]) + by if now else 0
            row = rows[min(max(at, 0), len(rows) - 1)]
            self.tree.selection_set(row)
            self.tree.focus(row)
            self.tree.see(row)
        return "break"

    def _take(self) -> None:
        """Enter in the search field: the first found, or the text itself as an id."""
        rows = self.tree.get_children()
        if rows and not self.tree.selection():
            self._step(0)
        elif not rows:
            self._ask_exactly()

    def _ask_exactly(self) -> str:
        """Ask for the text as it stands there, blanks and case included, whoever is found."""
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
            if self._waiting is not None:
                self.after_cancel(self._waiting)
            self._waiting = self.after(PAUSE, self._tell)

    def _tell(self) -> None:
        self._waiting = None
        if self._chosen is not None:
            self._on_choose(self._chosen)
