"""Effect of a campaign: revenue and buyers of the treated customers compared with the held-out ones.

In: the campaign file and the orders since then. Out: uplift with a bootstrap confidence interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.small_tables import read_small_table
from smart_retail.errors import ColumnError, DataError
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent
from smart_retail.results import Result

BOOTSTRAP_DRAWS: Final = 2000
_HEADINGS: Final = (("Customer id", "customer_id"), ("Group", "group"))
_MEASURES: Final = {
    "revenue": ("more revenue per customer", "less revenue per customer", "the same revenue per customer"),
    "buyers": ("more buyers", "fewer buyers", "as many buyers"),
}


class Uplift(Result, frozen=True):
    """Uplift of one measure: mean of the treated customers over mean of the held-out customers, minus 1."""

    measure: str
    """revenue (amount per customer) or buyers (share of customers who bought, 0 to 1)."""
    treated: float
    """Mean over the treated customers."""
    holdout: float
    """Mean over the held-out customers."""
    uplift: float
    """0.1 means 10 % more than without the campaign; -1 and above."""
    low: float
    """Lower end of the 95 % confidence interval of the uplift."""
    high: float
    """Upper end of the 95 % confidence interval of the uplift."""
    treated_customers: int
    holdout_customers: int


class CampaignEffect(Result, frozen=True):
    """Measured effect of a campaign."""

    uplifts: tuple[Uplift, ...]
    """Of revenue per customer, then of the share of buyers."""
    since: str
    """First day whose orders counted, ISO date."""


def describe_uplift(uplift: Uplift) -> str:
    """Return the result as a sentence: "10 % more buyers than without the campaign (range +2 % to +18 %)"."""
    more, less, same = _MEASURES[uplift.measure]
    percent = round(abs(uplift.uplift) * 100)
    effect = f"{percent} % {more if uplift.uplift > 0 else less} than" if percent else f"{same} as"
    no_effect = ": no effect shown" if uplift.low <= 0 <= uplift.high else ""
    interval = f"range {uplift.low * 100:+.0f} % to {uplift.high * 100:+.0f} %{no_effect}"
    return f"{effect[0].upper()}{effect[1:]} without the campaign ({interval})"


EFFECT_HEADINGS: Final = ("Figure", "Contacted", "Held out", "Effect", "From", "To")
"""Headings of the cells of `uplift_cells`."""


def uplift_cells(uplift: Uplift, currency: str = "") -> tuple[str, ...]:
    """Return the cells of a table of uplifts, see `EFFECT_HEADINGS`; the last two are the 95 % interval."""
    revenue = uplift.measure == "revenue"
    means = (uplift.treated, uplift.holdout)
    return (
        "Revenue per customer" if revenue else "Share who bought",
        *(format_amount(mean, currency) if revenue else format_percent(mean) for mean in means),
        *(f"{100 * share:+.1f} %" for share in (uplift.uplift, uplift.low, uplift.high)),
    )


def describe_effect(effect: CampaignEffect) -> tuple[str, str]:
    """Return the verdict on a campaign in sentences, and what was compared."""
    first = effect.uplifts[0]
    verdict = ". ".join(describe_uplift(uplift) for uplift in effect.uplifts) + "."
    return verdict, (
        f"Orders since {effect.since}: {format_integer(first.treated_customers)} contacted customers against "
        f"{format_integer(first.holdout_customers)} held out. Ranges are 95 % confidence intervals."
    )


def read_groups(path: Path) -> dict[str, str]:
    """Return customer id -> ``treated`` or ``holdout`` of a campaign file (CSV or XLSX).

    Raises
    ------
    ColumnError
        The file lacks the columns of a campaign file.
    DataError
        The file cannot be read, or one of the two groups is empty.
    """
    header, rows = read_small_table(path)
    customer, group = (next((name for name in names if name in header), "") for names in _HEADINGS)
    if not customer or not group:
        raise ColumnError(
            f"{path.name} was not written by `smart-retail campaign`.",
            "Give the file that `smart-retail campaign` wrote.",
        )
    groups = {_without_apostrophe(row[customer]): row[group] for row in rows}
    if set(groups.values()) != {"treated", "holdout"}:
        raise DataError(
            f"{path.name} does not have both treated and held-out customers.",
            "Write the campaign with a holdout share above 0.",
        )
    return groups


def estimate_uplift(groups: Mapping[str, str], revenue: Mapping[str, float], seed: int = 0) -> tuple[Uplift, ...]:
    """Return the uplift of revenue per customer and of the share of buyers.

    Parameters
    ----------
    groups : mapping
        Customer id -> ``treated`` or ``holdout``.
    revenue : mapping
        Customer id -> net revenue after the campaign; customers without an entry bought nothing.
    seed : int
        Of the bootstrap: customers are drawn with replacement within each group, 2,000 times, and the interval
        is the 2.5 % and 97.5 % quantiles of the ratio (Efron 1979).

    Returns
    -------
    tuple of Uplift
        Of revenue per customer, then of the share of buyers.

    Raises
    ------
    DataError
        No held-out customer bought anything.
    """
    rng = np.random.default_rng(seed)
    spent = {
        group: np.array([revenue.get(c, 0.0) for c in sorted(groups) if groups[c] == group])
        for group in ("treated", "holdout")
    }
    results = []
    for measure, values in (("revenue", spent), ("buyers", {k: (v > 0).astype(float) for k, v in spent.items()})):
        treated, holdout = values["treated"], values["holdout"]
        if holdout.mean() <= 0:
            raise DataError(
                "No held-out customer bought anything after the campaign.",
                "Wait for more orders, or hold out more customers next time.",
            )
        ratios = _bootstrap_means(treated, rng) / np.maximum(_bootstrap_means(holdout, rng), 1e-12) - 1
        low, high = np.quantile(ratios, [0.025, 0.975])
        results.append(
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
    return tuple(results)


def _bootstrap_means(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the means of resamples, shape ``(BOOTSTRAP_DRAWS,)``."""
    return np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(BOOTSTRAP_DRAWS)])


def _without_apostrophe(text: str) -> str:
    """Return an id without the apostrophe that keeps a spreadsheet from reading it as a formula."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@\t\r" else text
