"""What `migration` and `lift` compare: customers as a bundle has them, and what they spent in later orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from smart_retail.data.interactions import MILLION
from smart_retail.data.prepare import prepare
from smart_retail.data.sources import Source
from smart_retail.engine import Engine
from smart_retail.errors import UsageError
from smart_retail.progress import SILENT, Progress
from smart_retail.reporting.migration import Standing
from smart_retail.settings import Settings

CHECK_EVERY = 500
"""Customers between two looks at whether to stop."""


def standings(engine: Engine, progress: Progress = SILENT) -> dict[str, Standing]:
    """Customer id -> standing in the bundle, of customers with kept purchases."""
    found = {}
    for number, customer in enumerate(engine.customer_ids()):
        if number % CHECK_EVERY == 0:
            progress.check()
        profile = engine.customer(customer)
        if profile.rfm is not None and profile.last_order is not None and profile.purchases:
            found[customer] = Standing(
                profile.customer_name,
                profile.rfm.segment,
                profile.rfm.monetary,
                profile.last_order,
                profile.purchases[0].item_name,
            )
    return found


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
    try:
        first = (date.fromisoformat(since) - date(1970, 1, 1)).days
    except ValueError as error:
        raise UsageError(f"{since!r} is no date.", "Write it as 2026-01-31.") from error
    settings = settings or Settings()
    with prepare(
        sources, mapping=mapping, settings=settings.data, threads=settings.threads, progress=progress
    ) as prepared:
        later = prepared.between(first)
        spent = np.zeros(later.n_customers, np.int64)
        np.add.at(spent, later.customer, later.amount)
        return {prepared.customers.id(int(c)): float(spent[c] / MILLION) for c in np.flatnonzero(spent)}
