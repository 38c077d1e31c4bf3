"""What an order rests on: a list in, a table of every reason of every item out, with score and source."""

from __future__ import annotations

from typing import Any

import streamlit as st

from smart_retail import display, words
from smart_retail.results import RecommendationList

_LABELS = {name: words.COLUMN_LABELS[name] for name in ("rank", "item_name", "score", "source", "share", "reason")}
_WIDTHS = {
    "List": 110,
    _LABELS["rank"]: 50,
    _LABELS["item_name"]: 260,
    _LABELS["score"]: 90,
    _LABELS["source"]: 110,
    _LABELS["reason"]: 300,
    "Method": 110,
    "Its rank there": 110,
    _LABELS["share"]: 75,
}
_TO_THE_RIGHT = (_LABELS["score"], _LABELS["share"])


def show(answer: RecommendationList) -> None:
    """The table, folded away; nothing where there is no reason to tell."""
    found = rows(answer)
    if not found:
        return
    with st.expander("Why this order?"):
        label, meaning = words.METHODS.get(answer.method, ("", ""))
        said = f"**{label}**: {meaning}. " if label else ""
        st.caption(
            f"{said}Scores order one list and say nothing across lists. "
            "Reasons tell what goes together, never what causes what."
        )
        columns: dict[str, Any] = {
            name: st.column_config.Column(width=width, alignment="right" if name in _TO_THE_RIGHT else None)
            for name, width in _WIDTHS.items()
        }
        columns["Its rank there"] = st.column_config.NumberColumn(format="localized", width=110)
        st.dataframe(found, hide_index=True, height=min(380, 38 + 35 * len(found)), column_config=columns)


def rows(answer: RecommendationList) -> list[dict[str, object]]:
    """One row for each reason; for ``all`` every list below the other, named in front."""
    parts = [(words.method_label(m), answer.lists[m]) for m in words.METHODS if m in answer.lists]
    return [
        ({"List": name} if name else {})
        | {
            _LABELS["rank"]: item.rank,
            _LABELS["item_name"]: item.item_name or item.item_id,
            _LABELS["score"]: display.score(item.score),
            _LABELS["source"]: words.method_label(item.source),
            _LABELS["reason"]: reason.text,
            "Method": words.method_label(reason.method),
            "Its rank there": reason.rank or None,
            _LABELS["share"]: display.percent(reason.share),
        }
        for name, part in parts or [("", answer)]
        for item in part.items
        for reason in item.reasons
    ]
