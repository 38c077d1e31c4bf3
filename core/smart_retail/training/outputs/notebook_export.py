"""The ``export/`` folder of a bundle: the fitted parts in formats that notebooks and spreadsheets open.

Written for people, never read back when serving. What needs no fitted part is written by `shop`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.presentation.labels import VALUE_TIERS
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.results import Cluster, Item, Segment
from smart_retail.training.outputs import model_tables
from smart_retail.utils.fixed_point import MILLION

MAX_TOP_ITEMS = 100
MAX_SIMILAR_ITEMS = 20


def write_exports(
    folder: Path,
    prepared: Dataset,
    history: PurchaseHistory,
    groups: model_tables.CustomerGroups,
    model: RecommenderModel,
    items: Sequence[Item],
    segments: Sequence[Segment],
    clusters: Sequence[Cluster],
) -> None:
    """Customers, segments, clusters, top items and item similarity as tables; the trained parts as Keras and joblib."""
    groups.clusters.export(folder)
    columns = _customer_columns(prepared, groups)
    _write_csv(folder / "rfm.csv", list(columns), zip(*columns.values(), strict=True))
    write_parquet(folder / "customers.parquet", columns)
    for name, found in (("segments", segments), ("clusters", clusters)):
        rows = [{k: v for k, v in group.as_dict().items() if k != "top_items"} for group in found]
        _write_csv(folder / f"{name}.csv", list(rows[0]) if rows else [], (r.values() for r in rows))
    _write_csv(folder / "top_items.csv", _TOP_COLUMNS, _top_item_rows(prepared, history, groups, model, items))
    _write_csv(
        folder / "item_similarity.csv", ("item_id", "rank", "similar_item_id", "score"), _similarity_rows(model, items)
    )


_TOP_COLUMNS = ("group_kind", "group", "rank", "item_id", "item_name", "score")


def _customer_columns(prepared: Dataset, groups: model_tables.CustomerGroups) -> dict[str, list[Any]]:
    r, f, m = (s.tolist() for s in groups.scores)
    names, clusters = groups.rfm.segment_names, groups.clusters.assigner.names
    bought = (groups.rfm_table.frequency > 0).tolist()
    return {
        "customer_id": list(prepared.customers.ids),
        "customer_name": list(prepared.customer_names),
        "recency": _none_where_not(bought, groups.rfm_table.recency),
        "frequency": groups.rfm_table.frequency.tolist(),
        "monetary": (groups.rfm_table.monetary / MILLION).tolist(),
        "r": r,
        "f": f,
        "m": m,
        "segment": [names[s] if s >= 0 else "" for s in groups.segment.tolist()],
        "value_tier": [VALUE_TIERS[score - 1] if score else "" for score in m],
        "cluster": _none_where_not(bought, groups.clusters.labels),
        "cluster_name": [clusters[c] if c >= 0 else "" for c in groups.clusters.labels.tolist()],
    }


def _none_where_not(known: Sequence[bool], values: NDArray[Any]) -> list[int | None]:
    return [v if k else None for k, v in zip(known, values.tolist(), strict=True)]


def _top_item_rows(
    prepared: Dataset,
    history: PurchaseHistory,
    groups: model_tables.CustomerGroups,
    model: RecommenderModel,
    items: Sequence[Item],
) -> Iterable[tuple[Any, ...]]:
    """Top items overall, per category, per segment and per cluster."""
    lists = [("all", "", model.popular())]
    lists += [("category", name, model.popular(i)) for i, name in enumerate(prepared.category_names)]
    for kind, method, names in (
        ("segment", "rfm", groups.rfm.segment_names),
        ("cluster", "personalized", groups.clusters.assigner.names),
    ):
        lists += [
            (kind, n, model_tables.rank_group(model, method, i, len(items), history.last_day, MAX_TOP_ITEMS))
            for i, n in enumerate(names)
        ]
    for kind, group, ranked in lists:
        for rank, (item, score) in enumerate(
            zip(ranked.item[:MAX_TOP_ITEMS].tolist(), ranked.score[:MAX_TOP_ITEMS].tolist(), strict=True), 1
        ):
            yield kind, group, rank, items[item].item_id, items[item].item_name, score


def _similarity_rows(model: RecommenderModel, items: Sequence[Item]) -> Iterable[tuple[Any, ...]]:
    for code, item in enumerate(items):
        others, values = model.parts.item_knn.partners(code)
        for rank, (other, value) in enumerate(
            zip(others[:MAX_SIMILAR_ITEMS].tolist(), values[:MAX_SIMILAR_ITEMS].tolist(), strict=True), 1
        ):
            yield item.item_id, rank, items[other].item_id, round(value, 6)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def write_parquet(path: Path, columns: dict[str, Any]) -> None:
    """One table of columns of the same length."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
