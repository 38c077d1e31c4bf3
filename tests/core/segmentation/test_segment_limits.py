"""The limits of a segment in numbers, as people read them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.order_days import history_of

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.segmentation.rfm import SEGMENT_TABLE, RfmModel, fit_rfm
from smart_retail.segmentation.segment_limits import describe_limits
from smart_retail.settings import RfmSettings
from smart_retail.utils.fixed_point import MILLION

CUTS = {"recency_cuts": (30.0, 60.0, 90.0, 180.0), "frequency_cuts": (1.0, 3.0, 6.0, 10.0)}


def fit(**settings: object) -> RfmModel:
    table = RfmTable(*(np.array(column) for column in ([10, 100], [1, 5], [MILLION, MILLION])))
    return fit_rfm(table, RfmSettings(**(CUTS | settings)), history_of({0: [0, 90], 1: [0]}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("segment", "limits"),
    [
        ("Champions", "Last order at most 30 days ago, 7 orders or more"),
        ("New", "Last order at most 30 days ago, 1 order"),
        ("Potential Loyalist", "Last order at most 60 days ago, 2 to 6 orders"),
        ("Need Attention", "Last order 61 to 90 days ago, 4 to 6 orders"),
        ("Loyal", "Last order 31 to 90 days ago, 7 orders or more"),
        ("At Risk", "Last order more than 90 days ago, 4 to 10 orders"),
        ("Can't Lose", "Last order more than 90 days ago, 11 orders or more"),
        ("Lost", "Last order more than 180 days ago, 1 to 3 orders"),
    ],
)
def test_standard_segments(segment: str, limits: str) -> None:
    model = fit()
    assert describe_limits(model, model.segment_names.index(segment)) == limits


def test_a_segment_without_a_rectangle_has_no_limits() -> None:
    rows = [list(row) for row in SEGMENT_TABLE]
    rows[0][0] = "Champions"
    model = fit(segments=tuple(map(tuple, rows)))
    assert describe_limits(model, model.segment_names.index("Champions")) == ""


def test_one_segment_for_all_has_no_bounds() -> None:
    assert describe_limits(fit(segments=(("All",) * 5,) * 5), 0) == "Last order at any time, any number of orders"
