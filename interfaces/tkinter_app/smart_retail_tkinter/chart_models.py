"""Charts of the reports as values: heat maps, bars and a line with its range. Drawn by `widgets.chart`.

Every mark (a cell, a bar, a day) has a description, so that a chart can also be read with the keyboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Cells of rows and columns, shaded by their value."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    """Value of each cell, 0 or more; None for an empty cell."""
    texts: tuple[tuple[str, ...], ...]
    """Text of each cell."""
    row_title: str
    column_title: str
    unit: str
    """What a value counts, such as ``customers``."""

    def describe(self, row: int, column: int) -> str:
        """Return the text of a cell with its row and column."""
        text = self.texts[row][column] or "none"
        where = f"{self.row_title}: {self.rows[row]}, {self.column_title}: {self.columns[column]}"
        return f"{where}: {text} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Bars:
    """Upright bars, such as one for each month."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    texts: tuple[str, ...]
    """Value of each bar in words."""
    title: str
    """Quantity and unit of the axis."""

    def describe(self, position: int) -> str:
        """Return the name and value of a bar."""
        return f"{self.names[position]}: {self.texts[position]}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """A line of the past that goes on as a forecast with its range."""

    days: tuple[str, ...]
    """ISO dates, those of the past first."""
    past: tuple[float, ...]
    expected: tuple[float, ...]
    """Of the days after the past."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    texts: tuple[str, ...]
    """Value of each day in words."""
    title: str
    """Quantity and unit of the axis."""

    def describe(self, position: int) -> str:
        """Return date and value of a day."""
        return f"{self.days[position]}: {self.texts[position]}"


Chart = HeatMap | Bars | Forecast


def axis_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Return at most ``most + 1`` round numbers that cover a range and include 0.

    Parameters
    ----------
    low, high : float
        Smallest and largest value.
    most : int
        Largest number of steps.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        return (0.0, 1.0)
    power = 10.0 ** floor(log10((high - low) / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        # The tolerance is for a range that ends on a round number.
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        if last - first <= most:
            break
    return tuple(step * k for k in range(first, last + 1))


def label_positions(widths: Sequence[int], space: int, gap: int) -> tuple[int, ...]:
    """Return the positions of evenly spaced labels, as many as fit.

    Parameters
    ----------
    widths : sequence of int
        Width of each label in pixels.
    space : int
        Width of the axis in pixels.
    gap : int
        Smallest distance of two labels in pixels.
    """
    if not widths:
        return ()
    fitting = max(space // (max(widths) + gap), 1)
    every = max(-(-len(widths) // fitting), 1)
    return tuple(range(0, len(widths), every))
