"""Progress of long operations on stderr: a bar on a terminal, otherwise one line per stage."""

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


TRAINING_LOGGER = "smart_retail.training"
"""Logger of training; its modules log the decisions of model selection with their figures at INFO."""
MIN_SHARE = 0.05
"""Finished share below which an estimate of the remaining time would be a guess."""


class LineProgress:
    """Print one line per stage, with the seconds since the start; with `verbose` also details."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._start = time.perf_counter()

    def stage(self, name: str, done: float) -> None:
        click.echo(name + time_text(time.perf_counter() - self._start, done), err=True)

    def update(self, done: float) -> None:
        pass

    def message(self, text: str) -> None:
        if self._verbose:
            click.echo(text, err=True)

    def check(self) -> None:
        """Do nothing: Ctrl+C ends the process."""


def time_text(seconds: float, done: float) -> str:
    """Return ``, 24 s so far, about 10 s left``; empty at the start, without an estimate below `MIN_SHARE`.

    Parameters
    ----------
    seconds : float
        Seconds since the start.
    done : float
        Finished share of the work, 0 to 1.
    """
    if seconds < 1:
        return ""
    left = f", about {seconds / done * (1 - done):.0f} s left" if MIN_SHARE <= done < 1 else ""
    return f", {seconds:.0f} s so far{left}"


class BarProgress(LineProgress):
    """Show a bar with the name of the stage, the finished share and the remaining time."""

    def __init__(self, bar: RichProgress, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self._bar = bar
        self._task: TaskID = bar.add_task("starting", total=1.0)

    def stage(self, name: str, done: float) -> None:
        self._bar.update(self._task, description=name, completed=done)

    def update(self, done: float) -> None:
        self._bar.update(self._task, completed=done)

    def message(self, text: str) -> None:
        if self._verbose:
            self._bar.console.print(text, markup=False, highlight=False)


@contextmanager
def show_progress(*, verbose: bool = False) -> Iterator[Progress]:
    """Yield a `Progress` that prints to stderr while the block runs.

    Parameters
    ----------
    verbose : bool
        Whether decisions of model selection and their figures, which training logs, are printed too.
    """
    with _open_progress(verbose) as progress:
        if not verbose:
            yield progress
            return
        with _print_training_log(progress):
            yield progress


@contextmanager
def _print_training_log(progress: Progress) -> Iterator[None]:
    """Print the log of training from INFO on as messages of `progress`."""
    import logging  # only needed with --verbose

    class MessageHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            progress.message(self.format(record))

    logger, handler = logging.getLogger(TRAINING_LOGGER), MessageHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


@contextmanager
def _open_progress(verbose: bool) -> Iterator[Progress]:
    """Yield a bar on a terminal, otherwise lines."""
    if not sys.stderr.isatty():
        yield LineProgress(verbose=verbose)
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
        yield BarProgress(bar, verbose=verbose)
