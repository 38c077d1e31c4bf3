"""Chart of the RFM grid: recency by frequency, with customers and revenue per cell."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from tkinter import font, ttk

from smart_retail.presentation.palette import BLUE, ORANGE
from smart_retail.results import RFM, GridCell
from smart_retail.segmentation.segments import segment_advice
from smart_retail_tkinter import theme
from smart_retail_tkinter.formatting import format_integer, pluralize

LEFT, BOTTOM = 80, 50
"""Space for the axes in design pixels."""


class RfmGrid(ttk.Frame):
    """A canvas of 25 cells, coloured by the number of customers; arrow keys select cells.

    Parameters
    ----------
    on_detail : callable
        Receives the description of the selected cell.
    """

    def __init__(self, master: tk.Misc, on_detail: Callable[[str], object]) -> None:
        super().__init__(master)
        self._on_detail = on_detail
        self._cells: dict[tuple[int, int], GridCell] = {}
        self._chosen: tuple[int, int] | None = None
        self._customer_cell: tuple[int, int] | None = None
        self._drawing: str | None = None
        self.canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=True, width=520, height=380)
        self.canvas.pack(fill="both", expand=True)
        self.canvas.bind("<Configure>", self._draw_soon)
        self.canvas.bind("<<ThemeChanged>>", self._draw_soon)
        self.canvas.bind("<Button-1>", self._clicked)
        self.canvas.bind("<FocusIn>", self._draw_soon)
        self.canvas.bind("<FocusOut>", self._draw_soon)
        for key, r, f in (("Up", 1, 0), ("Down", -1, 0), ("Left", 0, -1), ("Right", 0, 1)):
            self.canvas.bind(f"<{key}>", partial(self._step, r, f))

    def fill(self, cells: Sequence[GridCell]) -> None:
        """Show the 25 cells."""
        self._cells = {(cell.r, cell.f): cell for cell in cells}
        self._draw()

    def mark(self, rfm: RFM | None) -> None:
        """Mark the cell of the displayed customer."""
        self._customer_cell = (rfm.r, rfm.f) if rfm is not None else None
        self._draw()

    def chosen(self) -> GridCell | None:
        """Return the selected cell."""
        return self._cells.get(self._chosen) if self._chosen else None

    def _draw_soon(self, _: tk.Event) -> None:
        if self._drawing is None:
            self._drawing = self.after_idle(self._draw)

    def _geometry(self) -> tuple[float, float, float, float]:
        """Return left edge and top edge of the grid, and width and height of a cell, in pixels."""
        scale = theme.scaling(self)
        width = (self.canvas.winfo_width() - LEFT * scale - 8) / 5
        height = (self.canvas.winfo_height() - BOTTOM * scale - 8) / 5
        return LEFT * scale, 4.0, max(width, 20.0), max(height, 20.0)

    def _draw(self) -> None:
        self._drawing = None
        colours = theme.palette(self)
        canvas = self.canvas
        canvas.configure(background=colours.background)
        canvas.delete("all")
        most = max((cell.customers for cell in self._cells.values()), default=0)
        for cell in self._cells.values():
            self._draw_cell(cell, most, colours)
        self._draw_axes(colours)

    def _draw_cell(self, cell: GridCell, most: int, colours: theme.Palette) -> None:
        left, top, width, height = self._geometry()
        x, y = left + (cell.f - 1) * width, top + (5 - cell.r) * height
        # The square root keeps small cells distinguishable when one cell has most customers.
        strength = 0.10 + 0.85 * sqrt(cell.customers / most) if cell.customers else 0.0
        fill = colours.blend(BLUE, strength) if strength else colours.empty
        text = theme.readable_on(fill)
        box = (x + 2, y + 2, x + width - 2, y + height - 2)
        self.canvas.create_rectangle(*box, fill=fill, outline="")
        position = (cell.r, cell.f)
        if position == self._customer_cell:
            inner = (x + 4, y + 4, x + width - 4, y + height - 4)
            self.canvas.create_rectangle(*inner, outline=ORANGE, width=4)
        if position == self._chosen:
            self.canvas.create_rectangle(*box, outline=colours.text, width=2, dash=(4, 3))
        self._write_cell(cell, (x + width / 2, y, width, height), text, colours)

    def _write_cell(
        self, cell: GridCell, box: tuple[float, float, float, float], text: str, colours: theme.Palette
    ) -> None:
        """Write segment, customers and revenue into a cell; `box` is its middle, top edge, width and height."""
        middle, top, width, height = box
        caption, strong = (font.nametofont(name, self) for name in ("SunValleyCaptionFont", "SunValleyBodyStrongFont"))
        name = theme.wrap_two(cell.segment, int(width - 4), caption)
        self.canvas.create_text(middle, top + height * 0.24, text=name, fill=text, font=caption, justify="center")
        if not cell.customers:
            empty = top + height * 0.6
            self.canvas.create_text(middle, empty, text="–", fill=colours.muted, font="SunValleyBodyFont")
            return
        star = "★ " if (cell.r, cell.f) == self._customer_cell else ""
        lines = name.count("\n") + 2
        # In a low cell a name on two lines leaves no space for the revenue, which is in the text below the grid.
        low = height < lines * caption.metrics("linespace") + strong.metrics("linespace")
        number = top + height * (0.76 if low else 0.55)
        self.canvas.create_text(middle, number, text=star + format_integer(cell.customers), fill=text, font=strong)
        if not low:
            revenue = format_integer(cell.revenue)
            self.canvas.create_text(middle, top + height * 0.8, text=revenue, fill=text, font=caption)

    def _draw_axes(self, colours: theme.Palette) -> None:
        left, top, width, height = self._geometry()
        bottom = top + 5 * height
        for score in range(1, 6):
            y, x = top + (5.5 - score) * height, left + (score - 0.5) * width
            self.canvas.create_text(left - 10, y, text=str(score), anchor="e", fill=colours.text)
            self.canvas.create_text(x, bottom + 12, text=str(score), fill=colours.text)
        caption = partial(self.canvas.create_text, font="SunValleyCaptionFont")
        caption(left - 26, top + height * 0.5, text="recent", anchor="e", fill=colours.muted)
        caption(left - 26, top + height * 4.5, text="long ago", anchor="e", fill=colours.muted)
        caption(left - 40, top + height * 2.5, text="Recency score R", angle=90, fill=colours.text)
        caption(left + 4, bottom + 32, text="few orders", anchor="w", fill=colours.muted)
        caption(left + 5 * width - 4, bottom + 32, text="many orders", anchor="e", fill=colours.muted)
        caption(left + 2.5 * width, bottom + 32, text="Frequency score F", fill=colours.text)

    def _clicked(self, event: tk.Event) -> None:
        left, top, width, height = self._geometry()
        f, r = int((event.x - left) // width) + 1, 5 - int((event.y - top) // height)
        self.canvas.focus_set()
        if (r, f) in self._cells:
            self._choose((r, f))

    def _step(self, r: int, f: int, _: tk.Event) -> str:
        now = self._chosen or self._customer_cell or (5, 1)
        to = (now[0] + r, now[1] + f) if self._chosen else now
        if to in self._cells:
            self._choose(to)
        return "break"

    def _choose(self, position: tuple[int, int]) -> None:
        self._chosen = position
        cell = self._cells[position]
        parts = [
            f"R {cell.r}  F {cell.f}  {cell.segment}",
            pluralize(cell.customers, "customer"),
            format_integer(cell.revenue),
        ]
        if advice := segment_advice(cell.segment):
            parts.append(advice)
        self._on_detail(" · ".join(parts))
        self._draw()
