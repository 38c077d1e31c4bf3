"""Squarified treemap: sizes in, rectangles of the same area out.

After Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000); Vega-Lite has no treemap.
"""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def squarify(sizes: Sequence[float], width: float, height: float) -> list[Box]:
    """Return rectangles for positive `sizes`, largest first, that fill ``width`` x ``height``."""
    total = sum(sizes)
    areas = [size * width * height / total for size in sizes]
    boxes: list[Box] = []
    left, top = 0.0, 0.0
    while areas:
        side = min(width - left, height - top)
        size = 1
        while size < len(areas) and _worst_ratio(areas[: size + 1], side) <= _worst_ratio(areas[:size], side):
            size += 1
        row, areas = areas[:size], areas[size:]
        thick = sum(row) / side
        at = top if width - left >= height - top else left
        for area in row:
            step = area / thick
            if width - left >= height - top:
                boxes.append((left, at, left + thick, at + step))
            else:
                boxes.append((at, top, at + step, top + thick))
            at += step
        if width - left >= height - top:
            left += thick
        else:
            top += thick
    return boxes


def _worst_ratio(row: Sequence[float], side: float) -> float:
    """Return the largest aspect ratio in a row of areas along `side`."""
    thick = sum(row) / side
    return max(max(thick * thick / area, area / (thick * thick)) for area in row)
