"""Progress of long work on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from smart_retail.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Lines:
    """One line a stage, with the time since the start."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def stage(self, name: str, done: float) -> None:
        self.message(f"{name} ({done:.0%}, {time.perf_counter() - self._start:.0f} s)")

    def update(self, done: float) -> None:
        pass

    def message(self, text: str) -> None:
        click.echo(text, err=True)

    def check(self) -> None:
        """Ctrl+C ends the process by itself."""


class Bar(Lines):
    """A bar with the stage's name, the share done and the time left."""

    def __init__(self, bar: RichProgress) -> None:
        super().__init__()
        self._bar = bar
        self._task: TaskID = bar.add_task("starting", total=1.0)

    def stage(self, name: str, done: float) -> None:
        self._bar.update(self._task, description=name, completed=done)

    def update(self, done: float) -> None:
        self._bar.update(self._task, completed=done)

    def message(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


@contextmanager
def shown() -> Iterator[Progress]:
    """A listener for the time of the block."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar)
