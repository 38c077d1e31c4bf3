"""Options of a list in addition to method, length and category, as the window has them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from smart_retail.errors import UsageError


@dataclass(frozen=True, slots=True)
class MoreFilters:
    """Scenario and filters by price and id."""

    scenario: str | None = None
    """Name of a scenario of the business rules, which sets method and length."""
    price_min: float | None = None
    """Lowest price, None for no limit."""
    price_max: float | None = None
    """Highest price, None for no limit."""
    exclude: tuple[str, ...] = ()
    """Ids of products that are not in the list."""

    def options(self) -> dict[str, Any]:
        """Return the filters as options of a list."""
        return asdict(self)


def parse_price(text: str) -> float | None:
    """Return a price; None for an empty text.

    Raises
    ------
    UsageError
        The text is not a number.
    """
    if not text.strip():
        return None
    try:
        return float(text.strip())
    except ValueError:
        raise UsageError(f"{text.strip()!r} is not a price.", "Write a number such as 9.90.") from None


def parse_ids(text: str) -> tuple[str, ...]:
    """Return the ids of a text, which are separated by semicolons."""
    return tuple(part for part in (piece.strip() for piece in text.split(";")) if part)
