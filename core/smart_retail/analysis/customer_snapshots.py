"""What `migration` and `lift` compare: customers as a bundle has them, and what they spent in later orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from smart_retail.analysis.bundle_history import compute_rfm, purchases_before, read_history
from smart_retail.analysis.segment_migration import CustomerSnapshot, Migration, compute_migration
from smart_retail.data.ingestion.sources import Source
from smart_retail.data.pipeline import prepare
from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.serving.engine import Engine
from smart_retail.settings import Settings
from smart_retail.utils.dates import EPOCH, iso
from smart_retail.utils.fixed_point import MILLION

CHECK_EVERY_CUSTOMERS = 500
"""Customers between two looks at whether to stop."""


def current_snapshots(engine: Engine, progress: Progress = SILENT) -> dict[str, CustomerSnapshot]:
    """Customer id -> standing in the bundle, of customers with kept purchases."""
    found = {}
    for number, customer in enumerate(engine.customer_ids()):
        if number % CHECK_EVERY_CUSTOMERS == 0:
            progress.check()
        profile = engine.customer(customer)
        if profile.rfm is not None and profile.last_order is not None and profile.purchases:
            found[customer] = CustomerSnapshot(
                profile.customer_name,
                profile.rfm.segment,
                profile.rfm.monetary,
                profile.last_order,
                profile.purchases[0].item_name,
            )
    return found


def snapshots_at(engine: Engine, day: str) -> dict[str, CustomerSnapshot]:
    """Customer id -> standing on an ISO date: from the purchases before it, with the cut points of that day.

    Raises
    ------
    UsageError
        `day` is no ISO date, or nothing was bought before it.
    """
    store, seen_from = engine.store, _day(day)
    history = purchases_before(read_history(engine.bundle, len(store.items)), seen_from)
    if not len(history):
        raise UsageError(f"There is no purchase before {day}.", f"The history begins on {engine.model().first}.")
    table = compute_rfm(history, max(seen_from, int(history.day.max()) + 1))
    model = fit_rfm(table, Settings.from_dict(engine.bundle.manifest["settings"]).rfm)
    segment = model.assign_segments(table)
    # Rows are in order of time: the last one of a customer is the latest purchase.
    latest = dict(zip(history.customer.tolist(), range(len(history)), strict=True))
    names = store.texts("customers/names")
    return {
        store.customers.id(code): CustomerSnapshot(
            names[code],
            model.segment_names[int(segment[code])],
            int(table.monetary[code]) / MILLION,
            iso(int(history.day[row])),
            store.item_name(int(history.item[row])),
        )
        for code, row in latest.items()
    }


def migration_between_dates(engine: Engine, before: str, after: str = "") -> Migration:
    """Movement between two ISO dates of one version's history; the later one is its analysis date by default.

    Raises
    ------
    UsageError
        A text is no date, the dates are not in order, or nothing was bought before the earlier one.
    """
    after = after or iso(int(engine.bundle.manifest["analysis_day"]))
    if _day(before) >= _day(after):
        raise UsageError(f"{before} is not before {after}.", "Name the earlier date first.")
    return compute_migration(snapshots_at(engine, before), snapshots_at(engine, after), (before, after))


def _day(text: str) -> int:
    """Days since 1970-01-01 of an ISO date."""
    try:
        return (date.fromisoformat(text) - EPOCH).days
    except ValueError as error:
        raise UsageError(f"{text!r} is no date.", "Write it as 2026-01-31.") from error


def revenue_since(
    sources: Sequence[Source],
    since: str,
    *,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Customer id -> net revenue of the orders on and after an ISO date; those without any are left out.

    Raises
    ------
    UsageError
        `since` is no ISO date.
    DataError
        The orders cannot be read.
    """
    first = _day(since)
    settings = settings or Settings()
    with prepare(
        sources, mapping=mapping, settings=settings.data, threads=settings.threads, progress=progress
    ) as prepared:
        later = prepared.history_between(first)
        spent = np.zeros(later.n_customers, np.int64)
        np.add.at(spent, later.customer, later.amount)
        return {prepared.customers.id(int(c)): float(spent[c] / MILLION) for c in np.flatnonzero(spent)}
