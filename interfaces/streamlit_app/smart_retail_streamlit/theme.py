"""Theme of Streamlit with the shared palette, light and dark."""

from __future__ import annotations

from typing import Final

from smart_retail.presentation.palette import BLUE, PALETTE, SKY

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
"""Ten steps of the accent colour, as many as Streamlit needs."""

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
"""Configuration options of Streamlit for this theme."""
