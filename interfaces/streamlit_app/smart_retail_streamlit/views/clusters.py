"""Clusters page: customers by value and taste, and how the clusters differ."""

from __future__ import annotations

from typing import Any

import streamlit as st

from smart_retail.presentation.formatting import format_percent, pluralize
from smart_retail.presentation.html import cluster_table
from smart_retail.presentation.palette import PALETTE
from smart_retail.results import Cluster, ModelInfo
from smart_retail_streamlit import chart_panel, charts, engine_source, html_parts, page_layout
from smart_retail_streamlit.chart_panel import Panel

MAX_POINTS = 4000
"""Customers drawn in the latent space."""
MEASURES = (("mean_recency", "days since last order"), ("mean_frequency", "orders"), ("mean_monetary", "net amount"))


def show() -> None:
    """Show the page."""
    engine = engine_source.engine()
    clusters = engine.clusters()
    page_layout.heading("Clusters", "groups of customers who are alike in value and taste")
    if not clusters:
        page_layout.empty("No clusters", "There are too few customers to form groups. Fit with more data.")
        return
    model = engine_source.model()
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        _show_latent_space(clusters)
    with right:
        _show_profiles(clusters)
    with st.container(border=True):
        names = [html_parts.colour_key(PALETTE[i % len(PALETTE)], c.name) for i, c in enumerate(clusters)]
        st.html(cluster_table(clusters, names))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption("Show the customers of", width="content")
            for cluster in clusters:
                page_layout.link("Customers", cluster.name, ":material/group:", cluster=cluster.name)
    chart_panel.download("clusters", charts.as_rows(clusters, "top_items"), "Download CSV")
    left, right = st.columns(2, gap="medium")
    with left:
        _show_choice(model)
    with right:
        _show_training(model)


def _show_latent_space(clusters: list[Cluster]) -> None:
    points = engine_source.engine().cluster_points(MAX_POINTS)
    top = clusters[0]
    customers, revenue = format_percent(top.share), format_percent(top.revenue_share)
    chart_panel.show(
        Panel(
            "latent-space",
            f"{top.name}: {customers} of customers, {revenue} of revenue",
            f"{pluralize(len(points), 'customer')}; the closer two are, the more alike they buy. "
            "Axes: first two principal components of value and taste",
            charts.cluster_scatter(points, clusters, page_layout.is_dark()),
            charts.as_rows(points),
            report_chart=("cluster_scatter", points, clusters),
        )
    )


def _show_profiles(clusters: list[Cluster]) -> None:
    rows = _profiles(clusters)
    highest = max(rows, key=lambda row: row["ratio"])
    chart_panel.show(
        Panel(
            "cluster-profiles",
            f"{highest['cluster']}: {highest['times']} the average of all customers in {highest['measure']}",
            "Means of each cluster as multiples of the mean of all customers",
            charts.cluster_profiles(rows, clusters),
            [{name: row[name] for name in ("cluster", "measure", "value", "mean", "ratio")} for row in rows],
            report_chart=("cluster_profiles", clusters),
        )
    )


def _profiles(clusters: list[Cluster]) -> list[dict[str, Any]]:
    """Return the means of each cluster with the means of all customers."""
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


def _show_choice(model: ModelInfo) -> None:
    """Show how the number of clusters was chosen."""
    tried = model.cluster_choice
    chosen = next((c for c in tried if c.chosen), None)
    if chosen is None or len(tried) < 2:
        return
    chart_panel.show(
        Panel(
            "cluster-choice",
            f"{pluralize(chosen.k, 'cluster')}: silhouette {chosen.silhouette:.2f}, stability {chosen.stability:.2f}",
            "Silhouette: how well clusters are separated. Stability: how far they come out the same on resampled "
            "customers. 1 is best",
            charts.cluster_choice(tried),
            charts.as_rows(tried),
            report_chart=("cluster_choice", model),
        )
    )


def _show_training(model: ModelInfo) -> None:
    """Show the training of the autoencoder."""
    clusters = model.scorecard.get("groups", {}).get("clusters", {})
    curves = (("training", clusters.get("loss", ())), ("held out", clusters.get("validation_loss", ())))
    rows = [
        {"epoch": epoch, "customers": name, "loss": loss}
        for name, losses in curves
        for epoch, loss in enumerate(losses, 1)
    ]
    if not rows:
        return
    epochs = max(row["epoch"] for row in rows)
    chart_panel.show(
        Panel(
            "training-loss",
            f"The autoencoder reached an error of {rows[-1]['loss']:.3f} after {pluralize(epochs, 'epoch')}",
            "Mean squared error with which the autoencoder reconstructs its standardised inputs",
            charts.training_loss(rows),
            rows,
            report_chart=("training_loss", model),
        )
    )
