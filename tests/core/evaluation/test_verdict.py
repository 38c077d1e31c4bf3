"""The verdict in words: figures, comparison with popular products, and when there is no verdict."""

from __future__ import annotations

from typing import Any

import pytest

from smart_retail.evaluation.verdict import describe_quality


def scorecard(
    hits: float, popular: float, gate: tuple[float, float], *, customers: int = 500, repeats: float = 0.0
) -> dict[str, Any]:
    methods = {"hybrid": {"hit_rate@10": hits}, "popular": {"hit_rate@10": popular}}
    return {
        "k": 10,
        "customers": customers,
        "customers_by_task": {"any": customers},
        "window": {"days": 36},
        "tasks": {"any": methods, "new": methods},
        "gate": {"difference": sum(gate) / 2, "low": gate[0], "high": gate[1], "skipped": ""},
        "repeat_share": repeats,
    }


def test_the_verdict_names_hits_period_and_popular_products() -> None:
    assert describe_quality(scorecard(0.849, 0.693, (0.2, 0.3))).startswith(
        "85 of 100 customers bought at least one of their ten products in the following 5 weeks "
        "(69 of 100 with the popular products). The lists are clearly better than popular products"
    )


@pytest.mark.parametrize(
    ("hits", "popular", "gate", "finding"),
    [
        (0.85, 0.69, (0.1, 0.2), "clearly better"),
        (0.037, 0.027, (0.001, 0.003), "hardly better"),
        (0.85, 0.69, (-0.1, 0.2), "not shown to be better"),
        (0.3, 0.4, (-0.2, -0.1), "worse"),
    ],
)
def test_the_finding_follows_from_the_interval_and_the_size_of_the_advantage(
    hits: float, popular: float, gate: tuple[float, float], finding: str
) -> None:
    assert finding in describe_quality(scorecard(hits, popular, gate))


def test_there_is_no_verdict_on_few_customers_or_without_a_test() -> None:
    assert "too few for a verdict" in describe_quality(scorecard(0.9, 0.1, (0.5, 0.9), customers=29))
    assert "too little history" in describe_quality({"k": 10, "customers": 0, "tasks": {}, "gate": {}})


def test_repeat_purchases_are_mentioned_where_they_are_frequent() -> None:
    assert "41 % of the purchases were repeats; 80 of 100" in describe_quality(
        scorecard(0.8, 0.6, (0.1, 0.2), repeats=0.4138)
    )
    assert "repeats" not in describe_quality(scorecard(0.8, 0.6, (0.1, 0.2), repeats=0.01))


def test_small_shares_are_not_rounded_to_zero() -> None:
    assert describe_quality(scorecard(0.004, 0.0, (0.001, 0.002))).startswith("0.4 of 100 customers")
