"""An answer as people and programs get it: items with names, sources and reasons.

In: `ranking.Answer`, codes and evidence. Out: `RecommendationList`.
"""

from __future__ import annotations

from collections.abc import Callable

from smart_retail.people import Person
from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS
from smart_retail.ranking import Answer, Ask
from smart_retail.recommenders.reasons import REASON_METHODS, Evidence, Speaker
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.store import Store


def told(
    store: Store,
    version: str,
    customer_id: str | None,
    ask: Ask,
    answer: Answer,
    offset: int,
    person: Person,
    explain: bool,
) -> RecommendationList:
    """The entries ``offset`` to ``ask.stop`` of one shopper's list, with reasons where they are wanted."""
    ranked, arranged = answer.ranked, answer.arranged
    speaker = Speaker(
        store.item_name,
        store.items.id,
        person.history,
        store.group_name("segments", person.segment),
        store.group_name("clusters", person.cluster),
        store.recent_orders,
    )
    shown = slice(min(offset, len(arranged.item)), min(ask.stop, len(arranged.item)))
    places = arranged.place[shown]
    fallback = ranked.fallback[places] & (places >= 0) if len(ranked.item) else places >= 0
    evidence = Evidence.of(ranked, places) if len(ranked.item) else Evidence([], [], [])
    items = []
    for i, (place, code, score, boost, filled) in enumerate(
        zip(
            places.tolist(),
            arranged.item[shown].tolist(),
            arranged.score[shown].tolist(),
            arranged.boost[shown].tolist(),
            fallback.tolist(),
            strict=True,
        )
    ):
        items.append(
            Recommendation(
                shown.start + i + 1,
                store.items.id(code),
                store.item_name(code),
                store.category(code),
                score,
                _source(evidence, place, i, filled),
                speaker.reasons(evidence, i if place >= 0 else -1, code, boost) if explain else (),
            )
        )
    # Whoever has no history gets popularity by every method, whatever part of a merge it came through.
    nothing_known = customer_id is not None and len(person.history) == 0
    filled_in = nothing_known or bool(fallback.any())
    return RecommendationList(customer_id, person.known, filled_in, ask.method, version, ask.rules.digest, tuple(items))


def _source(evidence: Evidence, place: int, i: int, filled: bool) -> str:
    """The method with the largest share, the first of equals."""
    if place < 0:
        return "rule"
    if filled:
        return "popular"
    share = evidence.share[i]
    return REASON_METHODS[share.index(max(share))]


def several(method: str, one: Callable[[str], RecommendationList]) -> RecommendationList:
    """``one(method)``, or for ``all`` the five lists under one head."""
    if method != ALL:
        return one(method)
    lists = {name: one(name) for name in METHODS}
    head = lists[DEFAULT_METHOD]
    return RecommendationList(
        customer_id=head.customer_id,
        known=head.known,
        fallback=any(part.fallback for part in lists.values()),
        method=ALL,
        model_version=head.model_version,
        rules=head.rules,
        items=(),
        lists=lists,
    )
