"""The right-hand side of the window: the selected customer, and segments, clusters and sales of the shop."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from tkinter import ttk

from smart_retail.presentation.sales_texts import PERIODS, describe_sales
from smart_retail.protocol import ALL, DEFAULT_SALES_DAYS
from smart_retail.results import (
    Cluster,
    CustomerProfile,
    CustomerValue,
    GridCell,
    RecommendationList,
    SalesComparison,
    Segment,
)
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.table_models import Row, Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label, wrap_to_width
from smart_retail_tkinter.widgets.grid import RfmGrid
from smart_retail_tkinter.widgets.method_comparison import MethodComparison
from smart_retail_tkinter.widgets.method_controls import MethodControls
from smart_retail_tkinter.widgets.table import DataTable

LIST, PURCHASES, SEGMENTS, CLUSTERS, SALES = range(5)
"""Indices of the tabs."""
NO_CUSTOMER = "No customer selected"
FALLBACK_HINT = "The method found too few products; the list is filled with popular ones."
SHARED_ITEMS_HINT = "A product in several lists has the same symbol and colour in each of them."


class CustomerView(ttk.Frame):
    """The right-hand side of the window."""

    def __init__(self, master: tk.Misc, presenter: Presenter) -> None:
        super().__init__(master, padding=(10, 0, 0, 0))
        self._presenter = presenter
        self.title = ttk.Label(self, text=NO_CUSTOMER, style="Title.TLabel")
        self.title.pack(fill="x")
        self.profile = ttk.Label(self, style="Muted.TLabel")
        self.profile.pack(fill="x", pady=(2, 4))
        wrap_to_width(self.profile)
        self.value = ttk.Label(self, style="Small.TLabel")
        self.value.pack(fill="x", pady=(0, 8))
        wrap_to_width(self.value)
        self.tabs = ttk.Notebook(self)
        self.tabs.pack(fill="both", expand=True)
        self._build_list()
        self._build_purchases()
        self._build_segments()
        self._build_clusters()
        self._build_sales()

    def _page(self, title: str) -> ttk.Frame:
        page = ttk.Frame(self.tabs, padding=(12, 8, 12, 4))
        self.tabs.add(page, text=title)
        return page

    def _build_list(self) -> None:
        page = self._page("Recommendations")
        presenter = self._presenter
        self.methods = MethodControls(page, presenter.choose_method, presenter.set_filters, presenter.view.show_error)
        self.methods.pack(fill="x", pady=(0, 10))
        detail = add_detail_label(page)
        self.list_detail = detail
        self._lists = ttk.Frame(page)
        self._lists.pack(fill="both", expand=True)
        self.single_list = DataTable(
            self._lists,
            Table(table_models.RECOMMENDATIONS),
            on_open=self._similar,
            on_choose=lambda row: detail.configure(text=row.detail),
            wrapped=True,
        )
        self.comparison = MethodComparison(self._lists, presenter.similar, lambda text: detail.configure(text=text))
        self.single_list.pack(fill="both", expand=True)

    def _build_purchases(self) -> None:
        page = self._page("Purchases")
        detail = add_detail_label(page)
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
        self.headline = ttk.Label(head, style="Strong.TLabel")
        self.headline.pack(side="left")
        ttk.Label(
            head, text="Each cell: segment, customers, revenue; ★ marks this customer", style="Small.TLabel"
        ).pack(side="right")
        detail = add_detail_label(page)
        side = ttk.Frame(page)
        side.pack(side="right", fill="y", padx=(12, 0))
        self.segments = DataTable(
            side, Table(table_models.SEGMENTS), on_choose=lambda row: detail.configure(text=row.detail)
        )
        self.segments.pack(fill="both", expand=True)
        self.rfm_grid = RfmGrid(page, lambda text: detail.configure(text=text))
        self.rfm_grid.pack(side="left", fill="both", expand=True)

    def _build_clusters(self) -> None:
        page = self._page("Clusters")
        detail = add_detail_label(page)
        self.clusters = DataTable(
            page, Table(table_models.CLUSTERS), on_choose=lambda row: detail.configure(text=row.detail)
        )
        self.clusters.pack(fill="both", expand=True)

    def _build_sales(self) -> None:
        page = self._page("Sales")
        head = ttk.Frame(page)
        head.pack(fill="x", pady=(0, 10))
        self.sales_headline = ttk.Label(head, style="Strong.TLabel")
        self.sales_headline.pack(side="left")
        self.sales_days = ttk.Combobox(head, values=list(PERIODS.values()), state="readonly", width=10)
        self.sales_days.set(PERIODS[DEFAULT_SALES_DAYS])
        self.sales_days.pack(side="right")
        ttk.Label(head, text="Last", style="Small.TLabel").pack(side="right", padx=(0, 8))
        self.sales_days.bind("<<ComboboxSelected>>", lambda _: self._presenter.show_sales(self._chosen_days()))
        self.sales = DataTable(page, Table(table_models.SALES))
        self.sales.pack(fill="both", expand=True)

    def _chosen_days(self) -> int:
        return next(days for days, label in PERIODS.items() if label == self.sales_days.get())

    def _similar(self, row: Row) -> None:
        self._presenter.similar(row.key, row.name)

    def choose_method(self, method: str) -> None:
        """Show the recommendations of a method."""
        self.select_tab(LIST)
        self.methods.choose(method)

    def select_tab(self, tab: int) -> None:
        """Show a tab by its index."""
        self.tabs.select(tab)  # type: ignore[no-untyped-call]

    def current_tab(self) -> int:
        """Return the index of the visible tab."""
        return int(self.tabs.index("current"))  # type: ignore[no-untyped-call]

    def step_tab(self, step: int) -> None:
        """Select and focus the next (1) or previous (-1) tab."""
        self.select_tab((self.current_tab() + step) % len(self.tabs.tabs()))  # type: ignore[no-untyped-call]
        self.tabs.focus_set()

    def clear(self) -> None:
        """Show that no customer is selected."""
        self.title.configure(text=NO_CUSTOMER)
        self.profile.configure(text="")
        self.value.configure(text="")
        self.purchases.fill(Table(table_models.PURCHASES))
        self.set_purchase_count(None)
        self.rfm_grid.mark(None)
        self.single_list.fill(Table(table_models.RECOMMENDATIONS))
        self.comparison.clear()
        self.list_detail.configure(text="")

    def show_profile(self, profile: CustomerProfile, currency: str) -> None:
        """Show profile and purchases of a customer."""
        self.title.configure(text=formatting.join_name_and_id(profile.customer_name, profile.customer_id))
        self.profile.configure(text=formatting.describe_profile(profile, currency))
        self.purchases.fill(table_models.purchase_table(profile.purchases))
        self.set_purchase_count(len(profile.purchases))
        self.rfm_grid.mark(profile.rfm)

    def show_value(self, value: CustomerValue, currency: str) -> None:
        """Show the forecast of a customer."""
        self.value.configure(text=formatting.describe_value(value, currency))

    def set_purchase_count(self, count: int | None) -> None:
        """Show the number of purchases in the title of their tab; None shows no number."""
        title = "Purchases" if count is None else f"Purchases ({count:,})"
        self.tabs.tab(PURCHASES, text=title)  # type: ignore[no-untyped-call]

    def show_list(self, recommendations: RecommendationList) -> None:
        """Show a list, or the lists of all methods side by side."""
        wide = recommendations.method == ALL
        shown, hidden = (self.comparison, self.single_list) if wide else (self.single_list, self.comparison)
        hidden.pack_forget()
        shown.pack(fill="both", expand=True)
        hints = (FALLBACK_HINT if recommendations.fallback else "", SHARED_ITEMS_HINT if wide else "")
        self.list_detail.configure(text="\n".join(hint for hint in hints if hint))
        if wide:
            self.comparison.fill(recommendations)
        else:
            self.single_list.fill(table_models.recommendation_table(recommendations.items))

    def show_sales(self, sales: SalesComparison, currency: str) -> None:
        """Show the sales of a period."""
        self.sales_headline.configure(text=describe_sales(sales, currency))
        self.sales.fill(table_models.sales_table(sales, currency))

    def show_groups(self, cells: Sequence[GridCell], segments: Sequence[Segment], clusters: Sequence[Cluster]) -> None:
        """Show the RFM grid, the segments and the clusters."""
        self.rfm_grid.fill(cells)
        self.clusters.fill(table_models.cluster_table(clusters))
        self.segments.fill(table_models.segment_table(segments))
        top = max(segments, key=lambda segment: segment.revenue_share, default=None)
        if top is not None:
            self.headline.configure(
                text=f"{top.name}: {formatting.format_percent(top.share)} of customers, "
                f"{formatting.format_percent(top.revenue_share)} of revenue"
            )

    def table(self) -> tuple[str, Table]:
        """Return the table of the visible tab, and its name for a file."""
        tab = self.current_tab()
        if tab == PURCHASES:
            return "purchases", self.purchases.displayed()
        if tab == SEGMENTS:
            return "segments", self.segments.displayed()
        if tab == CLUSTERS:
            return "clusters", self.clusters.displayed()
        if tab == SALES:
            return "sales", self.sales.displayed()
        if self._presenter.method_shown == ALL:
            return "list", self._presenter.list_table()
        return "list", self.single_list.displayed()
