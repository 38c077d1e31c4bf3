"""Formats of numbers and profiles: short, but precise enough to compare front ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_retail.presentation import formatting
from smart_retail.recommenders.rounding import significant
from smart_retail.results import Recommendation


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1"), (0.25, "0.25"), (0.412345, "0.412345"), (15230.0, "15230"), (1.5e-7, "1.5e-07")]
)
def test_a_score_has_no_digit_too_many(value: float, shown: str) -> None:
    assert formatting.format_score(value) == shown


@given(st.floats(1e-15, 999_999))
def test_a_score_can_be_read_back_exactly(value: float) -> None:
    (score,) = significant(np.array([value])).tolist()
    assert float(formatting.format_score(score)) == score


def test_a_score_is_shown_with_its_method() -> None:
    item = Recommendation(1, "a", "A", "Kind", 0.412345, "repurchase")
    assert formatting.describe_score(item) == "0.412345 from Buy again"
