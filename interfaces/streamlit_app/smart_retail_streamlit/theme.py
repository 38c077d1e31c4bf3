"""Colours and Streamlit's own theme: one calm look, light and dark, told apart without colour too.

The palette is Okabe and Ito's, safe for colour-blind eyes (https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
GREY: Final = "#999999"

PALETTE: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, GREY)

METHOD_COLOURS: Final = {
    "hybrid": BLUE,
    "personalized": PURPLE,
    "rfm": GREEN,
    "cf": ORANGE,
    "popular": GREY,
    "repurchase": VERMILLION,
    "trending": YELLOW,
    "content": SKY,
    "rule": BLUE,
}
"""Method or component -> its colour, the same on every page."""

SEGMENT_COLOURS: Final = {
    "Champions": BLUE,
    "Loyal": SKY,
    "Potential Loyalist": GREEN,
    "New": "#7BC8A4",
    "Promising": "#B5DFCB",
    "Need Attention": YELLOW,
    "About to Sleep": ORANGE,
    "At Risk": VERMILLION,
    "Can't Lose": PURPLE,
    "Hibernating": "#B8B8B8",
    "Lost": GREY,
}
"""Segment -> its colour; segments of an own table take grey."""

SEQUENTIAL: Final = (
    "#EAF3F9",
    "#C6DFEE",
    "#95C4E0",
    "#5CA5CF",
    "#2A86BC",
    BLUE,
    "#005C90",
    "#00466E",
    "#00324F",
    "#001F33",
)
"""Ten steps of the accent, as many as Streamlit wants."""

_FONT = "sans-serif"
_SHARED: Final[dict[str, object]] = {
    "theme.font": _FONT,
    "theme.baseFontSize": 15,
    "theme.baseRadius": "6px",
    "theme.headingFontSizes": ["1.6rem", "1.25rem", "1.05rem"],
    "theme.headingFontWeights": [650, 600, 600],
    "theme.metricValueFontSize": "1.7rem",
    "theme.metricValueFontWeight": 600,
    "theme.paddingTop": "1.2rem",
    "theme.showWidgetBorder": True,
    "theme.chartCategoricalColors": list(PALETTE),
    "theme.chartSequentialColors": list(SEQUENTIAL),
}
_LIGHT: Final[dict[str, object]] = {
    "primaryColor": BLUE,
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F6F8",
    "textColor": "#1C2733",
    "borderColor": "#DCE2E8",
    "linkColor": BLUE,
}
_DARK: Final[dict[str, object]] = {
    "primaryColor": SKY,
    "backgroundColor": "#12171D",
    "secondaryBackgroundColor": "#1B222B",
    "textColor": "#E4E9EE",
    "borderColor": "#323C47",
    "linkColor": SKY,
}

OPTIONS: Final[dict[str, object]] = (
    _SHARED
    | {f"theme.light.{name}": value for name, value in _LIGHT.items()}
    | {f"theme.dark.{name}": value for name, value in _DARK.items()}
)
"""Streamlit's configuration options for this look."""
