"""Fit all models on order lines and publish them: the composition root of training.

In: order lines and settings. Out: a published bundle and a `FitReport`. Nothing is published unless everything was
fitted, written and verified.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.erasure import check_tombstones
from smart_retail.bundle.versions import lock, temporary_folder
from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.data.guest_orders import NO_GUESTS
from smart_retail.data.ingestion.sources import Source
from smart_retail.data.parsing.column_mapping import check_fields
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import FitError, MissingExtraError, SettingsError
from smart_retail.evaluation.verdict import describe_quality
from smart_retail.events import open_events
from smart_retail.events.item_changes import ItemChanges, latest_change
from smart_retail.progress import SILENT, Progress, WatchingProgress
from smart_retail.recommenders.base import Catalogue
from smart_retail.recommenders.popularity import Demand
from smart_retail.results import FitReport
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.settings import Settings
from smart_retail.training.clusters.autoencoder import load_keras
from smart_retail.training.clusters.cluster_trial import build_trial
from smart_retail.training.clusters.feature_fit import CustomerData, ItemTraits, item_columns
from smart_retail.training.clusters.fit_clusters import ClusterFit, fit_clusters
from smart_retail.training.clusters.rfm_distributions import describe_rfm
from smart_retail.training.clusters.taste_names import find_terms
from smart_retail.training.fit_context import FitContext
from smart_retail.training.hybrid.variant_selection import VariantSelection, select_variants
from smart_retail.training.import_guards import active_manifest, check_evaluation, check_import, expected_reasons
from smart_retail.training.models.item_baskets import CustomerItems, collect_customer_items
from smart_retail.training.outputs import model_tables
from smart_retail.training.outputs.executor_lists import open_executors
from smart_retail.training.outputs.reason_counts import count_for_reasons
from smart_retail.training.outputs.shop_tables import write_shop_tables
from smart_retail.training.publish import publish, write_customer_tables
from smart_retail.training.quality_gate import check_quality_gate
from smart_retail.training.recommenders import fit_recommenders
from smart_retail.training.stage_timer import StageTimer
from smart_retail.training.value.fit_value import ValueFit, fit_value
from smart_retail.utils.dates import check_zone, parse_day
from smart_retail.utils.memory_budget import read_budget
from smart_retail.utils.parallel import available_threads, background_jobs, one_algebra_thread
from smart_retail.value.purchase_days import PurchaseDays


def fit(
    *sources: Source,
    artifacts: str | os.PathLike[str] = "artifacts",
    returns: Source | None = None,
    catalogue: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    force: bool = False,
    reading: ReadOptions = ReadOptions(),  # noqa: B008  # frozen
    progress: Progress = SILENT,
) -> FitReport:
    """Read and clean order lines, fit all models, evaluate them and publish a new version.

    Parameters
    ----------
    sources : path or data frame
        One or several tables of order lines, combined into one history; overlapping rows count once. Purchases that
        were recorded in `artifacts` since the last fit are included, and customers who were erased are left out.
    artifacts : path
        Folder to publish to. It is locked while the fit runs.
    returns : path or data frame, optional
        A table of returned orders.
    catalogue : path or data frame, optional
        A table of the items that the shop sells, with or without purchases so far.
    mapping : dict, optional
        Canonical column -> header of the source, for headers that are not recognised.
    settings : Settings, optional
    force : bool
        Publish even if an import guard or the quality gate rejects the fit.
    reading : ReadOptions
        Header row, sheet or query of the sources, if they are not to be found automatically.
    progress : Progress
        Receives the stages; its `check` can cancel the fit.

    Raises
    ------
    MissingExtraError
        The packages of the extra ``train`` are not installed.
    DataError
        A source cannot be read or has no usable row.
    ImportGuardError
        Too many rows were rejected, or the data is clearly less than in the active version.
    ArtifactError
        Hashes of erased customers are missing.
    QualityGateError
        A version is active, and the new hybrid is clearly worse than popularity.
    LockError
        Another fit is running on the folder.
    CancelledError
        The user cancelled.

    Notes
    -----
    When the fit raises an error, the active version is unchanged.
    """
    settings = settings or Settings()
    _check_arguments(settings, mapping)
    _prepare_packages()
    # The tables that are written in the background can fail, as on a full disk, long before their result is needed.
    watching = WatchingProgress(progress)
    progress = watching
    timer = StageTimer(progress)
    with lock(artifacts, create=True) as root, temporary_folder(root) as folder:
        timer.stage("reading and cleaning")
        store = open_events(root)
        check_tombstones(root, store)
        events = folder / "events.csv"
        last_event = store.write_csv(events)
        changes = ItemChanges(root).read()
        with prepare(
            sources,
            returns=returns,
            catalogue=catalogue,
            mapping=mapping,
            settings=settings.data,
            threads=settings.threads,
            progress=progress,
            reading=reading,
            events=events if last_event else None,
            erased=store.erased_among if store.count_erased() else None,
            temporary=folder,
            item_changes=changes,
            memory=read_budget(settings.memory),
        ) as dataset:
            active = active_manifest(root)
            expected = expected_reasons(dataset.sources[: len(dataset.sources) - bool(last_event)])
            notes = check_import(dataset.report, active, expected, settings.data, force)
            history = _require_trainable(dataset)
            executors, executor_notes = open_executors(dataset)
            notes += executor_notes
            threads = settings.threads or available_threads()
            with BundleWriter(root) as writer, background_jobs(threads) as start_job:
                # These tables need no trained model: they are written while the models are fitted.
                count_guests = settings.recommend.guest_orders_in_popularity
                shop = start_job(lambda: write_shop_tables(writer, dataset, history, progress, count_guests))
                watching.watch(shop)
                fitted = _fit_models(dataset, settings, timer, progress)
                notes += check_evaluation(fitted.scorecard, active, force)
                notes += check_quality_gate(root, fitted.scorecard, force)
                write_customer_tables(writer, dataset, fitted, settings, timer, start_job, threads, executors)
                included = {
                    "events_through": last_event,
                    "events_store": store.store_id(),
                    "items_through": latest_change(changes),
                }
                return publish(writer, dataset, fitted, shop.result, settings, timer, notes, included)


def evaluate(
    *sources: Source,
    returns: Source | None = None,
    catalogue: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    reading: ReadOptions = ReadOptions(),  # noqa: B008  # frozen
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Return the scorecard of every method on a time split; nothing is published.

    Parameters and errors are those of `fit`.
    """
    settings = settings or Settings()
    _check_arguments(settings, mapping)
    _prepare_packages()
    timer = StageTimer(progress, last="customer value")
    timer.stage("reading and cleaning")
    with prepare(
        sources,
        returns=returns,
        catalogue=catalogue,
        mapping=mapping,
        settings=settings.data,
        threads=settings.threads,
        reading=reading,
        progress=progress,
        memory=read_budget(settings.memory),
    ) as dataset:
        _require_trainable(dataset)
        return _fit_models(dataset, settings, timer, progress).scorecard


def _check_arguments(settings: Settings, mapping: Mapping[str, str] | None) -> None:
    """Raise an error for a value that is not valid before any file is read."""
    check_fields(mapping or {})
    check_zone(settings.data.timezone)
    if settings.rfm.analysis_date:
        parse_day(settings.rfm.analysis_date, SettingsError)


def _prepare_packages() -> None:
    """Check that the packages are installed, and import Keras (6 s) while the rows are read."""
    missing = [name for name in ("sklearn", "tensorflow", "lightgbm", "numba") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Fitting needs packages that are not installed ({', '.join(missing)}).",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    threading.Thread(target=load_keras, daemon=True).start()


def _require_trainable(dataset: Dataset) -> PurchaseHistory:
    """Return the whole purchase history, which must not be empty."""
    history = dataset.history_between()
    if len(history) == 0:
        raise FitError(
            "All purchases were returned: no orders are left to fit on.", "Ignore returns with --returns-policy keep."
        )
    return history


def _fit_models(
    dataset: Dataset, settings: Settings, timer: StageTimer, progress: Progress
) -> model_tables.FittedModels:
    """Fit all models; with more than one thread, what needs no other model at the same time as the others."""
    history = dataset.history_between()

    def fit_value_model() -> tuple[PurchaseDays, ValueFit]:
        days = PurchaseDays.from_blocks(history.blocks(), history.n_customers)
        return days, fit_value(days, seed=settings.seed, check=progress.check)

    with one_algebra_thread():
        if (settings.threads or available_threads()) == 1:
            collect = partial(collect_customer_items, history)
            return _fit_in_stages(dataset, settings, timer, progress, fit_value_model, collect)
        with ThreadPoolExecutor(1) as pool:
            value, items = pool.submit(fit_value_model), pool.submit(collect_customer_items, history)
            try:
                return _fit_in_stages(dataset, settings, timer, progress, value.result, items.result)
            finally:
                items.cancel()  # not begun if the fit has ended with an error


def _fit_in_stages(
    dataset: Dataset,
    settings: Settings,
    timer: StageTimer,
    progress: Progress,
    fit_value_model: Callable[[], tuple[PurchaseDays, ValueFit]],
    collect_items: Callable[[], tuple[CustomerItems, Demand]],
) -> model_tables.FittedModels:
    history = dataset.history_between()
    timer.stage("segments")
    analysis_day = _parse_analysis_day(settings.rfm.analysis_date, history)
    table = dataset.rfm(analysis_day=analysis_day)
    rfm = fit_rfm(table, settings.rfm, history)
    scores = rfm.score_customers(table, history)
    timer.stage("clusters")
    catalogue = model_tables.build_catalogue(dataset, settings.seed)
    clusters, selection = _fit_clusters(dataset, table, catalogue, settings, progress)
    groups = model_tables.CustomerGroups(table, rfm, scores, rfm.segment_index(scores[0], scores[1]), clusters)
    timer.stage("recommendations")

    def assign_groups(before: PurchaseHistory, earlier: RfmTable) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return segments by cut points of an earlier day, and clusters that were fitted before the last window."""
        model = fit_rfm(earlier, settings.rfm, before)
        return model.assign_segments(earlier, before), clusters.earlier.assign(before, earlier).fine

    customer_items = collect_items()
    model, scorecard = fit_recommenders(
        dataset,
        assign_groups,
        (groups.segment, clusters.fine),
        catalogue,
        settings.recommend,
        FitContext(settings.seed, settings.threads, progress),
        segment_names=rfm.segment_names,
        selection=selection,
        guests=dataset.guest_orders if settings.recommend.guest_orders_in_popularity else NO_GUESTS,
        customer_items=customer_items,
    )
    scorecard["choice"] = f"{scorecard.get('choice', '')} {clusters.plan.describe()}".strip()
    scorecard["verdict"] = describe_quality(scorecard)
    scorecard["groups"] = {"rfm": {"cuts": rfm.cuts(), **describe_rfm(table)}, "clusters": clusters.summary()}
    timer.stage("customer value")
    days, value = fit_value_model()
    scorecard["value"] = value.scorecard
    members = {
        "segments": (groups.segment, len(rfm.segment_names)),
        "fine_clusters": (clusters.fine, len(clusters.assigner.fine_names)),
    }
    threads, item_knn = settings.threads or available_threads(), model.components.item_knn
    counts = count_for_reasons(
        history, customer_items[0], dataset.guest_orders, item_knn, members, settings.recommend, threads
    )
    return model_tables.FittedModels(history, days, groups, model, scorecard, analysis_day, value, counts)


def _fit_clusters(
    dataset: Dataset, table: RfmTable, catalogue: Catalogue, settings: Settings, progress: Progress
) -> tuple[ClusterFit, VariantSelection | None]:
    """Fit the clusters; with more than one thread, the method variants are selected at the same time."""
    data = CustomerData(dataset.history_between(), table)
    columns = item_columns(data.history, catalogue, dataset.item_discount)
    traits = ItemTraits(columns, find_terms(catalogue, dataset.category_names))
    trial = build_trial(data.history, dataset.first_day, settings.recommend.windows)

    def clusters() -> ClusterFit:
        return fit_clusters(
            data, traits, settings.clusters, trial, seed=seed, threads=settings.threads, progress=progress
        )

    seed, threads = settings.seed, settings.threads or available_threads()
    if threads == 1:
        with one_algebra_thread():
            return clusters(), None
    with one_algebra_thread(), ThreadPoolExecutor(1) as pool:
        selection = pool.submit(select_variants, dataset, settings.recommend, FitContext(seed, threads, progress))
        return clusters(), selection.result()


def _parse_analysis_day(date: str, history: PurchaseHistory) -> int:
    """Return the given date, or the day after the last kept order, in days since 1970-01-01."""
    if not date:
        return int(history.day.max()) + 1
    return parse_day(date, SettingsError)
