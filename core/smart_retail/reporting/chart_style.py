"""Style of the charts: figures without pyplot, colours, axes, bars and heat maps; output as SVG or PNG.

matplotlib is imported inside the functions; it comes with the extra ``report``.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import MissingExtraError
from smart_retail.presentation.palette import BLUE

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

MAX_LABEL: Final = 42
"""Characters; longer names are cut in a chart, the table has them in full."""

PLAIN_TEXT: Final[Any] = {"text.parse_math": False}
"""Setting of matplotlib with which ``$`` does not start a formula."""

SEQUENTIAL_COLOURS: Final = ("#F2F7FB", "#C6DFF0", "#8FC1E2", "#56A0D0", "#2B83BF", BLUE, "#005A8E")
"""From low to high."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything but the data."""

    background: str
    text: str
    secondary: str
    """Axis lines and secondary text."""
    grid: str


LIGHT: Final = Theme("#FFFFFF", "#1C2733", "#5B6875", "#E3E8ED")
DARK: Final = Theme("#12171D", "#E4E9EE", "#9AA7B4", "#2A323B")


def new_figure(title: str, width: float, height: float, theme: Theme, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure with its title at the upper left.

    Parameters
    ----------
    title : str
        The finding, as a sentence.
    width, height : float
        Inches.
    theme : Theme
        Light or dark.
    columns : int
        Number of axes, side by side.

    Returns
    -------
    figure : Figure
    axes : list of Axes

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    _import_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.background)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=theme.text)
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for ax in axes:
        ax.set_facecolor(theme.background)
        ax.tick_params(colors=theme.secondary, labelcolor=theme.text, labelsize=9)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(theme.secondary)
        ax.set_axisbelow(True)
    return figure, axes


def _import_matplotlib() -> ModuleType:
    try:
        import matplotlib as mpl
        import matplotlib.figure
    except ImportError as error:
        raise MissingExtraError(
            "Charts need matplotlib, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[report]'",
        ) from error
    return mpl


def label_axes(ax: Axes, x: str, y: str, theme: Theme) -> None:
    """Name the axes, with units."""
    ax.set_xlabel(x, color=theme.secondary, fontsize=9.5)
    ax.set_ylabel(y, color=theme.secondary, fontsize=9.5)


def draw_bars(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str],
    theme: Theme,
    texts: Sequence[str],
    text_positions: Sequence[float] | None = None,
) -> None:
    """Draw horizontal bars from the top down, each with its text.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    names, values, colours, texts : sequence
        One entry per bar.
    theme : Theme
        Light or dark.
    text_positions : sequence of float, optional
        Where the texts begin; by default at the end of the bars.
    """
    ax.barh(range(len(names)), values, color=colours, height=0.66)
    ax.set_yticks(range(len(names)), [shorten(name) for name in names])
    ax.invert_yaxis()
    for position, (value, text) in enumerate(zip(text_positions or values, texts, strict=True)):
        ax.annotate(
            text,
            (max(value, 0), position),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=theme.text,
        )
    ax.set_xlim(min(0, *values), 1.35 * max(*(text_positions or values), 1e-9))
    ax.xaxis.set_major_formatter(format_tick)
    ax.tick_params(axis="y", length=0)


def add_legend(ax: Axes, theme: Theme) -> None:
    """Add a legend of the labelled lines."""
    ax.legend(frameon=False, labelcolor=theme.text, fontsize=9)


class HeatScale(NamedTuple):
    """Colour scale and numbers of a heat map."""

    unit: str
    """Label of the colour bar."""
    number_format: str = ""
    """Format of the numbers in the cells; without it they have none."""
    low: float = 0.0
    """Value of the first colour."""
    high: float | None = None
    """Value of the last colour; by default the largest value."""
    colour_map: str = ""
    """Name of a colour map of matplotlib; by default shades of the accent colour."""


def draw_heat_map(
    ax: Axes, grid: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], theme: Theme, scale: HeatScale
) -> None:
    """Draw a matrix in colours; NaN stays empty.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    grid : float64[rows, columns]
        The values.
    rows, columns : sequence of str
        Labels.
    theme : Theme
        Light or dark.
    scale : HeatScale
        Colours and numbers.

    Raises
    ------
    MissingExtraError
        seaborn is not installed.
    """
    try:
        import seaborn as sns
    except ImportError as error:
        raise MissingExtraError(
            "Heat maps need seaborn, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[report]'",
        ) from error
    from matplotlib.colors import LinearSegmentedColormap

    sns.heatmap(
        grid,
        ax=ax,
        vmin=scale.low,
        vmax=scale.high,
        cmap=scale.colour_map or LinearSegmentedColormap.from_list("shades", SEQUENTIAL_COLOURS),
        annot=bool(scale.number_format),
        fmt=scale.number_format or ".2g",
        mask=np.isnan(grid),
        linewidths=1,
        linecolor=theme.background,
        xticklabels=list(columns),
        yticklabels=[shorten(name) for name in rows],
        cbar_kws={"label": scale.unit, "pad": 0.02},
        annot_kws={"fontsize": 9},
    )
    ax.tick_params(length=0, labelcolor=theme.text)
    ax.tick_params(axis="y", labelrotation=0)
    bar = ax.collections[0].colorbar
    if bar is not None:
        bar.ax.tick_params(colors=theme.secondary)
        bar.ax.yaxis.label.set_color(theme.secondary)
        bar.outline.set_visible(False)


def amount_label(name: str, currency: str) -> str:
    """Return the label of an axis with amounts."""
    return f"{name}, {currency}" if currency else f"{name}, in the shop's currency"


def plain_text(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function that draws a figure: ``$`` in its texts, such as product names, starts no formula.

    The setting holds while the function runs, as layouts measure texts before the figure is complete, and is stored in
    every text of the figure.
    """

    @functools.wraps(draw)
    def draw_plain(*args: P.args, **kwargs: P.kwargs) -> Figure:
        mpl = _import_matplotlib()
        from matplotlib.text import Text

        with mpl.rc_context(PLAIN_TEXT):
            figure = draw(*args, **kwargs)
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        return figure

    return draw_plain


def shorten(name: str) -> str:
    """Cut a name to the length of an axis label."""
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1].rstrip()}…"


def format_tick(value: float, _position: Any = None) -> str:
    """Return the text of an axis tick: ``1.5M`` for 1,500,000, ``20k`` for 20,000."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.4g}{unit}"
    return f"{value:,.4g}"


def text_colour_on(fill: str) -> str:
    """Return black or white, whichever has more contrast on ``#RRGGBB`` (relative luminance of WCAG 2)."""
    parts = [int(fill[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#FFFFFF"


def to_svg(figure: Figure, name: str = "") -> str:
    """Return the figure as an ``<svg>`` element for a page; `name` keeps the ids of several charts apart.

    The same figure gives the same text: it has no date and no random id.
    """
    import matplotlib as mpl

    out = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    options = PLAIN_TEXT | {"svg.fonttype": "none", "svg.hashsalt": f"smart-retail {name}"}
    with mpl.rc_context(options), _ignore_missing_glyphs():
        figure.savefig(out, format="svg", metadata=metadata)
    text = out.getvalue()
    return text[text.index("<svg") :].strip()


def to_png(figure: Figure, dpi: int = 144) -> bytes:
    """Return the figure as the bytes of a PNG file."""
    out = io.BytesIO()
    with _ignore_missing_glyphs():
        figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()


@contextmanager
def _ignore_missing_glyphs() -> Iterator[None]:
    """Silence warnings about letters that the font of matplotlib lacks; they are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield
