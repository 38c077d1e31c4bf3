"""Formatting of values and table models."""

from __future__ import annotations

import pytest
from tests import shop

from smart_retail.results import Reason, Recommendation, RecommendationList
from smart_retail.serving.engine import Engine
from smart_retail_tkinter import formatting, table_models


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formatting.format_integer(1234567.4), "1,234,567"),
        (formatting.format_amount(13747.4), "13,747.40"),
        (formatting.format_amount(-0.5, "EUR"), "-0.50 EUR"),
        (formatting.format_percent(0.1234), "12.3 %"),
        (formatting.quantity(1200.0), "1,200"),
        (formatting.quantity(2.5), "2.5"),
        (formatting.pluralize(1, "order"), "1 order"),
        (formatting.pluralize(1590, "customer"), "1,590 customers"),
        (formatting.seconds_left(40.2), "about 40 s left"),
        (formatting.seconds_left(200.0), "about 3 min left"),
        (formatting.seconds_left(None), ""),
        (formatting.join_name_and_id("Paper", "OFF-1"), "Paper · OFF-1"),
        (formatting.join_name_and_id("", "OFF-1"), "OFF-1"),
    ],
)
def test_values_are_formatted(shown: str, expected: str) -> None:
    assert shown == expected


def test_the_profile_line_describes_a_customer(engine: Engine) -> None:
    profiles = map(engine.customer, shop.customers())
    profile = next(p for p in profiles if p.rfm and p.rfm.recency > 1 and p.returned_share > 0)
    line = formatting.describe_profile(profile, "EUR")
    assert line.startswith(f"{profile.rfm.segment} · value {profile.rfm.value_tier} · R {profile.rfm.r} F ")
    assert f"cluster {profile.cluster.name}" in line
    assert f"{profile.rfm.monetary:,.2f} EUR" in line
    assert f"last order {profile.rfm.recency} days ago" in line
    assert line.endswith(f"{100 * profile.returned_share:.1f} % returned")


def test_the_profile_line_of_an_unknown_customer(engine: Engine) -> None:
    assert "unknown customer" in formatting.describe_profile(engine.customer("unknown-id"))
    assert formatting.describe_profile(engine.customer(shop.RETURNED_ALL)) == "all orders returned · 100.0 % returned"


def _item(item_id: str, rank: int, *reasons: Reason) -> Recommendation:
    return Recommendation(rank, item_id, f"Name {item_id}", "Kind", 1.0, "cf", reasons)


def test_the_main_reason_is_the_one_with_the_largest_share() -> None:
    weak, strong = Reason("popular", "popular", 3, 0.2, None, "popular"), Reason("x", "cf", 1, 0.8, "b", "with b")
    (row,) = table_models.recommendation_table([_item("a", 1, weak, strong)]).rows
    assert row.cells == ("1", "Name a", "a", "Kind", "with b", "80.0 %")
    assert row.values[-1] == 0.8
    assert row.detail == "score 1 from CF: popular (Popular #3, 20.0 %) · with b (CF #1, 80.0 %)"


def test_the_clipboard_text_has_one_line_per_row_and_unchanged_ids() -> None:
    table = table_models.recommendation_table([_item("00012", 1), _item("a\tb", 2)])
    lines = table.text().split("\n")
    assert lines[0].split("\t")[:3] == ["#", "Product", "Product id"]
    assert lines[1].split("\t")[2] == "00012"
    assert all(len(line.split("\t")) == len(table.columns) for line in lines)


def _all(**lists: list[str]) -> RecommendationList:
    def part(method: str, ids: list[str]) -> RecommendationList:
        items = tuple(_item(item, rank) for rank, item in enumerate(ids, 1))
        return RecommendationList("c", True, False, method, "v", "", items)

    return RecommendationList("c", True, False, "all", "v", "", (), {m: part(m, ids) for m, ids in lists.items()})


def test_ranks_are_listed_in_the_order_of_the_methods() -> None:
    recommendations = _all(popular=["d", "c"], cf=["c", "a"], hybrid=["a", "b"])
    assert table_models.ranks_text(recommendations, "a") == "Hybrid #1 (score 1 from CF), CF #2 (score 1)"
    assert table_models.ranks_text(recommendations, "c") == "CF #1 (score 1), Popular #2 (score 1 from CF)"


def test_the_comparison_table_contains_the_lists_of_all_methods(engine: Engine) -> None:
    recommendations = engine.recommend("c0003", "all", 4)
    table = table_models.comparison_table(recommendations)
    assert len(table.rows) == 20
    assert {row.cells[0] for row in table.rows} == {"Hybrid", "Personalized", "RFM", "CF", "Popular"}
    assert all(len(row.values) == len(table.columns) for row in table.rows)


def test_the_cleaning_table_accounts_for_every_row(engine: Engine) -> None:
    report = engine.model().cleaning
    values = {row.values[0]: row.values[1] for row in table_models.cleaning_table(report).rows}
    rejected = sum(n for what, n in values.items() if str(what).startswith("rejected"))
    assert values["in the files"] == values["accepted"] + rejected == report.rows_in
