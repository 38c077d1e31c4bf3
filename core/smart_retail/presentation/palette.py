"""Colours of all screens and charts: the palette of Okabe and Ito, safe for colour-blind readers.

Source: M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from smart_retail.results import RecommendationList

BLUE: Final = "#0072B2"
"""Accent colour."""
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
"""Method or other source of the hybrid list -> colour."""

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
"""Segment -> colour; segments that a shop has named itself are grey."""

_SYMBOLS: Final = ("●", "■", "▲", "◆", "★")
_SYMBOL_COLOURS: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY)


class ItemMark(NamedTuple):
    """Mark of an item that is in several lists."""

    symbol: str
    colour: str
    list_count: int
    """Number of lists with the item."""


def mark_shared_items(result: RecommendationList) -> dict[str, ItemMark]:
    """Return a mark for each item that is in several lists of a result for ``all``, in order of appearance.

    The first 35 marks differ in symbol and colour together, since the two counts have no common divisor.
    """
    occurrences = Counter(item.item_id for part in result.lists.values() for item in part.items)
    shared = [item for item, lists in occurrences.items() if lists > 1]
    return {
        item: ItemMark(_SYMBOLS[k % len(_SYMBOLS)], _SYMBOL_COLOURS[k % len(_SYMBOL_COLOURS)], occurrences[item])
        for k, item in enumerate(shared)
    }
