"""An answer as people and programs get it: items with names, sources and reasons.

In: `ranking.Answer`, codes and evidence. Out: `RecommendationList`.
"""

from __future__ import annotations

from collections.abc import Callable

from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerState
from smart_retail.serving.explanations import ReasonBuilder, pinned_reason, reason_kind_and_method
from smart_retail.serving.list_ranking import RankingRequest, RankingResult


def build_response(
    store: BundleTables,
    version: str,
    customer_id: str | None,
    ask: RankingRequest,
    answer: RankingResult,
    offset: int,
    person: CustomerState,
    explain: bool,
) -> RecommendationList:
    """The entries ``offset`` to ``ask.stop`` of one shopper's list, with reasons where they are wanted."""
    speaker = ReasonBuilder(
        store.label,
        person.history,
        store.group_name("segments", person.segment),
        store.group_name("clusters", person.cluster),
        store.recent_orders,
    )
    # Whoever has no history gets popularity by every method, whatever part of a merge it came through.
    filled_in = customer_id is not None and len(person.history) == 0
    items, rank = [], offset
    for code, score, boost, pin, filled, share, ranks, because in answer.rows(offset, ask.stop):
        if pin:
            source, reasons = "rule", pinned_reason() if explain else ()
        else:
            source = "popular" if filled else reason_kind_and_method(share.index(max(share)))[1]  # the first of equals
            reasons = speaker.reasons(code, share, ranks, because, boost) if explain else ()
        rank += 1
        filled_in = filled_in or filled
        items.append(Recommendation(rank, *store.label(code), score, source, reasons))
    return RecommendationList(customer_id, person.known, filled_in, ask.method, version, ask.rules.digest, tuple(items))


def combine_methods(method: str, one: Callable[[str], RecommendationList]) -> RecommendationList:
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
