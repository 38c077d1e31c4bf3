"""One customer: who they are, their list by the chosen method, what they bought, where they stand in the grid."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from tkinter import ttk

from smart_retail.protocol import ALL
from smart_retail.results import CustomerProfile, GridCell, RecommendationList, Segment
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.table_models import Row, Table
from smart_retail_tkinter.widgets.detail_pane import add_detail
from smart_retail_tkinter.widgets.grid import RfmGrid
from smart_retail_tkinter.widgets.method_comparison import SideBySide
from smart_retail_tkinter.widgets.method_controls import MethodBar
from smart_retail_tkinter.widgets.table import DataTable

LIST, PURCHASES, SEGMENTS = range(3)
"""The tabs."""


class CustomerView(ttk.Frame):
    """The right-hand side of the window."""

    def __init__(self, master: tk.Misc, presenter: Presenter) -> None:
        super().__init__(master, padding=(10, 0, 0, 0))
        self._presenter = presenter
        self.title = ttk.Label(self, text="No customer chosen", style="Title.TLabel")
        self.title.pack(fill="x")
        self.profile = ttk.Label(self, style="Muted.TLabel")
        self.profile.pack(fill="x", pady=(2, 8))
        self.tabs = ttk.Notebook(self)
        self.tabs.pack(fill="both", expand=True)
        self._build_list()
        self._build_purchases()
        self._build_segments()

    def _page(self, title: str) -> ttk.Frame:
        page = ttk.Frame(self.tabs, padding=(12, 8, 12, 4))
        self.tabs.add(page, text=title)
        return page

    def _build_list(self) -> None:
        page = self._page("Recommendations")
        presenter = self._presenter
        self.methods = MethodBar(page, presenter.choose_method, presenter.set_filters)
        self.methods.pack(fill="x", pady=(0, 10))
        detail = add_detail(page)
        self.list_detail = detail
        self._lists = ttk.Frame(page)
        self._lists.pack(fill="both", expand=True)
        self.one = DataTable(
            self._lists,
            Table(table_models.RECOMMENDATIONS),
            on_open=self._similar,
            on_choose=lambda row: detail.configure(text=row.detail),
            wrapped=True,
        )
        self.all = SideBySide(self._lists, presenter.similar, lambda text: detail.configure(text=text))
        self.one.pack(fill="both", expand=True)

    def _build_purchases(self) -> None:
        page = self._page("Purchases")
        detail = add_detail(page)
        self.purchases = DataTable(
            page,
            Table(table_models.PURCHASES),
            on_open=self._similar,
            on_choose=lambda row: detail.configure(text=row.detail),
        )
        self.purchases.pack(fill="both", expand=True)

    def _build_segments(self) -> None:
        page = self._page("Segments")
        head = ttk.Frame(page)
        head.pack(fill="x", pady=(0, 10))
        self.finding = ttk.Label(head, style="Strong.TLabel")
        self.finding.pack(side="left")
        ttk.Label(head, text="in a cell: segment, customers, revenue; ★ this customer", style="Small.TLabel").pack(
            side="right"
        )
        detail = add_detail(page)
        beside = ttk.Frame(page)
        beside.pack(side="right", fill="y", padx=(12, 0))
        self.segments = DataTable(
            beside, Table(table_models.SEGMENTS), on_choose=lambda row: detail.configure(text=row.detail)
        )
        self.segments.pack(fill="both", expand=True)
        self.grid_picture = RfmGrid(page, lambda text: detail.configure(text=text))
        self.grid_picture.pack(side="left", fill="both", expand=True)

    def _similar(self, row: Row) -> None:
        self._presenter.similar(row.key, row.name)

    def show_profile(self, profile: CustomerProfile, currency: str) -> None:
        self.title.configure(text=formatting.join_name_and_id(profile.customer_name, profile.customer_id))
        self.profile.configure(text=formatting.describe_profile(profile, currency))
        self.purchases.fill(table_models.purchases(profile.purchases))
        self.tabs.tab(PURCHASES, text=f"Purchases ({len(profile.purchases):,})")
        self.grid_picture.mark(profile.rfm)

    def show_list(self, answer: RecommendationList) -> None:
        wide = answer.method == ALL
        shown, hidden = (self.all, self.one) if wide else (self.one, self.all)
        hidden.pack_forget()
        shown.pack(fill="both", expand=True)
        text = "filled up from what is popular: not enough is known for a longer list" if answer.fallback else ""
        self.list_detail.configure(text=text)
        if wide:
            self.all.fill(answer)
        else:
            self.one.fill(table_models.recommendations(answer.items))

    def show_groups(self, cells: Sequence[GridCell], segments: Sequence[Segment]) -> None:
        self.grid_picture.fill(cells)
        self.segments.fill(table_models.segments(segments))
        top = max(segments, key=lambda segment: segment.revenue_share, default=None)
        if top is not None:
            self.finding.configure(
                text=f"{top.name}: {formatting.format_percent(top.share)} of the customers, "
                f"{formatting.format_percent(top.revenue_share)} of the revenue"
            )

    def table(self) -> tuple[str, Table]:
        """What the tab in front shows, and its name for a file."""
        tab = self.tabs.index("current")
        if tab == PURCHASES:
            return "purchases", self.purchases.shown()
        if tab == SEGMENTS:
            return "segments", self.segments.shown()
        if self._presenter.method_shown == ALL:
            return "list", self._presenter.list_table()
        return "list", self.one.shown()
