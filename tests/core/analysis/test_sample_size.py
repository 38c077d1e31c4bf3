"""The smallest effect that two groups are likely to show."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.analysis.sample_size import smallest_detectable_uplift


def test_a_known_sample_size() -> None:
    # 10 % against 15 %: (1.95996 + 0.84162)^2 * (.1 * .9 + .15 * .85) / .05^2 = 682.8 customers in each group
    assert smallest_detectable_uplift(0.10, 683, 683) == pytest.approx(0.5, abs=0.001)


def test_the_effect_is_shown_in_four_of_five_simulated_campaigns() -> None:
    share, treated, holdout = 0.2, 3000, 600
    uplift = smallest_detectable_uplift(share, treated, holdout)
    assert uplift is not None
    rng = np.random.default_rng(3)
    q = rng.binomial(treated, share * (1 + uplift), 20_000) / treated
    p = rng.binomial(holdout, share, 20_000) / holdout
    z = (q - p) / np.sqrt(q * (1 - q) / treated + p * (1 - p) / holdout)
    assert (z > 1.959964).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_effect_can_be_stated_where_no_customer_or_every_customer_orders(share: float) -> None:
    assert smallest_detectable_uplift(share, 100, 100) is None


def test_tiny_groups_show_nothing() -> None:
    assert smallest_detectable_uplift(0.5, 3, 1) is None


def test_larger_groups_show_smaller_effects() -> None:
    effects = [smallest_detectable_uplift(0.1, 10 * size, size) for size in (100, 1000, 10_000)]
    assert effects == sorted(effects, key=lambda effect: -(effect or 9.0))
