"""Tables of the scorecard."""

from __future__ import annotations

import pytest

from smart_retail.serving.engine import Engine
from smart_retail_cli.scorecard_tables import print_scorecard

FULL = {
    "customers_by_task": {"any": 549},
    "tasks": {
        "any": {
            "popular": {"ndcg@10": 0.01, "low": 0.005, "high": 0.015, "mrr@10": 0.2, "popularity_bias": 2.0},
            "hybrid": {"ndcg@10": 0.02, "low": 0.015, "high": 0.025, "mrr@10": 0.3, "popularity_bias": 1.0},
            "cosine CF": {"ndcg@10": 0.015, "low": 0.01, "high": 0.02, "mrr@10": 0.1, "popularity_bias": 1.0},
        }
    },
    "by_history": {"any": {"one order": {"customers": 21.0, "hybrid": 0.0141, "popular": 0.0065}}},
    "ablation": {"any": {"ranker": {"trend": {"adds": -0.001, "low": -0.004, "high": 0.003}}}},
    "notes": ["Thin \x1b[31mdata."],
}


def test_methods_are_sorted_by_the_first_metric_and_show_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    print_scorecard(FULL)
    text = capsys.readouterr().out
    assert "549 customers" in text
    assert text.index("Hybrid") < text.index("Cosine CF") < text.index("Popular")
    assert "0.0200" in text
    assert "Popularity bias" not in text
    assert "adds" not in text.lower()
    assert "\x1b[31m" not in text


def test_the_detailed_scorecard_shows_history_groups_and_signals(capsys: pytest.CaptureFixture[str]) -> None:
    print_scorecard(FULL, detailed=True)
    text = capsys.readouterr().out
    assert "one order" in text
    assert "0.0141" in text
    assert "-0.0010" in text


def test_an_incomplete_scorecard_is_accepted(capsys: pytest.CaptureFixture[str], engine: Engine) -> None:
    print_scorecard(engine.model().scorecard, detailed=True)
    assert "Hybrid" in capsys.readouterr().out
    print_scorecard({}, detailed=True)
    assert capsys.readouterr().out == ""
