"""A sortable table, which shows a `table_models.Table` and reports selected and opened rows.

Cells are wrapped to two lines or shortened to the width of their column; copies and exports are complete.
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from tkinter import font, ttk
from typing import Literal

from smart_retail_tkinter import theme
from smart_retail_tkinter.table_models import Row, Table
from smart_retail_tkinter.widgets.scrolling import add_bar, add_horizontal_bar

CHUNK = 150
"""Rows drawn at a time, which takes a few milliseconds, so that a long table does not block the window."""
PADDING = 18
"""Pixels of a cell that its text cannot use."""
BORDER = 4
"""Pixels between the edge of the table and its columns."""


class DataTable(ttk.Frame):
    """A `ttk.Treeview` with a scroll bar.

    The hidden column ``key`` contains the item or customer id of a row: read it with ``tree.set(i, "key")``.
    """

    def __init__(
        self,
        master: tk.Misc,
        table: Table,
        *,
        on_open: Callable[[Row], object] | None = None,
        on_choose: Callable[[Row], object] | None = None,
        height: int = 10,
        wrapped: bool = False,
    ) -> None:
        super().__init__(master)
        self.table = table
        self._on_open, self._on_choose = on_open, on_choose
        self._wrapped = wrapped
        self._order: tuple[int, bool] | None = None
        self._rows: dict[str, Row] = {}
        self._pending: str | None = None
        self._fitting: str | None = None
        self._font = font.nametofont("SunValleyBodyFont", self)
        self.tree = ttk.Treeview(
            self,
            show="headings",
            height=height,
            selectmode="browse",
            style=f"{'Tall.' if wrapped else ''}Treeview",
        )
        self._set_columns()
        add_bar(self.tree, 0, 1)
        add_horizontal_bar(self.tree, 1, 0)
        self.tree.grid(row=0, column=0, sticky="nsew")
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.tree.bind("<<TreeviewSelect>>", self._chosen)
        self.tree.bind("<Double-1>", self._opened)
        self.tree.bind("<Return>", self._opened)
        self.tree.bind("<FocusIn>", self._entered)
        self.tree.bind("<Configure>", self._fit_soon)
        self.tree.bind("<ButtonRelease-1>", self._fit_soon, add=True)
        for key, step in (("s", 1), ("S", 0)):
            self.tree.bind(f"<Key-{key}>", partial(self._sort_by_key, step))

    def _set_columns(self) -> None:
        """Show the columns of the table."""
        names = [column.name for column in self.table.columns]
        self.tree.configure(columns=("key", *names), displaycolumns=names)
        scale = theme.scaling(self)
        for i, column in enumerate(self.table.columns):
            anchor: Literal["e", "w"] = "e" if column.number else "w"
            width = round(column.width * scale)
            self.tree.column(
                column.name, width=width, minwidth=round(width * 0.5), stretch=not column.number, anchor=anchor
            )
            self.tree.heading(column.name, text=column.label, anchor=anchor, command=partial(self.sort, i))

    def fill(self, table: Table) -> None:
        """Show another table, in the order that the user selected; other columns are shown in the order of the rows."""
        changed = table.columns != self.table.columns
        self.table = table
        if changed:
            self._order = None
            self.tree.delete(*self.tree.get_children())
            self._set_columns()
            self._fit_soon()
        self._draw()

    def sort(self, column: int) -> None:
        """Sort by a column; a second call reverses the order."""
        descending = self._order is not None and self._order[0] == column and not self._order[1]
        self._order = (column, descending)
        self._mark_order(column, descending)
        self._draw()

    def _mark_order(self, column: int, descending: bool) -> None:
        for i, each in enumerate(self.table.columns):
            arrow = "" if i != column else "  ▼" if descending else "  ▲"
            self.tree.heading(each.name, text=each.label + arrow)

    def displayed(self) -> Table:
        """Return the table in the displayed order."""
        return replace(self.table, rows=tuple(self._sorted()))

    def chosen(self) -> Row | None:
        """Return the selected row."""
        return next((self._rows[i] for i in self.tree.selection() if i in self._rows), None)

    def _sort_by_key(self, step: int, _: tk.Event) -> str:
        """Sort by the next column (step 1) or reverse the order (step 0)."""
        column = self._order[0] if self._order else -1 if step else 0
        self.sort((column + step) % len(self.table.columns))
        return "break"

    def _sorted(self) -> list[Row]:
        rows = list(self.table.rows)
        if self._order is not None:
            column, descending = self._order
            rows.sort(key=lambda row: _sort_key(row.values[column]), reverse=descending)
        return rows

    def _draw(self) -> None:
        if self._pending is not None:
            self.after_cancel(self._pending)
            self._pending = None
        self.tree.delete(*self.tree.get_children())
        self._rows.clear()
        self._draw_rows(self._sorted(), 0)

    def _draw_rows(self, rows: list[Row], start: int) -> None:
        self._pending = None
        if start == 0:
            self._widen_numbers(rows[:CHUNK])
        widths = [self.tree.column(column.name, "width") for column in self.table.columns]
        for row in rows[start : start + CHUNK]:
            i = self.tree.insert("", "end")
            self._rows[i] = row
            self._write(i, row, widths)
        if start + CHUNK < len(rows):
            self._pending = self.after(1, self._draw_rows, rows, start + CHUNK)

    def _write(self, i: str, row: Row, widths: list[int]) -> None:
        fit = theme.wrap_two if self._wrapped else theme.cut
        cells = (
            fit(" ".join(cell.split()) or cell, width - PADDING, self._font)
            for cell, width in zip(row.cells, widths, strict=True)
        )
        # Tcl receives a tuple as a list of strings, so that ids such as 00012 or {x are unchanged.
        self.tree.tk.call(str(self.tree), "item", i, "-values", (row.key, *cells))

    def _fit_soon(self, _: tk.Event | None = None) -> None:
        if self._fitting is None:
            self._fitting = self.after(60, self._fit)

    def _shrink_columns(self) -> None:
        """Narrow the columns if they are wider than the table: numbers to their widest cell, texts to what is left.

        Tk does that only when a table is resized, not when it is first shown in little space.
        """
        widths = {column.name: int(self.tree.column(column.name, "width")) for column in self.table.columns}
        available = self.tree.winfo_width() - 2 * BORDER
        texts = [column for column in self.table.columns if not column.number]
        if available < PADDING or not texts or sum(widths.values()) <= available:
            return
        rows = list(self._rows.values())[:CHUNK]
        for i, column in enumerate(self.table.columns):
            if column.number:
                widths[column.name] = min(widths[column.name], self._needed_width(i, rows))
                self.tree.column(column.name, width=widths[column.name])
        space = available - sum(widths[column.name] for column in self.table.columns if column.number)
        total = sum(column.width for column in texts)
        for column in texts:
            width = max(space * column.width // total, int(self.tree.column(column.name, "minwidth")))
            self.tree.column(column.name, width=width)

    def _widen_numbers(self, rows: list[Row]) -> None:
        """Widen columns of numbers that were narrowed for other rows, so that no number is cut."""
        for i, column in enumerate(self.table.columns):
            if column.number and self.tree.column(column.name, "width") < (needed := self._needed_width(i, rows)):
                self.tree.column(column.name, width=needed)
                self._fit_soon()

    def _needed_width(self, column: int, rows: list[Row]) -> int:
        """Return the width of the widest text of a column in some rows, and of its heading."""
        texts = {row.cells[column] for row in rows}
        return max(self._font.measure(text) for text in (*texts, self.table.columns[column].label)) + PADDING

    def _fit(self) -> None:
        self._fitting = None
        self._shrink_columns()
        widths = [self.tree.column(column.name, "width") for column in self.table.columns]
        for i, row in list(self._rows.items())[: 2 * CHUNK]:
            self._write(i, row, widths)

    def _chosen(self, _: tk.Event) -> None:
        row = self.chosen()
        if row is not None and self._on_choose is not None:
            self._on_choose(row)

    def _opened(self, event: tk.Event) -> None:
        by_mouse = str(event.type) == "ButtonPress"
        row = self._rows.get(self.tree.identify_row(event.y)) if by_mouse else self.chosen()
        if row is not None and self._on_open is not None:
            self._on_open(row)

    def _entered(self, _: tk.Event) -> None:
        """Select the first row when the table gets the focus."""
        rows = self.tree.get_children()
        if rows and not self.tree.selection():
            self.tree.selection_set(rows[0])
            self.tree.focus(rows[0])


def _sort_key(value: str | int | float) -> tuple[float, str, str]:
    return (0.0, value.casefold(), value) if isinstance(value, str) else (float(value), "", "")
