"""The numbers behind each picture, as plain rows.

In: results of an engine, in process or behind the API. Out: one list of dicts a picture, which the
picture is drawn from and its table or download shows. The functions have the names of those in `figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from smart_retail.errors import DataError
from smart_retail.presentation import labels
from smart_retail.results import (
    CleaningReport,
    Cluster,
    ClusterPoint,
    GridCell,
    ModelInfo,
    RecommendationList,
    Segment,
)

Rows = list[dict[str, Any]]

TASKS = {"any": "all purchases", "new": "first purchases of a product", "cold": "customers without a history"}
"""Task of the scorecard -> what is foretold in it."""

MEASURES = {"recency": "days since the last order", "frequency": "orders", "monetary": "amount"}


def require_rows(rows: Rows, what: str, why: str) -> Rows:
    """The rows, or `DataError` with the reason where there are none."""
    if not rows:
        raise DataError(f"There is no picture of {what}: {why}.", "Fit with more data to see it.")
    return rows


def weekly_sales(model: ModelInfo) -> Rows:
    """``week, amount, orders``."""
    return require_rows([w.as_dict() for w in model.weekly_sales], "sales by week", "no order was kept")


def data_quality(cleaning: CleaningReport) -> Rows:
    """``part, rows, share, examples``: accepted rows first, then each reason for setting rows aside."""
    parts = [("accepted", cleaning.rows_accepted, "")]
    parts += [(a.reason, a.rows, "; ".join(a.examples)) for a in sorted(cleaning.rejected, key=lambda a: -a.rows)]
    rows = [{"part": p, "rows": n, "share": n / max(cleaning.rows_in, 1), "examples": e} for p, n, e in parts]
    return require_rows(rows if cleaning.rows_in else [], "data quality", "the source has no rows")


def segments(found: Sequence[Segment]) -> Rows:
    """``segment, customers, share, revenue, revenue_share, mean_recency, mean_frequency, mean_monetary``."""
    return require_rows([_group(s, {"segment": s.name}) for s in found], "segments", "no customer has a kept order")


def clusters(found: Sequence[Cluster]) -> Rows:
    """As `segments`, with ``cluster`` and ``name``."""
    rows = [_group(c, {"cluster": c.id, "name": c.name}) for c in found]
    return require_rows(rows, "clusters", "no customer has a kept order")


def _group(group: Segment | Cluster, who: dict[str, Any]) -> dict[str, Any]:
    return {
        **who,
        "customers": group.customers,
        "share": group.share,
        "revenue": group.revenue,
        "revenue_share": group.revenue_share,
        "mean_recency": group.mean_recency,
        "mean_frequency": group.mean_frequency,
        "mean_monetary": group.mean_monetary,
    }


def rfm_grid(cells: Sequence[GridCell]) -> Rows:
    """``r, f, segment, customers, revenue``."""
    rows = [cell.as_dict() for cell in cells]
    return require_rows(
        rows if any(cell.customers for cell in cells) else [], "the grid", "no customer has a kept order"
    )


def cluster_scatter(points: Sequence[ClusterPoint], found: Sequence[Cluster]) -> Rows:
    """``customer_id, cluster, name, x, y``."""
    names = {cluster.id: cluster.name for cluster in found}
    rows = [{**p.as_dict(), "name": names.get(p.cluster, str(p.cluster))} for p in points]
    return require_rows(rows, "the latent space", "no customer has a kept order")


def cluster_profiles(found: Sequence[Cluster]) -> Rows:
    """``cluster, name, measure, value, mean, ratio``: each cluster's means beside those of all customers."""
    customers = sum(c.customers for c in found)
    rows = []
    for measure, label in MEASURES.items():
        mean = sum(getattr(c, f"mean_{measure}") * c.customers for c in found) / max(customers, 1)
        for c in found:
            value = getattr(c, f"mean_{measure}")
            ratio = value / mean if mean > 0 else 1.0
            rows.append(
                {"cluster": c.id, "name": c.name, "measure": label, "value": value, "mean": mean, "ratio": ratio}
            )
    return require_rows(rows, "cluster profiles", "no customer has a kept order")


def cluster_choice(model: ModelInfo) -> Rows:
    """``k, silhouette, stability, chosen``."""
    return require_rows(
        [c.as_dict() for c in model.cluster_choice], "the choice of k", "no number of clusters was tried"
    )


def training_loss(model: ModelInfo) -> Rows:
    """``epoch, loss, validation_loss, linear_loss``: reconstruction error of the autoencoder."""
    told = _groups(model, "clusters")
    pairs = zip(told.get("loss", ()), told.get("validation_loss", ()), strict=False)
    rows = [
        {"epoch": epoch, "loss": loss, "validation_loss": validation, "linear_loss": told.get("linear_loss")}
        for epoch, (loss, validation) in enumerate(pairs, 1)
    ]
    return require_rows(rows, "the training", "this bundle keeps no losses")


def distribution(model: ModelInfo, measure: str) -> Rows:
    """``lower, upper, customers`` by bin of recency, frequency or monetary."""
    told = _groups(model, "rfm").get("histograms", {}).get(measure, {})
    bins = zip(pairwise(told.get("edges", ())), told.get("customers", ()), strict=False)
    rows = [{"lower": lower, "upper": upper, "customers": n} for (lower, upper), n in bins]
    return require_rows(rows if any(r["customers"] for r in rows) else [], measure, "this bundle keeps no distribution")


def cut_points(model: ModelInfo, measure: str) -> list[float]:
    """The four cut points of a measure; empty where the bundle does not tell them."""
    return list(_groups(model, "rfm").get("cuts", {}).get(measure, ()))


def moments(model: ModelInfo) -> Rows:
    """``measure, mean, median, skewness, kurtosis`` and ``ρ`` with each measure, the rank correlation."""
    told = _groups(model, "rfm")
    rows = []
    for measure, correlations in zip(MEASURES, told.get("correlations", ()), strict=False):
        with_each = {f"ρ {m}": c for m, c in zip(MEASURES, correlations, strict=True)}
        rows.append({"measure": measure, **told.get("moments", {}).get(measure, {}), **with_each})
    return require_rows(rows, "the measures' moments", "this bundle keeps none")


def _groups(model: ModelInfo, part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = model.scorecard.get("groups", {}).get(part, {})
    return found


def scorecard(model: ModelInfo, task: str = "any") -> Rows:
    """``method, label, ndcg, low, high`` and what else was measured, the best method first."""
    card = model.scorecard
    key = f"ndcg@{card.get('k', 10)}"
    rows = []
    for method, figures in card.get("tasks", {}).get(task, {}).items():
        if isinstance(figures, Mapping) and isinstance(figures.get(key), int | float):
            value = figures[key]
            rest = {n: v for n, v in figures.items() if n not in (key, "low", "high") and isinstance(v, int | float)}
            low, high = figures.get("low", value), figures.get("high", value)
            rows.append(
                {
                    "method": method,
                    "label": labels.method_label(method),
                    "ndcg": value,
                    "low": low,
                    "high": high,
                    **rest,
                }
            )
    why = (card.get("gate") or {}).get("skipped") or "nothing was held out"
    return sorted(require_rows(rows, "the methods", why), key=lambda row: -row["ndcg"])


def item_similarity(lists: Mapping[str, RecommendationList], names: Mapping[str, str]) -> Rows:
    """``item_id, item_name, similar_id, similar_name, similarity``: each item's list, 1 for its most similar.

    Only pairs among the items of `lists`; what does not stand in an item's list has 0.
    """
    rows = []
    for item, answer in lists.items():
        best = max((r.score for r in answer.items), default=1.0)
        scores = {r.item_id: r.score / best for r in answer.items}
        for other in lists:
            told = {"item_id": item, "item_name": names.get(item, item)}
            told |= {"similar_id": other, "similar_name": names.get(other, other)}
            rows.append({**told, "similarity": 1.0 if other == item else scores.get(other, 0.0)})
    return require_rows(rows if len(lists) > 1 else [], "similar products", "fewer than two products were sold")


def recommendations(answer: RecommendationList) -> Rows:
    """``rank, item_id, item_name, category, score`` and the share of each method; one list, not ``all``."""
    methods = list(dict.fromkeys(r.method for item in answer.items for r in item.reasons))
    rows = []
    for item in answer.items:
        shares = dict.fromkeys(methods, 0.0)
        for reason in item.reasons:
            shares[reason.method] += reason.share
        told = {"rank": item.rank, "item_id": item.item_id, "item_name": item.item_name, "category": item.category}
        rows.append({**told, "score": item.score, **shares})
    return require_rows(rows, "recommendations", "the list is empty")
