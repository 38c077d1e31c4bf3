"""Controls for the method, length and filters of a list."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from contextlib import suppress
from tkinter import ttk

from smart_retail.errors import RetailError
from smart_retail.presentation.labels import METHODS
from smart_retail.protocol import DEFAULT_METHOD, MAX_N
from smart_retail_tkinter.list_filters import MoreFilters, parse_ids, parse_price
from smart_retail_tkinter.widgets.detail_pane import ShortenedLabel

ANY = "Any category"
NO_SCENARIO = "None"


class MethodControls(ttk.Frame):
    """Radio buttons for the methods, and the filters below them.

    Parameters
    ----------
    on_method : callable
        Receives the name of the method.
    on_filters : callable
        Receives the number of products, whether purchased ones are hidden, the category or None, and further filters.
    on_error : callable
        Receives the error of a filter that is not valid.
    """

    def __init__(
        self,
        master: tk.Misc,
        on_method: Callable[[str], object],
        on_filters: Callable[[int, bool, str | None, MoreFilters], object],
        on_error: Callable[[RetailError], object],
    ) -> None:
        super().__init__(master)
        self._on_method, self._on_filters, self._on_error = on_method, on_filters, on_error
        self.method = tk.StringVar(self, DEFAULT_METHOD)
        self.n = tk.StringVar(self, "10")
        self.hide = tk.BooleanVar(self, True)
        self.category = tk.StringVar(self, ANY)
        self.scenario = tk.StringVar(self, NO_SCENARIO)
        self.price_min, self.price_max, self.exclude = (tk.StringVar(self) for _ in range(3))
        line = ttk.Frame(self)
        line.pack(fill="x")
        self.buttons: dict[str, ttk.Radiobutton] = {}
        for i, (method, (label, _)) in enumerate(METHODS.items()):
            button = ttk.Radiobutton(
                line,
                text=label,
                value=method,
                variable=self.method,
                command=self._method_selected,
            )
            button.pack(side="left", padx=(0 if i == 0 else 6, 6))
            self.buttons[method] = button
        self._description = ShortenedLabel(line, style="Small.TLabel", anchor="e", font_name="SunValleyCaptionFont")
        self._description.pack(side="right", fill="x", expand=True)
        self._show_description()
        self._build_filters()
        self._build_more_filters()

    def _build_filters(self) -> None:
        line = ttk.Frame(self)
        line.pack(fill="x", pady=(8, 0))
        ttk.Label(line, text="Products").pack(side="left")
        self.n_box = spin = ttk.Spinbox(
            line, textvariable=self.n, from_=1, to=MAX_N, width=5, justify="right", command=self.apply_filters
        )
        spin.pack(side="left", padx=(8, 16))
        hide = ttk.Checkbutton(line, text="Hide purchased products", variable=self.hide, command=self.apply_filters)
        hide.pack(side="left", padx=(0, 16))
        self.category_box = ttk.Combobox(line, textvariable=self.category, values=(ANY,), state="readonly", width=22)
        self.category_box.pack(side="left")
        for widget in (spin, self.category_box):
            widget.bind("<Return>", lambda _: self.apply_filters())
            widget.bind("<FocusOut>", lambda _: self.apply_filters())
        self.category_box.bind("<<ComboboxSelected>>", lambda _: self.apply_filters())

    def _build_more_filters(self) -> None:
        self._more = line = ttk.Frame(self)
        line.pack(fill="x", pady=(8, 0))
        fields = (("Price from", self.price_min, 8), ("to", self.price_max, 8), ("Exclude (id; id)", self.exclude, 22))
        for label, variable, width in fields:
            ttk.Label(line, text=label).pack(side="left", padx=(0, 6))
            entry = ttk.Entry(line, textvariable=variable, width=width)
            entry.pack(side="left", padx=(0, 12))
            entry.bind("<Return>", lambda _: self.apply_filters())
            entry.bind("<FocusOut>", lambda _: self.apply_filters())
        self.scenario_label = ttk.Label(line, text="Scenario")
        self.scenario_box = ttk.Combobox(
            line, textvariable=self.scenario, values=(NO_SCENARIO,), state="readonly", width=16
        )
        self.scenario_box.bind("<<ComboboxSelected>>", lambda _: self.apply_filters())

    def _show_scenarios(self, names: Sequence[str], chosen: str | None) -> None:
        """Show the scenarios of the business rules; nothing if there are none."""
        self.scenario_box.configure(values=(NO_SCENARIO, *names))
        self.scenario.set(chosen or NO_SCENARIO)
        for widget in (self.scenario_label, self.scenario_box):
            widget.pack_forget()
            if names:
                widget.pack(side="left", padx=(0, 6))
        self._allow_method()

    def _allow_method(self) -> None:
        """Let method and length be chosen unless a scenario sets them."""
        state = ["!disabled"] if self.scenario.get() == NO_SCENARIO else ["disabled"]
        for widget in (*self.buttons.values(), self.n_box):
            widget.state(state)

    def choose(self, method: str) -> None:
        """Select a method, as a click on its button does."""
        self.buttons[method].invoke()
        self.buttons[method].focus_set()

    def show(
        self,
        categories: Sequence[str],
        category: str | None,
        exclude_purchased: bool,
        scenarios: Sequence[str] = (),
        scenario: str | None = None,
    ) -> None:
        """Show the categories, scenarios and filters of a bundle."""
        self._show_scenarios(scenarios, scenario)
        self.category_box.configure(values=(ANY, *categories))
        self.category.set(category or ANY)
        self.hide.set(exclude_purchased)

    def apply_filters(self) -> None:
        """Report the filters; a number of products that is not valid becomes 10."""
        n = 10
        with suppress(ValueError):
            n = min(max(int(self.n.get()), 1), MAX_N)
        self.n.set(str(n))
        category, scenario = self.category.get(), self.scenario.get()
        self._allow_method()
        try:
            more = MoreFilters(
                None if scenario == NO_SCENARIO else scenario,
                parse_price(self.price_min.get()),
                parse_price(self.price_max.get()),
                parse_ids(self.exclude.get()),
            )
        except RetailError as error:
            self._on_error(error)
            return
        self._on_filters(n, self.hide.get(), None if category == ANY else category, more)

    def _method_selected(self) -> None:
        self._on_method(self.method.get())
        self._show_description()

    def _show_description(self) -> None:
        self._description.set_text(METHODS[self.method.get()][1])
