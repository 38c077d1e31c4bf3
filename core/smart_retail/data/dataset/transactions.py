"""Validated order lines in an engine, and the frames derived from them, each computed once on first use.

The lines stay in the engine (DuckDB keeps them on disk if they exceed its memory limit); `Dataset` derives results.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Self

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.backends.base import Backend
from smart_retail.data.dataset import cleaning_report, entity_encoding, returns_netting
from smart_retail.data.dataset.locked_property import locked_cached_property
from smart_retail.data.ingestion.catalogue import ItemCatalogue
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.data.ingestion.line_totals import LineTotals, check_sums, materialize_lines
from smart_retail.data.ingestion.row_validation import GUEST, ID_COLUMNS, KIND, REASON, Frame
from smart_retail.settings import DataSettings
from smart_retail.utils.id_map import IdMap
from smart_retail.utils.memory_budget import DEFAULT_MEMORY, MemoryBudget


class Transactions:
    """Validated order lines. Use as a context manager: `close` removes the temporary files.

    Thread-safe: a lock serialises the use of the engine.
    """

    def __init__(
        self,
        lines: Frame,
        line_totals: LineTotals,
        sources: Sequence[IngestedSource],
        backend: Backend,
        settings: DataSettings,
        folder: Path | None,
        catalogue: ItemCatalogue | None = None,
        memory: MemoryBudget = DEFAULT_MEMORY,
    ) -> None:
        self._lines = lines
        self._line_totals = line_totals
        self.sources = tuple(sources)
        """The sources and how they were read."""
        self._backend = backend
        self._settings = settings
        self._folder = folder
        self._memory = memory
        self._numbers = count()
        self.catalogue = catalogue
        """The catalogue of items, None without one."""
        self.lock = threading.RLock()
        """Held while the engine is used."""
        self._totals = line_totals.totals
        cleaning_report.require_purchases(self._totals, self.sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the memory of the engine and remove the temporary files."""
        self._backend.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _has_returns(self) -> bool:
        return self._totals.cancellations > 0 or bool(self._totals.flagged)

    @locked_cached_property
    def _accepted(self) -> Frame:
        """Accepted lines; lines that were only aggregated so far are materialized now."""
        lines = self._lines
        if GUEST in lines.collect_schema().names():
            lines = lines.drop(GUEST)
        if self.sources[0].deferred:
            lines = materialize_lines(lines, self._line_totals, self._backend)
        accepted = lines.filter(nw.col(REASON) == 0)
        check_sums(accepted, self._backend, {index: source.raw.name for index, source in enumerate(self.sources)})
        return accepted

    @locked_cached_property
    def _orders(self) -> Frame:
        """Customer, order and first day of the accepted lines; some orders have several rows."""
        return self._with_line_id_types(self._line_totals.accepted_orders())

    def _with_line_id_types(self, table: Frame) -> Frame:
        """Convert the ids of a table of `LineTotals` to the types that the lines have."""
        types = self._accepted.collect_schema()
        ids = [n for n in table.collect_schema().names() if n in ID_COLUMNS and types[n] != nw.String]
        return self._backend.compact(table, ids)

    @locked_cached_property
    def _customer_codes(self) -> Frame:
        return entity_encoding.encode_ids(self._orders, c.CUSTOMER_ID, self._backend)

    @locked_cached_property
    def _item_codes(self) -> Frame:
        codes = entity_encoding.encode_ids(
            self._with_line_id_types(self._line_totals.purchased_item_ids()), c.ITEM_ID, self._backend
        )
        return codes if self.catalogue is None else entity_encoding.recode_ids(codes, self.items, self._backend)

    @locked_cached_property
    def items(self) -> IdMap:
        """All items with an accepted purchase, and those of the catalogue."""
        listed = () if self.catalogue is None else self.catalogue.items
        return entity_encoding.id_map_from_texts(self._bought_items, listed)

    @locked_cached_property
    def _bought_items(self) -> list[str]:
        """Ids of the items with an accepted purchase."""
        return self._line_totals.items(self._backend)

    @locked_cached_property
    def _coded_lines(self) -> Frame:
        """Accepted lines with integer codes instead of ids."""
        codes = self._customer_codes, self._item_codes
        return entity_encoding.encode_lines(self._accepted, self._orders, *codes, self._backend)

    def _apply_returns(self, lines: Frame, policy: str = "") -> Frame:
        return returns_netting.apply_returns(
            lines,
            policy or self._settings.returns_policy,
            cancellations=self._totals.cancellations > 0,
            materialize=self._backend.materialize,
        )

    @locked_cached_property
    def _net_purchases(self) -> Frame:
        """All purchases net of returns, for either policy."""
        return self._apply_returns(self._accepted, "net")

    @locked_cached_property
    def _kept_purchases(self) -> Frame:
        """All purchases under the returns policy of the settings."""
        return self._net_purchases if self._settings.returns_policy == "net" else self._apply_returns(self._accepted)

    @locked_cached_property
    def _coded_purchases(self) -> Frame:
        """The same, encoded."""
        return self._apply_returns(self._coded_lines)

    @locked_cached_property
    def _gross_purchases(self) -> Frame:
        return self._accepted.filter(nw.col(KIND) == 1)
