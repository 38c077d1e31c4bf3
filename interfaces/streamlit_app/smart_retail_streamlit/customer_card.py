"""A customer's card: a profile in, HTML out."""

from __future__ import annotations

from html import escape

from smart_retail.presentation import labels, palette
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.palette import GREY
from smart_retail.results import RFM, CustomerProfile
from smart_retail_streamlit.html import bar, html_named, table


def card(profile: CustomerProfile, currency: str) -> str:
    """Who the customer is: segment, cluster, scores, key facts, favourite categories."""
    if not profile.known:
        return (
            f'<div class="sr-person"><h2>{escape(profile.customer_id)}</h2>'
            '<div class="sr-chips"><span class="sr-chip">Unknown customer</span></div>'
            '<p class="sr-advice">No purchase of this customer is in the history. '
            "The list shows what is popular now.</p></div>"
        )
    parts = [f'<div class="sr-person"><h2>{_title(profile)}</h2>']
    if profile.rfm:
        parts += [_chips(profile), _advice(profile.rfm.segment), _scores(profile.rfm, currency)]
    else:
        parts.append('<p class="sr-advice">Everything this customer bought came back, so there are no RFM scores.</p>')
    return "".join([*parts, _facts(profile, currency), _categories(profile), "</div>"])


def _title(profile: CustomerProfile) -> str:
    country = f" · {escape(profile.country)}" if profile.country else ""
    if not profile.customer_name:
        return f'{escape(profile.customer_id)}<span class="sr-id">Customer{country}</span>'
    return f'{escape(profile.customer_name)}<span class="sr-id">{escape(profile.customer_id)}{country}</span>'


def _chips(profile: CustomerProfile) -> str:
    rfm, cluster = profile.rfm, profile.cluster
    chips = []
    if rfm:
        chips += [(palette.SEGMENT_COLOURS.get(rfm.segment, GREY), rfm.segment), ("", f"value {rfm.value_tier}")]
    if cluster:
        chips.append(("", f"cluster {cluster.name}"))
    dots = [(f'<i style="background:{colour}"></i>' if colour else "", text) for colour, text in chips]
    return (
        '<div class="sr-chips">' + "".join(f'<span class="sr-chip">{d}{escape(t)}</span>' for d, t in dots) + "</div>"
    )


def _advice(segment: str) -> str:
    if segment not in labels.SEGMENTS:
        return ""
    meaning, action = labels.SEGMENTS[segment]
    return f'<p class="sr-advice">{escape(meaning.capitalize())}: {escape(action)}.</p>'


def _scores(rfm: RFM, currency: str) -> str:
    cells = (
        ("R", rfm.r, f"{pluralize(rfm.recency, 'day')} ago"),
        ("F", rfm.f, pluralize(rfm.frequency, "order")),
        ("M", rfm.m, format_amount(rfm.monetary, currency)),
    )
    return '<div class="sr-scores">' + "".join(_score(*cell) for cell in cells) + "</div>"


def _score(letter: str, score: int, told: str) -> str:
    dots = "●" * score + "○" * (5 - score)
    return (
        f'<div aria-label="{letter} {score} of 5"><span class="sr-dots" aria-hidden="true">{dots}</span>'
        f"<b>{letter} {score}</b><small>{escape(told)}</small></div>"
    )


def _facts(profile: CustomerProfile, currency: str) -> str:
    facts = {
        "Orders": format_integer(profile.orders),
        "First order": profile.first_order,
        "Last order": profile.last_order,
        "Products bought": format_integer(len(profile.purchases)),
        "Lines returned": format_percent(profile.returned_share) if profile.returned_share else "none",
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    return f'<dl class="sr-facts">{rows}</dl>'


def _categories(profile: CustomerProfile) -> str:
    rows = "".join(
        f'<div><span title="{escape(c.category)}">{escape(c.category or "no category")}</span>{bar(c.share)}'
        f"<em>{format_percent(c.share)}</em></div>"
        for c in profile.top_categories[:5]
    )
    return f'<div class="sr-bars">{rows}</div>' if rows else ""


def purchases(profile: CustomerProfile, limit: int = 200) -> str:
    """What the customer bought, newest first."""
    columns = [
        ("", "Product"),
        ("", "Category"),
        ("sr-num", "Orders"),
        ("sr-num", "Quantity"),
        ("sr-num", "Amount"),
        ("sr-num", "Last bought"),
    ]
    rows = [
        [
            html_named(p.item_name, p.item_id),
            escape(p.category),
            format_integer(p.orders),
            _quantity(p.quantity),
            format_amount(p.amount),
            escape(p.last_day),
        ]
        for p in profile.purchases[:limit]
    ]
    return table(columns, rows)


def _quantity(value: float) -> str:
    return format_integer(value) if value == int(value) else f"{value:,.1f}"
