"""Figures about the API for Prometheus. In: each answered request; out: the text form of exposition 0.0.4.

All workers count into one piece of shared memory, each in a slot of its own, and whoever is asked adds the
slots up: the figures are those of the whole API. A worker that dies leaves its counts to the next in its slot.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app

from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.problems import RefusedError

MIMETYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper edges of the times that are counted, in seconds; above the last is +Inf."""
STATUSES = (200, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 501, 503)
OTHER = "other"
SLOTS = 128
"""Twice the most workers: while a server is reloaded, old and new ones count side by side."""
_CELL = 8

Route = tuple[str, str]
"""Method and rule."""


class Counters:
    """Counts and times by route, in memory that forked processes share.

    Parameters
    ----------
    routes : iterable of (method, rule)
        What is counted by name; everything else is counted as ``other``.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: tuple[Route, ...] = (*dict.fromkeys(routes), ("", OTHER))
        self.slot = 0
        self._row = {route: row for row, route in enumerate(self.routes)}
        self._status = {status: place for place, status in enumerate(STATUSES)}
        # Of each route: its answers by status and others, by time and beyond, and the sum of the times.
        self._width = len(STATUSES) + 1 + len(BUCKETS) + 1 + 1
        self._size = len(self.routes) * self._width
        self._cells = memoryview(mmap.mmap(-1, SLOTS * self._size * _CELL)).cast("d")
        self._lock = threading.Lock()

    def count(self, method: str, rule: str, status: int, seconds: float) -> None:
        """Count one answer."""
        row = self._row.get((method, rule), len(self.routes) - 1)
        start = self.slot * self._size + row * self._width
        times = start + len(STATUSES) + 1
        with self._lock:
            self._cells[start + self._status.get(status, len(STATUSES))] += 1
            self._cells[times + bisect_left(BUCKETS, seconds)] += 1
            self._cells[times + len(BUCKETS) + 1] += seconds

    def totals(self) -> Iterator[tuple[Route, list[float], list[float], float]]:
        """Of each route that was asked: answers by status, by time (not cumulated), and the sum of the times."""
        for row, route in enumerate(self.routes):
            slots = range(row * self._width, len(self._cells), self._size)
            cells = [sum(column) for column in zip(*(self._cells[a : a + self._width] for a in slots), strict=True)]
            if any(cells):
                yield route, cells[: len(STATUSES) + 1], cells[len(STATUSES) + 1 : -1], cells[-1]


class Slots:
    """Gives each worker a slot. Used by the one process that starts them."""

    def __init__(self) -> None:
        self._free = list(range(SLOTS))
        self._of: dict[Any, int] = {}

    def take(self, worker: Any) -> int:
        """The slot of a worker; the last is shared where there is no other."""
        self._of[worker] = self._free.pop(0) if self._free else SLOTS - 1
        return self._of[worker]

    def leave(self, worker: Any) -> None:
        """The worker is gone: another may go on in its slot."""
        slot = self._of.pop(worker, None)
        if slot is not None and slot not in self._free:
            self._free.append(slot)


@dataclass(frozen=True, slots=True)
class _Family:
    name: str
    kind: str
    help: str

    def lines(self, samples: Iterable[tuple[str, dict[str, str], float]]) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for suffix, labels, value in samples:
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{suffix}{{{told}}} {value:.17g}" if told else f"{self.name}{suffix} {value:.17g}"


def text(counters: Counters, version: str, refused: bool) -> str:
    """Everything as Prometheus reads it."""
    totals = list(counters.totals())
    requests = _Family("smart_retail_requests_total", "counter", "Answered requests, of all workers.")
    times = _Family("smart_retail_request_seconds", "histogram", "Time to an answer, of all workers.")
    model = _Family("smart_retail_model_info", "gauge", "Version that the answering worker serves.")
    bad = _Family("smart_retail_model_refused", "gauge", "1 where the answering worker refused a new version.")
    families = (
        requests.lines(_statuses(totals)),
        times.lines(_times(totals)),
        model.lines([("", {"version": version}, 1)]),
        bad.lines([("", {}, int(refused))]),
    )
    return "".join(f"{line}\n" for family in families for line in family)


def _statuses(totals: Sequence[Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    for (method, rule), by_status, _, _ in totals:
        for status, count in zip((*map(str, STATUSES), OTHER), by_status, strict=True):
            if count:
                yield "", {"method": method, "route": rule, "status": status}, count


def _times(totals: Sequence[Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    for (method, rule), _, by_time, seconds in totals:
        labels, below = {"method": method, "route": rule}, 0.0
        for edge, count in zip((*map(str, BUCKETS), "+Inf"), by_time, strict=True):
            below += count
            yield "_bucket", {**labels, "le": edge}, below
        yield "_sum", labels, seconds
        yield "_count", labels, below


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metrics() -> Any:
    """Figures for Prometheus

    Counts and times by route, of all workers. A 404 unless the API was started with `--metrics`.
    """
    counters: Counters | None = current_app.extensions.get(Counters.__name__)
    if counters is None:
        raise RefusedError(404, "The figures are switched off.", "Start the API with --metrics.")
    holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
    return Response(text(counters, holder.get().version, holder.refused is not None), mimetype=MIMETYPE)


def gunicorn_hooks(counters: Counters) -> dict[str, Callable[..., None]]:
    """Settings of gunicorn by which each worker counts in its own slot."""
    slots = Slots()

    def pre_fork(server: Any, worker: Any) -> None:
        counters.slot = slots.take(worker)  # the fork takes it along

    def child_exit(server: Any, worker: Any) -> None:
        slots.leave(worker)

    return {"pre_fork": pre_fork, "child_exit": child_exit}
