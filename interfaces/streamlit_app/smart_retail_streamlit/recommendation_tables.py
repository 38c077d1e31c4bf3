"""Recommendation lists as tables: a list in, HTML with reasons and evidence out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from smart_retail.presentation import labels, palette
from smart_retail.presentation.formatting import format_integer, format_percent, pluralize
from smart_retail.presentation.palette import GREY
from smart_retail.results import Reason, Recommendation, RecommendationList
from smart_retail.serving.batch_export import main_reason
from smart_retail_streamlit import html
from smart_retail_streamlit.html import html_named


def table(answer: RecommendationList, *, narrow: bool = False) -> str:
    """One list: rank, product and reason; where there is room also category and what the score is made of."""
    columns = [
        ("sr-num sr-rank", "#"),
        ("", "Product"),
        ("sr-cat", "Category"),
        ("", "Why"),
        ("sr-share", "Share by method"),
    ]
    rows = [
        [
            format_integer(item.rank),
            html_named(item.item_name, item.item_id),
            escape(item.category),
            _why(item),
            _evidence(item.reasons),
        ]
        for item in answer.items
    ]
    if narrow:
        wanted = (0, 1, 3)
        return html.table([columns[c] for c in wanted], [[row[c] for c in wanted] for row in rows], "sr-list")
    return html.table(columns, rows, "sr-list") + legend([r.method for item in answer.items for r in item.reasons])


def _why(item: Recommendation) -> str:
    """The weightiest reason, and how many more there are."""
    more = len(item.reasons) - 1
    others = f'<span class="sr-id">and {pluralize(more, "more reason")}</span>' if more > 0 else ""
    return escape(main_reason(item) or labels.method_label(item.source)) + others


def _evidence(reasons: tuple[Reason, ...]) -> str:
    """The shares of an item's score as one bar, a colour for each method."""
    told = ", ".join(f"{labels.method_label(r.method)} {format_percent(r.share)}" for r in reasons)
    parts = "".join(
        f'<i style="width:{r.share:.2%};background:{palette.METHOD_COLOURS.get(r.method, GREY)}"></i>' for r in reasons
    )
    return f'<div class="sr-evidence" title="{escape(told)}" role="img" aria-label="{escape(told)}">{parts}</div>'


def legend(methods: Sequence[str]) -> str:
    """Which colour is which method, for those that occur."""
    keys = "".join(
        f'<span><i style="background:{colour}"></i>{escape(labels.method_label(method))}</span>'
        for method, colour in palette.METHOD_COLOURS.items()
        if method in methods
    )
    return f'<div class="sr-legend">{keys}</div>' if keys else ""


def side_by_side(answer: RecommendationList) -> str:
    """All lists next to each other; an item in several has the same sign and colour in each.

    Pointing at a shared item lights it up in every list.
    """
    found = palette.mark_shared_items(answer)
    number = {item: k for k, item in enumerate(found)}
    columns = []
    for method in (m for m in labels.METHODS if m in answer.lists):
        label, meaning = labels.METHODS[method]
        rows = "".join(_marked(item, found, number) for item in answer.lists[method].items)
        colour = palette.METHOD_COLOURS.get(method, GREY)
        columns.append(
            f'<section><h3 style="border-color:{colour}">{escape(label)}</h3><p>{escape(meaning)}</p>'
            f"<ol>{rows or '<li class=sr-none>no items</li>'}</ol></section>"
        )
    light = ",".join(f".sr-side:has(.sr-m{k}:hover) .sr-m{k}" for k in number.values())
    style = f"<style>{light}{{background:color-mix(in srgb,currentColor 14%,transparent)}}</style>" if light else ""
    return f'{style}<div class="sr-side">{"".join(columns)}</div>'


def _marked(item: Recommendation, found: dict[str, palette.ItemMark], number: dict[str, int]) -> str:
    name = html_named(item.item_name, item.item_id)
    if item.item_id not in found:
        return f'<li><b class="sr-mark"></b><div>{name}</div></li>'
    sign, colour, lists = found[item.item_id]
    title = f"in {lists} lists"
    return (
        f'<li class="sr-m{number[item.item_id]}" title="{title}">'
        f'<b class="sr-mark" style="color:{colour}" aria-label="{title}">{sign}</b><div>{name}</div></li>'
    )


def records(answer: RecommendationList) -> list[dict[str, object]]:
    """The list, or all lists below each other, as rows for a file."""
    lists = answer.lists.values() if answer.lists else (answer,)
    return [
        {
            "customer_id": each.customer_id or "",
            "method": each.method,
            "rank": item.rank,
            "item_id": item.item_id,
            "item_name": item.item_name,
            "category": item.category,
            "score": item.score,
            "source": item.source,
            "reason": main_reason(item),
            "model_version": each.model_version,
        }
        for each in lists
        for item in each.items
    ]
