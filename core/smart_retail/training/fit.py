"""`fit`: the one place where the parts are composed.

In: raw order lines and settings. Out: a published bundle and a `FitReport`. Nothing is published
unless everything was fitted, written and verified.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.versions import lock
from smart_retail.bundle.writer import BundleWriter
from smart_retail.data.ingestion.sources import Source
from smart_retail.data.pipeline import Dataset, prepare
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import FitError, MissingExtraError, SettingsError
from smart_retail.events import open_events
from smart_retail.progress import SILENT, Progress
from smart_retail.results import FitReport
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.settings import Settings
from smart_retail.training.clusters.autoencoder import load_keras
from smart_retail.training.clusters.fit_clusters import ClusterFit, fit_clusters
from smart_retail.training.clusters.rfm_distributions import describe_rfm
from smart_retail.training.hybrid.variant_study import VariantSelection, select_variants
from smart_retail.training.outputs import model_tables
from smart_retail.training.outputs.shop_tables import write_shop_tables
from smart_retail.training.publish import FittedModels, publish, write_cached_lists
from smart_retail.training.quality_gate import check_quality_gate
from smart_retail.training.recommenders import fit_recommenders
from smart_retail.training.stage_timer import StageTimer
from smart_retail.utils.parallel import available_threads, background_jobs, one_algebra_thread


def fit(
    *sources: Source,
    artifacts: str | os.PathLike[str] = "artifacts",
    returns: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> FitReport:
    """Clean a history, fit everything on it, and publish the result.

    Parameters
    ----------
    sources : path or data frame
        One or several tables of order lines, read as one history; overlapping rows count once. Live purchases
        that `artifacts` holds are taken in too, and customers who were erased there are left out.
    artifacts : path
        Folder to publish to. It is locked while the fit runs.
    returns : path or data frame, optional
        A table of returned orders.
    mapping : dict, optional
        Canonical column -> header of the source, for headers that are not recognised.
    settings : Settings, optional
    force : bool
        Publish also what the quality gate refuses.
    progress : Progress
        Told of the stages; its `check` may cancel.

    Raises
    ------
    MissingExtraError
        The packages of the extra ``train`` are not installed.
    DataError
        A source cannot be read or has no usable row.
    QualityGateError
        A version is active and the new hybrid is clearly worse than popularity.
    LockError
        Another fit is running on the folder.
    CancelledError
        The user cancelled. Whenever a fit raises, the active version stays as it was.
    """
    settings = settings or Settings()
    _prepare_packages()
    clock = StageTimer(progress)
    with lock(artifacts), tempfile.TemporaryDirectory(prefix="smart-retail-") as folder:
        clock.stage("reading and cleaning")
        store = open_events(artifacts)
        events = Path(folder) / "events.csv"
        through = store.write_csv(events)
        with prepare(
            sources,
            returns=returns,
            mapping=mapping,
            settings=settings.data,
            threads=settings.threads,
            progress=progress,
            events=events if through else None,
            erased=store.erased if store.erasures() else None,
        ) as prepared:
            history = _require_trainable(prepared)
            threads = settings.threads or available_threads()
            with BundleWriter(artifacts) as writer, background_jobs(threads) as start:
                # What is told of the shop itself needs nothing that is learnt.
                shop = start(lambda: write_shop_tables(writer, prepared, history, progress))
                fitted = _fit_models(prepared, settings, clock, progress)
                notes = check_quality_gate(artifacts, fitted.scorecard, force)
                write_cached_lists(writer, prepared, fitted, settings, clock, start, threads)
                return publish(writer, prepared, fitted, shop.result, settings, clock, notes, through)


def evaluate(
    *sources: Source,
    returns: Source | None = None,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """The scorecard of every method on a time split; nothing is published.

    Parameters and errors are those of `fit`.
    """
    settings = settings or Settings()
    _prepare_packages()
    clock = StageTimer(progress)
    clock.stage("reading and cleaning")
    with prepare(
        sources, returns=returns, mapping=mapping, settings=settings.data, threads=settings.threads, progress=progress
    ) as prepared:
        _require_trainable(prepared)
        return _fit_models(prepared, settings, clock, progress).scorecard


def _prepare_packages() -> None:
    """Check that fitting is possible, and import Keras (6 s) while the rows are read."""
    missing = [name for name in ("sklearn", "tensorflow", "lightgbm", "numba") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Fitting needs packages that are not installed ({', '.join(missing)}).",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    threading.Thread(target=load_keras, daemon=True).start()


def _require_trainable(prepared: Dataset) -> PurchaseHistory:
    """The whole history."""
    history = prepared.history_between()
    if len(history) == 0:
        raise FitError("Every purchase came back: there is nothing to learn from.", "Try --returns-policy keep.")
    return history


def _fit_models(prepared: Dataset, settings: Settings, clock: StageTimer, progress: Progress) -> FittedModels:
    history = prepared.history_between()
    clock.stage("segments")
    analysis_day = _analysis_day(settings.rfm.analysis_date, history)
    table = prepared.rfm(analysis_day=analysis_day)
    rfm = fit_rfm(table, settings.rfm)
    scores = rfm.score(table.recency, table.frequency, table.monetary)
    clock.stage("clusters")
    clusters, studied = _fit_clusters(prepared, table, settings, progress)
    groups = model_tables.CustomerGroups(table, rfm, scores, rfm.segment_index(scores[0], scores[1]), clusters)
    clock.stage("recommendations")

    def place(sliced: RfmTable) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Segment and cluster as of an earlier day: cut points of that day, the clusters of the whole."""
        model = fit_rfm(sliced, settings.rfm)
        r, f, _ = model.score(sliced.recency, sliced.frequency, sliced.monetary)
        return model.segment_index(r, f), clusters.assigner.assign(sliced.recency, sliced.frequency, sliced.monetary)

    model, scorecard = fit_recommenders(
        prepared,
        place,
        model_tables.build_catalogue(prepared),
        settings.recommend,
        seed=settings.seed,
        threads=settings.threads,
        progress=progress,
        segment_names=rfm.segment_names,
        studied=studied,
    )
    scorecard["groups"] = {"rfm": {"cuts": rfm.cuts(), **describe_rfm(table)}, "clusters": clusters.summary()}
    return FittedModels(history, groups, model, scorecard, analysis_day)


def _fit_clusters(
    prepared: Dataset, table: RfmTable, settings: Settings, progress: Progress
) -> tuple[ClusterFit, VariantSelection | None]:
    """The clusters; with a second thread, the past is studied meanwhile: neither needs the other."""

    def clusters() -> ClusterFit:
        return fit_clusters(table, settings.clusters, seed=seed, threads=settings.threads, progress=progress)

    seed, threads = settings.seed, settings.threads or available_threads()
    if threads == 1:
        return clusters(), None
    with one_algebra_thread(), ThreadPoolExecutor(1) as pool:
        studying = pool.submit(
            select_variants, prepared, settings.recommend, seed=seed, threads=threads, progress=progress
        )
        return clusters(), studying.result()


def _analysis_day(date: str, history: PurchaseHistory) -> int:
    """The given date, or the day after the last kept order, in days since 1970-01-01."""
    if not date:
        return int(history.day.max()) + 1
    try:
        return int(np.datetime64(date, "D").astype(np.int64))
    except ValueError as error:
        raise SettingsError(f"The analysis date {date!r} is no date.", "Write it as 2014-12-31.") from error
