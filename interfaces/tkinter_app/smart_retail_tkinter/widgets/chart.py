"""A chart on a canvas; the arrow keys select a mark, whose description is shown below."""

from __future__ import annotations

import tkinter as tk
from functools import partial
from tkinter import ttk

from smart_retail_tkinter import theme
from smart_retail_tkinter.chart_models import Bars, Chart, Forecast, HeatMap
from smart_retail_tkinter.widgets.chart_drawing import BarDrawing, Drawing, ForecastDrawing, HeatMapDrawing

HINT = "Arrow keys or a click: the numbers of one mark. The table has all of them."


class ChartView(ttk.Frame):
    """A canvas that draws one chart at a time, in the colours of the theme."""

    def __init__(self, master: tk.Misc) -> None:
        super().__init__(master)
        self.chart: Chart | None = None
        self.chosen: tuple[int, int] | None = None
        """Row and column of the selected mark; the row is 0 but in a heat map."""
        self._drawing: Drawing | None = None
        self._pending: str | None = None
        self.detail = ttk.Label(self, style="Small.TLabel", anchor="w")
        self.detail.pack(side="bottom", fill="x", pady=(4, 0))
        self.canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=True, width=520, height=240)
        self.canvas.pack(fill="both", expand=True)
        for event in ("<Configure>", "<<ThemeChanged>>", "<FocusIn>", "<FocusOut>"):
            self.canvas.bind(event, self._draw_soon)
        self.canvas.bind("<Button-1>", self._clicked)
        for key, row, column in (("Up", -1, 0), ("Down", 1, 0), ("Left", 0, -1), ("Right", 0, 1)):
            self.canvas.bind(f"<{key}>", partial(self._step, row, column))

    def show(self, chart: Chart | None) -> None:
        """Show a chart, or nothing."""
        self.chart, self.chosen = chart, None
        self.detail.configure(text=HINT if chart is not None else "")
        self._draw()

    def _draw_soon(self, _: tk.Event) -> None:
        if self._pending is None:
            self._pending = self.after_idle(self._draw)

    def _draw(self) -> None:
        self._pending = None
        self.canvas.configure(background=theme.palette(self).background)
        self.canvas.delete("all")
        self._drawing = None if self.chart is None else _drawing_of(self.canvas, self.chart)
        if self._drawing is None:
            return
        self._drawing.draw()
        focused = self.canvas.focus_displayof() is self.canvas
        if self.chosen is not None:
            self._drawing.mark(*self.chosen)
        elif focused:
            self._drawing.mark_focus()

    def _clicked(self, event: tk.Event) -> None:
        self.canvas.focus_set()
        mark = self._drawing.mark_at(event.x, event.y) if self._drawing is not None else None
        if mark is not None:
            self._choose(mark)

    def _step(self, row: int, column: int, _: tk.Event) -> str:
        if self._drawing is not None:
            rows, columns = self._drawing.shape
            now = self.chosen
            to = (0, self._drawing.first) if now is None else (now[0] + row, now[1] + column)
            if 0 <= to[0] < rows and 0 <= to[1] < columns:
                self._choose(to)
        return "break"

    def _choose(self, mark: tuple[int, int]) -> None:
        self.chosen = mark
        if self.chart is not None:
            self.detail.configure(text=describe_mark(self.chart, *mark))
        self._draw()


def describe_mark(chart: Chart, row: int, column: int) -> str:
    """Return what a mark of a chart shows."""
    return chart.describe(row, column) if isinstance(chart, HeatMap) else chart.describe(column)


def _drawing_of(canvas: tk.Canvas, chart: Chart) -> Drawing:
    if isinstance(chart, HeatMap):
        return HeatMapDrawing(canvas, chart)
    if isinstance(chart, Bars):
        return BarDrawing(canvas, chart)
    assert isinstance(chart, Forecast)
    return ForecastDrawing(canvas, chart)
