"""Answers as HTML: a profile or a list in, escaped HTML out."""

from __future__ import annotations

from html import escape

from smart_retail.errors import RetailError
from smart_retail.presentation import labels, palette
from smart_retail.presentation.formatting import (
    describe_model,
    describe_profile,
    describe_score,
    format_percent,
    pluralize,
)
from smart_retail.results import CustomerProfile, ModelInfo, Reason, Recommendation, RecommendationList


def person(profile: CustomerProfile, currency: str) -> str:
    """Who the customer is, in two lines."""
    name = profile.customer_name or profile.customer_id
    identity = profile.customer_id if profile.customer_name else ""
    parts = [
        f"<b>{escape(name)}</b> <span class='sr-id'>{escape(identity)}</span>",
        escape(describe_profile(profile, currency)),
    ]
    if profile.rfm and profile.rfm.segment in labels.SEGMENTS:
        meaning, action = labels.SEGMENTS[profile.rfm.segment]
        parts.append(f"<span class='sr-id'>{escape(profile.rfm.segment)}: {escape(meaning)}; {escape(action)}</span>")
    return f'<div class="sr-person">{"<br>".join(parts)}</div>'


def answer(result: RecommendationList) -> str:
    """A list as a table, or the lists of all methods side by side."""
    if result.lists:
        return _side_by_side(result)
    if not result.items:
        return empty("No product is left. Allow purchased products again, or choose another category.")
    return _note(result) + _table(result.items)


def empty(text: str) -> str:
    """An empty state: what to do next."""
    return f'<p class="sr-empty">{escape(text)}</p>'


def error(failure: RetailError) -> str:
    """What happened, and what to do."""
    return f'<p class="sr-error" role="alert"><b>{escape(failure.message)}</b><br>{escape(failure.hint)}</p>'


def footer(model: ModelInfo) -> str:
    return f'<p class="sr-footer">{escape(describe_model(model))}</p>'


def _note(result: RecommendationList) -> str:
    if result.customer_id is not None and not result.known:
        return '<p class="sr-note">Nothing is known of this customer, so popularity answers.</p>'
    if result.fallback:
        return '<p class="sr-note">The method had too few items; popular ones fill the list.</p>'
    return ""


def _table(items: tuple[Recommendation, ...]) -> str:
    head = "".join(f"<th>{t}</th>" for t in ("#", "Product", "Category", "Why", "Score by method"))
    rows = "".join(
        f"<tr><td class='sr-num'>{item.rank}</td><td>{_named(item)}</td><td>{escape(item.category)}</td>"
        f"<td>{_why(item)}</td><td class='sr-share'>{_shares(item.reasons)}"
        f"<span class='sr-id sr-line'>{escape(describe_score(item))}</span></td></tr>"
        for item in items
    )
    return f'<table class="sr-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>' + _legend(
        {reason.method for item in items for reason in item.reasons}
    )


def _named(item: Recommendation) -> str:
    if not item.item_name or item.item_name == item.item_id:
        return f"<b>{escape(item.item_id)}</b>"
    return f"<b>{escape(item.item_name)}</b><span class='sr-id sr-line'>{escape(item.item_id)}</span>"


def _why(item: Recommendation) -> str:
    """The weightiest reason; the others unfold."""
    main = max(item.reasons, key=lambda reason: reason.share, default=None)
    others = [reason.text for reason in item.reasons if reason is not main]
    told = f"<span class='sr-reason'>{escape(main.text if main else labels.method_label(item.source))}</span>"
    if not others:
        return told
    lines = "".join(f"<span class='sr-reason sr-line'>{escape(text)}</span>" for text in others)
    head = f"and {pluralize(len(others), 'more reason')}"
    return f"{told}<details class='sr-more'><summary>{head}</summary>{lines}</details>"


def _shares(reasons: tuple[Reason, ...]) -> str:
    """What the score is made of: a bar with a colour for each method, and the words for it."""
    told = ", ".join(f"{labels.method_label(r.method)} {format_percent(r.share)}" for r in reasons)
    parts = "".join(
        f"<i style='width:{r.share:.2%};background:{palette.METHOD_COLOURS.get(r.method, palette.GREY)}'></i>"
        for r in reasons
    )
    return f"<div class='sr-bar' role='img' title='{escape(told)}' aria-label='{escape(told)}'>{parts}</div>"


def _legend(methods: set[str]) -> str:
    keys = "".join(
        f"<span><i style='background:{colour}'></i>{escape(labels.method_label(method))}</span>"
        for method, colour in palette.METHOD_COLOURS.items()
        if method in methods
    )
    return f'<div class="sr-legend">{keys}</div>' if keys else ""


def _side_by_side(result: RecommendationList) -> str:
    """A column for each method; an item in several lists has the same sign and colour in each."""
    found = palette.mark_shared_items(result)
    columns = []
    for method in (m for m in labels.METHODS if m in result.lists):
        colour = palette.METHOD_COLOURS.get(method, palette.GREY)
        rows = "".join(_marked(item, found) for item in result.lists[method].items)
        head = f"<h4 style='border-color:{colour}'>{escape(labels.method_label(method))}</h4>"
        columns.append(f"<section>{head}<ol>{rows}</ol></section>")
    return f'<div class="sr-side">{"".join(columns)}</div>'


def _marked(item: Recommendation, found: dict[str, palette.ItemMark]) -> str:
    mark = found.get(item.item_id)
    told = f"in {mark.list_count} lists" if mark else ""
    sign = f"<i style='color:{mark.colour}' title='{told}' aria-label='{told}'>{mark.symbol}</i>" if mark else "<i></i>"
    return f"<li>{sign}<div>{_named(item)}</div></li>"
