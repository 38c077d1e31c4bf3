"""Stages of a fit: their progress, and how long each of them took."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from smart_retail.progress import Progress


class Stage(NamedTuple):
    """A step of a fit."""

    text: str
    """What the step does, for people."""
    begin: float
    """Finished share of the whole fit when the step begins, 0 to 1, from measured fits."""


STAGES: Final = {
    "reading and cleaning": Stage("reading and cleaning the order lines", 0.0),
    "segments": Stage("scoring customers by recency, frequency and monetary value", 0.25),
    "clusters": Stage("grouping customers with similar purchases", 0.28),
    "recommendations": Stage("learning which products go together", 0.45),
    "customer value": Stage("forecasting what customers will order and spend", 0.78),
    "lists for all customers": Stage("computing the recommendations of all customers", 0.85),
    "writing and checking": Stage("writing and checking the new version", 0.95),
}
"""Name of the stage in `FitReport.seconds` -> stage, in order."""


class StageTimer:
    """Report the progress of each stage to a `Progress`, and measure how long each stage took.

    Parameters
    ----------
    progress : Progress
    last : str, optional
        Name of the last stage that will run; by default all of them do.

    Attributes
    ----------
    seconds : dict
        Duration of each finished stage in seconds, by its name in `STAGES`.
    """

    def __init__(self, progress: Progress, last: str = "writing and checking") -> None:
        self._progress = progress
        names = list(STAGES)
        self._names = names[: names.index(last) + 1]
        self._whole = STAGES[names[len(self._names)]].begin if len(self._names) < len(names) else 1.0
        self._name = ""
        self._start = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def stage(self, name: str) -> None:
        """End the current stage and begin the next; raises `CancelledError` when the user cancelled."""
        self.stop()
        self._name, self._start = name, time.perf_counter()
        self._progress.check()
        number = self._names.index(name) + 1
        text = f"Step {number} of {len(self._names)}: {STAGES[name].text}"
        self._progress.stage(text, STAGES[name].begin / self._whole)

    def check(self) -> None:
        """Raise `CancelledError` when the user cancelled."""
        self._progress.check()

    def update(self, done: float) -> None:
        """Report that the share `done` (0 to 1) of the current stage is finished."""
        self._progress.check()
        begin = STAGES[self._name].begin
        end = min((stage.begin for stage in STAGES.values() if stage.begin > begin), default=1.0)
        self._progress.update((begin + done * (end - begin)) / self._whole)

    def stop(self) -> None:
        """End the current stage."""
        if self._name:
            self.seconds[self._name] = round(time.perf_counter() - self._start, 3)
        self._name = ""
