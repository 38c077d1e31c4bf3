"""What if: the same customers' lists before and after a change, side by side; nothing is published.

In: an engine in this process and a `Change`: rules, weights of the merge, the analysis date, the returns policy.
Out: `Outcome`: lists, coverage of the catalogue, revenue and mix of discounts and categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.what_if_engine import Scenario, WhatIfEngine, mean_source_weights
from smart_retail.data.dataset.sales_statistics import discount_band, discount_band_names
from smart_retail.errors import NeedsLocalEngineError, UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import ALL, DEFAULT_METHOD, RetailEngine, check_page
from smart_retail.results import RecommendationList, Result
from smart_retail.serving.business_rules import read_rules, rules_path
from smart_retail.serving.engine import Engine
from smart_retail.utils.fixed_point import MILLION

__all__ = [
    "ListPair",
    "ListStats",
    "Scenario",
    "ShareChange",
    "WhatIfResult",
    "current_rules",
    "source_weights",
    "supports_what_if",
    "what_if",
]

SAMPLE_CUSTOMERS = 300
"""Customers whose lists are compared."""
MAX_LISTS_SHOWN = 5
CHUNK_CUSTOMERS = 50
UNKNOWN = "not known"


class ShareChange(Result, frozen=True):
    """Part of the places in all lists that a band of discounts, or a category, has."""

    name: str
    before: float
    after: float


class ListStats(Result, frozen=True):
    """The lists of all sampled customers together."""

    items: int
    """Different products in them."""
    coverage: float
    """Part of the catalogue that stands in at least one list, 0 to 1."""
    revenue: float
    """What one piece of every listed product would bring, by list, in the shop's currency."""
    revenue_share: float
    """Part of the history's revenue that the listed products brought, 0 to 1."""
    mean_discount: float | None
    """Of the listed products, 0 to 1; None where the source tells of no discounts."""
    filled: float
    """Part of the places that are owed mostly to popularity or to a rule, 0 to 1."""


class ListPair(Result, frozen=True):
    """One customer's lists."""

    customer_id: str
    customer_name: str
    before: RecommendationList
    after: RecommendationList


class WhatIfResult(Result, frozen=True):
    """What a change would do."""

    customers: int
    """Sampled, evenly over all."""
    changed_customers: int
    """Those whose list is another one, in items or order."""
    changed_share: float
    """Part of the places before whose item is no longer in the same customer's list, 0 to 1."""
    before: ListStats
    after: ListStats
    discounts: tuple[ShareChange, ...]
    categories: tuple[ShareChange, ...]
    lists: tuple[ListPair, ...]
    """Of the customers asked for, else of the first with a change."""
    notes: tuple[str, ...]


def what_if(
    engine: RetailEngine,
    change: Scenario,
    *,
    method: str = DEFAULT_METHOD,
    n: int = 10,
    exclude_purchased: bool | None = None,
    customers: Sequence[str] = (),
    sample: int = SAMPLE_CUSTOMERS,
    progress: Progress = SILENT,
) -> WhatIfResult:
    """Try a change on a sample of the customers.

    Parameters
    ----------
    engine : Engine
        In this process; it is left as it is.
    change : Change
        What is tried. Rules and weights need no fit; another day or policy counts purchases, segments and
        similarities anew in memory, with the encoder and the merge as they were learnt.
    method : str
        One method, not ``all``.
    n : int
        Length of a list, 1 to 1000.
    exclude_purchased : bool, optional
        Whether purchased items are hidden; by default as the screens begin.
    customers : sequence of str
        Whose lists to hand back, beside the figures over the sample.
    sample : int
        Customers to compare, 1 to 5000.

    Raises
    ------
    NeedsLocalEngineError
        The engine is behind the API.
    UsageError
        The change cannot be meant, or a number is out of bounds.
    """
    if not isinstance(engine, Engine):
        raise NeedsLocalEngineError(
            "What-if needs an engine in this process, where its version can be changed in memory.",
            "Start it without --api-url on the machine that keeps the bundles.",
        )
    check_page(n)
    if method == ALL:
        raise UsageError("What-if compares the lists of one method.", "Name one of them, such as hybrid.")
    if not 1 <= sample <= 5000:
        raise UsageError(f"The sample is {sample} customers.", "Give 1 to 5000.")
    exclude = not engine.model().show_purchased if exclude_purchased is None else exclude_purchased
    progress.stage("the change", 0.0)
    after = WhatIfEngine.from_scenario(engine, change)
    progress.check()
    ids = _sample(engine, customers, sample)
    progress.stage("lists", 0.4)
    pairs = []
    for start in range(0, len(ids), CHUNK_CUSTOMERS):
        progress.check()
        part = ids[start : start + CHUNK_CUSTOMERS]
        asked = [e.recommend_many(part, method, n, exclude_purchased=exclude) for e in (engine, after)]
        pairs += list(zip(*asked, strict=True))
        progress.update(0.4 + 0.6 * (start + len(part)) / len(ids))
    return _build_result(engine, change, pairs, customers)


def supports_what_if(engine: RetailEngine) -> bool:
    """Whether the engine has a bundle in this process, which a trial can change in memory."""
    return isinstance(engine, Engine)


def source_weights(engine: RetailEngine, exclude_purchased: bool) -> dict[str, float]:
    """Source of the merge -> its mean weight over the customers with a history."""
    if not isinstance(engine, Engine):
        raise NeedsLocalEngineError("The weights stand in the version itself.", "Leave --api-url out.")
    return mean_source_weights(engine, exclude_purchased)


def current_rules(engine: RetailEngine, rules: str | None = None) -> dict[str, Any]:
    """The rules of a file, by default the one beside the bundle, as it holds them; empty without a file."""
    path = rules_path(engine.artifacts, rules) if isinstance(engine, Engine) else None
    return read_rules(path) if path is not None else {}


def _sample(engine: Engine, customers: Sequence[str], sample: int) -> list[str]:
    """The customers asked for, and an even choice of all."""
    count = len(engine.store.customers)
    chosen = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(np.int64)).tolist() if count else []
    return list(dict.fromkeys([*customers, *(engine.store.customers.id(code) for code in chosen)]))


def _build_result(
    engine: Engine,
    change: Scenario,
    pairs: Sequence[tuple[RecommendationList, RecommendationList]],
    customers: Sequence[str],
) -> WhatIfResult:
    before, after = ([pair[i] for pair in pairs] for i in (0, 1))
    items = [([r.item_id for r in b.items], [r.item_id for r in a.items]) for b, a in pairs]
    gone = sum(len(set(b) - set(a)) for b, a in items)
    different = [b != a for b, a in items]
    wanted = set(customers)
    shown = [p for p in pairs if p[0].customer_id in wanted] if wanted else []
    shown = (
        shown
        or [p for p, other in zip(pairs, different, strict=True) if other][:MAX_LISTS_SHOWN]
        or list(pairs[:MAX_LISTS_SHOWN])
    )
    return WhatIfResult(
        customers=len(pairs),
        changed_customers=sum(different),
        changed_share=round(gone / max(sum(len(b) for b, _ in items), 1), 6),
        before=_list_statistics(engine, before),
        after=_list_statistics(engine, after),
        discounts=_share_changes(
            _count_discount_bands(engine, before),
            _count_discount_bands(engine, after),
            [*discount_band_names(), UNKNOWN],
        ),
        categories=_share_changes(_count_categories(before), _count_categories(after), []),
        lists=tuple(_list_pair(engine, *pair) for pair in shown),
        notes=tuple(_notes(engine, change)),
    )


def _item_codes(engine: Engine, lists: Sequence[RecommendationList]) -> NDArray[np.int64]:
    """Item codes of all places."""
    codes = [engine.store.items.code(r.item_id) for each in lists for r in each.items]
    return np.array(codes, dtype=np.int64)


def _list_statistics(engine: Engine, lists: Sequence[RecommendationList]) -> ListStats:
    codes = _item_codes(engine, lists)
    distinct = np.unique(codes)
    price = np.nan_to_num(engine.store.catalogue.price[codes])
    item, amount = (engine.bundle.array(f"history/{name}") for name in ("item", "amount"))
    sold = np.bincount(item, amount, len(engine.store.items)) / MILLION
    discount = _item_discounts(engine)[codes]
    known = discount[np.isfinite(discount)]
    filled = sum(r.source in ("popular", "rule") for each in lists for r in each.items)
    return ListStats(
        items=len(distinct),
        coverage=round(len(distinct) / max(len(engine.store.items), 1), 6),
        revenue=round(float(price.sum()) / max(len(lists), 1), 6),
        revenue_share=round(float(sold[distinct].sum() / sold.sum()), 6) if sold.sum() > 0 else 0.0,
        mean_discount=round(float(known.mean()), 6) if len(known) else None,
        filled=round(filled / max(len(codes), 1), 6),
    )


def _item_discounts(engine: Engine) -> NDArray[np.float64]:
    """Mean discount by item code; NaN in bundles that keep none."""
    found = engine.bundle.arrays("items").get("discount")
    return np.full(len(engine.store.items), np.nan) if found is None else found


def _count_discount_bands(engine: Engine, lists: Sequence[RecommendationList]) -> Counter[str]:
    names = [*discount_band_names(), UNKNOWN]
    return Counter(
        names[place] for place in discount_band(_item_discounts(engine)[_item_codes(engine, lists)]).tolist()
    )


def _count_categories(lists: Sequence[RecommendationList]) -> Counter[str]:
    return Counter(r.category or "no category" for each in lists for r in each.items)


def _share_changes(before: Counter[str], after: Counter[str], order: Sequence[str]) -> tuple[ShareChange, ...]:
    """Shares of what occurs, in `order`, else the largest first."""
    names = [n for n in order if before[n] + after[n]]
    names = names or sorted(before | after, key=lambda name: (-before[name] - after[name], name))
    sums = (max(before.total(), 1), max(after.total(), 1))
    return tuple(ShareChange(n, round(before[n] / sums[0], 6), round(after[n] / sums[1], 6)) for n in names)


def _list_pair(engine: Engine, before: RecommendationList, after: RecommendationList) -> ListPair:
    customer = before.customer_id or ""
    return ListPair(customer, engine.customer(customer).customer_name, before, after)


def _notes(engine: Engine, change: Scenario) -> list[str]:
    notes = []
    if change.refits:
        notes.append(
            "Purchases, segments and similarities were counted anew; the encoder, the centroids and the merge stay as "
            "they were learnt. A fit with these settings may choose others."
        )
        if change.analysis_date:
            notes.append("Returns that came after the date are already taken off the purchases before it.")
        notes.append("Purchases that came since the fit are left out.")
    if change.weights and engine.bundle.json("recommender")["rankers"]:
        notes.append("A learned ranker orders the first places; weights decide what it is given, and the evidence.")
    return notes
