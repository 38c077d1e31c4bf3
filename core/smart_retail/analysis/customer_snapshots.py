"""Snapshots of all customers at one moment, and their revenue since a date: the inputs of migration and uplift.

In: a local engine, or order files. Out: `CustomerSnapshot` by customer id, or revenue by customer id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smart_retail.analysis.bundle_history import purchases_before, read_history
from smart_retail.analysis.segment_migration import CustomerSnapshot, Migration, compute_migration
from smart_retail.data.ingestion.sources import Source
from smart_retail.data.pipeline import prepare
from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import LocalEngine
from smart_retail.segmentation.rfm import compute_rfm, fit_rfm
from smart_retail.settings import Settings
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.fixed_point import MILLION

CHECK_EVERY_CUSTOMERS = 500
"""Number of customers between two checks for cancellation."""


def current_snapshots(engine: LocalEngine, progress: Progress = SILENT) -> dict[str, CustomerSnapshot]:
    """Return customer id -> snapshot in the bundle, of customers with kept purchases."""
    snapshots = {}
    for number, customer in enumerate(engine.customer_ids()):
        if number % CHECK_EVERY_CUSTOMERS == 0:
            progress.check()
        profile = engine.customer(customer)
        if profile.rfm is not None and profile.last_order is not None and profile.purchases:
            snapshots[customer] = CustomerSnapshot(
                profile.customer_name,
                profile.rfm.segment,
                profile.rfm.monetary,
                profile.last_order,
                profile.purchases[0].item_name,
            )
    return snapshots


def snapshots_at(engine: LocalEngine, day: str) -> dict[str, CustomerSnapshot]:
    """Return customer id -> snapshot on an ISO date, from the purchases before it and with cut points of that day.

    Raises
    ------
    UsageError
        `day` is not a valid ISO date, or nothing was bought before it.
    """
    store, analysis_day = engine.tables, parse_day(day)
    history = purchases_before(read_history(engine.bundle, store.n_fitted_items), analysis_day)
    if not len(history):
        raise UsageError(f"There is no purchase before {day}.", f"The history begins on {engine.model().first}.")
    table = compute_rfm(history, max(analysis_day, int(history.day.max()) + 1))
    model = fit_rfm(table, Settings.from_dict(engine.bundle.manifest["settings"]).rfm, history)
    segment = model.assign_segments(table, history)
    # Rows are in time order, so that the dict keeps the latest purchase of each customer.
    latest_row = dict(zip(history.customer.tolist(), range(len(history)), strict=True))
    names = store.texts("customers/names")
    return {
        store.customers.id(code): CustomerSnapshot(
            names[code],
            model.segment_names[int(segment[code])],
            int(table.monetary[code]) / MILLION,
            iso(int(history.day[row])),
            store.item_name(int(history.item[row])),
        )
        for code, row in latest_row.items()
    }


def migration_between_dates(engine: LocalEngine, before: str, after: str = "") -> Migration:
    """Return the migration between two ISO dates of one version's history.

    Parameters
    ----------
    engine : LocalEngine
    before : str
        ISO date of the earlier moment.
    after : str
        ISO date of the later moment; by default the analysis date of the version.

    Returns
    -------
    Migration

    Raises
    ------
    UsageError
        A date is not valid, the dates are not in order, or nothing was bought before the earlier one.
    """
    after = after or iso(int(engine.bundle.manifest["analysis_day"]))
    if parse_day(before) >= parse_day(after):
        raise UsageError(f"{before} is not before {after}.", "Give the earlier date first.")
    return compute_migration(snapshots_at(engine, before), snapshots_at(engine, after), (before, after))


def revenue_since(
    sources: Sequence[Source],
    since: str,
    *,
    mapping: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Return customer id -> net revenue of the orders on and after a date.

    Parameters
    ----------
    sources : sequence of path or data frame
        Order lines.
    since : str
        ISO date of the first day that counts.
    mapping : mapping, optional
        Canonical column -> header, for headers that are not recognised.
    settings : Settings, optional
    progress : Progress

    Returns
    -------
    dict
        Amounts in the shop's currency; customers without revenue are left out.

    Raises
    ------
    UsageError
        `since` is not a valid ISO date.
    DataError
        The orders cannot be read.
    """
    first_day = parse_day(since)
    settings = settings or Settings()
    with prepare(
        sources, mapping=mapping, settings=settings.data, threads=settings.threads, progress=progress
    ) as dataset:
        later = dataset.history_between(first_day)
        spent = np.zeros(later.n_customers, np.int64)
        np.add.at(spent, later.customer, later.amount)
        return {dataset.customers.id(int(c)): float(spent[c] / MILLION) for c in np.flatnonzero(spent)}
