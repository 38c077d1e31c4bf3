"""The colours of every screen and picture: Okabe and Ito's, safe for colour-blind eyes.

Source: M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from smart_retail.results import RecommendationList

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

METHOD_COLOURS: Final[dict[str, str]] = {
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

SEGMENT_COLOURS: Final[dict[str, str]] = {
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

_SIGNS: Final = ("●", "■", "▲", "◆", "★")
_SIGN_COLOURS: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY)


class ItemMark(NamedTuple):
    """What tells that an item stands in several lists."""

    symbol: str
    colour: str
    list_count: int
    """How many lists have the item."""


def mark_shared_items(answer: RecommendationList) -> dict[str, ItemMark]:
    """Items that stand in several lists of an answer to ``all`` -> their mark, in order of appearance.

    The first 35 marks differ in sign and colour together, for the two counts have no common divisor.
    """
    places = [item.item_id for each in answer.lists.values() for item in each.items]
    shared = [item for item, lists in Counter(places).items() if lists > 1]
    return {
        item: ItemMark(_SIGNS[k % len(_SIGNS)], _SIGN_COLOURS[k % len(_SIGN_COLOURS)], places.count(item))
        for k, item in enumerate(shared)
    }
