"""Window of a basket: products are searched and added, and the list completes them."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Mapping, Sequence
from tkinter import ttk
from typing import Protocol

from smart_retail.results import Item, RecommendationList
from smart_retail_tkinter import formatting, table_models, theme
from smart_retail_tkinter.dialogs.base import SideWindow
from smart_retail_tkinter.table_models import Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label
from smart_retail_tkinter.widgets.scrolling import add_bar
from smart_retail_tkinter.widgets.table import DataTable


class BasketActions(Protocol):
    """What the window does with a basket."""

    def search_items(self, text: str) -> None: ...
    def add_to_basket(self, item_id: str, name: str) -> None: ...
    def remove_from_basket(self, item_id: str) -> None: ...


class BasketWindow(SideWindow):
    """The basket on the left, the products that complete it on the right.

    Parameters
    ----------
    actions : BasketActions
    """

    def __init__(self, root: tk.Misc, actions: BasketActions) -> None:
        super().__init__(root, "Basket", 1080, 620)
        self._actions = actions
        self.heading = ttk.Label(self.body, style="Title.TLabel")
        self.heading.pack(fill="x", pady=(0, 10))
        foot = ttk.Frame(self.body)
        foot.pack(side="bottom", fill="x", pady=(12, 0))
        ttk.Button(foot, text="Close", command=self.close).pack(side="right")
        hint = "Enter or double click: add a product, or take it out of the basket. Esc: close."
        ttk.Label(foot, text=hint, style="Small.TLabel").pack(side="left")
        left = ttk.Frame(self.body)
        left.pack(side="left", fill="y", padx=(0, 14))
        self.text = tk.StringVar(self)
        self.text.trace_add("write", lambda *_: actions.search_items(self.text.get()))
        ttk.Label(left, text="Add a product, by id or name", style="Strong.TLabel").grid(row=0, column=0, sticky="w")
        self.entry = ttk.Entry(left, textvariable=self.text)
        self.entry.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(4, 6))
        self.matches = self._add_list(left, 2, lambda key, name: actions.add_to_basket(key, name))
        ttk.Label(left, text="In the basket", style="Strong.TLabel").grid(row=3, column=0, sticky="w", pady=(10, 4))
        self.basket = self._add_list(left, 4, lambda key, _: actions.remove_from_basket(key))
        left.rowconfigure(2, weight=1)
        left.rowconfigure(4, weight=1)
        self.entry.bind("<Return>", lambda _: self._add_first())
        right = ttk.Frame(self.body)
        right.pack(side="left", fill="both", expand=True)
        self.detail = add_detail_label(right)
        self.table = DataTable(
            right,
            Table(table_models.RECOMMENDATIONS),
            on_choose=lambda row: self.detail.configure(text=row.detail),
            on_open=lambda row: actions.add_to_basket(row.key, row.name),
            height=8,
            wrapped=True,
        )
        self.table.pack(fill="both", expand=True)
        self.bind("<Control-c>", lambda _: self.copy(self.table.displayed().text()))
        self.entry.focus_set()

    def _add_list(self, master: ttk.Frame, row: int, on_open: Callable[[str, str], object]) -> ttk.Treeview:
        tree = ttk.Treeview(
            master, columns=("key", "name"), displaycolumns=("name",), show="tree", selectmode="browse", height=6
        )
        tree.column("#0", width=0, minwidth=0, stretch=False)
        tree.column("name", width=round(280 * theme.scaling(self)))
        tree.grid(row=row, column=0, sticky="nsew")
        add_bar(tree, row, 1)

        def opened(_: object) -> None:
            for row in tree.selection():
                on_open(tree.set(row, "key"), tree.set(row, "name"))

        for event in ("<Return>", "<Double-1>", "<Delete>"):
            tree.bind(event, opened)
        return tree

    def _add_first(self) -> None:
        """Add the first match of the search."""
        for row in self.matches.get_children()[:1]:
            self._actions.add_to_basket(self.matches.set(row, "key"), self.matches.set(row, "name"))
            self.text.set("")

    def show_matches(self, items: Sequence[Item]) -> None:
        """Show the products found by the search."""
        self.matches.delete(*self.matches.get_children())
        for item in items:
            self.matches.insert("", "end", values=(item.item_id, item.item_name))

    def show(self, basket: Mapping[str, str], customer: str, recommendations: RecommendationList | None) -> None:
        """Show the basket and the products that complete it.

        Parameters
        ----------
        basket : mapping
            Id -> name of its products.
        customer : str
            Id of the customer, empty for a visitor.
        recommendations : RecommendationList or None
            None for an empty basket.
        """
        whose = f"of customer {customer}" if customer else "of a visitor"
        self.heading.configure(text=f"Basket {whose}: {formatting.pluralize(len(basket), 'product')}")
        self.basket.delete(*self.basket.get_children())
        for item_id, name in basket.items():
            self.basket.insert("", "end", values=(item_id, name))
        self.detail.configure(text="" if recommendations else "Add a product to see what completes the basket.")
        self.table.fill(table_models.recommendation_table(recommendations.items if recommendations else ()))
