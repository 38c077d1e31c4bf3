"""Recommendation lists as rows of a file."""

from __future__ import annotations

from smart_retail.results import RecommendationList
from smart_retail.serving.batch_export import main_reason


def records(result: RecommendationList) -> list[dict[str, object]]:
    """Return the items of a list, or of all lists one after the other, as rows for a CSV file."""
    lists = result.lists.values() if result.lists else (result,)
    return [
        {
            "customer_id": part.customer_id or "",
            "method": part.method,
            "rank": item.rank,
            "item_id": item.item_id,
            "item_name": item.item_name,
            "category": item.category,
            "score": item.score,
            "source": item.source,
            "reason": main_reason(item),
            "model_version": part.model_version,
        }
        for part in lists
        for item in part.items
    ]
