"""Tables of a bundle that depend on trained models: groups of customers, their statistics and the cached lists.

In: `FittedModels`. Out: arrays and JSON of a bundle, which `serving.bundle_tables.BundleTables` reads; a change here
needs a change there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.writer import ArrayFile, BundleWriter
from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import COLUMNS, PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.protocol import DEFAULT_HORIZON_DAYS
from smart_retail.recommenders.base import UNKNOWN_GROUP, Catalogue, Ranked, Shoppers
from smart_retail.recommenders.cached_lists import CachedLists, ListRequest
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.ranked_lists import slice_shoppers
from smart_retail.results import Cluster, GridCell, Item, Segment
from smart_retail.segmentation.rfm import RfmModel
from smart_retail.segmentation.segment_limits import describe_limits
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.training.clusters.fit_clusters import ClusterFit
from smart_retail.training.clusters.preferred_items import PreferredItems, find_preferred_items
from smart_retail.training.models.content_vectors import fit_content_vectors, item_texts
from smart_retail.training.value.fit_value import ValueFit
from smart_retail.utils.column_files import release_pages
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.parallel import one_algebra_thread, thread_pool
from smart_retail.value.forecast_table import ForecastTable, forecast_all_customers
from smart_retail.value.purchase_days import PurchaseDays

TOP_ITEMS = 5
"""Number of items shown per segment and cluster."""
CHUNK_CUSTOMERS = 512
"""Number of customers whose lists one job computes."""
BLOCK_CUSTOMERS = 32 * CHUNK_CUSTOMERS
"""Number of customers whose lists are held in memory before they are written, about 100 MB."""


@dataclass(frozen=True, slots=True)
class CustomerGroups:
    """RFM, segments and clusters of all customers, by customer code."""

    rfm_table: RfmTable
    rfm: RfmModel
    scores: tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]
    """R, F and M, 1 to 5; 0 without a kept order; shape ``(n_customers,)`` each."""
    segment: NDArray[np.int16]
    """Segment index, -1 without a kept order; shape ``(n_customers,)``."""
    clusters: ClusterFit


@dataclass(frozen=True, slots=True)
class FittedModels:
    """All models of one fit."""

    history: PurchaseHistory
    days: PurchaseDays
    """Of all customers."""
    groups: CustomerGroups
    model: RecommenderModel
    scorecard: dict[str, Any]
    analysis_day: int
    """Days since 1970-01-01."""
    value: ValueFit
    reason_counts: dict[str, NDArray[Any]]
    """Counts that reasons state, by name below ``pairs/``."""

    def preferred_items(self) -> tuple[PreferredItems, ...]:
        """Return the items that each coarse cluster buys more of than the others."""
        counts, assigner = self.reason_counts, self.groups.clusters.assigner
        buyers, size = counts["fine_clusters.customers"], counts["fine_clusters.size"]
        return find_preferred_items(buyers, size, assigner.parent, len(assigner.names))


def build_catalogue(dataset: Dataset, seed: int = 0) -> Catalogue:
    """Return category, subcategory, price and name of all items, by item code; vectors if there is a catalogue."""
    vectors = None
    if dataset.catalogue is not None:
        with one_algebra_thread():
            vectors = fit_content_vectors(item_texts(dataset), seed)
    names = tuple(dataset.item_names)
    return Catalogue(dataset.item_category, dataset.item_subcategory, dataset.item_price, names, vectors)


def write_groups(writer: BundleWriter, groups: CustomerGroups) -> None:
    """Write RFM, segments and clusters by customer, and the arrays that assign a new customer to them."""
    for name in ("recency", "frequency", "monetary"):
        writer.array(f"rfm/{name}", getattr(groups.rfm_table, name))
    for name, score in zip("rfm", groups.scores, strict=True):
        writer.array(f"rfm/{name}", score)
    writer.array("rfm/segment", groups.segment)
    writer.arrays("rfm_model", groups.rfm.arrays())
    writer.json("rfm_model", groups.rfm.meta())
    writer.array("clusters/label", groups.clusters.labels)
    writer.array("clusters/fine", groups.clusters.fine)
    writer.array("clusters/latent", groups.clusters.points)
    writer.arrays("cluster_assigner", groups.clusters.assigner.arrays())
    writer.json("cluster_assigner", groups.clusters.assigner.meta())


def build_segments(
    groups: CustomerGroups, model: RecommenderModel, items: Sequence[Item], last_day: int
) -> tuple[Segment, ...]:
    """Return the segments that have customers, best first."""
    results = []
    for index, name in enumerate(groups.rfm.segment_names):
        members = groups.segment == index
        if not members.any():
            continue
        meaning, action = SEGMENTS.get(name, ("", ""))
        results.append(
            Segment(
                name=name,
                meaning=meaning,
                action=action,
                **_group_statistics(groups.rfm_table, members),
                top_items=_top_items(model, "rfm", index, items, last_day),
                limits=describe_limits(groups.rfm, index),
            )
        )
    return tuple(results)


def build_clusters(
    groups: CustomerGroups, preferred: Sequence[PreferredItems], items: Sequence[Item]
) -> tuple[Cluster, ...]:
    """Return the clusters by id, with the first two principal components of their centroids.

    Parameters
    ----------
    groups : CustomerGroups
    preferred : sequence of PreferredItems
        By cluster.
    items : sequence of Item
        By item code.
    """
    fit = groups.clusters
    return tuple(
        Cluster(
            id=index,
            name=name,
            **_group_statistics(groups.rfm_table, fit.labels == index),
            x=float(fit.assigner.centroids[index, 0]),
            y=float(fit.assigner.centroids[index, 1]),
            top_items=tuple(items[i] for i in preferred[index].item[:TOP_ITEMS].tolist()),
        )
        for index, name in enumerate(fit.assigner.names)
    )


def build_rfm_grid(groups: CustomerGroups) -> tuple[GridCell, ...]:
    """Return all 25 cells of the R x F grid, R and then F descending."""
    r, f, _ = groups.scores
    cells = []
    for i in range(5, 0, -1):
        for j in range(5, 0, -1):
            members = (r == i) & (f == j)
            segment = groups.rfm.segment_names[int(groups.rfm.segment_table[i - 1, j - 1])]
            cells.append(GridCell(i, j, segment, int(members.sum()), _revenue(groups.rfm_table, members)))
    return tuple(cells)


def compute_forecasts(fitted: FittedModels, threads: int) -> ForecastTable:
    """Forecast all customers for the default horizon."""
    with one_algebra_thread():
        return forecast_all_customers(fitted.value.model, fitted.days, DEFAULT_HORIZON_DAYS, threads)


def list_blocks(
    dataset: Dataset,
    fitted: FittedModels,
    request: ListRequest,
    threads: int,
    report: Callable[[float], None],
) -> Generator[CachedLists, None, None]:
    """Yield the pre-calculated lists of all customers in blocks, computed by the function that serves live requests.

    Parameters
    ----------
    dataset : Dataset
    fitted : FittedModels
    request : ListRequest
    threads : int
        Number of worker threads.
    report : callable
        Receives the finished share, 0 to 1; may raise `CancelledError`.

    Yields
    ------
    CachedLists
        Lists of the next customers by code.
    """
    from smart_retail.training.kernels import batch_scorer  # imports Numba, which serving must not need

    history, groups = fitted.history, fitted.groups
    n = history.n_customers
    customer, item = dataset.fully_returned if request.exclude_purchased else (np.empty(0, np.int32),) * 2
    bounds = np.searchsorted(customer, np.arange(n + 1))
    shoppers = Shoppers(history, groups.segment, groups.clusters.fine)

    def fill_chunk(table: CachedLists, first: int, start: int, stop: int) -> None:
        hidden = [item[bounds[c] : bounds[c + 1]] for c in range(start, stop)]
        extra = max((len(items) for items in hidden), default=0)
        ranked = fitted.model.rank(
            request.method,
            slice_shoppers(shoppers, start, stop),
            exclude_purchased=request.exclude_purchased,
            length=request.list_length + extra,
            scorer=batch_scorer,
        )
        table.fill(start - first, ranked, hidden)

    with thread_pool(threads) as pool:

        def start_block(first: int) -> tuple[int, CachedLists, list[Future[None]]]:
            last = min(first + BLOCK_CUSTOMERS, n)
            table = CachedLists.empty(last - first, request.list_length)
            # Each job fills its own rows, so that no thread waits while another one packs its lists.
            starts = range(first, last, CHUNK_CUSTOMERS)
            jobs = [pool.submit(fill_chunk, table, first, s, min(s + CHUNK_CUSTOMERS, last)) for s in starts]
            return last, table, jobs

        firsts = iter(range(0, n, BLOCK_CUSTOMERS))
        # The next block is computed while the one before is written.
        running = [start_block(first) for first in islice(firsts, 2)]
        try:
            while running:
                last, table, jobs = running.pop(0)
                for job in jobs:
                    job.result()
                report(last / n)
                running += [start_block(first) for first in islice(firsts, 1)]
                yield table
                release_pages(*(getattr(history, name) for name in COLUMNS))
        finally:
            for _, _, jobs in running:
                for job in jobs:
                    job.cancel()


def write_lists(writer: BundleWriter, name: str, n_customers: int, blocks: Iterable[CachedLists]) -> None:
    """Write the lists of all customers below ``lists/<name>``, block by block.

    Parameters
    ----------
    writer : BundleWriter
    name : str
    n_customers : int
    blocks : iterable of CachedLists
        In the order of the customers; at least one.
    """
    with ExitStack() as stack:
        files: dict[str, ArrayFile] = {}
        for block in blocks:
            arrays = block.arrays()
            for column, values in arrays.items():
                if column not in files:
                    shape = (n_customers, *values.shape[1:])
                    part = writer.array_file(f"lists/{name}/{column}", values.dtype, shape)
                    files[column] = stack.enter_context(part)
                files[column].append(values)


def code_names(dataset: Dataset, groups: CustomerGroups) -> dict[str, list[str]]:
    """Return the names of the codes of categories, subcategories, segments and clusters of both levels."""
    return {
        "categories": list(dataset.category_names),
        "subcategories": list(dataset.subcategory_names),
        "segments": list(groups.rfm.segment_names),
        "clusters": list(groups.clusters.assigner.names),
        "fine_clusters": list(groups.clusters.assigner.fine_names),
    }


def _group_statistics(table: RfmTable, members: NDArray[np.bool_]) -> dict[str, Any]:
    """Return size, revenue and mean RFM of a group of customers."""
    customers = table.frequency > 0
    count = int(members.sum())
    revenue, total = _revenue(table, members), _revenue(table, customers)

    def mean(values: NDArray[Any]) -> float:
        return round(float(values[members].mean()), 6) if count else 0.0

    return {
        "customers": count,
        "share": round(count / max(int(customers.sum()), 1), 6),
        "revenue": revenue,
        "revenue_share": round(revenue / total, 6) if total else 0.0,
        "mean_recency": mean(table.recency),
        "mean_frequency": mean(table.frequency),
        "mean_monetary": mean(table.monetary / MILLION),
    }


def _revenue(table: RfmTable, members: NDArray[np.bool_]) -> float:
    return int(table.monetary[members].sum()) / MILLION


def rank_group(model: RecommenderModel, method: str, group: int, n_items: int, last_day: int, length: int) -> Ranked:
    """Return the top items of a segment or cluster: the list of a member without purchases.

    Parameters
    ----------
    model : RecommenderModel
    method : str
        rfm (`group` is a segment) or personalized (`group` is a fine cluster).
    group : int
        Index of the segment or id of the fine cluster.
    n_items : int
        Number of items in the catalogue.
    last_day : int
        Last day of the history, days since 1970-01-01.
    length : int
        Number of items to return.
    """
    codes = np.empty(0, dtype=np.int32)
    amounts = codes.astype(np.int64)
    history = PurchaseHistory(codes, codes, codes, codes, amounts, amounts, 1, n_items, last_day)
    member, unknown = np.array([group], dtype=np.int16), np.array([UNKNOWN_GROUP], dtype=np.int16)
    shopper = Shoppers(history, member if method == "rfm" else unknown, member if method == "personalized" else unknown)
    return model.rank(method, shopper, exclude_purchased=False, length=length)


def _top_items(
    model: RecommenderModel, method: str, group: int, items: Sequence[Item], last_day: int
) -> tuple[Item, ...]:
    ranked = rank_group(model, method, group, len(items), last_day, TOP_ITEMS)
    return tuple(items[i] for i in ranked.item[:TOP_ITEMS].tolist())
