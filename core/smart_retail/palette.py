"""The colours of every screen and picture: Okabe and Ito's, safe for colour-blind eyes.

Source: M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
"""The accent."""
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
GREY: Final = "#999999"

PALETTE: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, GREY)

METHODS: Final[dict[str, str]] = {
    "hybrid": BLUE,
    "personalized": PURPLE,
    "rfm": GREEN,
    "cf": ORANGE,
    "popular": GREY,
    "repurchase": VERMILLION,
    "content": SKY,
    "rule": YELLOW,
}
"""Method, or helper inside the merge -> its colour on every screen."""

SEGMENTS: Final[dict[str, str]] = {
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
"""Segment -> its colour; segments of a shop's own table take grey."""
