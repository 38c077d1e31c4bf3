"""A decision of model selection, as a sentence for people and as figures for the log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SelectionNote:
    """One decision."""

    text: str
    """The decision as a sentence for people."""
    details: str = ""
    """The figures behind it, for the log and the scorecard."""
