"""From fitted parts to the tables of a bundle: what `store.Store` and `engine.Engine` read back.

The counterpart of `store`: whoever changes one changes the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.presentation import labels
from smart_retail.recommenders.base import UNKNOWN_GROUP, Catalogue, Ranked, Shoppers
from smart_retail.recommenders.cached_lists import CachedLists
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.ranked_lists import slice_shoppers
from smart_retail.results import Cluster, GridCell, Item, Segment
from smart_retail.segmentation.rfm import RfmModel
from smart_retail.settings import RecommendSettings
from smart_retail.training.clusters.fit_clusters import ClusterFit
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.parallel import thread_pool

TOP_ITEMS = 5
CHUNK_CUSTOMERS = 512


@dataclass(frozen=True, slots=True)
class CustomerGroups:
    """RFM and clusters of all customers, by customer code."""

    rfm_table: RfmTable
    rfm: RfmModel
    scores: tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]
    segment: NDArray[np.int16]
    clusters: ClusterFit


def build_catalogue(prepared: Dataset) -> Catalogue:
    return Catalogue(prepared.item_category, prepared.item_subcategory, prepared.item_price, tuple(prepared.item_names))


def write_groups(writer: BundleWriter, groups: CustomerGroups) -> None:
    """RFM, segments and clusters by customer, and the arrays that place a new customer."""
    for name in ("recency", "frequency", "monetary"):
        writer.array(f"rfm/{name}", getattr(groups.rfm_table, name))
    for name, score in zip("rfm", groups.scores, strict=True):
        writer.array(f"rfm/{name}", score)
    writer.array("rfm/segment", groups.segment)
    writer.arrays("rfm_model", groups.rfm.arrays())
    writer.json("rfm_model", groups.rfm.meta())
    writer.array("clusters/label", groups.clusters.labels)
    writer.array("clusters/latent", groups.clusters.latent)
    writer.arrays("placement", groups.clusters.assigner.arrays())
    writer.json("placement", groups.clusters.assigner.meta())


def build_segments(
    groups: CustomerGroups, model: RecommenderModel, items: Sequence[Item], last_day: int
) -> tuple[Segment, ...]:
    """Segments that have customers, best first."""
    found = []
    for index, name in enumerate(groups.rfm.segment_names):
        members = groups.segment == index
        if not members.any():
            continue
        meaning, action = labels.SEGMENTS.get(name, ("", ""))
        found.append(
            Segment(
                name=name,
                meaning=meaning,
                action=action,
                **_group_statistics(groups.rfm_table, members),
                top_items=_top_items(model, "rfm", index, items, last_day),
            )
        )
    return tuple(found)


def build_clusters(
    groups: CustomerGroups, model: RecommenderModel, items: Sequence[Item], last_day: int
) -> tuple[Cluster, ...]:
    """Clusters by id, with their centroids in the plotted plane."""
    fit = groups.clusters
    return tuple(
        Cluster(
            id=index,
            name=name,
            **_group_statistics(groups.rfm_table, fit.labels == index),
            x=float(fit.assigner.centroids[index, 0]),
            y=float(fit.assigner.centroids[index, 1]),
            top_items=_top_items(model, "personalized", index, items, last_day),
        )
        for index, name in enumerate(fit.assigner.names)
    )


def build_rfm_grid(groups: CustomerGroups) -> tuple[GridCell, ...]:
    """All 25 cells, r then f descending."""
    r, f, _ = groups.scores
    cells = []
    for i in range(5, 0, -1):
        for j in range(5, 0, -1):
            members = (r == i) & (f == j)
            segment = groups.rfm.segment_names[int(groups.rfm.segment_table[i - 1, j - 1])]
            cells.append(GridCell(i, j, segment, int(members.sum()), _revenue(groups.rfm_table, members)))
    return tuple(cells)


def compute_lists(
    prepared: Dataset,
    history: PurchaseHistory,
    groups: CustomerGroups,
    model: RecommenderModel,
    method: str,
    excluded: bool,
    settings: RecommendSettings,
    within: Callable[[float], None],
    *,
    threads: int,
) -> CachedLists:
    """The pre-calculated lists of all customers, by the function that also answers live.

    `within` is told the finished share, 0 to 1, and may cancel.
    """
    from smart_retail.training.kernels import batch_scorer  # Numba: only where something is fitted

    n = history.n_customers
    table = CachedLists.empty(n, settings.list_length)
    customer, item = prepared.fully_returned if excluded else (np.empty(0, np.int32),) * 2
    bounds = np.searchsorted(customer, np.arange(n + 1))
    everybody = Shoppers(history, groups.segment, groups.clusters.labels)

    def fill(start: int) -> int:
        stop = min(start + CHUNK_CUSTOMERS, n)
        hidden = [item[bounds[c] : bounds[c + 1]] for c in range(start, stop)]
        extra = max((len(h) for h in hidden), default=0)
        ranked = model.rank(
            method,
            slice_shoppers(everybody, start, stop),
            exclude_purchased=excluded,
            length=settings.list_length + extra,
            scorer=batch_scorer,
        )
        table.fill(start, ranked, hidden)
        return stop

    # Each job fills rows of its own, so that no processor waits while another packs its lists.
    with thread_pool(threads) as pool:
        for stop in pool.map(fill, range(0, n, CHUNK_CUSTOMERS)):
            within(stop / n)
    return table


def code_names(prepared: Dataset, groups: CustomerGroups) -> dict[str, list[str]]:
    """Names behind the small codes."""
    return {
        "categories": list(prepared.category_names),
        "subcategories": list(prepared.subcategory_names),
        "segments": list(groups.rfm.segment_names),
        "clusters": list(groups.clusters.assigner.names),
    }


def _group_statistics(table: RfmTable, members: NDArray[np.bool_]) -> dict[str, Any]:
    placed = table.frequency > 0
    count = int(members.sum())
    revenue, total = _revenue(table, members), _revenue(table, placed)

    def mean(values: NDArray[Any]) -> float:
        return round(float(values[members].mean()), 6) if count else 0.0

    return {
        "customers": count,
        "share": round(count / max(int(placed.sum()), 1), 6),
        "revenue": revenue,
        "revenue_share": round(revenue / total, 6) if total else 0.0,
        "mean_recency": mean(table.recency),
        "mean_frequency": mean(table.frequency),
        "mean_monetary": mean(table.monetary / MILLION),
    }


def _revenue(table: RfmTable, members: NDArray[np.bool_]) -> float:
    return int(table.monetary[members].sum()) / MILLION


def rank_group(model: RecommenderModel, method: str, group: int, n_items: int, last_day: int, length: int) -> Ranked:
    """The best items of a segment (`rfm`) or cluster (`personalized`): its list for a member without purchases."""
    nothing = np.empty(0, dtype=np.int32)
    amount = nothing.astype(np.int64)
    history = PurchaseHistory(nothing, nothing, nothing, nothing, amount, amount, 1, n_items, last_day)
    mine, none = np.array([group], dtype=np.int16), np.array([UNKNOWN_GROUP], dtype=np.int16)
    shopper = Shoppers(history, mine if method == "rfm" else none, mine if method == "personalized" else none)
    return model.rank(method, shopper, exclude_purchased=False, length=length)


def _top_items(
    model: RecommenderModel, method: str, group: int, items: Sequence[Item], last_day: int
) -> tuple[Item, ...]:
    ranked = rank_group(model, method, group, len(items), last_day, TOP_ITEMS)
    return tuple(items[i] for i in ranked.item[:TOP_ITEMS].tolist())
