"""The form of a campaign: customers, products and test group, side by side."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from tkinter import ttk

from smart_retail.presentation.formatting import format_integer
from smart_retail.presentation.labels import METHODS
from smart_retail.protocol import ALL, ALL_CUSTOMERS, CHURN_RISKS, DEFAULT_HORIZON_DAYS, DEFAULT_METHOD
from smart_retail.results import ModelInfo, Segment
from smart_retail_tkinter import theme
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import add_text
from smart_retail_tkinter.presenters.campaign import CampaignForm
from smart_retail_tkinter.reports import HORIZONS
from smart_retail_tkinter.widgets.scrolling import add_bar

SEGMENT_ROWS = 5
ABOUT_HOLDOUT = "Held-out customers get nothing. The same name always holds out the same customers."
ABOUT_PURCHASED = "Customers of this shop often buy the same products again: consider to show them."


class CampaignFormView(ttk.Frame):
    """The form; `values` returns what is in it."""

    def __init__(self, master: tk.Misc, dialogs: Dialogs) -> None:
        super().__init__(master)
        self._dialogs = dialogs
        self.risks = {risk: tk.BooleanVar(self, False) for risk in CHURN_RISKS}
        texts = {"worth": "", "low": "", "high": "", "n": "5", "holdout": "10", "name": "campaign", "contacts": ""}
        self.texts = {name: tk.StringVar(self, text) for name, text in texts.items()}
        self.hide = tk.BooleanVar(self, True)
        self.customers = ALL_CUSTOMERS
        self._build_customers(self._group("Customers", 0, 1))
        self._build_products(self._group("Products", 1, 1))
        self._build_test_group(self._group("Test group", 2, 2))

    def _group(self, title: str, column: int, weight: int) -> ttk.Frame:
        """Return a group of fields with a title."""
        frame = ttk.Frame(self, padding=(0, 0, 10, 0))
        frame.grid(row=0, column=column, sticky="nsew")
        self.columnconfigure(column, weight=weight)
        ttk.Label(frame, text=title, style="Strong.TLabel").grid(row=0, column=0, columnspan=4, sticky="w", pady=(0, 4))
        return frame

    def _build_customers(self, frame: ttk.Frame) -> None:
        left = ttk.Frame(frame)
        left.grid(row=1, column=0, sticky="nsew", padx=(0, 12))
        self.segments = ttk.Treeview(
            left, columns=("name", "customers"), show="tree", selectmode="extended", height=SEGMENT_ROWS
        )
        scale = theme.scaling(self)
        self.segments.column("#0", width=0, minwidth=0, stretch=False)
        self.segments.column("name", width=round(112 * scale))
        self.segments.column("customers", width=round(48 * scale), anchor="e", stretch=False)
        self.segments.grid(row=0, column=0, sticky="nsew")
        add_bar(self.segments, 0, 1)
        ttk.Label(left, text="none selected: all", style="Small.TLabel").grid(row=1, column=0, sticky="w", pady=(2, 0))
        right = ttk.Frame(frame)
        right.grid(row=1, column=1, sticky="n")
        ttk.Label(right, text="Churn risk").grid(row=0, column=0, columnspan=2, sticky="w")
        risks = ttk.Frame(right)
        risks.grid(row=1, column=0, columnspan=2, sticky="w")
        for risk, variable in self.risks.items():
            ttk.Checkbutton(risks, text=risk, variable=variable).pack(side="left")
        self.worth_label = self._field(right, 2, "Worth more than", self.texts["worth"])
        ttk.Label(right, text="Likely to order, %").grid(row=3, column=0, sticky="w", padx=(0, 8), pady=2)
        likely = ttk.Frame(right)
        likely.grid(row=3, column=1, sticky="w")
        ttk.Entry(likely, textvariable=self.texts["low"], width=3, justify="right").pack(side="left")
        ttk.Label(likely, text="to").pack(side="left", padx=4)
        ttk.Entry(likely, textvariable=self.texts["high"], width=3, justify="right").pack(side="left")
        ttk.Label(right, text="Within").grid(row=4, column=0, sticky="w", padx=(0, 8), pady=2)
        self.horizon = ttk.Combobox(right, values=tuple(HORIZONS), state="readonly", width=8)
        self.horizon.set(f"{DEFAULT_HORIZON_DAYS} days")
        self.horizon.grid(row=4, column=1, sticky="w", pady=2)

    def _build_products(self, frame: ttk.Frame) -> None:
        ttk.Label(frame, text="Method").grid(row=1, column=0, sticky="w", padx=(0, 8), pady=2)
        self.method_labels = {label: name for name, (label, _) in METHODS.items() if name != ALL}
        self.method = ttk.Combobox(frame, values=tuple(self.method_labels), state="readonly", width=11)
        self.method.set(METHODS[DEFAULT_METHOD][0])
        self.method.grid(row=1, column=1, sticky="w", pady=2)
        ttk.Label(frame, text="For each").grid(row=2, column=0, sticky="w", padx=(0, 8), pady=2)
        spin = ttk.Spinbox(frame, textvariable=self.texts["n"], from_=1, to=20, width=5, justify="right")
        spin.grid(row=2, column=1, sticky="w", pady=2)
        ttk.Checkbutton(frame, text="Hide purchased", variable=self.hide).grid(
            row=3, column=0, columnspan=2, sticky="w", pady=2
        )
        self.purchased_note = add_text(frame, "Small.TLabel")
        self.purchased_note.grid(row=4, column=0, columnspan=2, sticky="ew")

    def _build_test_group(self, frame: ttk.Frame) -> None:
        frame.columnconfigure(1, weight=1)
        ttk.Label(frame, text="Held out, %").grid(row=1, column=0, sticky="w", padx=(0, 8), pady=2)
        spin = ttk.Spinbox(
            frame, textvariable=self.texts["holdout"], from_=0, to=90, increment=5, width=5, justify="right"
        )
        spin.grid(row=1, column=1, sticky="w", pady=2)
        self._field(frame, 2, "Name", self.texts["name"], width=13)
        self._field(frame, 3, "Contacts", self.texts["contacts"], width=13)
        ttk.Button(frame, text="…", command=self._choose_contacts, width=2).grid(row=3, column=2, padx=(6, 0))
        note = add_text(frame, "Small.TLabel")
        note.configure(text=ABOUT_HOLDOUT)
        note.grid(row=4, column=0, columnspan=3, sticky="ew", pady=(2, 0))

    def _field(self, frame: ttk.Frame, row: int, text: str, variable: tk.StringVar, width: int = 8) -> ttk.Label:
        """Add a labelled text field and return its label."""
        label = ttk.Label(frame, text=text)
        label.grid(row=row, column=0, sticky="w", padx=(0, 8), pady=2)
        ttk.Entry(frame, textvariable=variable, width=width).grid(row=row, column=1, sticky="w", pady=2)
        return label

    def _choose_contacts(self) -> None:
        for path in self._dialogs.choose_sources("Open contacts, such as e-mail addresses")[:1]:
            self.texts["contacts"].set(path)

    def show_model(self, model: ModelInfo) -> None:
        """Show the currency of a model, and whether its customers often buy the same products again."""
        self.worth_label.configure(text=f"Worth more than{f' ({model.currency})' if model.currency else ''}")
        self.purchased_note.configure(text=ABOUT_PURCHASED if model.show_purchased else "")

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Offer segments with their numbers of customers; those that were selected stay selected."""
        chosen = self._chosen_segments()
        self.segments.delete(*self.segments.get_children())
        for segment in segments:
            row = self.segments.insert("", "end", values=(segment.name, format_integer(segment.customers)))
            if segment.name in chosen:
                self.segments.selection_add(row)

    def clear_customers(self) -> None:
        """Select no segment and clear the limits, so that all customers of a filter are chosen."""
        self.segments.selection_set(())
        for variable in self.risks.values():
            variable.set(False)
        for name in ("worth", "low", "high"):
            self.texts[name].set("")

    def _chosen_segments(self) -> tuple[str, ...]:
        return tuple(self.segments.set(row, "name") for row in self.segments.selection())

    def values(self) -> CampaignForm:
        """Return what is in the form."""
        texts = {name: variable.get() for name, variable in self.texts.items()}
        return CampaignForm(
            segments=self._chosen_segments(),
            churn_risks=tuple(risk for risk, variable in self.risks.items() if variable.get()),
            worth_above=texts["worth"],
            likely_from=texts["low"],
            likely_to=texts["high"],
            horizon_days=int(HORIZONS[self.horizon.get()]),
            method=self.method_labels[self.method.get()],
            n=texts["n"],
            exclude_purchased=self.hide.get(),
            holdout=texts["holdout"],
            name=texts["name"],
            customers=self.customers,
            contacts=texts["contacts"].strip(),
        )
