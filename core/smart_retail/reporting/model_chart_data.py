"""Rows behind the charts of the model.

Each function returns the rows of the function with the same name in `model_charts` or `product_charts`; tables and
downloads show the same rows. Results come from a local engine or from the API.
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

NO_CUSTOMERS = "no customer has an order left after returns"

TASKS = {"any": "all purchases", "new": "first purchases of a product", "cold": "customers without a history"}
"""Task of the scorecard -> which purchases the lists are compared with."""

MEASURES = {"recency": "days since the last order", "frequency": "orders", "monetary": "net amount"}
"""RFM measure -> unit."""


def require_rows(rows: Rows, subject: str, reason: str) -> Rows:
    """Return the rows, or raise an error if there are none.

    Parameters
    ----------
    rows : list of dict
    subject : str
        What cannot be shown.
    reason : str
        Why there are no rows.

    Returns
    -------
    list of dict
    """
    if not rows:
        raise DataError(f"No chart of {subject}: {reason}.", "Fit with more data.")
    return rows


def weekly_sales(model: ModelInfo) -> Rows:
    """Return ``week, amount, orders``."""
    return require_rows([w.as_dict() for w in model.weekly_sales], "sales by week", "no order is left after returns")


def data_quality(cleaning: CleaningReport) -> Rows:
    """Return ``part, rows, share, examples``: accepted rows first, then rejected rows by reason."""
    parts = [("accepted", cleaning.rows_accepted, "")]
    parts += [(a.reason, a.rows, "; ".join(a.examples)) for a in sorted(cleaning.rejected, key=lambda a: -a.rows)]
    rows = [{"part": p, "rows": n, "share": n / max(cleaning.rows_in, 1), "examples": e} for p, n, e in parts]
    return require_rows(rows if cleaning.rows_in else [], "data quality", "the source has no rows")


def segments(groups: Sequence[Segment]) -> Rows:
    """Return ``segment, customers, share, revenue, revenue_share, mean_recency, mean_frequency, mean_monetary``."""
    return require_rows([_group(s, {"segment": s.name}) for s in groups], "segments", NO_CUSTOMERS)


def clusters(groups: Sequence[Cluster]) -> Rows:
    """Return rows as `segments`, with ``cluster`` and ``name``."""
    rows = [_group(c, {"cluster": c.id, "name": c.name}) for c in groups]
    return require_rows(rows, "clusters", NO_CUSTOMERS)


def _group(group: Segment | Cluster, identity: dict[str, Any]) -> dict[str, Any]:
    return {
        **identity,
        "customers": group.customers,
        "share": group.share,
        "revenue": group.revenue,
        "revenue_share": group.revenue_share,
        "mean_recency": group.mean_recency,
        "mean_frequency": group.mean_frequency,
        "mean_monetary": group.mean_monetary,
    }


def rfm_grid(cells: Sequence[GridCell]) -> Rows:
    """Return ``r, f, segment, customers, revenue``."""
    rows = [cell.as_dict() for cell in cells]
    return require_rows(
        rows if any(cell.customers for cell in cells) else [],
        "R and F scores",
        NO_CUSTOMERS,
    )


def cluster_scatter(points: Sequence[ClusterPoint], groups: Sequence[Cluster]) -> Rows:
    """Return ``customer_id, cluster, name, x, y``."""
    names = {cluster.id: cluster.name for cluster in groups}
    rows = [{**p.as_dict(), "name": names.get(p.cluster, str(p.cluster))} for p in points]
    return require_rows(rows, "customers and clusters", NO_CUSTOMERS)


def cluster_profiles(groups: Sequence[Cluster]) -> Rows:
    """Return ``cluster, name, measure, value, mean, ratio``: means of each cluster and of all customers."""
    customers = sum(c.customers for c in groups)
    rows = []
    for measure, label in MEASURES.items():
        mean = sum(getattr(c, f"mean_{measure}") * c.customers for c in groups) / max(customers, 1)
        for c in groups:
            value = getattr(c, f"mean_{measure}")
            ratio = value / mean if mean > 0 else 1.0
            rows.append(
                {"cluster": c.id, "name": c.name, "measure": label, "value": value, "mean": mean, "ratio": ratio}
            )
    return require_rows(rows, "cluster profiles", NO_CUSTOMERS)


def cluster_choice(model: ModelInfo) -> Rows:
    """Return ``k, silhouette, stability, chosen``."""
    return require_rows(
        [c.as_dict() for c in model.cluster_choice], "the number of clusters", "only one number was tried"
    )


def training_loss(model: ModelInfo) -> Rows:
    """Return ``epoch, loss, validation_loss, linear_loss``: reconstruction error of the autoencoder."""
    stored = _groups(model, "clusters")
    pairs = zip(stored.get("loss", ()), stored.get("validation_loss", ()), strict=False)
    rows = [
        {"epoch": epoch, "loss": loss, "validation_loss": validation, "linear_loss": stored.get("linear_loss")}
        for epoch, (loss, validation) in enumerate(pairs, 1)
    ]
    return require_rows(rows, "the training of the autoencoder", "the model has no record of it")


def distribution(model: ModelInfo, measure: str) -> Rows:
    """Return ``lower, upper, customers`` by bin of recency, frequency or monetary."""
    stored = _groups(model, "rfm").get("histograms", {}).get(measure, {})
    bins = zip(pairwise(stored.get("edges", ())), stored.get("customers", ()), strict=False)
    rows = [{"lower": lower, "upper": upper, "customers": n} for (lower, upper), n in bins]
    return require_rows(rows if any(r["customers"] for r in rows) else [], measure, "the model has no record of it")


def cut_points(model: ModelInfo, measure: str) -> list[float]:
    """Return the four cut points between the scores of a measure; empty if the model has none."""
    return list(_groups(model, "rfm").get("cuts", {}).get(measure, ()))


def moments(model: ModelInfo) -> Rows:
    """Return ``measure, mean, median, skewness, kurtosis`` and the rank correlation ``ρ`` with each measure."""
    stored = _groups(model, "rfm")
    rows = []
    for measure, correlations in zip(MEASURES, stored.get("correlations", ()), strict=False):
        with_each = {f"ρ {m}": c for m, c in zip(MEASURES, correlations, strict=True)}
        rows.append({"measure": measure, **stored.get("moments", {}).get(measure, {}), **with_each})
    return require_rows(rows, "the distribution of recency, frequency and monetary", "the model has no record of it")


def _groups(model: ModelInfo, part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = model.scorecard.get("groups", {}).get(part, {})
    return found


def scorecard(model: ModelInfo, task: str = "any") -> Rows:
    """Return ``method, label, ndcg, low, high`` and the other measures, best method first."""
    evaluation = model.scorecard
    key = f"ndcg@{evaluation.get('k', 10)}"
    rows = []
    for method, figures in evaluation.get("tasks", {}).get(task, {}).items():
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
    reason = (evaluation.get("gate") or {}).get("skipped") or "the history is too short to hold purchases back"
    return sorted(require_rows(rows, "the methods", reason), key=lambda row: -row["ndcg"])


def item_similarity(lists: Mapping[str, RecommendationList], names: Mapping[str, str]) -> Rows:
    """Return ``item_id, item_name, similar_id, similar_name, similarity``: for each item, 1 is its most similar item.

    Pairs among the items of `lists` only; an item that is not in the list of another has 0.
    """
    rows = []
    for item, result in lists.items():
        best = max((r.score for r in result.items), default=1.0)
        scores = {r.item_id: r.score / best for r in result.items}
        for other in lists:
            row = {"item_id": item, "item_name": names.get(item, item)}
            row |= {"similar_id": other, "similar_name": names.get(other, other)}
            rows.append({**row, "similarity": 1.0 if other == item else scores.get(other, 0.0)})
    return require_rows(rows if len(lists) > 1 else [], "similar products", "fewer than two products were sold")


def recommendations(result: RecommendationList) -> Rows:
    """Return ``rank, item_id, item_name, category, score`` and the share of each method; not for ``all``."""
    methods = list(dict.fromkeys(r.method for item in result.items for r in item.reasons))
    rows = []
    for item in result.items:
        shares = dict.fromkeys(methods, 0.0)
        for reason in item.reasons:
            shares[reason.method] += reason.share
        row = {"rank": item.rank, "item_id": item.item_id, "item_name": item.item_name, "category": item.category}
        rows.append({**row, "score": item.score, **shares})
    return require_rows(rows, "recommendations", "the list is empty")
