"""Meaning and suggested action of the standard RFM segments, and the names of the value tiers."""

from __future__ import annotations

from typing import Final

SEGMENTS: Final[dict[str, tuple[str, str]]] = {
    "Champions": ("Bought very recently and order often", "Thank them; show new products first"),
    "Loyal": ("Order often, last order a while ago", "Offer what goes with their favourites"),
    "Potential Loyalist": ("Bought recently, a few orders so far", "Suggest a natural next product"),
    "New": ("One order, very recent", "Welcome them; help with the second order"),
    "Promising": ("One order, fairly recent", "Remind them with popular products"),
    "Need Attention": ("Average recency and frequency", "Give a reason to return this month"),
    "About to Sleep": ("Few orders, none of them recent", "Show what is popular now"),
    "At Risk": (
        "Ordered often, but away for longer than usual",
        "Show what they used to buy, plus what is new",
    ),
    "Can't Lose": ("Ordered most often of all, but away for longer than usual", "Contact them personally"),
    "Hibernating": ("Few orders, a long time ago", "A low-cost reminder"),
    "Lost": ("Few orders, a very long time ago", "Do not spend on them, or one last offer"),
}
"""Segment -> (meaning, action), best first. Both start with a capital letter and have no full stop."""

VALUE_TIERS: Final = ("Lowest", "Low", "Middle", "High", "Top")
"""Name of the value tier by M score, 1 to 5."""


def segment_advice(name: str) -> str:
    """Return meaning and action of a segment as two sentences; empty for a segment that the shop named itself."""
    meaning, action = SEGMENTS.get(name, ("", ""))
    return f"{meaning}. {action}." if meaning else ""
