"""What a fit writes of what it learnt, and the version that comes of it.

In: a `Fitted` model, and the `Shop` that was written beside it. Out: a published bundle and a `FitReport`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.pipeline import Dataset
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.cached_lists import CACHED_LISTS
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail.training.outputs import model_tables
from smart_retail.training.outputs.notebook_export import write_exports
from smart_retail.training.outputs.shop_tables import ShopTables
from smart_retail.training.stage_timer import StageTimer
from smart_retail.utils.dates import iso
from smart_retail.version import __version__

SHOW_PURCHASED_ABOVE_SHARE = 0.25
"""Share of repeat purchases above which a screen starts with purchased items shown."""


@dataclass(frozen=True, slots=True)
class FittedModels:
    """All that was learnt."""

    history: PurchaseHistory
    groups: model_tables.CustomerGroups
    model: RecommenderModel
    scorecard: dict[str, Any]
    analysis_day: int


def write_cached_lists(
    writer: BundleWriter,
    prepared: Dataset,
    fitted: FittedModels,
    settings: Settings,
    clock: StageTimer,
    start: Callable[[Callable[[], None]], Future[None]],
    threads: int,
) -> None:
    """Calculate the lists of all customers; each method's are written by a job that `start` starts."""
    clock.stage("lists for all customers")
    writing: list[Future[None]] = []
    for method, excluded in CACHED_LISTS:
        found = model_tables.compute_lists(
            prepared,
            fitted.history,
            fitted.groups,
            fitted.model,
            method,
            excluded,
            settings.recommend,
            clock.update,
            threads=threads,
        )
        writing.append(start(partial(writer.arrays, f"lists/{method}_{'new' if excluded else 'any'}", found.arrays())))
    for each in writing:
        each.result()


def publish(
    writer: BundleWriter,
    prepared: Dataset,
    fitted: FittedModels,
    shop_of: Callable[[], ShopTables],
    settings: Settings,
    clock: StageTimer,
    notes: list[str],
    events_through: int,
) -> FitReport:
    """Write what was fitted, and make the version active; `shop_of` waits for what was written beside."""
    history, groups, model = fitted.history, fitted.groups, fitted.model
    clock.stage("writing and checking")
    shop = shop_of()
    segments = model_tables.build_segments(groups, model, shop.items, history.last_day)
    clusters = model_tables.build_clusters(groups, model, shop.items, history.last_day)
    model_tables.write_groups(writer, groups)
    writer.arrays("recommender", model.arrays())
    writer.json("recommender", model.meta())
    writer.json("segments", [s.as_dict() for s in segments])
    writer.json("clusters", [c.as_dict() for c in clusters])
    writer.json("grid", [c.as_dict() for c in model_tables.build_rfm_grid(groups)])
    writer.json("names", model_tables.code_names(prepared, groups))
    writer.json("model", _model_json(prepared, fitted, shop, settings))
    clock.update(0.3)
    write_exports(writer.export, prepared, history, groups, model, shop.items, segments, clusters)
    clock.update(0.8)
    version = writer.publish(
        {
            "engine_version": __version__,
            "settings": settings.as_dict(),
            "settings_digest": settings.digest(),
            "data_fingerprint": shop.fingerprint,
            "last_day": history.last_day,
            "analysis_day": fitted.analysis_day,
            "events_through": events_through,
            "cleaning": prepared.report.as_dict(),
            "scorecard": fitted.scorecard,
        }
    )
    clock.stop()
    return FitReport(
        version=version,
        published=True,
        cleaning=prepared.report,
        segments=segments,
        clusters=clusters,
        scorecard=fitted.scorecard,
        seconds=clock.seconds,
        notes=(*notes, *groups.clusters.notes),
    )


def _model_json(prepared: Dataset, fitted: FittedModels, shop: ShopTables, settings: Settings) -> dict[str, Any]:
    """What `Engine.model` tells beside the manifest."""
    report, scorecard = prepared.report, fitted.scorecard
    return {
        "first": report.first,
        "last": report.last,
        "analysis_date": iso(fitted.analysis_day),
        "currency": settings.data.currency,
        "customers": len(prepared.customers),
        "items": len(prepared.items),
        "orders": report.orders,
        "cluster_choice": [c.as_dict() for c in fitted.groups.clusters.choice],
        "weekly_sales": [w.as_dict() for w in shop.weekly_sales],
        "show_purchased": scorecard.get("repeat_share", 0.0) > SHOW_PURCHASED_ABOVE_SHARE,
        "statistics": shop.statistics,
    }
