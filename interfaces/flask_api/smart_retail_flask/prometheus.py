"""Metrics of the API in Prometheus format: requests and response times by route, and the served model version.

All workers count into one block of anonymous shared memory, each in its own slot; a scrape of any worker returns the
sums. `prometheus_client` receives them through a custom collector and writes the exposition format. Its own
multiprocess mode is not used: it stores counters in a directory of memory-mapped files that gains files with every
restarted worker and raises SIGBUS when that disk is full, it must be configured by an environment variable before its
import, and it does not support info metrics.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, current_app

from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.problems import RejectedRequestError

if TYPE_CHECKING:  # prometheus_client is imported when metrics are requested, not by every worker
    from prometheus_client import Metric

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds of the response time histogram, seconds; the last bucket is +Inf."""
STATUSES = (200, 204, 302, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 501, 503)
OTHER = "other"
MAX_SLOTS = 128
"""Twice the maximum number of workers: during a reload, old and new workers count at the same time."""
_CELL_BYTES = 8

Route = tuple[str, str]
"""Method and rule."""


@dataclass(frozen=True, slots=True)
class RouteTotals:
    """Totals of one route over all workers."""

    route: Route
    by_status: list[float]
    """Responses for each of `STATUSES`, then for other statuses."""
    by_time: list[float]
    """Responses in each of `BUCKETS`, then above the last; not cumulated."""
    seconds: float
    """Sum of the response times."""


class RequestCounters:
    """Counts and response times by route, in memory that forked processes share.

    Parameters
    ----------
    routes : iterable of (method, rule)
        Routes with counters of their own; all others are counted as ``other``.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: tuple[Route, ...] = (*dict.fromkeys(routes), ("", OTHER))
        self.slot = 0
        """Slot of this process, 0 to `MAX_SLOTS` - 1."""
        self._row = {route: row for row, route in enumerate(self.routes)}
        self._status_column = {status: column for column, status in enumerate(STATUSES)}
        # Columns of a route: responses by status and others, by time and above, and the sum of times.
        self._width = len(STATUSES) + 1 + len(BUCKETS) + 1 + 1
        self._size = len(self.routes) * self._width
        self._cells = memoryview(mmap.mmap(-1, MAX_SLOTS * self._size * _CELL_BYTES)).cast("d")
        self._lock = threading.Lock()

    def record(self, method: str, rule: str, status: int, seconds: float) -> None:
        """Count one response.

        Parameters
        ----------
        method, rule : str
            The route.
        status : int
            HTTP status.
        seconds : float
            Response time.
        """
        row = self._row.get((method, rule), len(self.routes) - 1)
        start = self.slot * self._size + row * self._width
        times = start + len(STATUSES) + 1
        with self._lock:
            self._cells[start + self._status_column.get(status, len(STATUSES))] += 1
            self._cells[times + bisect_left(BUCKETS, seconds)] += 1
            self._cells[times + len(BUCKETS) + 1] += seconds

    def totals(self) -> Iterator[RouteTotals]:
        """Yield the totals of each route that has received requests."""
        for row, route in enumerate(self.routes):
            starts = range(row * self._width, len(self._cells), self._size)
            cells = [sum(column) for column in zip(*(self._cells[a : a + self._width] for a in starts), strict=True)]
            if any(cells):
                yield RouteTotals(route, cells[: len(STATUSES) + 1], cells[len(STATUSES) + 1 : -1], cells[-1])


class WorkerSlots:
    """Assigns a slot of `RequestCounters` to each worker; used by the process that starts the workers.

    The counts of a worker that ended stay in its slot, and the next worker in that slot adds to them.
    """

    def __init__(self) -> None:
        self._free = list(range(MAX_SLOTS))
        self._slot_of: dict[Any, int] = {}

    def acquire(self, worker: Any) -> int:
        """Return a free slot for a worker; the last slot is shared if all are in use."""
        self._slot_of[worker] = self._free.pop(0) if self._free else MAX_SLOTS - 1
        return self._slot_of[worker]

    def release(self, worker: Any) -> None:
        """Make the slot of a worker that ended available."""
        slot = self._slot_of.pop(worker, None)
        if slot is not None and slot not in self._free:
            self._free.append(slot)


class ApiCollector:
    """Collector for `prometheus_client`: the counters of all workers, and the model of this worker.

    Parameters
    ----------
    counters : RequestCounters
        Counters of all workers.
    version : str
        Model version that this worker serves.
    refused : bool
        Whether this worker could not load a newer version.
    """

    def __init__(self, counters: RequestCounters, version: str, refused: bool) -> None:
        self.counters = counters
        self.version = version
        self.refused = refused

    def collect(self) -> Iterator[Metric]:
        """Yield all metric families."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "smart_retail_requests", "Responses of all workers.", labels=("method", "route", "status")
        )
        times = HistogramMetricFamily(
            "smart_retail_request_seconds", "Response time of all workers, seconds.", labels=("method", "route")
        )
        for totals in self.counters.totals():
            for status, count in zip((*map(str, STATUSES), OTHER), totals.by_status, strict=True):
                if count:
                    requests.add_metric((*totals.route, status), count)
            times.add_metric(totals.route, _cumulated(totals.by_time), totals.seconds)
        model = GaugeMetricFamily(
            "smart_retail_model_info", "Version that the responding worker serves.", labels=("version",)
        )
        model.add_metric((self.version,), 1)
        refused = GaugeMetricFamily(
            "smart_retail_model_refused",
            "1 if the responding worker could not load a new version.",
            value=int(self.refused),
        )
        yield from (requests, times, model, refused)


def _cumulated(by_time: list[float]) -> list[tuple[str, float]]:
    """Return upper bound and cumulated count of each bucket."""
    total, buckets = 0.0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), by_time, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets


def metrics() -> Any:
    """Metrics for Prometheus

    Counts and response times by route, summed over all workers. 404 unless the API was started with `--metrics`.
    """
    counters: RequestCounters | None = current_app.extensions.get(RequestCounters.__name__)
    if counters is None:
        raise RejectedRequestError(404, "Metrics are switched off.", "Start the API with --metrics.")
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    registry = CollectorRegistry()
    registry.register(ApiCollector(counters, holder.get().version, holder.rejected is not None))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def gunicorn_hooks(counters: RequestCounters) -> dict[str, Callable[..., None]]:
    """Return gunicorn server hooks that give each worker its own slot."""
    slots = WorkerSlots()

    def pre_fork(server: Any, worker: Any) -> None:
        counters.slot = slots.acquire(worker)  # inherited by the forked worker

    def child_exit(server: Any, worker: Any) -> None:
        slots.release(worker)

    return {"pre_fork": pre_fork, "child_exit": child_exit}
