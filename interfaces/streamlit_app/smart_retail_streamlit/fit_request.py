"""What a visitor asks to have fitted, and the two core functions that act on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_retail.progress import Progress
from smart_retail.results import FitReport
from smart_retail.settings import Settings

if TYPE_CHECKING:
    from smart_retail.data.dry_run import Inspection


@dataclass(frozen=True, slots=True)
class FitRequest:
    """Sources and choices of one fit."""

    sources: tuple[Path, ...]
    returns: Path | None
    mapping: tuple[tuple[str, str], ...]
    """Canonical name and header, for headers that are not recognised."""
    settings: Settings
    force: bool = False

    @property
    def names(self) -> str:
        return ", ".join(path.name for path in self.sources)


def build_settings(choices: Mapping[str, Mapping[str, Any]], base: Settings | None = None) -> Settings:
    """The settings in force here, with a visitor's choices by section and name."""
    plain = (base or Settings.load()).as_dict()
    for section, values in choices.items():
        plain[section] |= values
    return Settings.from_dict(plain)


def inspect(plan: FitRequest) -> Inspection:
    """Recognise the columns and clean the rows; nothing is fitted.

    Raises
    ------
    DataError
        A source cannot be read, a column is not recognised or no row can be used.
    """
    from smart_retail.data.dry_run import inspect_source

    return inspect_source(
        list(plan.sources),
        returns=plan.returns,
        mapping=dict(plan.mapping),
        settings=plan.settings.data,
        threads=plan.settings.threads,
    )


def fit(plan: FitRequest, artifacts: str, progress: Progress) -> FitReport:
    """Fit and publish into `artifacts`."""
    from smart_retail.training import fit as training

    return training.fit(
        *plan.sources,
        artifacts=artifacts,
        returns=plan.returns,
        mapping=dict(plan.mapping),
        settings=plan.settings,
        force=plan.force,
        progress=progress,
    )
