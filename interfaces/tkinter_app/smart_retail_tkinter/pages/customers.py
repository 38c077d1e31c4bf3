"""Page of the customers: a table with filters, from which a campaign starts."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from smart_retail.protocol import CUSTOMER_SORTS
from smart_retail.results import Cluster, CustomerPage, Segment
from smart_retail_tkinter import analysis_tables
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_choice, add_text
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.customers import CustomersPresenter
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.table import DataTable

ALL = "All"
TYPING_DELAY_MS = 150
"""Milliseconds between the last typed character and the request."""


class SortedByEngine(DataTable):
    """A table of customers whose headings sort all customers, not only those on screen."""

    def __init__(self, master: tk.Misc, on_sort: Callable[[str, bool], object], **options: object) -> None:
        self._on_sort = on_sort
        super().__init__(master, Table(analysis_tables.CUSTOMERS), **options)  # type: ignore[arg-type]

    def sort(self, column: int) -> None:
        """Sort by a column; a second call reverses the order. Numbers and dates begin with the largest."""
        name = self.table.columns[column].name
        if name not in CUSTOMER_SORTS:
            super().sort(column)
            return
        again = self._order is not None and self._order[0] == column
        descending = not self._order[1] if again and self._order else self.table.columns[column].number
        self._order = (column, descending)
        self._mark_order(column, descending)
        self._on_sort(name, not descending)


class CustomersPage(Page):
    """Filters, a table, and what can be done with the customers.

    Parameters
    ----------
    on_open : callable
        Receives the id of a customer to show.
    on_campaign : callable
        Receives the segment to contact, empty for all.
    """

    def __init__(
        self,
        master: tk.Misc,
        shell: Presenter,
        dialogs: Dialogs,
        *,
        on_open: Callable[[str], object],
        on_campaign: Callable[[str], object],
    ) -> None:
        super().__init__(master, shell, dialogs)
        self.presenter = CustomersPresenter(self, shell)
        self._on_campaign = on_campaign
        self._typing: str | None = None
        self._build_filters()
        head = ttk.Frame(self)
        head.pack(fill="x", pady=(0, 8))
        self.campaign = ttk.Button(head, text="Make a campaign", style="Accent.TButton", command=self._make_campaign)
        self.campaign.pack(side="right", padx=(12, 0))
        self.summary = add_text(head)
        self.summary.pack(side="left", fill="x", expand=True)
        hint = (
            "Enter or double click: show a customer. A heading sorts. A campaign chooses by segment, not by text, "
            "cluster or country. Export saves all customers that pass the filters."
        )
        note = add_text(self, "Small.TLabel")
        note.configure(text=hint)
        note.pack(side="bottom", fill="x", pady=(6, 0))
        self.customers = SortedByEngine(self, self.presenter.sort, on_open=lambda row: on_open(row.key))
        self.customers.pack(fill="both", expand=True)

    def _build_filters(self) -> None:
        line = ttk.Frame(self)
        line.pack(fill="x", pady=(0, 10))
        self.text = tk.StringVar(self)
        self.entry = ttk.Entry(line, textvariable=self.text, width=20)
        self.segment = add_choice(line, (ALL,), self.apply, width=17)
        self.cluster = add_choice(line, (ALL,), self.apply, width=22)
        self.country = add_choice(line, (ALL,), self.apply, width=16)
        parts = (("Search id or name", self.entry), ("Segment", self.segment), ("Cluster", self.cluster))
        for i, (label, widget) in enumerate((*parts, ("Country", self.country))):
            ttk.Label(line, text=label, style="Small.TLabel").grid(row=0, column=i, sticky="w")
            widget.grid(row=1, column=i, sticky="ew", padx=(0, 10))
        self.text.trace_add("write", lambda *_: self._apply_soon())
        self.entry.bind("<Return>", lambda _: self.apply())
        self.entry.bind("<Down>", lambda _: self.customers.tree.focus_set())

    def _apply_soon(self) -> None:
        if self._typing is not None:
            self.after_cancel(self._typing)
        self._typing = self.after(TYPING_DELAY_MS, self.apply)

    def apply(self) -> None:
        """Show the customers that pass the chosen filters."""
        if self._typing is not None:
            self.after_cancel(self._typing)
            self._typing = None
        names = (box.get() for box in (self.segment, self.cluster, self.country))
        self.presenter.filter(self.text.get(), *("" if name == ALL else name for name in names))

    def show_groups(self, segments: Sequence[Segment], clusters: Sequence[Cluster]) -> None:
        """Offer the segments and clusters of a model; filters are cleared, since names may have changed."""
        self.segment.configure(values=(ALL, *(s.name for s in segments)))
        self.cluster.configure(values=(ALL, *dict.fromkeys(c.name for c in clusters)))
        for box in (self.segment, self.cluster, self.country):
            box.current(0)
        self.text.set("")
        self.presenter.clear()

    def refresh(self) -> None:
        self.presenter.refresh()

    def show_customers(self, found: CustomerPage, summary: str) -> None:
        """Show a page of customers."""
        self.country.configure(values=(ALL, *found.countries))
        self.country.state(["disabled" if len(found.countries) < 2 else "!disabled"])
        self.summary.configure(text=summary)
        self.customers.fill(analysis_tables.customer_table(found.entries))

    def table(self) -> tuple[str, Table]:
        return "customers", self.customers.displayed()

    def export(self, path: str) -> None:
        self.presenter.export(path)

    def _make_campaign(self) -> None:
        self._on_campaign(self.presenter.query.segment)
