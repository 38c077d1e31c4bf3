"""Builds `RecommendationList` results: items with names, sources and reasons, from ranked entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS, RELATIONS, ListQuery
from smart_retail.recommenders.base import CF
from smart_retail.results import Recommendation, RecommendationList
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerState
from smart_retail.serving.explanations import ReasonBuilder, pinned_reason, reason_kind_and_method
from smart_retail.serving.list_ranking import ListEntry, RankingRequest


def build_response(
    tables: BundleTables,
    customer_id: str | None,
    customer: CustomerState,
    request: RankingRequest,
    entries: Sequence[ListEntry],
    query: ListQuery,
) -> RecommendationList:
    """Return one customer's list as a result.

    Parameters
    ----------
    tables : BundleTables
        For names and labels.
    customer_id : str or None
        None for lists without a customer.
    customer : CustomerState
        Whose purchases, segment and cluster the reasons refer to.
    request : RankingRequest
        What was ranked: its method and rules.
    entries : sequence of ListEntry
        Ranked entries from ``query.offset`` on.
    query : ListQuery
        Offset, and whether the items have reasons.

    Returns
    -------
    RecommendationList
    """
    relation = request.method if request.method in RELATIONS else ""
    cf_items = [code for code, *_, share, _, _ in entries if share and share[CF] > 0] if query.explain else []
    reasons = ReasonBuilder(tables, customer, relation, request.basket, request.proxies, cf_items)
    # Every method returns popular items for customers without a history.
    fallback = customer_id is not None and len(customer.history) == 0
    items, rank, explain = [], query.offset, query.explain
    for code, score, boost, pinned, filled, share, ranks, explaining_item in entries:
        if pinned:
            source, item_reasons = "rule", pinned_reason() if explain else ()
        else:  # the component with the largest share, the first of equal ones
            source = "popular" if filled else reason_kind_and_method(share.index(max(share)))[1]
            item_reasons = reasons.reasons(code, share, ranks, explaining_item, boost) if explain else ()
        rank += 1
        fallback = fallback or filled
        items.append(Recommendation(rank, *tables.label(code), score, source, item_reasons))
    return RecommendationList(
        customer_id,
        customer.known,
        fallback,
        request.method,
        tables.bundle.version,
        request.rules.digest,
        tuple(items),
    )


def combine_methods(method: str, list_by: Callable[[str], RecommendationList]) -> RecommendationList:
    """Return ``list_by(method)``; for ``all``, a result without items that holds the lists of all methods."""
    if method != ALL:
        return list_by(method)
    lists = {name: list_by(name) for name in METHODS}
    default = lists[DEFAULT_METHOD]
    return RecommendationList(
        customer_id=default.customer_id,
        known=default.known,
        fallback=any(part.fallback for part in lists.values()),
        method=ALL,
        model_version=default.model_version,
        rules=default.rules,
        items=(),
        lists=lists,
    )
