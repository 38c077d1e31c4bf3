"""Verdict on the recommendation lists in words, from the figures of a scorecard.

In: a scorecard. Out: a few sentences for a retail analyst: how many customers bought a recommended product, the same
for popular products, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MIN_CUSTOMERS: Final = 30
"""Smallest number of tested customers for a verdict: with fewer, the figures depend on chance."""
MIN_ADVANTAGE: Final = 0.05
"""Advantage over popular products in the share of customers with a hit (0 to 1) below which it is called small."""
MIN_REPEAT_SHARE: Final = 0.25
"""Share of repeat purchases (0 to 1) from which the verdict mentions them."""
_NUMBERS: Final = {5: "five", 10: "ten", 20: "twenty"}


def describe_quality(scorecard: Mapping[str, Any]) -> str:
    """Return the verdict on the lists of the hybrid, to be shown at the top of reports and screens.

    Parameters
    ----------
    scorecard : mapping
        As in the manifest of a version; also of an older one.
    """
    k = int(scorecard.get("k", 10))
    tasks = scorecard.get("tasks", {})
    if f"hit_rate@{k}" not in tasks.get("any", {}).get("hybrid", {}):
        return "There is too little history to test the lists on later orders."
    customers = int(scorecard.get("customers_by_task", {}).get("any", scorecard.get("customers", 0)))
    if customers < MIN_CUSTOMERS:
        return f"The lists were tested on {customers} customers only, which is too few for a verdict."
    hits, popular = (_hit_rate(tasks["any"], method, k) for method in ("hybrid", "popular"))
    sentences = [
        f"{_of_100(hits)} customers bought at least one of their {_NUMBERS.get(k, k)} products in the "
        f"following {_period(scorecard)} ({_of_100(popular)} with the popular products).",
        _advice(scorecard.get("gate", {}), hits - popular),
    ]
    repeat_share = float(scorecard.get("repeat_share", 0.0))
    if repeat_share >= MIN_REPEAT_SHARE:
        new = ""
        if "new" in tasks:
            hits, popular = (_hit_rate(tasks["new"], method, k) for method in ("hybrid", "popular"))
            new = (
                f"; {_of_100(hits)} bought a product of their list for the first time ({_of_100(popular)} with popular)"
            )
        sentences.append(f"{round(repeat_share * 100)} % of the purchases were repeats{new}.")
    return " ".join(sentences)


def get_verdict(scorecard: Mapping[str, Any]) -> str:
    """Return the verdict stored in a scorecard, or compute it for versions that were fitted without one."""
    return str(scorecard.get("verdict") or describe_quality(scorecard))


def _hit_rate(methods: Mapping[str, Mapping[str, float]], method: str, k: int) -> float:
    """Return the share of customers who bought at least one product of their list, 0 to 1."""
    return float(methods.get(method, {}).get(f"hit_rate@{k}", 0.0))


def _of_100(share: float) -> str:
    """Return a share as "85 of 100", or with a decimal below 1 of 100."""
    return f"{share * 100:.1f} of 100" if 0 < share < 0.01 else f"{round(share * 100)} of 100"


def _period(scorecard: Mapping[str, Any]) -> str:
    """Return the length of the test period: "10 days" or "5 weeks"."""
    days = int(scorecard.get("window", {}).get("days", 0))
    if not days:
        return "weeks"
    return f"{days} days" if days < 14 else f"{round(days / 7)} weeks"


def _advice(gate: Mapping[str, Any], advantage: float) -> str:
    """Return what the comparison with popular products means, and what to do."""
    low, high = gate.get("low"), gate.get("high")
    if high is not None and high < 0:
        return "The lists are worse than popular products: show popular products instead."
    if low is not None and low > 0 and advantage >= MIN_ADVANTAGE:
        return "The lists are clearly better than popular products: use them."
    if low is not None and low > 0:
        return "The lists are hardly better than popular products: select customers and offers by segment."
    return "The lists are not shown to be better than popular products: select customers and offers by segment."
