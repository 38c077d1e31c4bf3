"""Cleaned lines in an engine, and the frames that are made of them: each when it is first wanted, and once.

In: accepted and set-aside lines with their `Tally`. Out: `Lines`. They stay in the engine, out of memory where it is
DuckDB; what they answer is `prepared`'s.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset import cleaning_report, entity_encoding, returns_netting
from smart_retail.data.dataset.locked_property import locked_cached_property
from smart_retail.data.ingestion.ingest import Ingested
from smart_retail.data.ingestion.line_totals import LineTotals, kept
from smart_retail.data.ingestion.row_validation import IDS, KIND, REASON, Frame
from smart_retail.settings import DataSettings


class Lines:
    """Cleaned lines. Use as a context manager: `close` removes its temporary files.

    Several threads may ask: the engine serves one after the other.
    """

    def __init__(
        self,
        lines: Frame,
        tally: LineTotals,
        sources: Sequence[Ingested],
        backend: Backend,
        settings: DataSettings,
        folder: Path | None,
    ) -> None:
        self._all = lines
        self._tally = tally
        self.sources = tuple(sources)
        """What was read and how it was understood."""
        self._backend = backend
        self._settings = settings
        self._folder = folder
        self.busy = threading.RLock()
        """Held while the engine works."""
        self._totals = tally.totals
        cleaning_report.check_usable(self._totals, self.sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the engine's memory and remove the temporary files."""
        self._backend.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _has_returns(self) -> bool:
        return self._totals.cancellations > 0 or bool(self._totals.flagged)

    @locked_cached_property
    def _accepted(self) -> Frame:
        """Accepted lines; those that were only read and added up so far are kept from now on."""
        if self.sources[0].pending:
            return kept(self._all, self._tally, self._backend).filter(nw.col(REASON) == 0)
        return self._all.filter(nw.col(REASON) == 0)

    @locked_cached_property
    def _orders(self) -> Frame:
        """Customer, order and first day of the accepted lines, some orders in several rows."""
        return self._like_the_lines(self._tally.accepted_orders())

    def _like_the_lines(self, table: Frame) -> Frame:
        """A table of the tally with its ids as those of the lines are held."""
        there = self._accepted.collect_schema()
        ids = [n for n in table.collect_schema().names() if n in IDS and there[n] != nw.String]
        return self._backend.compact(table, ids)

    @locked_cached_property
    def _customer_codes(self) -> Frame:
        return entity_encoding.codes(self._orders, c.CUSTOMER_ID, self._backend)

    @locked_cached_property
    def _item_codes(self) -> Frame:
        return entity_encoding.codes(self._like_the_lines(self._tally.bought_items()), c.ITEM_ID, self._backend)

    @locked_cached_property
    def _coded(self) -> Frame:
        """Accepted lines with integer codes in place of the ids, made once."""
        codes = self._customer_codes, self._item_codes
        return entity_encoding.coded_lines(self._accepted, self._orders, *codes, self._backend)

    def _purchases(self, lines: Frame, policy: str = "") -> Frame:
        return returns_netting.purchases(
            lines,
            policy or self._settings.returns_policy,
            cancellations=self._totals.cancellations > 0,
            keep=self._backend.materialize,
        )

    @locked_cached_property
    def _net(self) -> Frame:
        """All purchases after returns, whatever the policy."""
        return self._purchases(self._accepted, "net")

    @locked_cached_property
    def _kept(self) -> Frame:
        """All purchases after returns, by the policy."""
        return self._net if self._settings.returns_policy == "net" else self._purchases(self._accepted)

    @locked_cached_property
    def _coded_kept(self) -> Frame:
        """All purchases after returns, coded: asked for several times in a fit."""
        return self._purchases(self._coded)

    @locked_cached_property
    def _bought(self) -> Frame:
        return self._accepted.filter(nw.col(KIND) == 1)
