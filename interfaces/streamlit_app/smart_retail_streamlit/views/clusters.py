"""Clusters: customers in the autoencoder's latent space, and how the groups differ."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.presentation.palette import PALETTE
from smart_retail.results import Cluster, ModelInfo
from smart_retail_streamlit import chart_panel, charts, engine_source, html, page_layout

POINTS = 4000
MEASURES = (("mean_recency", "days since last order"), ("mean_frequency", "orders"), ("mean_monetary", "amount"))


def show() -> None:
    engine = engine_source.engine()
    clusters = engine.clusters()
    page_layout.heading("Clusters", "groups that a neural network finds in recency, frequency and money")
    if not clusters:
        page_layout.empty("No clusters", "There were too few customers to tell groups apart.")
        return
    currency = engine_source.model().currency
    points = engine.cluster_points(POINTS)
    top = clusters[0]
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        chart_panel.show(
            "latent-space",
            f"{top.name}: {format_percent(top.share)} of customers bring "
            f"{format_percent(top.revenue_share)} of revenue",
            f"{format_integer(len(points))} customers in the autoencoder's latent space, names at the centroids",
            charts.cluster_scatter(points, clusters, page_layout.is_dark()),
            charts.as_rows(points),
            drawn=("cluster_scatter", points, clusters),
        )
    with right:
        rows = _profiles(clusters)
        far = max(rows, key=lambda row: row["ratio"])
        chart_panel.show(
            "cluster-profiles",
            f"{far['cluster']}: {far['times']} the mean in {far['measure']}",
            "Means of each cluster against all customers",
            charts.cluster_profiles(rows, clusters),
            [{name: row[name] for name in ("cluster", "measure", "value", "mean", "ratio")} for row in rows],
            drawn=("cluster_profiles", clusters),
        )
    with st.container(border=True):
        st.html(_table(clusters, currency))
    chart_panel.download("clusters", charts.as_rows(clusters, "top_items"), "Download CSV")
    left, right = st.columns(2, gap="medium")
    with left:
        _choice(engine_source.model())
    with right:
        _training(engine_source.model())


def _profiles(clusters: list[Cluster]) -> list[dict[str, Any]]:
    """Each cluster's means beside those of all customers."""
    rows = []
    for field, label in MEASURES:
        mean = sum(c.share * getattr(c, field) for c in clusters)
        for cluster in clusters:
            value = getattr(cluster, field)
            ratio = value / mean if mean else 0.0
            rows.append(
                {
                    "cluster": cluster.name,
                    "measure": label,
                    "value": round(value, 2),
                    "mean": round(mean, 2),
                    "ratio": round(ratio, 3),
                    "times": f"{ratio:.1f} times",
                }
            )
    return rows


def _table(clusters: list[Cluster], currency: str) -> str:
    columns = [
        ("", "Cluster"),
        ("sr-num", "Customers"),
        ("sr-num", "Share"),
        ("sr-num", f"Revenue {currency}".strip()),
        ("sr-num", "Revenue share"),
        ("sr-num", "Days since last order"),
        ("sr-num", "Orders"),
        ("sr-num", "Amount"),
        ("sr-dim", "Buys most"),
    ]
    rows = [
        [
            f'<i class="sr-key" style="background:{PALETTE[i % len(PALETTE)]}"></i>{escape(c.name)}',
            format_integer(c.customers),
            format_percent(c.share),
            format_amount(c.revenue),
            format_percent(c.revenue_share),
            f"{c.mean_recency:,.1f}",
            f"{c.mean_frequency:,.1f}",
            format_amount(c.mean_monetary),
            escape(" · ".join(item.item_name or item.item_id for item in c.top_items[:3])),
        ]
        for i, c in enumerate(clusters)
    ]
    return html.table(columns, rows)


def _choice(model: ModelInfo) -> None:
    """Why this number of clusters."""
    tried = model.cluster_choice
    chosen = next((c for c in tried if c.chosen), None)
    if chosen is None or len(tried) < 2:
        return
    chart_panel.show(
        "cluster-choice",
        f"{chosen.k} clusters: silhouette {chosen.silhouette:.2f}, stability {chosen.stability:.2f}",
        "Silhouette on the latent space and agreement between fits on resamples, both at most 1",
        charts.cluster_choice(tried),
        charts.as_rows(tried),
        drawn=("cluster_choice", model),
    )


def _training(model: ModelInfo) -> None:
    """How the autoencoder learnt."""
    found = model.scorecard.get("groups", {}).get("clusters", {})
    curves = (("training", found.get("loss", ())), ("held-out", found.get("validation_loss", ())))
    rows = [
        {"epoch": epoch, "customers": name, "loss": loss}
        for name, losses in curves
        for epoch, loss in enumerate(losses, 1)
    ]
    if not rows:
        return
    chart_panel.show(
        "training-loss",
        f"The autoencoder settled after {max(row['epoch'] for row in rows)} epochs at {rows[-1]['loss']:.3f}",
        "Mean squared error of the reconstruction, in standard deviations squared",
        charts.training_loss(rows),
        rows,
        drawn=("training_loss", model),
    )
