"""What-if analysis: recommendation lists of the same customers before and after a change. Nothing is published.

In: a local engine and a `Scenario` (rules, blend weights, analysis date, returns policy). Out: `WhatIfResult` with
lists, catalogue coverage, revenue, and the shares of discount bands and categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.what_if_engine import Scenario, WhatIfEngine, mean_source_weights
from smart_retail.data.dataset.sales_statistics import discount_band, discount_band_names
from smart_retail.errors import UsageError
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import ALL, DEFAULT_METHOD, LocalEngine, RetailEngine, check_page, require_local
from smart_retail.results import RecommendationList, Result
from smart_retail.utils.fixed_point import MILLION

__all__ = [
    "ListPair",
    "ListStats",
    "Scenario",
    "ShareChange",
    "WhatIfResult",
    "compare_figures",
    "describe_what_if",
    "source_weights",
    "what_if",
]

SAMPLE_CUSTOMERS = 300
"""Default number of customers whose lists are compared."""
MAX_LISTS_SHOWN = 5
CHUNK_CUSTOMERS = 50
UNKNOWN = "unknown"


class ShareChange(Result, frozen=True):
    """Share of a discount band or a category in all list positions, before and after the change (0 to 1)."""

    name: str
    before: float
    after: float


class ListStats(Result, frozen=True):
    """Statistics over the lists of all sampled customers."""

    items: int
    """Number of different products."""
    coverage: float
    """Share of the catalogue that is in at least one list, 0 to 1."""
    revenue: float
    """Price of one of each product, summed per list and averaged over the lists, in the shop's currency."""
    revenue_share: float
    """Share of all past revenue that the listed products account for, 0 to 1."""
    mean_discount: float | None
    """Mean discount of the listed products, 0 to 1; None without data on discounts."""
    filled: float
    """Share of positions filled by popularity or a business rule, 0 to 1."""


class ListPair(Result, frozen=True):
    """Lists of one customer before and after the change."""

    customer_id: str
    customer_name: str
    before: RecommendationList
    after: RecommendationList


class WhatIfResult(Result, frozen=True):
    """Effect of a scenario on the lists of the sampled customers."""

    customers: int
    """Number of sampled customers, evenly spaced over all customers."""
    changed_customers: int
    """Number of them whose list changed, in items or order."""
    changed_share: float
    """Share of the items in the lists before that are not in the same customer's list after, 0 to 1."""
    before: ListStats
    after: ListStats
    discounts: tuple[ShareChange, ...]
    categories: tuple[ShareChange, ...]
    lists: tuple[ListPair, ...]
    """Lists of the requested customers, otherwise of the first customers with a change."""
    notes: tuple[str, ...]


def what_if(
    engine: RetailEngine,
    scenario: Scenario,
    *,
    method: str = DEFAULT_METHOD,
    n: int = 10,
    exclude_purchased: bool | None = None,
    customers: Sequence[str] = (),
    sample: int = SAMPLE_CUSTOMERS,
    progress: Progress = SILENT,
) -> WhatIfResult:
    """Compare the lists of a sample of customers before and after a change.

    Parameters
    ----------
    engine : Engine
        A local engine; it is not modified.
    scenario : Scenario
        The change. Rules and weights need no fit; another analysis date or returns policy recomputes purchases,
        segments and similarities in memory, with the fitted encoder and merge unchanged.
    method : str
        One method, not ``all``.
    n : int
        Length of a list, 1 to 1000.
    exclude_purchased : bool, optional
        Whether purchased items are hidden; by default as in the screens.
    customers : sequence of str
        Customers whose lists are returned; they are added to the sample.
    sample : int
        Number of customers to compare, 1 to 5000.
    progress : Progress

    Returns
    -------
    WhatIfResult

    Raises
    ------
    NeedsLocalEngineError
        The engine is a remote one.
    UsageError
        The scenario is not valid, or a number is out of range.
    """
    engine = require_local(engine, "What-if needs")
    check_page(n)
    if method == ALL:
        raise UsageError("What-if compares the lists of one method.", "Choose one, such as hybrid.")
    if not 1 <= sample <= 5000:
        raise UsageError(f"A sample of {sample} customers is out of range.", "Give 1 to 5000 customers.")
    exclude = not engine.model().show_purchased if exclude_purchased is None else exclude_purchased
    progress.stage("Applying the change", 0.0)
    changed_engine = WhatIfEngine.from_scenario(engine, scenario)
    progress.check()
    ids = _sample(engine, customers, sample)
    progress.stage("Computing the lists", 0.4)
    pairs = []
    for start in range(0, len(ids), CHUNK_CUSTOMERS):
        progress.check()
        part = ids[start : start + CHUNK_CUSTOMERS]
        lists = [e.recommend_many(part, method, n, exclude_purchased=exclude) for e in (engine, changed_engine)]
        pairs += list(zip(*lists, strict=True))
        progress.update(0.4 + 0.6 * (start + len(part)) / len(ids))
    return _build_result(engine, scenario, pairs, customers)


def describe_what_if(result: WhatIfResult) -> str:
    """Return for how many customers the list changes."""
    share = format_percent(result.changed_customers / max(result.customers, 1))
    return f"The list changes for {share} of {pluralize(result.customers, 'customer')}"


def compare_figures(result: WhatIfResult, currency: str = "") -> list[tuple[str, str, str]]:
    """Return label, text before and text after the change for each figure of the lists."""

    def format_discount(value: float | None) -> str:
        return "not known" if value is None else format_percent(value)

    figures: list[tuple[str, Callable[[ListStats], str]]] = [
        ("Different products in the lists", lambda s: format_integer(s.items)),
        ("Share of the catalogue that is in a list", lambda s: format_percent(s.coverage)),
        ("Price of one of each product, per list", lambda s: format_amount(s.revenue, currency)),
        ("Share of past revenue that these products made", lambda s: format_percent(s.revenue_share)),
        ("Mean discount of these products", lambda s: format_discount(s.mean_discount)),
        ("Positions filled by popularity or a rule", lambda s: format_percent(s.filled)),
    ]
    return [(label, text(result.before), text(result.after)) for label, text in figures]


def source_weights(engine: RetailEngine, exclude_purchased: bool) -> dict[str, float]:
    """Return the mean blend weight of each source over the customers with purchases."""
    return mean_source_weights(require_local(engine, "Source weights need"), exclude_purchased)


def _sample(engine: LocalEngine, customers: Sequence[str], sample: int) -> list[str]:
    """Return the requested customers, followed by an even sample of all."""
    count = len(engine.tables.customers)
    chosen = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(np.int64)).tolist() if count else []
    return list(dict.fromkeys([*customers, *(engine.tables.customers.id(code) for code in chosen)]))


def _build_result(
    engine: LocalEngine,
    scenario: Scenario,
    pairs: Sequence[tuple[RecommendationList, RecommendationList]],
    customers: Sequence[str],
) -> WhatIfResult:
    before, after = ([pair[i] for pair in pairs] for i in (0, 1))
    items = [([r.item_id for r in b.items], [r.item_id for r in a.items]) for b, a in pairs]
    removed = sum(len(set(b) - set(a)) for b, a in items)
    different = [b != a for b, a in items]
    requested = set(customers)
    shown = [pair for pair in pairs if pair[0].customer_id in requested]
    shown = (
        shown
        or [p for p, other in zip(pairs, different, strict=True) if other][:MAX_LISTS_SHOWN]
        or list(pairs[:MAX_LISTS_SHOWN])
    )
    return WhatIfResult(
        customers=len(pairs),
        changed_customers=sum(different),
        changed_share=round(removed / max(sum(len(b) for b, _ in items), 1), 6),
        before=_list_statistics(engine, before),
        after=_list_statistics(engine, after),
        discounts=_share_changes(
            _count_discount_bands(engine, before),
            _count_discount_bands(engine, after),
            [*discount_band_names(), UNKNOWN],
        ),
        categories=_share_changes(_count_categories(before), _count_categories(after), []),
        lists=tuple(_list_pair(engine, *pair) for pair in shown),
        notes=tuple(_notes(engine, scenario)),
    )


def _item_codes(engine: LocalEngine, lists: Sequence[RecommendationList]) -> NDArray[np.int64]:
    """Return the item codes at all positions of the lists."""
    codes = [engine.tables.items.code(r.item_id) for recommended in lists for r in recommended.items]
    return np.array(codes, dtype=np.int64)


def _list_statistics(engine: LocalEngine, lists: Sequence[RecommendationList]) -> ListStats:
    codes = _item_codes(engine, lists)
    distinct = np.unique(codes)
    price = np.nan_to_num(engine.tables.catalogue.price[codes])
    item, amount = (engine.bundle.array(f"history/{name}") for name in ("item", "amount"))
    sold = np.bincount(item, amount, len(engine.tables.items)) / MILLION
    discount = _item_discounts(engine)[codes]
    known = discount[np.isfinite(discount)]
    filled = sum(r.source in ("popular", "rule") for recommended in lists for r in recommended.items)
    return ListStats(
        items=len(distinct),
        coverage=round(len(distinct) / max(len(engine.tables.items), 1), 6),
        revenue=round(float(price.sum()) / max(len(lists), 1), 6),
        revenue_share=round(float(sold[distinct].sum() / sold.sum()), 6) if sold.sum() > 0 else 0.0,
        mean_discount=round(float(known.mean()), 6) if len(known) else None,
        filled=round(filled / max(len(codes), 1), 6),
    )


def _item_discounts(engine: LocalEngine) -> NDArray[np.float64]:
    """Return the mean discount by item code; NaN where it is not known."""
    discount = engine.bundle.arrays("items").get("discount")
    known = np.full(len(engine.tables.items), np.nan)
    if discount is not None:
        known[: len(discount)] = discount
    return known


def _count_discount_bands(engine: LocalEngine, lists: Sequence[RecommendationList]) -> Counter[str]:
    names = [*discount_band_names(), UNKNOWN]
    return Counter(
        names[index] for index in discount_band(_item_discounts(engine)[_item_codes(engine, lists)]).tolist()
    )


def _count_categories(lists: Sequence[RecommendationList]) -> Counter[str]:
    return Counter(r.category or "no category" for recommended in lists for r in recommended.items)


def _share_changes(before: Counter[str], after: Counter[str], order: Sequence[str]) -> tuple[ShareChange, ...]:
    """Return the shares of the names that occur, in the given order, otherwise the largest first."""
    names = [n for n in order if before[n] + after[n]]
    names = names or sorted(before | after, key=lambda name: (-before[name] - after[name], name))
    sums = (max(before.total(), 1), max(after.total(), 1))
    return tuple(ShareChange(n, round(before[n] / sums[0], 6), round(after[n] / sums[1], 6)) for n in names)


def _list_pair(engine: LocalEngine, before: RecommendationList, after: RecommendationList) -> ListPair:
    customer = before.customer_id or ""
    return ListPair(customer, engine.customer(customer).customer_name, before, after)


def _notes(engine: LocalEngine, scenario: Scenario) -> list[str]:
    notes = []
    if scenario.refits:
        notes.append(
            "Purchases, segments and similarities were recomputed; the cluster model and the way the methods are "
            "combined are those of the version. A fit with these settings may choose others."
        )
        if scenario.analysis_date:
            notes.append("Purchases that were returned after the date are left out as well.")
        notes.append("Purchases since the fit are left out.")
    if scenario.weights and engine.bundle.json("recommender")["rankers"]:
        notes.append(
            "A ranking model orders the first positions; the weights decide which products it ranks, and the shares "
            "shown."
        )
    return notes
