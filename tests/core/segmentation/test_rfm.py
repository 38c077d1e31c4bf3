"""RFM: ties share a score, new customers are scored by the cut points, every cell has one segment."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.order_days import history_of

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import SettingsError
from smart_retail.segmentation import rfm
from smart_retail.segmentation.rfm import SEGMENT_TABLE, RfmModel
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.settings import RfmSettings
from smart_retail.utils.fixed_point import MILLION

USUAL = RfmSettings()
NO_HISTORY = history_of({}, n_customers=0)
"""Recency in days does not depend on the history."""


def fit_rfm(customers: RfmTable, settings: RfmSettings) -> RfmModel:
    return rfm.fit_rfm(customers, settings, NO_HISTORY)


def table(recency: Sequence[int], frequency: Sequence[int], monetary: Sequence[float]) -> RfmTable:
    amounts = np.round(np.array(monetary, dtype=np.float64) * MILLION).astype(np.int64)
    return RfmTable(np.array(recency, dtype=np.int64), np.array(frequency, dtype=np.int64), amounts)


def scores(model: RfmModel, customers: RfmTable) -> tuple[list[int], list[int], list[int]]:
    r, f, m = model.score(customers.recency, customers.frequency, customers.monetary)
    return r.tolist(), f.tolist(), m.tolist()


customers = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 60), st.integers(-(10**10), 10**12)), min_size=1, max_size=80
).map(lambda rows: RfmTable(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))))


def test_ten_distinct_customers_are_split_into_quintiles_of_two() -> None:
    ten = table(range(1, 11), [2] * 10, range(10, 110, 10))
    model = fit_rfm(ten, USUAL)
    r, _, m = scores(model, ten)
    assert r == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert m == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert model.recency_cuts.tolist() == [2, 4, 6, 8]
    assert model.monetary_cuts.tolist() == [20, 40, 60, 80]


def test_a_single_order_scores_one_and_quartiles_divide_the_repeat_buyers() -> None:
    orders = [1] * 50 + [2, 2, 3, 3, 5, 5, 9, 9]
    shop = table(range(58), orders, range(58))
    model = fit_rfm(shop, USUAL)
    assert scores(model, shop)[1] == [1] * 50 + [2, 2, 3, 3, 4, 4, 5, 5]
    assert model.frequency_cuts.tolist() == [1, 2, 3, 5]


def test_the_upper_bound_of_a_class_is_inclusive_for_later_customers_too() -> None:
    model = fit_rfm(table(range(1, 11), [1] * 6 + [2, 3, 4, 5], range(10, 110, 10)), USUAL)
    newcomers = table([2, 3, 500, 0], [3, 4, 1, 99], [20, 20.000001, -5, 1e6])
    assert scores(model, newcomers) == ([5, 4, 1, 5], [3, 4, 1, 5], [1, 2, 1, 5])


def test_a_customer_without_a_kept_order_has_no_score_and_no_segment() -> None:
    shop = table([0, 3, 4], [0, 1, 2], [0, 10, 20])
    model = fit_rfm(shop, USUAL)
    r, f, m = model.score(shop.recency, shop.frequency, shop.monetary)
    assert (r[0], f[0], m[0]) == (0, 0, 0)
    assert model.segment_index(r, f)[0] == -1
    assert fit_rfm(table([3, 4], [1, 2], [10, 20]), USUAL).recency_cuts.tolist() == model.recency_cuts.tolist()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_shop_with_at_most_two_customers_is_scored(count: int) -> None:
    shop = table([5] * count, [1] * count, [9.5] * count)
    model = fit_rfm(shop, USUAL)
    assert all(1 <= score <= 5 for column in scores(model, shop) for score in column)
    assert (model.assign_segments(shop, NO_HISTORY) >= 0).all()


def test_equal_customers_have_equal_scores() -> None:
    shop = table([7] * 30, [4] * 30, [25] * 30)
    for column in scores(fit_rfm(shop, USUAL), shop):
        assert len(set(column)) == 1


@settings(deadline=None)
@given(customers)
def test_scores_follow_the_values_and_ties_share_them(shop: RfmTable) -> None:
    model = fit_rfm(shop, USUAL)
    r, f, m = model.score(shop.recency, shop.frequency, shop.monetary)
    known = shop.frequency > 0
    for values, score, sign in ((shop.recency, r, -1), (shop.frequency, f, 1), (shop.monetary, m, 1)):
        order = np.argsort(values[known], kind="stable")
        assert (np.diff(sign * score[known][order].astype(int)) >= 0).all()
        for value in np.unique(values[known]):
            assert len(set(score[known & (values == value)].tolist())) == 1
    assert ((f[known] == 1) == (shop.frequency[known] == 1)).all()


@settings(deadline=None)
@given(customers)
def test_a_class_holds_at_most_a_fifth_apart_from_ties_at_its_bound(shop: RfmTable) -> None:
    """Up to the q-th cut lie at least q fifths of the customers, and without the cut's own tie fewer."""
    known = shop.frequency > 0
    model = fit_rfm(shop, USUAL)
    n = int(known.sum())
    for values, cuts in ((shop.recency[known], model.recency_cuts), (shop.monetary[known], model.monetary_cuts * 1e6)):
        for q, cut in enumerate(cuts if n else (), 1):
            bound = round(cut)
            assert 5 * (values <= bound).sum() >= q * n
            assert 5 * (values < bound).sum() < q * n


def test_every_cell_has_the_segment_of_the_standard_table() -> None:
    expected = {
        "Champions": [(5, 4), (5, 5)],
        "Loyal": [(3, 4), (3, 5), (4, 4), (4, 5)],
        "Potential Loyalist": [(4, 2), (4, 3), (5, 2), (5, 3)],
        "New": [(5, 1)],
        "Promising": [(4, 1)],
        "Need Attention": [(3, 3)],
        "About to Sleep": [(3, 1), (3, 2)],
        "Can't Lose": [(1, 5), (2, 5)],
        "At Risk": [(1, 3), (1, 4), (2, 3), (2, 4)],
        "Hibernating": [(2, 1), (2, 2)],
        "Lost": [(1, 1), (1, 2)],
    }
    cells = [cell for each in expected.values() for cell in each]
    assert sorted(cells) == [(r, f) for r in range(1, 6) for f in range(1, 6)]
    model = fit_rfm(table([1], [1], [1]), USUAL)
    assert model.segment_names == tuple(SEGMENTS)
    for name, positions in expected.items():
        r, f = (np.array(axis, dtype=np.int8) for axis in zip(*positions, strict=True))
        assert {model.segment_names[i] for i in model.segment_index(r, f)} == {name}


def test_settings_can_replace_segments_and_cut_points() -> None:
    rows = tuple(
        tuple("gold" if r + f > 8 else "silver" if r + f > 5 else "lead" for f in range(1, 6)) for r in range(1, 6)
    )
    own = RfmSettings(
        segments=rows, recency_cuts=(7, 30, 90, 365), frequency_cuts=(1, 2, 5, 10), monetary_cuts=(0, 50, 500, 5000)
    )
    model = fit_rfm(table([1, 2], [1, 2], [3, 4]), own)
    assert model.segment_names == ("gold", "silver", "lead")
    assert scores(model, table([7, 8, 366], [1, 6, 11], [0, 51, 5000.01])) == ([5, 4, 1], [1, 4, 5], [1, 3, 5])
    found = model.assign_segments(table([7, 8, 366], [11, 2, 1], [1, 1, 1]), NO_HISTORY)
    assert [model.segment_names[i] for i in found] == ["gold", "silver", "lead"]


def test_a_subset_of_the_standard_names_keeps_their_order() -> None:
    rows = (("Lost",) * 5, *(("Loyal",) * 5,) * 3, ("Champions",) * 5)
    assert fit_rfm(table([1], [1], [1]), RfmSettings(segments=rows)).segment_names == ("Champions", "Loyal", "Lost")


def test_an_empty_segment_name_is_rejected() -> None:
    rows = (*SEGMENT_TABLE[:4], ("New", " ", "Champions", "Champions", "Champions"))
    with pytest.raises(SettingsError, match="a name is empty"):
        fit_rfm(table([1], [1], [1]), RfmSettings(segments=rows))


@settings(deadline=None)
@given(customers)
def test_a_model_survives_a_round_trip_through_arrays(shop: RfmTable) -> None:
    model = fit_rfm(shop, USUAL)
    again = RfmModel.from_arrays(model.arrays(), json.loads(json.dumps(model.meta())))
    assert again.segment_names == model.segment_names
    assert (again.assign_segments(shop, NO_HISTORY) == model.assign_segments(shop, NO_HISTORY)).all()
    assert json.loads(json.dumps(model.cuts())) == model.cuts()
