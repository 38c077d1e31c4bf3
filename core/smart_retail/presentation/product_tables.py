"""Product bundles, substitutes and audiences as rows of tables and files, the same in all front ends."""

from __future__ import annotations

from typing import Final

from smart_retail.results import AudienceMember, ItemRef, ProductBundle, Substitute

BUNDLE_COLUMNS: Final = (
    "item_name_1", "item_id_1", "item_name_2", "item_id_2", "item_name_3", "item_id_3", "support", "confidence", "lift",
    "revenue",
)  # fmt: skip
"""Columns of a file of bundles; the third product is empty for a pair."""
SUBSTITUTE_COLUMNS: Final = (
    "item_name", "item_id", "category", "bought_both", "together", "expected_together", "similarity",
)  # fmt: skip

AUDIENCE_COLUMNS: Final = (
    "rank", "customer_name", "customer_id", "segment", "orders", "last_order", "position", "similarity", "reason",
)  # fmt: skip


def bundle_row(bundle: ProductBundle) -> dict[str, object]:
    """Return the cells of a bundle by column, with its products also as one text."""
    row: dict[str, object] = {"products": " + ".join(item.item_name for item in bundle.items)}
    for number in range(1, 4):
        item = bundle.items[number - 1] if number <= len(bundle.items) else None
        row |= {
            f"item_name_{number}": item.item_name if item else "",
            f"item_id_{number}": item.item_id if item else "",
        }
    return row | {name: getattr(bundle, name) for name in ("support", "confidence", "lift", "revenue")}


def substitute_row(substitute: Substitute) -> dict[str, object]:
    """Return the cells of a substitute by column."""
    return _item_cells(substitute.item) | {
        "bought_both": substitute.customers,
        "together": substitute.together,
        "expected_together": substitute.expected,
        "similarity": substitute.similarity,
    }


def audience_row(member: AudienceMember) -> dict[str, object]:
    """Return the cells of a customer of an audience by column."""
    row: dict[str, object] = {name: getattr(member, name) for name in AUDIENCE_COLUMNS if name != "reason"}
    return row | {"reason": member.text}


def _item_cells(item: ItemRef) -> dict[str, object]:
    return {"item_name": item.item_name, "item_id": item.item_id, "category": item.category}
