"""Page of the products: bundles of the shop, and bundles, substitutes and audience of a product."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from tkinter import ttk

from smart_retail.presentation import labels
from smart_retail.results import Audience, Item, ProductBundles, Substitutes
from smart_retail_tkinter import analysis_tables, theme
from smart_retail_tkinter.dialogs.file_dialogs import Dialogs
from smart_retail_tkinter.pages.base import Page, add_choice, add_text, step_notebook
from smart_retail_tkinter.presenter import Presenter
from smart_retail_tkinter.presenters.products import ProductsPresenter
from smart_retail_tkinter.table_models import Row, Table
from smart_retail_tkinter.widgets.detail_pane import add_detail_label
from smart_retail_tkinter.widgets.scrolling import add_bar
from smart_retail_tkinter.widgets.table import DataTable

SIZES = {"Pairs and triples": 0, "Pairs": 2, "Triples": 3}
BUNDLES, SUBSTITUTES, AUDIENCE = range(3)
"""Indices of the tabs."""


class ProductsPage(Page):
    """A search of products on the left, tabs on the right.

    Parameters
    ----------
    on_related : callable
        Receives id and name of a product whose related products are to be shown.
    on_customer : callable
        Receives the id of a customer to show.
    """

    def __init__(
        self,
        master: tk.Misc,
        shell: Presenter,
        dialogs: Dialogs,
        *,
        on_related: Callable[[str, str], object],
        on_customer: Callable[[str], object],
    ) -> None:
        super().__init__(master, shell, dialogs)
        self.presenter = ProductsPresenter(self, shell)
        self._on_related, self._on_customer = on_related, on_customer
        self._build_search()
        right = ttk.Frame(self, padding=(12, 0, 0, 0))
        right.pack(side="left", fill="both", expand=True)
        head = ttk.Frame(right)
        head.pack(fill="x", pady=(0, 6))
        self.related = ttk.Button(head, text="Related products", command=self._show_related)
        self.related.pack(side="right")
        self.whole_shop = ttk.Button(head, text="All products", command=self.presenter.choose_none)
        self.whole_shop.pack(side="right", padx=8)
        self.title = add_text(head, "Title.TLabel")
        self.title.pack(side="left", fill="x", expand=True)
        self.tabs = ttk.Notebook(right)
        self.tabs.pack(fill="both", expand=True)
        self._build_bundles()
        self._build_substitutes()
        self._build_audience()

    def _build_search(self) -> None:
        left = ttk.Frame(self)
        left.pack(side="left", fill="y")
        ttk.Label(left, text="Products", style="Strong.TLabel").grid(row=0, column=0, sticky="w", pady=(0, 4))
        ttk.Label(left, text="by id or name", style="Small.TLabel").grid(row=0, column=0, columnspan=2, sticky="e")
        self.text = tk.StringVar(self)
        self.text.trace_add("write", lambda *_: self.presenter.search(self.text.get()))
        self.entry = ttk.Entry(left, textvariable=self.text)
        self.entry.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(0, 8))
        self.products = ttk.Treeview(
            left, columns=("key", "name"), displaycolumns=("name",), show="tree", selectmode="browse"
        )
        self.products.column("#0", width=0, minwidth=0, stretch=False)
        self.products.column("name", width=round(220 * theme.scaling(self)))
        self.products.grid(row=2, column=0, sticky="nsew")
        left.rowconfigure(2, weight=1)
        add_bar(self.products, 2, 1)
        self.products.bind("<<TreeviewSelect>>", lambda _: self._choose())
        self.entry.bind("<Down>", lambda _: self._enter_list())
        self.entry.bind("<Return>", lambda _: self._enter_list())

    def _tab(self, title: str) -> tuple[ttk.Frame, ttk.Label]:
        """Add a tab and return it with the label of its explanation."""
        page = ttk.Frame(self.tabs, padding=(12, 8, 12, 4))
        self.tabs.add(page, text=title)
        text = add_text(page, "Muted.TLabel")
        text.pack(fill="x", pady=(0, 8))
        return page, text

    def _add_table(self, page: ttk.Frame, table: Table, on_open: Callable[[Row], object]) -> DataTable:
        detail = add_detail_label(page)
        made = DataTable(page, table, on_open=on_open, on_choose=lambda row: detail.configure(text=row.detail))
        made.pack(fill="both", expand=True)
        return made

    def _build_bundles(self) -> None:
        page, self.bundles_text = self._tab(labels.BUNDLES[0])
        line = ttk.Frame(page)
        line.pack(fill="x", pady=(0, 8))
        ttk.Label(line, text="Sort by").pack(side="left", padx=(0, 8))
        self.sort = add_choice(line, tuple(labels.BUNDLE_SORTS.values()), self._set_bundles, width=12)
        self.sort.pack(side="left", padx=(0, 16))
        self.bundle_size = add_choice(line, tuple(SIZES), self._set_bundles)
        self.bundle_size.pack(side="left")
        self.bundles = self._add_table(page, Table(analysis_tables.BUNDLES), self._open_item)

    def _build_substitutes(self) -> None:
        page, self.substitutes_text = self._tab(labels.SUBSTITUTES[0])
        self.substitutes = self._add_table(page, Table(analysis_tables.SUBSTITUTES), self._open_item)

    def _build_audience(self) -> None:
        page, self.audience_text = self._tab(labels.AUDIENCE[0])
        self.hide = tk.BooleanVar(self, True)
        ttk.Checkbutton(
            page,
            text="Hide customers who bought it",
            variable=self.hide,
            command=lambda: self.presenter.set_audience(self.hide.get()),
        ).pack(anchor="w", pady=(0, 8))
        self.audience = self._add_table(page, Table(analysis_tables.AUDIENCE), lambda row: self._on_customer(row.key))

    # User input ------------------------------------------------------------------------------

    def _choose(self) -> None:
        for row in self.products.selection():
            self.presenter.choose(self.products.set(row, "key"), self.products.set(row, "name"))

    def _enter_list(self) -> str:
        """Select the first product that was found."""
        for row in self.products.get_children()[:1]:
            self.products.selection_set(row)
            self.products.focus(row)
            self.products.focus_set()
        return "break"

    def _open_item(self, row: Row) -> None:
        self.presenter.choose(row.key, row.name)

    def _show_related(self) -> None:
        if self.presenter.item is not None:
            self._on_related(*self.presenter.item)

    def _set_bundles(self) -> None:
        sort = next(name for name, label in labels.BUNDLE_SORTS.items() if label == self.sort.get())
        self.presenter.set_bundles(sort, SIZES[self.bundle_size.get()])

    def select_product(self, item_id: str, name: str) -> None:
        """Show a product, as if it had been found by a search."""
        self.presenter.refresh()
        self.presenter.choose(item_id, name)

    def step_tab(self, step: int) -> None:
        step_notebook(self.tabs, step)

    # Calls of the presenter ------------------------------------------------------------------

    def refresh(self) -> None:
        self.presenter.refresh()

    def show_products(self, items: Sequence[Item]) -> None:
        """Show the products that a search found."""
        self.products.delete(*self.products.get_children())
        for item in items:
            self.products.insert("", "end", values=(item.item_id, item.item_name))

    def show_product(self, title: str) -> None:
        """Show whose bundles, substitutes and audience are shown."""
        self.title.configure(text=title)
        chosen = self.presenter.item is not None
        for button in (self.related, self.whole_shop):
            button.state(["!disabled" if chosen else "disabled"])

    def show_bundles(self, found: ProductBundles, text: str) -> None:
        """Show product bundles."""
        self.bundles_text.configure(text=text)
        self.bundles.fill(analysis_tables.bundle_table(found))

    def show_substitutes(self, found: Substitutes | None, text: str) -> None:
        """Show the substitutes of the product; None shows the text alone."""
        self.substitutes_text.configure(text=text)
        empty = Table(analysis_tables.SUBSTITUTES)
        self.substitutes.fill(empty if found is None else analysis_tables.substitute_table(found))

    def show_audience(self, found: Audience | None, text: str) -> None:
        """Show the audience of the product; None shows the text alone."""
        self.audience_text.configure(text=text)
        empty = Table(analysis_tables.AUDIENCE)
        self.audience.fill(empty if found is None else analysis_tables.audience_table(found))

    def table(self) -> tuple[str, Table]:
        tab = int(self.tabs.index("current"))  # type: ignore[no-untyped-call]
        tables = (("bundles", self.bundles), ("substitutes", self.substitutes), ("audience", self.audience))
        return tables[tab][0], tables[tab][1].displayed()
