"""Request and preview of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from smart_retail.results import CleaningReport, MonthTotals
from smart_retail.settings import Settings

if TYPE_CHECKING:  # only a fit loads the modules of data
    from smart_retail.data.dry_run import SourceColumns


@dataclass(frozen=True, slots=True)
class FitRequest:
    """The form of the fit window."""

    sources: tuple[str, ...]
    returns: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    """Pairs of field and column that override the recognition."""
    returns_policy: str = "net"
    catalogue: str | None = None
    """Table of the products that the shop sells."""

    def options(self) -> dict[str, object]:
        """Return the keyword arguments shared by inspecting and fitting; settings as for every front end."""
        settings = Settings.load()
        return {
            "returns": self.returns,
            "catalogue": self.catalogue,
            "mapping": dict(self.mapping) or None,
            "settings": structs.replace(
                settings, data=structs.replace(settings.data, returns_policy=self.returns_policy)
            ),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """The import report of order files, before a fit."""

    sources: tuple[SourceColumns, ...]
    """Recognised, open and unused columns of each file."""
    cleaning: CleaningReport | None
    """None while columns must be chosen."""
    months: tuple[MonthTotals, ...] = ()
    problem: str = ""
    """Why there is no cleaning report yet."""
