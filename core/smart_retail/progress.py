"""How long work tells of itself and is cancelled, without knowing who listens.

`core` reports to a `Progress`; a front end hands in its own (a bar, a queue, a widget). The
default is silent.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a listener offers. Calls come from the fitting thread."""

    def stage(self, name: str, done: float) -> None:
        """A stage begins. `name` is for people, `done` is the finished share of the whole, 0 to 1."""

    def update(self, done: float) -> None:
        """The finished share of the whole has grown to `done`, 0 to 1."""

    def message(self, text: str) -> None:
        """One line worth telling, such as a choice that was made."""

    def check(self) -> None:
        """Called often; raises `CancelledError` when the user has asked to stop."""


class Silent:
    """Reports to nobody and never cancels."""

    def stage(self, name: str, done: float) -> None:
        pass

    def update(self, done: float) -> None:
        pass

    def message(self, text: str) -> None:
        pass

    def check(self) -> None:
        pass


SILENT: Progress = Silent()
