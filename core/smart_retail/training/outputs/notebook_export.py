"""The ``export/`` folder of a bundle: tables and models in formats that notebooks and spreadsheets open.

The files are never read when serving. Those that do not depend on trained models are written by `shop_tables`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from smart_retail.data.pipeline import Dataset
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.results import Cluster, Item, Segment
from smart_retail.segmentation.segments import VALUE_TIERS
from smart_retail.training.outputs import model_tables
from smart_retail.utils.fixed_point import MILLION
from smart_retail.utils.spreadsheet import ID_COLUMNS, escape_row

MAX_TOP_ITEMS = 100
"""Number of items exported per group."""
MAX_SIMILAR_ITEMS = 20
"""Number of similar items exported per item."""


def write_exports(
    folder: Path,
    dataset: Dataset,
    fitted: model_tables.FittedModels,
    items: Sequence[Item],
    segments: Sequence[Segment],
    clusters: Sequence[Cluster],
) -> None:
    """Write customers, segments, clusters, top items and item similarity as tables, and the models as Keras and joblib.

    Parameters
    ----------
    folder : Path
    dataset : Dataset
    fitted : FittedModels
    items : sequence of Item
        By item code.
    segments, clusters : sequence of Segment, sequence of Cluster
    """
    fitted.groups.clusters.export(folder)
    columns = _customer_columns(dataset, fitted.groups)
    _write_csv(folder / "rfm.csv", list(columns), zip(*columns.values(), strict=True))
    write_parquet(folder / "customers.parquet", columns)
    for name, groups in (("segments", segments), ("clusters", clusters)):
        rows = [{k: v for k, v in group.as_dict().items() if k != "top_items"} for group in groups]
        _write_csv(folder / f"{name}.csv", list(rows[0]) if rows else [], (r.values() for r in rows))
    _write_csv(folder / "top_items.csv", _TOP_COLUMNS, _top_item_rows(dataset, fitted, items))
    _write_csv(folder / "item_similarity.csv", _SIMILARITY_COLUMNS, _similarity_rows(fitted.model, items))


_SIMILARITY_COLUMNS = ("item_id", "rank", "similar_item_id", "score")
_TOP_COLUMNS = ("group_kind", "group", "rank", "item_id", "item_name", "score")


def _customer_columns(dataset: Dataset, groups: model_tables.CustomerGroups) -> dict[str, list[Any]]:
    r, f, m = (s.tolist() for s in groups.scores)
    names, clusters = groups.rfm.segment_names, groups.clusters.assigner.names
    bought = (groups.rfm_table.frequency > 0).tolist()
    return {
        "customer_id": list(dataset.customers.ids),
        "customer_name": list(dataset.customer_names),
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


def _none_where_not(condition: Sequence[bool], values: NDArray[Any]) -> list[int | None]:
    """Return the values, with None where the condition is False."""
    return [value if met else None for met, value in zip(condition, values.tolist(), strict=True)]


def _top_item_rows(
    dataset: Dataset,
    fitted: model_tables.FittedModels,
    items: Sequence[Item],
) -> Iterable[tuple[Any, ...]]:
    """Yield the rows of the top items overall, per category, per segment, and by lift per cluster."""
    model, groups = fitted.model, fitted.groups
    lists = [("all", "", model.popular())]
    lists += [("category", name, model.popular(i)) for i, name in enumerate(dataset.category_names)]
    lists += [
        ("segment", n, model_tables.rank_group(model, "rfm", i, len(items), fitted.history.last_day, MAX_TOP_ITEMS))
        for i, n in enumerate(groups.rfm.segment_names)
    ]
    scored = [(kind, group, ranked.item, ranked.score) for kind, group, ranked in lists]
    names = groups.clusters.assigner.names
    scored += [("cluster", n, p.item, p.lift) for n, p in zip(names, fitted.preferred_items(), strict=True)]
    for kind, group, item, score in scored:
        for rank, (code, value) in enumerate(
            zip(item[:MAX_TOP_ITEMS].tolist(), score[:MAX_TOP_ITEMS].tolist(), strict=True), 1
        ):
            yield kind, group, rank, items[code].item_id, items[code].item_name, value


def _similarity_rows(model: RecommenderModel, items: Sequence[Item]) -> Iterable[tuple[Any, ...]]:
    ids = [item.item_id for item in items]
    for code, item_id in enumerate(ids):
        others, values = (found[:MAX_SIMILAR_ITEMS].tolist() for found in model.components.item_knn.neighbours(code))
        for rank, (other, value) in enumerate(zip(others, values, strict=True), 1):
            yield item_id, rank, ids[other], round(value, 6)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    # Ids and numbers need no escaping, which takes most of the time of a large table.
    is_plain = set(columns) <= {*ID_COLUMNS, "rank", "score"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows if is_plain else (escape_row(columns, row) for row in rows))


def write_parquet(path: Path, columns: dict[str, Any]) -> None:
    """Write columns of equal length as a Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
