"""What an order rests on: a list in, a table of every reason of every item out, with score and source."""

from __future__ import annotations

from typing import Any

import streamlit as st

from smart_retail.presentation import formatting, labels
from smart_retail.results import RecommendationList

_LABELS = {name: labels.COLUMN_LABELS[name] for name in ("rank", "item_name", "score", "source", "share", "reason")}
_LIST, _METHOD, _PLACE = "List", "Method", "Its rank"
_WIDTHS = {
    _LIST: 96,
    _LABELS["rank"]: 44,
    _LABELS["item_name"]: 200,
    _LABELS["score"]: 82,
    _LABELS["source"]: 92,
    _LABELS["reason"]: 240,
    _METHOD: 92,
    _PLACE: 70,
    _LABELS["share"]: 70,
}
"""Pixels; together the room beside a customer's card, so that nothing has to be scrolled for."""
_TO_THE_RIGHT = (_LABELS["score"], _LABELS["share"])


def show(answer: RecommendationList, title: str = "Why this order?") -> None:
    """The table, folded away; nothing where there is no reason to tell."""
    found = rows(answer)
    if not found:
        return
    with st.expander(title):
        label, meaning = labels.METHODS.get(answer.method, ("", ""))
        said = f"**{label}**: {meaning}. " if label else ""
        st.caption(
            f"{said}Scores order one list and say nothing across lists. "
            "Reasons tell what goes together, never what causes what."
        )
        columns: dict[str, Any] = {
            name: st.column_config.Column(width=width, alignment="right" if name in _TO_THE_RIGHT else None)
            for name, width in _WIDTHS.items()
        }
        columns[_PLACE] = st.column_config.NumberColumn(
            format="localized", width=_WIDTHS[_PLACE], help="In the list of that method"
        )
        st.dataframe(found, hide_index=True, height=min(380, 38 + 35 * len(found)), column_config=columns)


def rows(answer: RecommendationList) -> list[dict[str, object]]:
    """One row for each reason; for ``all`` every list below the other, named in front."""
    parts = [(labels.method_label(m), answer.lists[m]) for m in labels.METHODS if m in answer.lists]
    return [
        ({_LIST: name} if name else {})
        | {
            _LABELS["rank"]: item.rank,
            _LABELS["item_name"]: item.item_name or item.item_id,
            _LABELS["score"]: formatting.format_score(item.score),
            _LABELS["source"]: labels.method_label(item.source),
            _LABELS["reason"]: reason.text,
            _METHOD: labels.method_label(reason.method),
            _PLACE: reason.rank or None,
            _LABELS["share"]: formatting.format_percent(reason.share),
        }
        for name, part in parts or [("", answer)]
        for item in part.items
        for reason in item.reasons
    ]
