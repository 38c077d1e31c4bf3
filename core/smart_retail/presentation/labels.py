"""Labels of methods, sources and columns, one table for all front ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

METHODS: Final[dict[str, tuple[str, str]]] = {
    "hybrid": ("Hybrid", "all methods combined, weighted by how much history the customer has"),
    "personalized": ("Personalized", "what customers of the same cluster buy"),
    "rfm": ("RFM", "what customers of the same RFM segment buy"),
    "cf": ("CF", "collaborative filtering: what buyers of the same products also buy"),
    "popular": ("Popular", "what most customers buy at the moment"),
    "all": ("All", "the lists of all methods side by side"),
}
"""Method -> (label, meaning), in the order of the screens."""

RELATIONS: Final[dict[str, tuple[str, str]]] = {
    "bought_together": ("Bought together", "in the same order more often than by chance"),
    "same_customers": ("Bought by the same customers", "in any of their orders"),
    "similar": ("Similar by name and category", "no customer has bought this product yet"),
}
"""How a list is related to a product -> (heading, meaning)."""
NO_RELATED: Final[dict[str, str]] = {
    "bought_together": "No other product was often enough in the same order.",
    "same_customers": "Too few customers bought this product to find others.",
    "similar": "Too few customers bought this product to find others.",
}
"""Relation -> what an empty list means."""

BUNDLES: Final = (
    "Product bundles",
    "products that are in one order more often than by chance",
)
"""Heading of product bundles, and what they are."""
BUNDLE_SORTS: Final[dict[str, str]] = {
    "support": "Orders",
    "confidence": "Confidence",
    "lift": "Lift",
    "revenue": "Revenue",
}
"""Figure by which bundles are sorted -> label."""
CUSTOMER_SORTS: Final[dict[str, str]] = {
    "amount": "Amount",
    "orders": "Orders",
    "last_order": "Last order",
    "expected_spend": "Expected spend",
    "return_probability": "Likely to order",
    "lifetime_value": "Lifetime value",
    "customer_id": "Customer id",
}
"""Column by which customers are sorted -> label."""
BUNDLE_EXPLANATION: Final = (
    "Confidence: share of the orders with the other products that also have the last one. Lift: how many times as "
    "often as by chance all are in one order. Revenue: amount of these products in these orders."
)
AUDIENCE: Final = (
    "Who would want this?",
    "customers with the product high in their list, then those who buy what its buyers buy",
)
"""Heading of the audience of a product, and how it is ranked."""
SUBSTITUTES: Final = (
    "Substitutes",
    "same category and same customers, but rarely in one order",
)
"""Heading of substitutes, and what they are."""

SOURCES: Final[dict[str, str]] = {"repurchase": "Buy again", "content": "Similar", "rule": "Rule"}
"""Further sources of the hybrid list -> label."""

RFM_EXPLANATION: Final = (
    "RFM: recency (time since the last order), frequency (number of orders) and monetary (net amount), "
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
    "partial": "returned in part (refunded)",
    "unmatched": "returns without a matching purchase",
}
"""How a source records returned goods -> label of the row in the cleaning report."""

SCREEN_HINTS: Final[dict[str, str]] = {
    "column": "Choose the columns of the file for these fields.",
    "import_guard": "Check that the export is complete and its columns are right. If it is, publish it anyway.",
    "quality_gate": "Compare the methods, or publish it anyway.",
    "data": "Check the columns that were recognised, and choose others if they are wrong.",
}
"""Code of an error -> what to do on a screen, where the hint of the error names an option of the command line."""

CONFIDENCE: Final[dict[str, str]] = {
    "certain": "certain",
    "likely": "likely: please check",
    "doubtful": "doubtful: the values do not look like it",
    "chosen": "chosen by you",
}
"""Confidence of a recognised column -> label."""

FIELD_NAMES: Final[dict[str, str]] = {
    "customer_id": "Customer id",
    "item_id": "Product id",
    "timestamp": "Order date",
    "order_id": "Order id",
    "quantity": "Quantity",
    "amount": "Amount of the line",
    "unit_price": "Unit price",
    "line_discount": "Discount of the line",
    "item_name": "Product name",
    "category": "Category",
    "customer_name": "Customer name",
    "order_status": "Status of the order",
    "payment_status": "Status of the payment",
}
"""Fields whose column can be chosen on a screen -> label; the other fields are recognised or left out."""

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
    "item_knn": "Same customers",
    "item_knn_trend": "Same customers, now selling",
    "ease": "Same customers (EASE)",
    "ease_trend": "Same customers (EASE), now selling",
    "cluster": "Popular in the cluster",
    "segment": "Popular in the segment",
    "popular": "Popular",
    "trending": "Trending",
    "content": "Similar by name and category",
    "sequence": "Next order (sequence model)",
}
"""Recommendation source of the hybrid -> label."""

RETURNS_POLICIES: Final[dict[str, str]] = {"net": "Leave returned items out", "keep": "Count returned items as bought"}
"""Returns policy -> label."""

RECENCY_UNITS: Final[dict[str, str]] = {
    "days": "Days since the last order",
    "intervals": "The customer's usual gaps since the last order",
}
"""Unit of recency -> label."""

RULE_LABELS: Final[dict[str, str]] = {
    "ban": "Never recommend",
    "pin": "First in every list",
    "stock": "In stock",
    "boost": "Boost",
    "categories": "Only these categories",
    "exclude_categories": "Never these categories",
    "max_per_category": "Most per category",
    "new_items_share": "Share of new products",
    "diversity": "Diversity of a list",
    "price": "Price range",
    "when": "Rules for dates or segments",
    "scenario": "Scenarios",
    "method": "Method",
    "n": "Products in a list",
}
"""Business rule -> label."""

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
    "limits": "Customers with",
    "mean_recency": "Mean days since last order",
    "mean_frequency": "Mean orders",
    "mean_monetary": "Mean amount",
    "orders": "Orders",
    "quantity": "Quantity",
    "amount": "Amount",
    "last_day": "Last bought",
    "unit_price": "Unit price",
    "expected_orders": "Expected orders",
    "expected_spend": "Expected spend",
    "spend_share": "Share of expected spend",
    "return_probability": "Likely to order",
    "next_order_date": "Next order, if it comes",
    "next_order_low": "Next order, earliest (80 %)",
    "next_order_high": "Next order, latest (80 %)",
    "lifetime_value": "Lifetime value",
    "churn_risk": "Churn risk",
    "usual_interval_days": "Usual days between orders",
    "spend": "Spend so far",
    "horizon_days": "Days",
    "expected": "Expected revenue",
    "low": "Low (80 %)",
    "high": "High (80 %)",
    "known_customers": "Known customers",
    "new_customers": "New customers",
    "last_window": "Same days before",
    "sales_forecast": "Sales forecast",
    "due_date": "Due",
    "interval_days": "Usual days between purchases",
    "last_date": "Last bought",
    "purchases": "Times bought",
    "country": "Country",
    "cluster": "Cluster",
    "position": "Position in the list",
    "last_order": "Last order",
    "products": "Products",
    "item_name_1": "Product 1",
    "item_name_2": "Product 2",
    "item_name_3": "Product 3",
    "item_id_1": "Product id 1",
    "item_id_2": "Product id 2",
    "item_id_3": "Product id 3",
    "support": "Orders with all",
    "confidence": "Confidence",
    "lift": "Lift",
    "bought_both": "Bought both",
    "together": "In one order",
    "expected_together": "Expected in one order",
    "similarity": "Similarity",
}


def method_label(method: str) -> str:
    """Return the label of a method, or of another source of the hybrid list."""
    return METHODS[method][0] if method in METHODS else SOURCES.get(method, method)


def source_label(source: str) -> str:
    """Return the label of a source of the hybrid; an added source is shown under its name."""
    return HYBRID_SOURCES.get(source, source.replace("_", " "))


def screen_hint(code: str, hint: str) -> str:
    """Return the hint of an error for a screen: without options of the command line."""
    return hint if "--" not in hint else SCREEN_HINTS.get(code, "")


def describe_column(header: str, samples: Sequence[str]) -> str:
    """Return a column with sample values: ``Client (A, B, C)``."""
    return f"{header or '(blank)'} ({', '.join(samples)})" if samples else header or "(blank)"
