"""Recency in a customer's own usual intervals: known results, and scores that agree with the numbers on screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tests import shop
from tests.fitted_shop import SETTINGS
from tests.order_days import history_of

from smart_retail.presentation.formatting import describe_last_order
from smart_retail.protocol import CustomerQuery, all_customers
from smart_retail.results import FitReport
from smart_retail.segmentation.order_rhythm import (
    INTERVAL_CUTS,
    count_intervals,
    median_interval,
    recency_in_intervals,
    usual_intervals,
)
from smart_retail.segmentation.rfm import RfmModel, compute_rfm, fit_rfm
from smart_retail.segmentation.segment_limits import describe_limits
from smart_retail.serving.engine import Engine
from smart_retail.settings import RfmSettings
from smart_retail.training.fit import fit

INTERVALS = RfmSettings(recency="intervals")
WEEKLY, MONTHLY, ONCE, NEVER = range(4)
HISTORY = history_of({WEEKLY: [0, 7, 14, 21, 28], MONTHLY: [0, 30, 60], ONCE: [40]}, n_customers=4)


def test_orders_of_one_day_count_once() -> None:
    intervals, days = count_intervals(history_of({0: [3, 3, 10], 1: [5, 5]}, n_customers=3))
    assert intervals.tolist() == [1, 0, 0]
    assert days.tolist() == [7, 0, 0]


def test_the_usual_interval_is_shrunk_towards_the_median_of_the_shop() -> None:
    assert median_interval(HISTORY) == 18.5  # of 7 and 30 days
    # (28 + 2 * 18.5) / (4 + 2), (60 + 2 * 18.5) / (2 + 2), and the median without an interval
    assert usual_intervals(HISTORY, 18.5).tolist() == pytest.approx([65 / 6, 97 / 4, 18.5, 18.5])
    assert median_interval(history_of({0: [1], 1: [2]})) == 1.0
    assert usual_intervals(history_of({0: [1, 2, 3]}), 0.1).tolist() == [1.0]


def test_more_orders_bring_the_usual_interval_closer_to_the_own_one() -> None:
    usual = [usual_intervals(history_of({0: list(range(0, 7 * n, 7))}), 30.0)[0] for n in range(1, 30)]
    assert usual[0] == 30.0
    assert usual == sorted(usual, reverse=True)
    assert usual[-1] == pytest.approx((28 * 7 + 60) / 30)


def test_recency_is_counted_in_the_own_intervals() -> None:
    days = np.array([65, 97, 37, 0])
    assert recency_in_intervals(days, HISTORY, 18.5).tolist() == [6.0, 4.0, 2.0, 0.0]


def test_equal_days_are_scored_by_the_own_rhythm() -> None:
    model = fit_rfm(compute_rfm(HISTORY, 61), INTERVALS, HISTORY)
    assert model.shop_interval == 18.5
    assert model.recency_cuts.tolist() == list(INTERVAL_CUTS)
    same_day = history_of({WEEKLY: [60 - 28 + k for k in range(0, 29, 7)], MONTHLY: [0, 30, 60]})
    r, _, _ = model.score_customers(compute_rfm(same_day, 95), same_day)  # 35 days: 3.2 and 1.4 usual intervals
    assert r.tolist() == [2, 4]
    in_days = fit_rfm(compute_rfm(HISTORY, 61), RfmSettings(), HISTORY)
    r, _, _ = in_days.score_customers(compute_rfm(same_day, 95), same_day)
    assert r[0] == r[1]


def test_the_arrays_of_a_model_describe_it_and_days_add_none() -> None:
    table = compute_rfm(HISTORY, 61)
    model = fit_rfm(table, INTERVALS, HISTORY)
    again = RfmModel.from_arrays(model.arrays(), model.meta())
    assert again.assign_segments(table, HISTORY).tolist() == model.assign_segments(table, HISTORY).tolist()
    assert set(model.cuts()) == {"recency_intervals", "frequency", "monetary"}
    in_days = fit_rfm(table, RfmSettings(), HISTORY)
    assert set(model.arrays()) - set(in_days.arrays()) == {"shop_interval"}
    assert set(in_days.cuts()) == {"recency", "frequency", "monetary"}


def test_own_cut_points_are_in_intervals() -> None:
    settings = RfmSettings(recency="intervals", recency_cuts=(0.5, 1.0, 1.5, 2.0))
    assert fit_rfm(compute_rfm(HISTORY, 61), settings, HISTORY).recency_cuts.tolist() == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("segment", "limits"),
    [
        ("Champions", "At most 1 usual gap since the last order, 7 orders or more"),
        ("Loyal", "More than 1 and at most 3 usual gaps since the last order, 7 orders or more"),
        ("At Risk", "More than 3 usual gaps since the last order, 4 to 10 orders"),
        ("Lost", "More than 5 usual gaps since the last order, 1 to 3 orders"),
    ],
)
def test_limits_of_segments_are_usual_gaps(segment: str, limits: str) -> None:
    settings = RfmSettings(recency="intervals", frequency_cuts=(1.0, 3.0, 6.0, 10.0))
    model = fit_rfm(compute_rfm(HISTORY, 61), settings, HISTORY)
    assert describe_limits(model, model.segment_names.index(segment)) == limits


def test_a_profile_says_how_many_usual_gaps_have_passed(fitted: tuple[Path, FitReport]) -> None:
    engine = Engine.load(fitted[0])
    known = 0
    for customer in list(engine.customer_ids())[::7]:
        profile = engine.customer(customer)
        if profile.rfm is None or profile.usual_interval_days is None:
            assert profile.usual_intervals_since_order is None
            continue
        known += 1
        gaps = profile.usual_intervals_since_order
        assert gaps == pytest.approx(profile.rfm.recency / profile.usual_interval_days, rel=0.06, abs=0.06)
        word = "gap" if gaps == 1 else "gaps"
        assert f"ago ({gaps:g} usual {word}), usually every " in describe_last_order(profile)
    assert known > 10


@pytest.mark.slow
def test_a_shop_fitted_with_intervals_scores_what_it_shows(tmp_path: Path) -> None:
    settings = structs.replace(SETTINGS, rfm=INTERVALS)
    fit(shop.write(tmp_path / "orders.csv"), artifacts=tmp_path / "artifacts", settings=settings)
    engine = Engine.load(tmp_path / "artifacts")
    bounds = (0.0, *INTERVAL_CUTS, np.inf)
    segments = {row.customer_id: row.segment for row in all_customers(engine, CustomerQuery())}
    checked = 0
    for customer in engine.customer_ids():
        profile = engine.customer(customer)
        gaps = profile.usual_intervals_since_order
        if profile.rfm is None or gaps is None:
            continue
        assert bounds[5 - profile.rfm.r] <= gaps <= bounds[6 - profile.rfm.r], customer
        assert profile.rfm.segment == segments[customer]
        checked += 1
    assert checked > 100
    at_risk = next(segment for segment in engine.segments() if segment.name == "At Risk")
    assert at_risk.limits.startswith("More than 3 usual gaps since the last order")
