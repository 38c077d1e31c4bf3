"""The Methods page shows the parts that a scorecard has."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from smart_retail.results import ModelInfo
from smart_retail.serving.engine import Engine
from smart_retail_streamlit import scorecard_data
from smart_retail_streamlit.views.segments import score_ranges

from .conftest import Open, html_of

CARD: dict[str, Any] = {
    "k": 10,
    "customers": 2096,
    "repeat_share": 0.41,
    "choice": "The blend is used: the ranker was not better.",
    "gate": {"difference": 0.1, "low": 0.08, "high": 0.12},
    "tasks": {
        "new": {"cf": {"ndcg@10": 0.05, "low": 0.04, "high": 0.06, "recall@10": 0.1}},
        "any": {
            "popular": {"ndcg@10": 0.2, "low": 0.19, "high": 0.21},
            "hybrid": {"ndcg@10": 0.4, "low": 0.39, "high": 0.41},
        },
    },
    "merge": "blend",
    "customers_by_task": {"any": 2096, "new": 2071},
    "by_history": {
        "any": {
            "1 order": {"customers": 12, "hybrid": 0.1, "popular": 0.09, "cosine CF": 0.01},
            "10 and more": {"customers": 80, "hybrid": 0.5},
        }
    },
    "ablation": {
        "any": {
            "blend": {
                "RFM segment": {"adds": -0.001, "low": -0.002, "high": 0.0},
                "own frequency and recency": {"adds": 0.08, "low": 0.07, "high": 0.09},
            }
        }
    },
    "groups": {
        "rfm": {"cuts": {"recency": [3, 7, 14, 44], "frequency": [1, 20, 45, 90], "monetary": [1.5, 2, 3, 4]}},
    },
    "notes": ["Trained on two windows."],
}


def test_methods_are_sorted_best_first_with_intervals() -> None:
    rows = scorecard_data.method_rows(CARD, "any")
    assert [(r["method"], r["text"], r["interval"]) for r in rows] == [
        ("Hybrid", "0.400", "0.390 to 0.410"),
        ("Popular", "0.200", "0.190 to 0.210"),
    ]
    assert scorecard_data.tasks(CARD) == ["any", "new"]


def test_groups_have_a_value_for_every_method() -> None:
    rows = scorecard_data.group_rows(CARD, "by_history", "any")
    assert [(r["group"], r["method"], r["value"]) for r in rows] == [
        ("1 order (12)", "Hybrid", 0.1), ("1 order (12)", "Popular", 0.09), ("10 and more (80)", "Hybrid", 0.5),
    ]  # fmt: skip


def test_remarks_contain_choice_gate_and_repeats() -> None:
    assert scorecard_data.remarks(CARD) == [
        "The blend is used: the ranker was not better.",
        "NDCG of Hybrid minus Popular: 0.100 (0.080 to 0.120).",
        "41.0 % of the held-out purchases are repeat purchases.",
        "Trained on two windows.",
    ]


@pytest.mark.parametrize("card", [{}, {"tasks": {}}, {"tasks": {"any": {}}}, {"gate": {"low": None}, "ablation": {}}])
def test_an_empty_scorecard_has_no_rows(card: dict[str, Any]) -> None:
    assert scorecard_data.method_rows(card, "any") == []
    assert scorecard_data.ablation_rows(card, "any") == []
    assert scorecard_data.group_rows(card, "by_history", "any") == []


class Evaluated(Engine):
    card = CARD

    def model(self) -> ModelInfo:
        return structs.replace(super().model(), scorecard=self.card)


def test_the_page_shows_methods_groups_and_ablation(open_page: Open) -> None:
    body = html_of(open_page("methods", Evaluated))
    for text in (
        "Hybrid ranks first on all purchases (NDCG@10 = 0.400)",
        "By amount of history: Hybrid",
        "Own frequency and recency contributes most to Hybrid (0.080)",
    ):
        assert text in body
    assert "Tested on 2,096 customers" in body
    body = html_of(open_page("methods", Evaluated, task="new"))
    assert "2,071 customers" in body
    assert "CF ranks first on first purchases of a product" in body
    assert "By amount of history" not in body


def test_without_a_scorecard_the_reason_is_shown(open_page: Open) -> None:
    class NotEvaluated(Evaluated):
        card = {"gate": {"low": None, "skipped": "nothing was held out"}}  # noqa: RUF012

    for path in ("methods", ""):
        assert "Methods were not compared: nothing was held out." in html_of(open_page(path, NotEvaluated))


def test_the_cut_points_of_the_scores_are_shown(open_page: Open) -> None:
    body = html_of(open_page("segments", Evaluated))
    assert "over 44</td>" in body
    assert "up to 1.50</td>" in body


def test_score_ranges_are_ordered_from_score_1_to_5() -> None:
    assert score_ranges([1, 2, 3, 4], descending=False) == [
        "up to 1",
        "over 1 to 2",
        "over 2 to 3",
        "over 3 to 4",
        "over 4",
    ]
    assert score_ranges([1, 2, 3, 4], descending=True)[0] == "over 4"
