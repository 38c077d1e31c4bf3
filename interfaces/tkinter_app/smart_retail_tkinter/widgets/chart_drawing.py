"""Drawings of charts on a canvas: axes, shaded cells, bars and lines in the colours of the theme."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Sequence
from math import sqrt
from tkinter import font

from smart_retail.presentation.formatting import format_integer
from smart_retail.presentation.palette import BLUE, ORANGE, VERMILLION
from smart_retail_tkinter import theme
from smart_retail_tkinter.chart_models import Bars, Forecast, HeatMap, axis_ticks, label_positions

MARGIN = 6
"""Pixels at the border, and between a label and its axis."""
LABEL_GAP = 10
"""Pixels between two labels of an axis."""
MAX_ROW_LABEL = 0.3
"""Share of the width for the names of the rows of a heat map."""


class Drawing:
    """One chart on a canvas. A subclass sets `shape` and the methods that draw."""

    shape: tuple[int, int] = (0, 0)
    """Rows and columns of marks."""
    first = 0
    """Column of the mark that is selected first."""

    def __init__(self, canvas: tk.Canvas) -> None:
        self.canvas = canvas
        self.colours = theme.palette(canvas)
        self.caption = font.nametofont("SunValleyCaptionFont", canvas)
        self.line = self.caption.metrics("linespace")
        self.width, self.height = canvas.winfo_width(), canvas.winfo_height()
        self.left, self.top = float(MARGIN), float(MARGIN)
        self.right, self.bottom = float(self.width - MARGIN), float(self.height - MARGIN)

    def draw(self) -> None:
        """Draw the chart."""
        raise NotImplementedError

    def mark_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the mark at a position; None if there is none."""
        raise NotImplementedError

    def mark(self, row: int, column: int) -> None:
        """Draw the selection of a mark."""
        raise NotImplementedError

    def mark_focus(self) -> None:
        """Draw that the chart has the focus."""
        self.canvas.create_rectangle(1, 1, self.width - 2, self.height - 2, outline=self.colours.text, dash=(2, 3))

    def write(self, x: float, y: float, text: str, anchor: str = "center", colour: str = "") -> None:
        """Write a text in the small font."""
        self.canvas.create_text(
            x, y, text=text, anchor=anchor, fill=colour or self.colours.text, font=self.caption, justify="center"
        )  # type: ignore[call-overload]


class AxesDrawing(Drawing):
    """Columns from left to right over an axis of round numbers."""

    def __init__(self, canvas: tk.Canvas, names: Sequence[str], low: float, high: float, title: str) -> None:
        super().__init__(canvas)
        self.names, self.title = names, title
        self.ticks = axis_ticks(low, high, max(int((self.height - 4 * self.line) / (3 * self.line)), 2))
        self.shape = (1, len(names))
        widest = max(map(self.caption.measure, map(_tick_text, self.ticks)))
        self.left += widest + MARGIN
        self.top += 1.5 * self.line
        self.bottom -= 1.5 * self.line

    def x(self, position: float) -> float:
        """Return the middle of a column."""
        return self.left + (position + 0.5) * (self.right - self.left) / max(len(self.names), 1)

    def y(self, value: float) -> float:
        """Return the height of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def draw_axes(self) -> None:
        """Draw grid lines, numbers, some of the names, and the title of the axis."""
        self.write(MARGIN, MARGIN, self.title, "nw", self.colours.muted)
        for tick in self.ticks:
            y = self.y(tick)
            self.canvas.create_line(self.left, y, self.right, y, fill=self.colours.line)
            self.write(self.left - MARGIN, y, _tick_text(tick), "e")
        widths, end = [self.caption.measure(name) for name in self.names], 0.0
        for position in label_positions(widths, int(self.right - self.left), LABEL_GAP):
            half = widths[position] / 2
            x = min(max(self.x(position), MARGIN + half), self.right - half)
            if x - half >= end:  # the last label moves to the left at the border
                self.write(x, self.bottom + MARGIN, self.names[position], "n")
                end = x + half + MARGIN

    def mark_at(self, x: float, y: float) -> tuple[int, int] | None:
        step = (self.right - self.left) / max(len(self.names), 1)
        column = int((x - self.left) // step)
        return (0, column) if 0 <= column < len(self.names) else None

    def mark(self, row: int, column: int) -> None:
        x = self.x(column)
        self.canvas.create_line(x, self.top, x, self.bottom, fill=self.colours.text, dash=(3, 3))


class BarDrawing(AxesDrawing):
    """Upright bars."""

    def __init__(self, canvas: tk.Canvas, chart: Bars) -> None:
        super().__init__(canvas, chart.names, min(chart.values, default=0), max(chart.values, default=0), chart.title)
        self.chart = chart

    def _box(self, column: int) -> tuple[float, float, float, float]:
        half = 0.4 * (self.right - self.left) / max(len(self.names), 1)
        x, y = self.x(column), self.y(self.chart.values[column])
        return x - half, min(y, self.y(0)), x + half, max(y, self.y(0))

    def draw(self) -> None:
        self.draw_axes()
        for column in range(len(self.names)):
            self.canvas.create_rectangle(*self._box(column), fill=self.colours.accent, outline="")

    def mark(self, row: int, column: int) -> None:
        left, top, right, bottom = self._box(column)
        self.canvas.create_rectangle(left - 2, top - 2, right + 2, bottom + 2, outline=ORANGE, width=3)


class ForecastDrawing(AxesDrawing):
    """The past as a line, the forecast as a dashed line within its range."""

    def __init__(self, canvas: tk.Canvas, chart: Forecast) -> None:
        values = (*chart.past, *chart.low, *chart.high)
        super().__init__(canvas, chart.days, min(values, default=0), max(values, default=0), chart.title)
        self.chart = chart
        self.first = len(chart.past)

    def draw(self) -> None:
        self.draw_axes()
        chart, start = self.chart, len(self.chart.past)
        if chart.expected:
            upper = [(self.x(start + k), self.y(value)) for k, value in enumerate(chart.high)]
            lower = [(self.x(start + k), self.y(value)) for k, value in enumerate(chart.low)]
            shade = self.colours.blend(VERMILLION, 0.2)
            self.canvas.create_polygon(*upper, *reversed(lower), fill=shade, outline=shade)
        self._line(0, chart.past, self.colours.accent, ())
        self._line(start, chart.expected, VERMILLION, (5, 3))
        self._draw_legend()

    def _line(self, start: int, values: Sequence[float], colour: str, dash: tuple[int, ...]) -> None:
        points = [(self.x(start + k), self.y(value)) for k, value in enumerate(values)]
        if len(points) > 1:
            self.canvas.create_line(*points, fill=colour, width=2, dash=dash)
        for x, y in points[:1] if len(points) == 1 else ():
            self.canvas.create_oval(x - 2, y - 2, x + 2, y + 2, fill=colour, outline="")

    def _draw_legend(self) -> None:
        x, y = self.right, MARGIN + self.line / 2
        shade = self.colours.blend(VERMILLION, 0.2)
        for text, colour in (("80 % interval", shade), ("forecast", VERMILLION), ("sales so far", self.colours.accent)):
            self.write(x, y, text, "e", self.colours.muted)
            x -= self.caption.measure(text) + 6
            self.canvas.create_rectangle(x - 12, y - 4, x, y + 4, fill=colour, outline="")
            x -= 24

    def mark(self, row: int, column: int) -> None:
        super().mark(row, column)
        chart = self.chart
        value = (*chart.past, *chart.expected)[column]
        x, y = self.x(column), self.y(value)
        self.canvas.create_oval(x - 4, y - 4, x + 4, y + 4, outline=ORANGE, width=3)


class HeatMapDrawing(Drawing):
    """Cells shaded by their values, with their texts where they fit."""

    def __init__(self, canvas: tk.Canvas, chart: HeatMap) -> None:
        super().__init__(canvas)
        self.chart = chart
        self.shape = (len(chart.rows), len(chart.columns))
        widest = max((self.caption.measure(name) for name in chart.rows), default=0)
        self.left += min(widest, MAX_ROW_LABEL * self.width) + MARGIN
        self.cell_width = (self.right - self.left) / max(len(chart.columns), 1)
        self._heads = [theme.wrap_two(name, max(int(self.cell_width) - 4, 8), self.caption) for name in chart.columns]
        lines = max((head.count("\n") + 1 for head in self._heads), default=1)
        self.top += (1.4 + lines) * self.line
        self.cell_height = (self.bottom - self.top) / max(len(chart.rows), 1)

    def _corner(self, row: int, column: int) -> tuple[float, float]:
        return self.left + column * self.cell_width, self.top + row * self.cell_height

    def draw(self) -> None:
        chart = self.chart
        self.write(MARGIN, MARGIN, chart.row_title, "nw", self.colours.muted)
        self.write(self.right, MARGIN, f"{chart.column_title} →", "ne", self.colours.muted)
        for column, head in enumerate(self._heads):
            x, _ = self._corner(0, column)
            self.write(x + self.cell_width / 2, self.top - 3, head, "s")
        rows = label_positions([self.line] * len(chart.rows), int(self.bottom - self.top), 0)
        for row in rows:
            _, y = self._corner(row, 0)
            name = theme.cut(chart.rows[row], int(self.left - 2 * MARGIN), self.caption)
            self.write(self.left - MARGIN, y + self.cell_height / 2, name, "e")
        most = max((value or 0.0 for line in chart.values for value in line), default=0.0)
        for row, line in enumerate(chart.values):
            for column, value in enumerate(line):
                self._draw_cell(row, column, value, most)

    def _draw_cell(self, row: int, column: int, value: float | None, most: float) -> None:
        x, y = self._corner(row, column)
        # The square root keeps small cells distinguishable when one cell has most of a total.
        strength = 0.08 + 0.85 * sqrt(value / most) if value and most > 0 else 0.0
        fill = self.colours.blend(BLUE, strength) if strength else self.colours.empty
        if value is None:
            return
        box = x + 1, y + 1, x + self.cell_width - 1, y + self.cell_height - 1
        self.canvas.create_rectangle(*box, fill=fill, outline="")
        text = self.chart.texts[row][column]
        if self.caption.measure(text) <= self.cell_width - 4 and self.line <= self.cell_height:
            middle = x + self.cell_width / 2, y + self.cell_height / 2
            self.write(*middle, text, colour=theme.readable_on(fill))

    def mark_at(self, x: float, y: float) -> tuple[int, int] | None:
        row, column = int((y - self.top) // self.cell_height), int((x - self.left) // self.cell_width)
        return (row, column) if 0 <= row < self.shape[0] and 0 <= column < self.shape[1] else None

    def mark(self, row: int, column: int) -> None:
        x, y = self._corner(row, column)
        self.canvas.create_rectangle(x, y, x + self.cell_width, y + self.cell_height, outline=ORANGE, width=3)


def _tick_text(value: float) -> str:
    return format_integer(value) if float(value).is_integer() else f"{value:g}"
