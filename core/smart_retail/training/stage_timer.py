"""The stages of a fit: what a listener is told, and how long each took."""

from __future__ import annotations

import time
from typing import Final

from smart_retail.progress import Progress

STAGES: Final = {
    "reading and cleaning": 0.0,
    "segments": 0.25,
    "clusters": 0.28,
    "recommendations": 0.45,
    "lists for all customers": 0.85,
    "writing and checking": 0.95,
}
"""Stage -> finished share of the whole when it begins, from measured fits."""


class StageTimer:
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

    def update(self, done: float) -> None:
        """`done` (0 to 1) of the running stage is finished."""
        self._progress.check()
        begin = STAGES[self._name]
        end = min((b for b in STAGES.values() if b > begin), default=1.0)
        self._progress.update(begin + done * (end - begin))

    def stop(self) -> None:
        if self._name:
            self.seconds[self._name] = round(time.perf_counter() - self._since, 3)
        self._name = ""
