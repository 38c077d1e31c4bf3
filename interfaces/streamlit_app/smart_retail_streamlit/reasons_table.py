"""Table of every reason of every item in a list, with score and source."""

from __future__ import annotations

from typing import Any

import streamlit as st

from smart_retail.presentation import formatting, labels
from smart_retail.results import RecommendationList

_LABELS = {name: labels.COLUMN_LABELS[name] for name in ("rank", "item_name", "score", "source", "reason")}
_LIST, _METHOD, _METHOD_RANK, _SHARE = "List", "Method", "Rank there", "Share of score"
_WIDTHS = {
    _LIST: 96,
    _LABELS["rank"]: 44,
    _LABELS["item_name"]: 200,
    _LABELS["score"]: 82,
    _LABELS["source"]: 92,
    _LABELS["reason"]: 240,
    _METHOD: 92,
    _METHOD_RANK: 80,
    _SHARE: 110,
}
"""Pixels; together they fit next to a customer card without scrolling."""
_RIGHT_ALIGNED = (_LABELS["score"], _SHARE)


def show(result: RecommendationList, title: str = "Why this order?") -> None:
    """Show the table in a closed expander; nothing if the list has no reasons."""
    found = rows(result)
    if not found:
        return
    with st.expander(title):
        label, meaning = labels.METHODS.get(result.method, ("", ""))
        st.caption(
            (f"**{label}**: {meaning}. " if label else "")
            + "Scores are comparable within one list only. Reasons state what was counted, not why."
        )
        columns: dict[str, Any] = {
            name: st.column_config.Column(width=width, alignment="right" if name in _RIGHT_ALIGNED else None)
            for name, width in _WIDTHS.items()
        }
        columns[_METHOD_RANK] = st.column_config.NumberColumn(
            format="localized", width=_WIDTHS[_METHOD_RANK], help="Rank of the product in the list of that method"
        )
        st.dataframe(found, hide_index=True, height=min(380, 38 + 35 * len(found)), column_config=columns)


def rows(result: RecommendationList) -> list[dict[str, object]]:
    """Return one row for each reason; for ``all``, the lists one after the other with the name of the list first."""
    parts = [(labels.method_label(m), result.lists[m]) for m in labels.METHODS if m in result.lists]
    return [
        ({_LIST: name} if name else {})
        | {
            _LABELS["rank"]: item.rank,
            _LABELS["item_name"]: item.item_name or item.item_id,
            _LABELS["score"]: formatting.format_score(item.score),
            _LABELS["source"]: labels.method_label(item.source),
            _LABELS["reason"]: reason.text,
            _METHOD: labels.method_label(reason.method),
            _METHOD_RANK: reason.rank or None,
            _SHARE: formatting.format_percent(reason.share),
        }
        for name, part in parts or [("", result)]
        for item in part.items
        for reason in item.reasons
    ]
