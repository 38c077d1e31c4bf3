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
        store.item_id,
        person.history,
        store.group_name("segments", person.segment),
        store.group_name("clusters", person.cluster),
        store.recent_orders,
    )
    shown = slice(min(offset, len(arranged.item)), min(ask.stop, len(arranged.item)))
    places = arranged.place[shown]
    if len(ranked.item):
        fallback = (ranked.fallback[places] & (places >= 0)).tolist()
        largest = ranked.share[places].argmax(axis=1).tolist()  # the first of equals
    else:
        fallback = largest = [0] * len(places)
    evidence = Evidence.of(ranked, places) if explain and len(ranked.item) else Evidence([], [], [])
    items = []
    for i, (place, code, score, boost) in enumerate(
        zip(
            places.tolist(),
            arranged.item[shown].tolist(),
            arranged.score[shown].tolist(),
            arranged.boost[shown].tolist(),
            strict=True,
        )
    ):
        source = "rule" if place < 0 else "popular" if fallback[i] else REASON_METHODS[largest[i]]
        reasons = speaker.reasons(evidence, i if place >= 0 else -1, code, boost) if explain else ()
        items.append(Recommendation(shown.start + i + 1, *store.label(code), score, source, reasons))
    # Whoever has no history gets popularity by every method, whatever part of a merge it came through.
    nothing_known = customer_id is not None and len(person.history) == 0
    filled_in = nothing_known or any(fallback)
    return RecommendationList(customer_id, person.known, filled_in, ask.method, version, ask.rules.digest, tuple(items))


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
