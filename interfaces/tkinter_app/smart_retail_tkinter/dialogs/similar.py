"""Window of products similar to an item."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from smart_retail.results import RecommendationList
from smart_retail_tkinter import table_models
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label
from smart_retail_tkinter.widgets.table import DataTable


class SimilarWindow(SideWindow):
    """A table of similar products; double click or Enter shows the products similar to the selected one.

    Parameters
    ----------
    on_open : callable
        Receives item id and name.
    """

    def __init__(self, root: tk.Misc, on_open: Callable[[str, str], object]) -> None:
        super().__init__(root, "Similar products", 940, 580)
        self.heading = ttk.Label(self.body, style="Title.TLabel")
        self.heading.pack(fill="x", pady=(0, 10))
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right")
        ttk.Label(foot, text="Enter: show similar products. Esc: close.", style="Small.TLabel").pack(side="left")
        self.detail = add_detail_label(self.body)
        self.table = DataTable(
            self.body,
            Table(table_models.RECOMMENDATIONS),
            on_choose=lambda row: self.detail.configure(text=row.detail),
            on_open=lambda row: on_open(row.key, row.name),
            height=8,
            wrapped=True,
        )
        self.table.pack(fill="both", expand=True)
        self.bind("<Control-c>", lambda _: self.copy(self.table.displayed().text()))

    def show(self, title: str, recommendations: RecommendationList) -> None:
        """Show the products similar to the one named in `title`."""
        self.heading.configure(text=f"Products similar to {title}")
        self.detail.configure(text="")
        self.table.fill(table_models.recommendation_table(recommendations.items))
        self.lift()
        self.table.tree.focus_set()
