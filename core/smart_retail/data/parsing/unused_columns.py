"""Find the columns of a source that are not used, and those among them that look like a status, refund or discount."""

from __future__ import annotations

from typing import Final

from smart_retail.data import columns as c
from smart_retail.data.parsing.column_mapping import Schema
from smart_retail.data.parsing.column_profile import ColumnProfile
from smart_retail.data.parsing.presets import normalize_header
from smart_retail.results import Result

_WORDS: Final = {
    "refund": (
        "refund", "erstatt", "gutschrift", "rembours", "reembols", "devol", "rimbors", "terugbet", "zwrot",
        "chargeback",
    ),
    "return": ("return", "retour", "retoure", "ruckgabe", "reso", "rueckgabe"),
    "discount": (
        "discount", "rabat", "remise", "descuento", "desconto", "sconto", "korting", "rebate", "coupon",
    ),
    "cancellation": ("cancel", "storn", "annul", "void"),
    "status": ("status", "statut", "orderstate", "paymentstate"),
}  # fmt: skip
_MIN_STATUSES: Final = 0.5
"""Share of known statuses from which a column looks like a status."""


class UnusedColumn(Result, frozen=True):
    """A column that is not used."""

    header: str
    looks_like: str
    """``status``, ``cancellation``, ``refund``, ``return`` or ``discount``; empty for other columns."""
    values: tuple[str, ...]
    """Its values if there are at most 12, else the first ones."""


def find_unused(schema: Schema) -> tuple[UnusedColumn, ...]:
    """Return the unused columns of a source; those that change what a sale is come first."""
    used = {*schema.columns.values(), *schema.money_discounts}
    unused = [
        UnusedColumn(p.header, _looks_like(p), p.values or p.samples) for p in schema.profiles if p.header not in used
    ]
    return tuple(sorted(unused, key=lambda column: not column.looks_like))


def _looks_like(profile: ColumnProfile) -> str:
    header = normalize_header(profile.header)
    if not profile.filled:
        return ""
    for kind, words in _WORDS.items():
        # A status has few values.
        if any(word in header for word in words) and not (kind == "status" and not profile.values):
            return kind
    return "status" if profile.statuses >= _MIN_STATUSES else ""


def unused_notes(name: str, schema: Schema) -> tuple[str, ...]:
    """Return a note for each unused column that looks like a status, refund, return or discount."""
    has_discount = c.DISCOUNT in schema.columns or c.LINE_DISCOUNT in schema.columns or schema.money_discounts
    return tuple(
        f"{name}: {column.header} looks like a {column.looks_like} and is not used "
        f"(values: {', '.join(column.values[:6])}{', ...' if len(column.values) > 6 else ''})."
        for column in find_unused(schema)
        if column.looks_like and set(column.values) - {"0", "0.00", "0,00", "0.0"}
        and not (column.looks_like == "discount" and has_discount)
    )  # fmt: skip
