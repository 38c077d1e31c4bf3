"""Labels of methods, sources and columns, one table for all front ends."""

from __future__ import annotations

from typing import Final

SEGMENTS: Final[dict[str, tuple[str, str]]] = {
    "Champions": ("bought very recently and often", "thank them, show new products first"),
    "Loyal": ("buy often, some time ago", "offer what goes with their favourites"),
    "Potential Loyalist": ("recent, a few orders", "suggest the next natural product"),
    "New": ("one order, very recent", "welcome, help with the first choice"),
    "Promising": ("one order, recent", "remind with popular products"),
    "Need Attention": ("middling in both", "a reason to come back this month"),
    "About to Sleep": ("few orders, fading", "what is popular now"),
    "At Risk": ("bought often, long ago", "what they used to buy, with what is new"),
    "Can't Lose": ("among the best, silent", "a personal word"),
    "Hibernating": ("few orders, long ago", "low-cost reminder"),
    "Lost": ("few orders, longest ago", "leave, or a last try"),
}
"""Segment -> (meaning, action), best first."""

METHODS: Final[dict[str, tuple[str, str]]] = {
    "hybrid": ("Hybrid", "all methods combined, weighted by how much history the customer has"),
    "personalized": ("Personalized", "what customers of the same cluster buy"),
    "rfm": ("RFM", "what customers of the same RFM segment buy"),
    "cf": ("CF", "collaborative filtering: what buyers of the same products also buy"),
    "popular": ("Popular", "what most customers buy at the moment"),
    "all": ("All", "the lists of all methods side by side"),
}
"""Method -> (label, meaning), in the order of the screens."""

SOURCES: Final[dict[str, str]] = {"repurchase": "Buy again", "content": "Similar", "rule": "Rule"}
"""Further sources of the hybrid list -> label."""

RFM_EXPLANATION: Final = (
    "RFM: recency (days since the last order), frequency (number of orders) and monetary (net amount), "
    "each scored 1 to 5, 5 is best."
)
NDCG_EXPLANATION: Final = (
    "NDCG compares a list with what customers bought afterwards: 1 means that the bought products were at the top of "
    "the list, 0 that none of them was in it. @10: only the first ten products count."
)
HIT_RATE_EXPLANATION: Final = "Hit rate: share of customers who bought at least one product of their list."

RETURN_FORMS: Final[dict[str, str]] = {
    "table": "returned (listed in a returns table)",
    "flag": "returned (marked in a column)",
    "cancellation": "returned (cancelled later)",
    "unmatched": "returns without a matching purchase",
}
"""How a source records returned goods -> label of the row in the cleaning report."""

PRESETS: Final[dict[str, str]] = {
    "canonical": "columns have the standard names",
    "aliases": "columns recognised by their headers",
    "superstore": "recognised as a Superstore export",
    "uci online retail": "recognised as the UCI Online Retail data",
    "complete journey": "recognised as the Complete Journey demo data",
}
"""How the columns of a source were recognised -> label."""

HYBRID_SOURCES: Final[dict[str, str]] = {
    "repurchase_slow": "Buy again (long memory)",
    "repurchase_fast": "Buy again (recent orders)",
    "item_knn": "Bought together",
    "item_knn_trend": "Bought together, now selling",
    "ease": "Bought together (EASE)",
    "ease_trend": "Bought together (EASE), now selling",
    "cluster": "Popular in the cluster",
    "segment": "Popular in the segment",
    "popular": "Popular",
    "trending": "Trending",
    "content": "Similar by name and category",
}
"""Recommendation source of the hybrid -> label."""

VALUE_TIERS: Final = ("Lowest", "Low", "Middle", "High", "Top")
"""By M score 1 to 5."""

SALES_CATEGORIES: Final = ("Low", "Medium", "High", "Very High")

COLUMN_LABELS: Final[dict[str, str]] = {
    "rank": "#",
    "item_name": "Product",
    "item_id": "Product id",
    "category": "Category",
    "reason": "Why",
    "share": "Share",
    "score": "Score",
    "source": "From",
    "customer_id": "Customer id",
    "customer_name": "Customer",
    "segment": "Segment",
    "customers": "Customers",
    "revenue": "Revenue",
    "revenue_share": "Revenue share",
    "mean_recency": "Mean days since last order",
    "mean_frequency": "Mean orders",
    "mean_monetary": "Mean amount",
    "orders": "Orders",
    "quantity": "Quantity",
    "amount": "Amount",
    "last_day": "Last bought",
    "unit_price": "Unit price",
}


def method_label(method: str) -> str:
    """Return the label of a method, or of another source of the hybrid list."""
    return METHODS[method][0] if method in METHODS else SOURCES.get(method, method)


def source_label(source: str) -> str:
    """Return the label of a source of the hybrid; an added source is shown under its name."""
    return HYBRID_SOURCES.get(source, source.replace("_", " "))


def buy_again(orders: int, interval_days: float | None) -> str:
    """Reason of a repeat purchase; `interval_days` is the usual gap, None where it cannot be told."""
    times = "once" if orders == 1 else f"{orders} times"
    if interval_days is None or interval_days < 0.5:
        return f"bought {times}"
    days = round(interval_days)
    return f"bought {times}, about every {'day' if days == 1 else f'{days} days'}"


def bought_together(item: str) -> str:
    return f"often bought with {item}"


def cluster(name: str) -> str:
    return f"popular with {name} customers"


def segment(name: str) -> str:
    return f"popular with {name} customers"


def popular() -> str:
    return "popular"


def trending(orders: int) -> str:
    return f"rising: {orders:,} order{'' if orders == 1 else 's'} in four weeks"


def similar(item: str) -> str:
    return f"similar to {item}"


def rule() -> str:
    return "promoted by the shop"
