"""`fit`: the one place where the parts are composed.

In: raw order lines and settings. Out: a published bundle and a `FitReport`. Nothing is published
unless everything was fitted, written and verified.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail import tables
from smart_retail.artifacts import Bundle, lock
from smart_retail.data.interactions import History
from smart_retail.data.prepare import Prepared, prepare
from smart_retail.data.sources import Source
from smart_retail.data.timeline import RfmTable
from smart_retail.engine import CACHED
from smart_retail.errors import ArtifactError, FitError, MissingExtraError, QualityGateError, SettingsError
from smart_retail.events import EventStore
from smart_retail.exporting import write_exports
from smart_retail.progress import SILENT, Progress
from smart_retail.publishing import BundleWriter
from smart_retail.recommenders.base import Shoppers
from smart_retail.recommenders.fitting import fit_recommenders
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.precalculated import ListTable
from smart_retail.results import FitReport
from smart_retail.segmentation.autoencoder import load_keras
from smart_retail.segmentation.clustering import fit_clusters
from smart_retail.segmentation.distributions import describe
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.settings import Settings
from smart_retail.store import iso
from smart_retail.version import __version__

SHOW_PURCHASED_ABOVE = 0.25
"""Share of repeat purchases above which a screen starts with purchased items shown."""
LIST_CHUNK = 1024
STAGES = {
    "reading and cleaning": 0.0,
    "segments": 0.25,
    "clusters": 0.28,
    "recommendations": 0.45,
    "lists for all customers": 0.85,
    "writing and checking": 0.95,
}
"""Stage -> finished share of the whole when it begins, from measured fits."""


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
    clock = _Clock(progress)
    with lock(artifacts), tempfile.TemporaryDirectory(prefix="smart-retail-") as folder:
        clock.stage("reading and cleaning")
        store = EventStore(artifacts)
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
            erased=store.erased if store.has_erased() else None,
        ) as prepared:
            fitted = _fit(prepared, settings, clock, progress)
            notes = _gate(artifacts, fitted.scorecard, force)
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
    clock = _Clock(progress)
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


class _Clock:
    """Tells the progress of each stage and remembers how long it took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._name = ""
        self._since = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def stage(self, name: str) -> None:
        """End the running stage and begin the next; raises `CancelledError` when the user asked to stop."""
        self.stop()
        self._name, self._since = name, time.perf_counter()
        self._progress.check()
        self._progress.stage(name, STAGES[name])

    def within(self, done: float) -> None:
        """`done` (0 to 1) of the running stage is finished."""
        self._progress.check()
        begin = STAGES[self._name]
        end = min((b for b in STAGES.values() if b > begin), default=1.0)
        self._progress.update(begin + done * (end - begin))

    def stop(self) -> None:
        if self._name:
            self.seconds[self._name] = round(time.perf_counter() - self._since, 3)
        self._name = ""


def _warm_up() -> None:
    """Check that fitting is possible, and import Keras (6 s) while the rows are read."""
    missing = [name for name in ("sklearn", "tensorflow", "lightgbm", "numba") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Fitting needs packages that are not installed ({', '.join(missing)}).",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    threading.Thread(target=load_keras, daemon=True).start()


def _fit(prepared: Prepared, settings: Settings, clock: _Clock, progress: Progress) -> _Fitted:
    history = prepared.between()
    if len(history) == 0:
        raise FitError("Every purchase came back: there is nothing to learn from.", "Try --returns-policy keep.")
    clock.stage("segments")
    analysis_day = _analysis_day(settings.rfm.analysis_date, history)
    table = prepared.rfm(analysis_day=analysis_day)
    rfm = fit_rfm(table, settings.rfm)
    scores = rfm.score(table.recency, table.frequency, table.monetary)
    clock.stage("clusters")
    clusters = fit_clusters(table, settings.clusters, seed=settings.seed, threads=settings.threads, progress=progress)
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
    )
    scorecard["groups"] = {"rfm": {"cuts": rfm.cuts(), **describe(table)}, "clusters": clusters.summary()}
    return _Fitted(history, groups, model, scorecard, analysis_day)


def _analysis_day(date: str, history: History) -> int:
    """The given date, or the day after the last kept order, in days since 1970-01-01."""
    if not date:
        return int(history.day.max()) + 1
    try:
        return int(np.datetime64(date, "D").astype(np.int64))
    except ValueError as error:
        raise SettingsError(f"The analysis date {date!r} is no date.", "Write it as 2014-12-31.") from error


def _gate(artifacts: str | os.PathLike[str], scorecard: Mapping[str, Any], force: bool) -> list[str]:
    """Refuse a hybrid that is clearly worse than popularity, unless nothing is active yet.

    Raises
    ------
    QualityGateError
        The whole 95 % interval of hybrid minus popular is below zero.
    """
    gate = scorecard["gate"]
    if gate.get("skipped"):
        return [f"The quality gate was skipped: {gate['skipped']}."]
    if gate["high"] >= 0:
        return []
    told = (
        f"The hybrid is clearly worse than popularity on the last time slice (NDCG@10 {gate['difference']:+.4f}, "
        f"95 % interval {gate['low']:+.4f} to {gate['high']:+.4f})"
    )
    try:
        Bundle.open(artifacts)
    except ArtifactError:
        return [f"{told}; published all the same, because no version was active."]
    if force:
        return [f"{told}; published because of --force."]
    raise QualityGateError(
        f"{told}; nothing was published.", "Look at `smart-retail evaluate`, or publish with --force."
    )


def _publish(
    artifacts: str | os.PathLike[str],
    prepared: Prepared,
    fitted: _Fitted,
    settings: Settings,
    clock: _Clock,
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
        for method, excluded in CACHED:
            table = _lists(prepared, fitted, method, excluded, settings.recommend.list_length, clock)
            writer.arrays(f"lists/{method}_{'new' if excluded else 'any'}", table.arrays())
        clock.stage("writing and checking")
        tables.write_shop(writer, prepared, history, statistics)
        tables.write_groups(writer, groups)
        writer.arrays("recommender", model.arrays())
        writer.json("recommender", model.meta())
        writer.json("segments", [s.as_dict() for s in segments])
        writer.json("clusters", [c.as_dict() for c in clusters])
        writer.json("grid", [c.as_dict() for c in tables.grid(groups)])
        writer.json("names", tables.names(prepared, groups))
        writer.json("model", _model(prepared, fitted, settings))
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


def _lists(prepared: Prepared, fitted: _Fitted, method: str, excluded: bool, length: int, clock: _Clock) -> ListTable:
    """The pre-calculated lists of all customers, by the function that also answers live."""
    history, groups = fitted.history, fitted.groups
    n = history.n_customers
    table = ListTable.empty(n, length)
    customer, item = prepared.sent_back(history)
    bounds = np.searchsorted(customer, np.arange(n + 1))
    nothing = item[:0]
    for start in range(0, n, LIST_CHUNK):
        codes = np.arange(start, min(start + LIST_CHUNK, n), dtype=np.int32)
        hidden = [item[bounds[c] : bounds[c + 1]] if excluded else nothing for c in codes.tolist()]
        extra = max((len(h) for h in hidden), default=0)
        shoppers = Shoppers(history.select(codes), groups.segment[codes], groups.clusters.labels[codes])
        ranked = fitted.model.rank(method, shoppers, exclude_purchased=excluded, length=length + extra)
        table.fill(start, ranked, hidden)
        clock.within((start + len(codes)) / n)
    return table


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
