"""What a campaign did: revenue of the treated customers against the held-out ones.

In: the campaign file and the orders that came after it. Out: uplift with a bootstrap interval.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import ColumnError, DataError
from smart_retail.results import Result

BOOTSTRAP_DRAWS: Final = 2000
_HEADINGS: Final = (("Customer id", "customer_id"), ("Group", "group"))


class Uplift(Result, frozen=True):
    """Uplift of one measure: treated mean over holdout mean, minus 1."""

    measure: str
    """revenue (a customer) or buyers (share of customers who bought)."""
    treated: float
    holdout: float
    uplift: float
    low: float
    high: float
    """95 % interval of the uplift."""
    treated_customers: int
    holdout_customers: int


def read_groups(path: Path) -> dict[str, str]:
    """Customer id -> ``treated`` or ``holdout`` of a campaign file (CSV)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            there = reader.fieldnames or []
            customer, group = (next((h for h in headings if h in there), "") for headings in _HEADINGS)
            if not customer or not group:
                raise ColumnError(
                    f"{path.name} is no campaign file.", "Give the CSV that `smart-retail campaign` wrote."
                )
            groups = {_without_apostrophe(row[customer]): row[group] for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read.", "Give the CSV that `smart-retail campaign` wrote.") from error
    if set(groups.values()) != {"treated", "holdout"}:
        raise DataError(
            f"{path.name} does not have both treated and held-out customers.", "Write the campaign with a holdout."
        )
    return groups


def estimate_uplift(groups: Mapping[str, str], revenue: Mapping[str, float], seed: int = 0) -> tuple[Uplift, ...]:
    """Uplift of revenue and of buyers.

    Parameters
    ----------
    groups : mapping
        Customer id -> ``treated`` or ``holdout``.
    revenue : mapping
        Customer id -> net revenue after the campaign; those missing bought nothing.
    seed : int
        Of the bootstrap: customers are drawn with replacement within each group, 2,000 times, and the interval
        is the 2.5 % and 97.5 % quantiles of the ratio (Efron 1979).
    """
    rng = np.random.default_rng(seed)
    spent = {
        kind: np.array([revenue.get(c, 0.0) for c in sorted(groups) if groups[c] == kind])
        for kind in ("treated", "holdout")
    }
    found = []
    for measure, values in (("revenue", spent), ("buyers", {k: (v > 0).astype(float) for k, v in spent.items()})):
        treated, holdout = values["treated"], values["holdout"]
        if holdout.mean() <= 0:
            raise DataError(
                "No held-out customer bought anything after the campaign.", "Wait for more orders, or hold out more."
            )
        ratios = _means(treated, rng) / np.maximum(_means(holdout, rng), 1e-12) - 1
        low, high = np.quantile(ratios, [0.025, 0.975])
        found.append(
            Uplift(
                measure,
                round(float(treated.mean()), 6),
                round(float(holdout.mean()), 6),
                round(float(treated.mean() / holdout.mean() - 1), 6),
                round(float(low), 6),
                round(float(high), 6),
                len(treated),
                len(holdout),
            )
        )
    return tuple(found)


def _means(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(BOOTSTRAP_DRAWS)])


def _without_apostrophe(text: str) -> str:
    """An id without the apostrophe that keeps a spreadsheet from reading it as a formula."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@\t\r" else text
