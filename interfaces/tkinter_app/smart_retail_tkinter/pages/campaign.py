"""Page of campaigns: the form with the preview and the file, and the measurement of the effect."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from tkinter import ttk
from typing import TYPE_CHECKING

from smart_retail.protocol import ALL_CUSTOMERS, CustomerFilter
from smart_retail.results import Segment
from smart_retail_tkinter import analysis_tables
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_text, step_notebook
from smart_retail_tkinter.pages.campaign_form import CampaignFormView
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.campaign import EFFECT_LANE, LANE, CampaignPresenter
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label
from smart_retail_tkinter.widgets.table import DataTable

if TYPE_CHECKING:
    from smart_retail.analysis.campaign import Campaign
    from smart_retail.analysis.uplift import CampaignEffect

PREPARE, MEASURE = range(2)
"""Indices of the tabs."""
BEFORE = "Choose customers and products. You see the campaign before you save it; no customer is contacted."
ABOUT_EFFECT = "Compares revenue and buyers of the contacted customers with those of the held-out ones."


class CampaignPage(Page):
    """Two tabs: prepare a campaign, and measure its effect."""

    def __init__(self, master: tk.Misc, shell: Presenter, dialogs: Dialogs) -> None:
        super().__init__(master, shell, dialogs)
        self.presenter = CampaignPresenter(self, shell)
        self._orders: tuple[str, ...] = ()
        self._model = ""
        self.tabs = ttk.Notebook(self)
        self.tabs.pack(fill="both", expand=True)
        self._build_prepare()
        self._build_measure()

    def _tab(self, title: str) -> ttk.Frame:
        page = ttk.Frame(self.tabs, padding=(12, 8, 12, 4))
        self.tabs.add(page, text=title)
        return page

    def _build_prepare(self) -> None:
        page = self._tab("Prepare")
        self.form = CampaignFormView(page, self._dialogs)
        self.form.pack(fill="x")
        self._chosen_line = ttk.Frame(page)
        self.all_customers = ttk.Button(
            self._chosen_line, text="All customers", command=lambda: self._choose(ALL_CUSTOMERS)
        )
        self.all_customers.pack(side="right", padx=(12, 0))
        self.chosen = add_text(self._chosen_line)
        self.chosen.pack(side="left", fill="x", expand=True)
        line = ttk.Frame(page)
        line.pack(fill="x", pady=(8, 6))
        self.make = ttk.Button(line, text="Make the campaign", style="Accent.TButton", command=self._make)
        self.make.pack(side="left", padx=(0, 12))
        self.saves: dict[str, ttk.Button] = {}
        for ending, text in (("csv", "Save CSV"), ("xlsx", "Save Excel, a sheet per group")):
            button = ttk.Button(line, text=text, command=lambda ending=ending: self._save(ending), state="disabled")  # type: ignore[misc]
            button.pack(side="right", padx=(8, 0))
            self.saves[ending] = button
        self.add_work_bar(line, LANE, self.make).pack(side="left")
        self.groups = add_text(page)
        self.groups.configure(text=BEFORE)
        self.groups.pack(fill="x")
        self.expected = add_text(page, "Muted.TLabel")
        self.expected.pack(fill="x", pady=(2, 6))
        detail = add_detail_label(page, lines=2)
        self.customers = DataTable(
            page, Table(analysis_tables.CAMPAIGN), on_choose=lambda row: detail.configure(text=row.detail), height=5
        )
        self.customers.pack(fill="both", expand=True)

    def _build_measure(self) -> None:
        page = self._tab("Measure")
        form = ttk.Frame(page)
        form.pack(fill="x")
        form.columnconfigure(1, weight=1)
        self.campaign_file, self.order_files = tk.StringVar(self), tk.StringVar(self)
        self.since = tk.StringVar(self)
        lines = (
            ("Campaign file", self.campaign_file, self._choose_campaign),
            ("Orders since the campaign", self.order_files, self._choose_orders),
        )
        for row, (label, variable, command) in enumerate(lines):
            ttk.Label(form, text=label).grid(row=row, column=0, sticky="w", padx=(0, 12), pady=3)
            ttk.Entry(form, textvariable=variable).grid(row=row, column=1, sticky="ew", pady=3)
            ttk.Button(form, text="Choose…", command=command, width=11).grid(row=row, column=2, padx=(10, 0), pady=3)
        ttk.Label(form, text="First day that counts").grid(row=2, column=0, sticky="w", padx=(0, 12), pady=3)
        ttk.Entry(form, textvariable=self.since, width=12).grid(row=2, column=1, sticky="w", pady=3)
        line = ttk.Frame(page)
        line.pack(fill="x", pady=(8, 10))
        self.measure = ttk.Button(line, text="Measure", style="Accent.TButton", command=self._measure)
        self.measure.pack(side="left", padx=(0, 12))
        self.add_work_bar(line, EFFECT_LANE, self.measure).pack(side="left")
        self.verdict = add_text(page)
        self.verdict.configure(text=ABOUT_EFFECT)
        self.verdict.pack(fill="x", pady=(0, 4))
        self.compared = add_text(page, "Muted.TLabel")
        self.compared.pack(fill="x", pady=(0, 8))
        self.effect = DataTable(page, analysis_tables.effect_table(None, ""), height=3)
        self.effect.pack(fill="both", expand=True)

    # User input ------------------------------------------------------------------------------

    def _make(self) -> None:
        self.presenter.make(self.form.values())

    def _save(self, ending: str) -> None:
        path = self._dialogs.choose_save_path("Save the campaign", self.presenter.file_name(), ending)
        if path:
            self.presenter.save(path)

    def _choose_campaign(self) -> None:
        for path in self._dialogs.choose_sources("Open a campaign file")[:1]:
            self.campaign_file.set(path)

    def _choose_orders(self) -> None:
        chosen = self._dialogs.choose_sources("Open the orders since the campaign")
        if chosen:
            self.order_files.set("; ".join(chosen))

    def _measure(self) -> None:
        orders = tuple(path for path in (part.strip() for part in self.order_files.get().split(";")) if path)
        self.presenter.measure(self.campaign_file.get().strip(), orders, self.since.get())

    def choose_customers(self, selected: CustomerFilter) -> None:
        """Choose the customers of a filtered table; choices of the form that would narrow them are cleared."""
        self.tabs.select(PREPARE)  # type: ignore[no-untyped-call]
        self.form.clear_customers()
        self._choose(selected)

    def _choose(self, selected: CustomerFilter) -> None:
        self.form.customers = selected
        self.presenter.choose(selected)

    def step_tab(self, step: int) -> None:
        step_notebook(self.tabs, step)

    # Calls of the window and the presenter -------------------------------------------------------

    def refresh(self) -> None:
        model = self._shell.model
        if model is not None and model.version != self._model:
            self._model = model.version
            self.since.set(self.presenter.default_since())
            self.form.show_model(model)

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Offer the segments of a model; the customers of a table are forgotten, since names may have changed."""
        self.form.show_segments(segments)
        if self.form.customers.conditions:
            self._choose(ALL_CUSTOMERS)

    def show_chosen(self, text: str) -> None:
        """Show which customers of the page Customers are chosen; an empty text stands for all."""
        self.chosen.configure(text=text)
        if text:
            self._chosen_line.pack(fill="x", pady=(0, 8), before=self.form)
        else:
            self._chosen_line.pack_forget()

    def show_campaign(self, campaign: Campaign, sentences: tuple[str, ...]) -> None:
        """Show groups and first customers of a campaign."""
        self.groups.configure(text=sentences[0])
        self.expected.configure(text=" ".join(sentences[1:]))
        self.customers.fill(analysis_tables.campaign_table(campaign))
        for button in self.saves.values():
            button.state(["!disabled" if campaign.rows else "disabled"])

    def show_campaign_file(self, path: str) -> None:
        """Offer a saved campaign for its measurement."""
        self.campaign_file.set(path)

    def show_effect(self, effect: CampaignEffect, currency: str) -> None:
        """Show the effect of a campaign."""
        from smart_retail.analysis.uplift import describe_effect

        verdict, compared = describe_effect(effect)
        self.verdict.configure(text=verdict)
        self.compared.configure(text=compared)
        self.effect.fill(analysis_tables.effect_table(effect, currency))

    def table(self) -> tuple[str, Table]:
        if int(self.tabs.index("current")) == MEASURE:  # type: ignore[no-untyped-call]
            return "effect", self.effect.displayed()
        return "campaign", self.customers.displayed()

    def export(self, path: str) -> None:
        if int(self.tabs.index("current")) == MEASURE:  # type: ignore[no-untyped-call]
            super().export(path)
        else:
            self.presenter.save(path)
