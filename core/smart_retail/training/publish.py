"""Write the trained models to a bundle and publish it as a new version.

In: `FittedModels`, and the `ShopTables` that were written meanwhile. Out: a published bundle and a `FitReport`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any

from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.backends.executors import Executors
from smart_retail.data.pipeline import Dataset
from smart_retail.recommenders.cached_lists import CACHED_LISTS, ListRequest
from smart_retail.results import FitReport
from smart_retail.settings import Settings
from smart_retail.training.models.item_sets import count_item_sets
from smart_retail.training.outputs import executor_lists, model_tables
from smart_retail.training.outputs.model_tables import FittedModels
from smart_retail.training.outputs.notebook_export import write_exports
from smart_retail.training.outputs.shop_tables import ShopTables
from smart_retail.training.stage_timer import StageTimer
from smart_retail.utils.dates import iso
from smart_retail.version import __version__

SHOW_PURCHASED_ABOVE_SHARE = 0.25
"""Share of repeat purchases (0 to 1) above which lists show purchased items by default."""


def write_customer_tables(
    writer: BundleWriter,
    dataset: Dataset,
    fitted: FittedModels,
    settings: Settings,
    timer: StageTimer,
    start_job: Callable[[Callable[[], None]], Future[None]],
    threads: int,
    executors: Executors | None,
) -> None:
    """Compute forecasts, item sets and the lists of all customers and write them.

    Parameters
    ----------
    writer : BundleWriter
    dataset : Dataset
    fitted : FittedModels
    settings : Settings
    timer : StageTimer
        Receives the progress.
    start_job : callable
        Starts a job in the background: forecasts are written and item sets counted while the lists are computed.
    threads : int
        Number of worker threads.
    executors : Executors or None
        Executors of a cluster that rank the lists; None ranks them here.
    """
    forecasts = model_tables.compute_forecasts(fitted, threads)

    def write_item_sets() -> None:
        support, guests = settings.recommend.min_support, dataset.guest_orders
        sets = count_item_sets(fitted.history, guests, min_support=support, check=timer.check)
        writer.arrays("item_sets", sets.arrays())

    jobs = [start_job(partial(writer.arrays, "forecasts", forecasts.arrays()))]
    timer.stage("lists for all customers")
    jobs.append(start_job(write_item_sets))
    for method, exclude_purchased in CACHED_LISTS:
        request = ListRequest(method, exclude_purchased, settings.recommend.list_length)
        if executors is not None:
            blocks = executor_lists.list_blocks(executors, dataset, fitted, request, timer.update)
        else:
            blocks = model_tables.list_blocks(dataset, fitted, request, threads, timer.update)
        name = f"{method}_{'new' if exclude_purchased else 'any'}"
        with closing(blocks):
            model_tables.write_lists(writer, name, fitted.history.n_customers, blocks)
    for job in jobs:
        job.result()


def publish(
    writer: BundleWriter,
    dataset: Dataset,
    fitted: FittedModels,
    wait_for_shop: Callable[[], ShopTables],
    settings: Settings,
    timer: StageTimer,
    notes: list[str],
    events: Mapping[str, Any],
) -> FitReport:
    """Write the trained models and make the version active.

    Parameters
    ----------
    writer : BundleWriter
    dataset : Dataset
    fitted : FittedModels
    wait_for_shop : callable
        Waits for the tables that are written in the background, and returns them.
    settings : Settings
    timer : StageTimer
    notes : list of str
        Notes of the quality gate for the report.
    events : mapping
        Manifest entries: number of the last event that the fit includes, id of its store, and time of the latest
        change of an item that it includes.
    """
    history, groups, model = fitted.history, fitted.groups, fitted.model
    timer.stage("writing and checking")
    shop = wait_for_shop()
    segments = model_tables.build_segments(groups, model, shop.items, history.last_day)
    clusters = model_tables.build_clusters(groups, fitted.preferred_items(), shop.items)
    model_tables.write_groups(writer, groups)
    writer.arrays("recommender", model.arrays())
    writer.json("recommender", model.meta())
    writer.arrays("pairs", fitted.reason_counts)
    writer.arrays("value", fitted.value.model.arrays())
    writer.json("value", fitted.value.report())
    writer.json("segments", [segment.as_dict() for segment in segments])
    writer.json("clusters", [cluster.as_dict() for cluster in clusters])
    writer.json("grid", [cell.as_dict() for cell in model_tables.build_rfm_grid(groups)])
    writer.json("names", model_tables.code_names(dataset, groups))
    writer.json("model", _model_json(dataset, fitted, shop, settings))
    timer.update(0.3)
    write_exports(writer.export, dataset, fitted, shop.items, segments, clusters)
    timer.update(0.8)
    version = writer.publish(
        {
            "engine_version": __version__,
            "settings": settings.as_dict(),
            "settings_digest": settings.digest(),
            "data_fingerprint": shop.fingerprint,
            "last_day": history.last_day,
            "analysis_day": fitted.analysis_day,
            **events,
            "cleaning": dataset.report.as_dict(),
            "scorecard": fitted.scorecard,
        }
    )
    timer.stop()
    return FitReport(
        version=version,
        published=True,
        cleaning=dataset.report,
        segments=segments,
        clusters=clusters,
        scorecard=fitted.scorecard,
        seconds=timer.seconds,
        notes=(*notes, *groups.clusters.notes, *fitted.value.notes),
    )


def _model_json(dataset: Dataset, fitted: FittedModels, shop: ShopTables, settings: Settings) -> dict[str, Any]:
    """Return the fields of `Engine.model` that are not in the manifest."""
    report, scorecard = dataset.report, fitted.scorecard
    return {
        "first": report.first,
        "last": report.last,
        "analysis_date": iso(fitted.analysis_day),
        "currency": settings.data.currency,
        "customers": len(dataset.customers),
        "items": len(dataset.items),
        "orders": report.orders,
        "cluster_choice": [choice.as_dict() for choice in fitted.groups.clusters.choice],
        "weekly_sales": [week.as_dict() for week in shop.weekly_sales],
        "show_purchased": scorecard.get("repeat_share", 0.0) > SHOW_PURCHASED_ABOVE_SHARE,
        "statistics": shop.statistics,
    }
