"""Page of the customers: a table with filters, from which a campaign starts."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from smart_retail.protocol import CHURN_RISKS, CUSTOMER_SORTS, CustomerFilter
from smart_retail.results import Cluster, CustomerPage, Segment
from smart_retail_tkinter import analysis_tables
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_choice, add_text
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.customers import CustomersPresenter, read_filter
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.table import DataTable

ALL = "All"
TEXT_FIELDS = {
    "due_days": ("Due within days", 13),
    "min_amount": ("Amount from", 10),
    "max_amount": ("Amount to", 10),
    "last_order_from": ("Last order from", 12),
    "last_order_to": ("Last order to", 12),
}
"""Field of a filter that is typed -> label and width in characters."""
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
        Receives the filter of the customers to contact.
    """

    def __init__(
        self,
        master: tk.Misc,
        shell: Presenter,
        dialogs: Dialogs,
        *,
        on_open: Callable[[str], object],
        on_campaign: Callable[[CustomerFilter], object],
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
            "Enter or double click: show a customer. A heading sorts. Enter in a field applies it. Campaign and export "
            "are for all customers that pass the filters."
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
        self._place(*parts, ("Country", self.country))
        self._build_more_filters()
        self.text.trace_add("write", lambda *_: self._apply_soon())
        self.entry.bind("<Return>", lambda _: self.apply())
        self.entry.bind("<Down>", lambda _: self.customers.tree.focus_set())

    def _build_more_filters(self) -> None:
        line = ttk.Frame(self)
        line.pack(fill="x", pady=(0, 10))
        self.category = add_choice(line, (ALL,), self.apply, width=17)
        self.risk = add_choice(line, (ALL, *CHURN_RISKS), self.apply, width=8)
        self.texts = {name: tk.StringVar(self) for name in TEXT_FIELDS}
        self.fields = {
            name: ttk.Entry(line, textvariable=self.texts[name], width=width)
            for name, (_, width) in TEXT_FIELDS.items()
        }
        for field in self.fields.values():
            field.bind("<Return>", lambda _: self.apply())
        fields = ((label, self.fields[name]) for name, (label, _) in TEXT_FIELDS.items())
        self._place(("Bought in", self.category), ("Churn risk", self.risk), *fields)

    @staticmethod
    def _place(*fields: tuple[str, tk.Widget]) -> None:
        """Put fields of one line with their labels above them."""
        for i, (label, widget) in enumerate(fields):
            ttk.Label(widget.master, text=label, style="Small.TLabel").grid(row=0, column=i, sticky="w")
            widget.grid(row=1, column=i, sticky="ew", padx=(0, 10))

    def _apply_soon(self) -> None:
        if self._typing is not None:
            self.after_cancel(self._typing)
        self._typing = self.after(TYPING_DELAY_MS, self.apply)

    def apply(self) -> None:
        """Show the customers that pass the chosen filters."""
        if self._typing is not None:
            self.after_cancel(self._typing)
            self._typing = None
        boxes = {"segment": self.segment, "cluster": self.cluster, "country": self.country}
        boxes |= {"category": self.category, "churn_risk": self.risk}
        choices = {name: "" if box.get() == ALL else box.get() for name, box in boxes.items()}
        texts = {name: variable.get() for name, variable in self.texts.items()}
        self.presenter.filter(read_filter(choices, texts | {"text": self.text.get()}))

    def show_categories(self, categories: Sequence[str]) -> None:
        """Offer the categories of a model."""
        self.category.configure(values=(ALL, *categories))
        self.category.current(0)

    def show_groups(self, segments: Sequence[Segment], clusters: Sequence[Cluster]) -> None:
        """Offer the segments and clusters of a model; filters are cleared, since names may have changed."""
        self.segment.configure(values=(ALL, *(s.name for s in segments)))
        self.cluster.configure(values=(ALL, *dict.fromkeys(c.name for c in clusters)))
        for box in (self.segment, self.cluster, self.country, self.category, self.risk):
            box.current(0)
        for variable in self.texts.values():
            variable.set("")
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
        self.apply()  # a field that was typed in, but not confirmed
        self._on_campaign(self.presenter.query.filter)
