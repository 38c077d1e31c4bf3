"""Window of products related to an item: bought together with it, and bought by the same customers."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from smart_retail.presentation import labels
from smart_retail.protocol import BOUGHT_TOGETHER, SAME_CUSTOMERS
from smart_retail.results import RecommendationList
from smart_retail_tkinter import formatting, table_models
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label
from smart_retail_tkinter.widgets.table import DataTable


class SimilarWindow(SideWindow):
    """A table for each relation; double click or Enter shows the products related to the selected one.

    Parameters
    ----------
    on_open : callable
        Receives item id and name.
    on_add : callable
        Receives id and name of the item to add to the basket.
    on_more : callable
        Receives id and name of the item whose bundles, substitutes and audience to show.
    """

    def __init__(
        self,
        root: tk.Misc,
        on_open: Callable[[str, str], object],
        on_add: Callable[[str, str], object],
        on_more: Callable[[str, str], object],
    ) -> None:
        super().__init__(root, "Related products", 940, 700)
        self._on_add, self._on_more = on_add, on_more
        self._item: tuple[str, str] = ("", "")
        self.heading = ttk.Label(self.body, style="Title.TLabel")
        self.heading.pack(fill="x", pady=(0, 10))
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right")
        ttk.Button(foot, text="Add to basket", command=lambda: self._on_add(*self._item)).pack(side="right", padx=8)
        ttk.Button(foot, text="Bundles, substitutes, audience", command=self._show_more).pack(side="right")
        ttk.Label(foot, text="Enter: show related products. Esc: close.", style="Small.TLabel").pack(side="left")
        self.detail = add_detail_label(self.body)
        self._headings: dict[str, ttk.Label] = {}
        self.together = self._add_table(BOUGHT_TOGETHER, on_open)
        self.table = self._add_table(SAME_CUSTOMERS, on_open)
        self.bind("<Control-c>", lambda _: self.copy(self._focused_table().displayed().text()))

    def _add_table(self, relation: str, on_open: Callable[[str, str], object]) -> DataTable:
        self._headings[relation] = ttk.Label(self.body, style="Strong.TLabel")
        self._headings[relation].pack(fill="x", pady=(6, 4))
        table = DataTable(
            self.body,
            Table(table_models.RECOMMENDATIONS),
            on_choose=lambda row: self.detail.configure(text=row.detail),
            on_open=lambda row: on_open(row.key, row.name),
            height=5,
            wrapped=True,
        )
        table.pack(fill="both", expand=True)
        return table

    def _show_more(self) -> None:
        self.close()
        self._on_more(*self._item)

    def _focused_table(self) -> DataTable:
        return self.together if self.focus_get() is self.together.tree else self.table

    def show(self, item: tuple[str, str], together: RecommendationList, same: RecommendationList) -> None:
        """Show the products related to an item, given by id and name."""
        self._item = item
        self.heading.configure(text=f"Bought with {formatting.join_name_and_id(item[1], item[0])}")
        self.detail.configure(text="")
        for relation, table, result in ((BOUGHT_TOGETHER, self.together, together), (SAME_CUSTOMERS, self.table, same)):
            heading, meaning = labels.RELATIONS[result.method]
            text = meaning if result.items else labels.NO_RELATED[result.method]
            self._headings[relation].configure(text=f"{heading}: {text}")
            table.fill(table_models.recommendation_table(result.items))
        self.lift()
        (self.together if together.items else self.table).tree.focus_set()
