"""Light and dark theme: Sun Valley for ttk widgets, colours for the others, and installed fonts."""

from __future__ import annotations

import tkinter as tk
from dataclasses import dataclass
from tkinter import font, ttk
from typing import Final, Literal

import sv_ttk

from smart_retail.presentation.palette import BLUE, SKY

THEMES = ("light", "dark")
FAMILIES = ("Segoe UI", "SF Pro Text", "Inter", "Cantarell", "Noto Sans", "Ubuntu", "Liberation Sans", "DejaVu Sans")
SIZES: Final[dict[str, tuple[int, Literal["normal", "bold"]]]] = {
    "SunValleyCaptionFont": (-12, "normal"),
    "SunValleyBodyFont": (-13, "normal"),
    "SunValleyBodyStrongFont": (-13, "bold"),
    "SunValleyBodyLargeFont": (-16, "normal"),
    "SunValleySubtitleFont": (-18, "bold"),
}
"""Named fonts of the theme -> size in pixels at 96 dots per inch (negative, as Tk requires) and weight."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours for canvases, classic widgets and table rows."""

    background: str
    text: str
    muted: str
    line: str
    empty: str
    accent: str
    selected: str
    warning: str

    def blend(self, colour: str, strength: float) -> str:
        """Return `colour` over the background with an opacity of 0 to 1."""
        return mix(self.background, colour, strength)


PALETTES = {
    "light": Palette("#fafafa", "#1c1c1c", "#626262", "#d9d9d9", "#f0f0f0", BLUE, "#d3e6f3", "#B34700"),
    "dark": Palette("#1c1c1c", "#fafafa", "#a6a6a6", "#3d3d3d", "#262626", SKY, "#20455c", "#F0A068"),
}


def mix(background: str, colour: str, strength: float) -> str:
    """Return `colour` over `background` with an opacity of 0 to 1."""
    pairs = zip(_rgb(background), _rgb(colour), strict=True)
    return "#" + "".join(f"{round(g + (c - g) * strength):02x}" for g, c in pairs)


def readable_on(colour: str) -> str:
    """Return white if its contrast on `colour` is at least 4 (relative luminance of WCAG 2), otherwise black."""
    channels = [c / 255 for c in _rgb(colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= 4.0 else "#1c1c1c"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def palette(widget: tk.Misc) -> Palette:
    """Return the colours of the current theme."""
    return PALETTES["dark" if ttk.Style(widget).theme_use().endswith("dark") else "light"]


def apply(root: tk.Tk, name: str) -> None:
    """Apply a theme to the window; widgets that draw themselves receive ``<<ThemeChanged>>``."""
    sv_ttk.set_theme(name, root)
    # The theme sets one colour for every label (tk_setPalette), which would override the styles below.
    root.tk.eval("bind TLabel <<ThemeChanged>> {%W configure -foreground {}}")
    colours = PALETTES[name]
    family = _family(root)
    scale = scaling(root)
    for font_name, (pixels, weight) in SIZES.items():
        font.nametofont(font_name, root).configure(family=family, size=round(pixels * scale), weight=weight)
    for font_name in ("TkDefaultFont", "TkTextFont", "TkMenuFont"):
        font.nametofont(font_name, root).configure(family=family, size=round(-13 * scale))
    style = ttk.Style(root)
    line = font.nametofont("SunValleyBodyFont", root).metrics("linespace")
    style.configure("Treeview", rowheight=line + round(11 * scale))
    for tall in ("Tall.Treeview", "Lists.Treeview"):
        style.configure(tall, rowheight=2 * line + round(10 * scale))
    # In a table of coloured rows the selected row needs the strongest colour.
    style.map("Lists.Treeview", background=[("selected", BLUE)], foreground=[("selected", "#ffffff")])
    style.map("Treeview", background=[("selected", colours.selected)], foreground=[("selected", colours.text)])
    style.configure("Treeview.Heading", padding=(4, 0, 4, 0))
    style.configure("Title.TLabel", font="SunValleySubtitleFont")
    style.configure("Strong.TLabel", font="SunValleyBodyStrongFont")
    style.configure("Muted.TLabel", foreground=colours.muted)
    style.configure("Small.TLabel", foreground=colours.muted, font="SunValleyCaptionFont")
    style.configure("Warning.TLabel", foreground=colours.warning)


def _family(root: tk.Tk) -> str:
    installed = set(font.families(root))
    return next((family for family in FAMILIES if family in installed), "TkDefaultFont")


def scaling(widget: tk.Misc) -> float:
    """Return the number of screen pixels per design pixel, in steps of a quarter: 1 at 96 dots per inch."""
    return min(max(round(widget.winfo_fpixels("1i") / 24) / 4, 1.0), 3.0)


def cut(text: str, width: int, measure: font.Font) -> str:
    """Return `text`, shortened with an ellipsis if it is wider than `width` pixels."""
    if measure.measure(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure.measure(text[:middle].rstrip() + "…") <= width else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrap_two(text: str, width: int, measure: font.Font) -> str:
    """Return `text` on at most two lines of `width` pixels, the second shortened if needed."""
    words = text.split(" ")
    fitting = 0
    while fitting < len(words) and measure.measure(" ".join(words[: fitting + 1])) <= width:
        fitting += 1
    if fitting in (0, len(words)):
        return cut(text, width, measure)
    return f"{' '.join(words[:fitting])}\n{cut(' '.join(words[fitting:]), width, measure)}"
