"""The five lists of ``all`` next to each other; a product in several lists has the same symbol and colour in all."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from functools import partial
from tkinter import font, ttk

from smart_retail.presentation.labels import METHODS
from smart_retail.presentation.palette import ItemMark, mark_shared_items
from smart_retail.protocol import ALL
from smart_retail.results import RecommendationList
from smart_retail_tkinter import theme
from smart_retail_tkinter.formatting import join_name_and_id
from smart_retail_tkinter.table_models import ordered_lists, ranks_text, reasons_text

TINT_STRENGTH = {"light": 0.24, "dark": 0.34}
METHOD_ORDER = tuple(method for method in METHODS if method != ALL)
"""The methods in the order of the screens."""


class MethodComparison(ttk.Frame):
    """Five narrow tables; selecting a product selects it in every list.

    Parameters
    ----------
    on_open : callable
        Receives item id and name on double click or Enter.
    on_detail : callable
        Receives the description of the selected product.
    """

    def __init__(
        self, master: tk.Misc, on_open: Callable[[str, str], object], on_detail: Callable[[str], object]
    ) -> None:
        super().__init__(master)
        self._on_open, self._on_detail = on_open, on_detail
        self._recommendations: RecommendationList | None = None
        self._marks: dict[str, ItemMark] = {}
        self._fitting: str | None = None
        self._font = font.nametofont("SunValleyBodyFont", self)
        self.trees: dict[str, ttk.Treeview] = {}
        scale = theme.scaling(self)
        for i, method in enumerate(METHOD_ORDER):
            ttk.Label(self, text=METHODS[method][0], style="Strong.TLabel").grid(
                row=0, column=i, sticky="w", padx=(0 if i == 0 else 8, 0)
            )
            tree = ttk.Treeview(
                self,
                columns=("key", "mark", "name"),
                displaycolumns=("mark", "name"),
                show="tree",
                selectmode="browse",
                style="Lists.Treeview",
            )
            tree.column("#0", width=0, minwidth=0, stretch=False)
            tree.column("mark", width=round(40 * scale), minwidth=round(40 * scale), stretch=False, anchor="e")
            tree.column("name", width=round(120 * scale), minwidth=60, stretch=True)
            tree.grid(row=1, column=i, sticky="nsew", padx=(0 if i == 0 else 6, 0), pady=(4, 0))
            tree.bind("<<TreeviewSelect>>", self._chosen)
            tree.bind("<Double-1>", self._opened)
            tree.bind("<Return>", self._opened)
            tree.bind("<Configure>", self._fit_soon)
            tree.bind("<Left>", partial(self._focus_list, i - 1))
            tree.bind("<Right>", partial(self._focus_list, i + 1))
            self.columnconfigure(i, weight=1, uniform="lists")
            self.trees[method] = tree
        self.rowconfigure(1, weight=1)
        self.bind("<<ThemeChanged>>", lambda _: self._paint())

    def fill(self, recommendations: RecommendationList) -> None:
        """Show a result of the method ``all``."""
        self._recommendations, self._marks = recommendations, mark_shared_items(recommendations)
        for method, tree in self.trees.items():
            tree.delete(*tree.get_children())
            items = recommendations.lists[method].items if method in recommendations.lists else ()
            for item in items:
                tree.insert("", "end", tags=(self._tag(item.item_id),))
        self._fit()
        self._paint()

    def clear(self) -> None:
        """Remove all lists."""
        self._recommendations, self._marks = None, {}
        for tree in self.trees.values():
            tree.delete(*tree.get_children())

    def chosen(self) -> str | None:
        """Return the id of the selected product."""
        return next((tree.set(i, "key") for tree in self.trees.values() for i in tree.selection()), None)

    def _tag(self, item_id: str) -> str:
        mark = self._marks.get(item_id)
        return f"shared{mark.colour}" if mark else "single"

    def _paint(self) -> None:
        colours = theme.palette(self)
        tint = TINT_STRENGTH["dark" if colours is theme.PALETTES["dark"] else "light"]
        for tree in self.trees.values():
            for colour in {mark.colour for mark in self._marks.values()}:
                tree.tag_configure(f"shared{colour}", background=colours.blend(colour, tint), foreground=colours.text)

    def _fit_soon(self, _: tk.Event) -> None:
        if self._fitting is None:
            self._fitting = self.after(60, self._fit)

    def _fit(self) -> None:
        self._fitting = None
        if self._recommendations is None:
            return
        for method, tree in self.trees.items():
            width = tree.column("name", "width") - 12
            items = self._recommendations.lists[method].items if method in self._recommendations.lists else ()
            for i, item in zip(tree.get_children(), items, strict=True):
                mark = self._marks.get(item.item_id)
                label = f"{mark.symbol if mark else ' '} {item.rank}"
                name = theme.wrap_two(" ".join(item.item_name.split()), width, self._font)
                tree.tk.call(str(tree), "item", i, "-values", (item.item_id, label, name))

    def _focus_list(self, to: int, _: tk.Event) -> str:
        """Select the first row of another list."""
        if 0 <= to < len(METHOD_ORDER):
            tree = self.trees[METHOD_ORDER[to]]
            tree.focus_set()
            rows = tree.get_children()
            if rows:
                tree.selection_set(rows[0])
                tree.focus(rows[0])
        return "break"

    def _chosen(self, event: tk.Event) -> None:
        tree = event.widget
        assert isinstance(tree, ttk.Treeview)
        chosen = tree.selection()
        if not chosen or self._recommendations is None:
            return
        item_id = tree.set(chosen[0], "key")
        for other in self.trees.values():
            same = [i for i in other.get_children() if other.set(i, "key") == item_id]
            if list(other.selection()) != same:
                other.selection_set(same)
        found = (
            item for _, part in ordered_lists(self._recommendations) for item in part.items if item.item_id == item_id
        )
        item = next(found)
        where = ranks_text(self._recommendations, item_id)
        self._on_detail(f"{join_name_and_id(item.item_name, item_id)} · {where}\n{reasons_text(item)}")

    def _opened(self, event: tk.Event) -> None:
        item_id = self.chosen()
        if item_id is None or self._recommendations is None:
            return
        names = {item.item_id: item.item_name for part in self._recommendations.lists.values() for item in part.items}
        self._on_open(item_id, names[item_id])
