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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail import tables
from smart_retail.artifacts import lock
from smart_retail.data.interactions import History
from smart_retail.data.prepare import Prepared, prepare
from smart_retail.data.sources import Source
from smart_retail.data.timeline import RfmTable
from smart_retail.errors import FitError, MissingExtraError, SettingsError
from smart_retail.events import open_events
from smart_retail.exporting import write_exports
from smart_retail.gate import gate
from smart_retail.progress import SILENT, Progress
from smart_retail.publishing import BundleWriter
from smart_retail.ranking import CACHED
from smart_retail.recommenders.fitting import fit_recommenders
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.side_by_side import available_threads, one_algebra_thread
from smart_retail.recommenders.studying import Studied, study
from smart_retail.results import FitReport
from smart_retail.segmentation.autoencoder import load_keras
from smart_retail.segmentation.clustering import ClusterFit, fit_clusters
from smart_retail.segmentation.distributions import describe
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.settings import Settings
from smart_retail.stages import Clock
from smart_retail.store import iso
from smart_retail.version import __version__

SHOW_PURCHASED_ABOVE = 0.25
"""Share of repeat purchases above which a screen starts with purchased items shown."""


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
    _warm_up()
    clock = Clock(progress)
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
            fitted = _fit(prepared, settings, clock, progress)
            notes = gate(artifacts, fitted.scorecard, force)
            return _publish(artifacts, prepared, fitted, settings, clock, notes, through)


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
    _warm_up()
    clock = Clock(progress)
    clock.stage("reading and cleaning")
    with prepare(
        sources, returns=returns, mapping=mapping, settings=settings.data, threads=settings.threads, progress=progress
    ) as prepared:
        return _fit(prepared, settings, clock, progress).scorecard


@dataclass(frozen=True, slots=True)
class _Fitted:
    history: History
    groups: tables.Groups
    model: RecommenderModel
    scorecard: dict[str, Any]
    analysis_day: int


def _warm_up() -> None:
    """Check that fitting is possible, and import Keras (6 s) while the rows are read."""
    missing = [name for name in ("sklearn", "tensorflow", "lightgbm", "numba") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Fitting needs packages that are not installed ({', '.join(missing)}).",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    threading.Thread(target=load_keras, daemon=True).start()


def _fit(prepared: Prepared, settings: Settings, clock: Clock, progress: Progress) -> _Fitted:
    history = prepared.between()
    if len(history) == 0:
        raise FitError("Every purchase came back: there is nothing to learn from.", "Try --returns-policy keep.")
    clock.stage("segments")
    analysis_day = _analysis_day(settings.rfm.analysis_date, history)
    table = prepared.rfm(analysis_day=analysis_day)
    rfm = fit_rfm(table, settings.rfm)
    scores = rfm.score(table.recency, table.frequency, table.monetary)
    clock.stage("clusters")
    clusters, studied = _clusters(prepared, table, settings, progress)
    groups = tables.Groups(table, rfm, scores, rfm.segment(scores[0], scores[1]), clusters)
    clock.stage("recommendations")

    def place(sliced: RfmTable) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Segment and cluster as of an earlier day: cut points of that day, the clusters of the whole."""
        model = fit_rfm(sliced, settings.rfm)
        r, f, _ = model.score(sliced.recency, sliced.frequency, sliced.monetary)
        return model.segment(r, f), clusters.placement.cluster(sliced.recency, sliced.frequency, sliced.monetary)

    model, scorecard = fit_recommenders(
        prepared,
        place,
        tables.catalogue(prepared),
        settings.recommend,
        seed=settings.seed,
        threads=settings.threads,
        progress=progress,
        segment_names=rfm.segment_names,
        studied=studied,
    )
    scorecard["groups"] = {"rfm": {"cuts": rfm.cuts(), **describe(table)}, "clusters": clusters.summary()}
    return _Fitted(history, groups, model, scorecard, analysis_day)


def _clusters(
    prepared: Prepared, table: RfmTable, settings: Settings, progress: Progress
) -> tuple[ClusterFit, Studied | None]:
    """The clusters; with a second thread, the past is studied meanwhile: neither needs the other."""

    def clusters() -> ClusterFit:
        return fit_clusters(table, settings.clusters, seed=seed, threads=settings.threads, progress=progress)

    seed, threads = settings.seed, settings.threads or available_threads()
    if threads == 1:
        return clusters(), None
    with one_algebra_thread(), ThreadPoolExecutor(1) as pool:
        studying = pool.submit(study, prepared, settings.recommend, seed=seed, threads=threads, progress=progress)
        return clusters(), studying.result()


def _analysis_day(date: str, history: History) -> int:
    """The given date, or the day after the last kept order, in days since 1970-01-01."""
    if not date:
        return int(history.day.max()) + 1
    try:
        return int(np.datetime64(date, "D").astype(np.int64))
    except ValueError as error:
        raise SettingsError(f"The analysis date {date!r} is no date.", "Write it as 2014-12-31.") from error


def _publish(
    artifacts: str | os.PathLike[str],
    prepared: Prepared,
    fitted: _Fitted,
    settings: Settings,
    clock: Clock,
    notes: list[str],
    events_through: int,
) -> FitReport:
    history, groups, model = fitted.history, fitted.groups, fitted.model
    statistics = tables.ItemStatistics.of(history)
    items = tables.item_results(prepared, statistics)
    segments = tables.segments(groups, model, items, history.last_day)
    clusters = tables.clusters(groups, model, items, history.last_day)
    writer = BundleWriter(artifacts)
    try:
        clock.stage("lists for all customers")
        threads = settings.threads or available_threads()
        for method, excluded in CACHED:
            found = tables.lists(
                prepared, history, groups, model, method, excluded, settings.recommend, clock.within, threads=threads
            )
            writer.arrays(f"lists/{method}_{'new' if excluded else 'any'}", found.arrays())
            del found  # large: let go before the next is made
        clock.stage("writing and checking")
        tables.write_shop(writer, prepared, history, statistics)
        tables.write_groups(writer, groups)
        writer.arrays("recommender", model.arrays())
        writer.json("recommender", model.meta())
        writer.json("segments", [s.as_dict() for s in segments])
        writer.json("clusters", [c.as_dict() for c in clusters])
        writer.json("grid", [c.as_dict() for c in tables.grid(groups)])
        writer.json("names", tables.names(prepared, groups))
        facts, discounts = prepared.statistics(int(history.day.min()), int(history.day.max()))
        writer.array("daily/discount", discounts)
        writer.json("model", {**_model(prepared, fitted, settings), "statistics": facts})
        clock.within(0.3)
        write_exports(writer.export, prepared, history, groups, model, items, segments, clusters)
        clock.within(0.8)
        version = writer.publish(
            {
                "engine_version": __version__,
                "settings": settings.as_dict(),
                "settings_digest": settings.digest(),
                "data_fingerprint": prepared.fingerprint,
                "last_day": history.last_day,
                "analysis_day": fitted.analysis_day,
                "events_through": events_through,
                "cleaning": prepared.report.as_dict(),
                "scorecard": fitted.scorecard,
            }
        )
    finally:
        writer.discard()
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


def _model(prepared: Prepared, fitted: _Fitted, settings: Settings) -> dict[str, Any]:
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
        "weekly_sales": [w.as_dict() for w in prepared.weekly_sales()],
        "show_purchased": scorecard.get("repeat_share", 0.0) > SHOW_PURCHASED_ABOVE,
    }
