"""The buy-till-you-die models: gradients, closed forms against simulation, and recovery of known parameters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from smart_retail.training.value.likelihood import (
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
    gamma_gamma_objective,
    mbg_nbd_objective,
    pareto_nbd_objective,
)
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.pareto_nbd import ParetoNbd

TRUE_MBG = MbgNbd(r=0.8, alpha=30.0, a=0.6, b=2.5)
TRUE_PARETO = ParetoNbd(r=0.8, alpha=30.0, s=0.9, beta=200.0)


def statistics(frequency, recency, age) -> CustomerStatistics:
    x, t, age = (np.asarray(v, float) for v in (frequency, recency, age))
    return CustomerStatistics(x, t, age, x + 1, x + 1, np.ones(len(x), bool))


def simulate(n: int, age: float, horizon: float, seed: int, *, mbg: bool):
    """Purchases of `n` customers: statistics until `age` and purchases in the `horizon` days after it."""
    rng = np.random.default_rng(seed)
    x, recency, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        if mbg:
            rate, p, end = rng.gamma(TRUE_MBG.r, 1 / TRUE_MBG.alpha), rng.beta(TRUE_MBG.a, TRUE_MBG.b), np.inf
        else:
            rate, p = rng.gamma(TRUE_PARETO.r, 1 / TRUE_PARETO.alpha), 0.0
            end = rng.exponential(1 / rng.gamma(TRUE_PARETO.s, 1 / TRUE_PARETO.beta))
        now, active = 0.0, rng.random() >= p
        while active:
            now += rng.exponential(1 / rate) if rate > 1e-9 else np.inf
            if now > min(age + horizon, end):
                break
            if now <= age:
                x[i], recency[i] = x[i] + 1, now
            else:
                later[i] += 1
            active = rng.random() >= p
    return statistics(x, recency, np.full(n, age)), later


@pytest.fixture(scope="module")
def sample() -> CustomerStatistics:
    rng = np.random.default_rng(3)
    age = rng.integers(5, 400, 300).astype(float)
    x = rng.poisson(2.0, 300).astype(float)
    recency = np.where(x > 0, np.floor(age * rng.random(300)), 0.0)
    return statistics(x, recency, age)


@pytest.mark.parametrize("objective", [mbg_nbd_objective, pareto_nbd_objective])
@pytest.mark.parametrize("theta", [(0.7, 60.0, 0.3, 3.0), (2.0, 8.0, 1.4, 500.0)])
def test_gradients_equal_finite_differences(objective, theta, sample: CustomerStatistics) -> None:
    at = np.log(theta)
    numeric = approx_fprime(at, lambda t: objective(t, sample)[0], 1e-6)
    assert objective(at, sample)[1] == pytest.approx(numeric, abs=2e-5)


def test_the_gamma_gamma_gradient_equals_finite_differences() -> None:
    rng = np.random.default_rng(0)
    x, m = rng.integers(1, 9, 100).astype(float), rng.gamma(2.0, 20.0, 100)
    at = np.log([2.0, 1.5, 30.0])
    numeric = approx_fprime(at, lambda t: gamma_gamma_objective(t, x, m)[0], 1e-6)
    assert gamma_gamma_objective(at, x, m)[1] == pytest.approx(numeric, abs=2e-5)


@pytest.mark.parametrize("mbg", [True, False])
def test_expectations_equal_a_simulation(mbg: bool) -> None:
    found, later = simulate(20_000, 200.0, 90.0, 1, mbg=mbg)
    model = TRUE_MBG if mbg else TRUE_PARETO
    expected, returns = model.expected_purchases(found, 90.0), model.return_probability(found, 90.0)
    for rows in (found.frequency == 0, found.frequency >= 1, found.frequency >= 5):
        error = 4 * later[rows].std() / np.sqrt(rows.sum())
        assert expected[rows].mean() == pytest.approx(later[rows].mean(), abs=error)
        assert returns[rows].mean() == pytest.approx((later[rows] > 0).mean(), abs=2 / np.sqrt(rows.sum()))


def test_maximum_likelihood_recovers_the_parameters_of_a_simulation() -> None:
    found, _ = simulate(8000, 300.0, 1.0, 2, mbg=True)
    model, estimate = fit_mbg_nbd(found)
    assert estimate.note == ""
    assert model.r / model.alpha == pytest.approx(TRUE_MBG.r / TRUE_MBG.alpha, rel=0.1)
    assert model.a / (model.a + model.b) == pytest.approx(TRUE_MBG.a / (TRUE_MBG.a + TRUE_MBG.b), rel=0.2)


def test_pareto_parameters_are_recovered_by_their_forecast() -> None:
    found, _ = simulate(6000, 300.0, 1.0, 4, mbg=False)
    model, _ = fit_pareto_nbd(found)
    assert model.expected_purchases(found, 90.0).sum() == pytest.approx(
        TRUE_PARETO.expected_purchases(found, 90.0).sum(), rel=0.08
    )


def test_gamma_gamma_recovers_the_mean_amount() -> None:
    rng = np.random.default_rng(5)
    orders = rng.integers(1, 12, 4000).astype(float)
    scale = 1 / rng.gamma(4.0, 1 / 60.0, 4000)
    amount = np.array([rng.gamma(3.0, s, int(n)).sum() for n, s in zip(orders, scale, strict=True)])
    model = fit_gamma_gamma(orders, amount)
    assert model is not None
    assert model.population_mean == pytest.approx(3.0 * 60.0 / 3.0, rel=0.1)
    shrunk = model.expected_amount(np.array([0.0, 1000.0]), np.array([0.0, 5000.0]))
    assert shrunk == pytest.approx([model.population_mean, 5.0], rel=0.05)


def test_extreme_customers_have_finite_forecasts() -> None:
    odd = statistics([0, 0, 3000, 500, 1], [0, 0, 3649, 10, 3000], [1, 3650, 3650, 3650, 3650])
    for model in (TRUE_MBG, TRUE_PARETO, MbgNbd(0.01, 1e4, 1.0, 1e-3), ParetoNbd(5.0, 0.1, 1.0, 1e5)):
        for days in (1.0, 90.0, 3650.0):
            expected, returns = model.expected_purchases(odd, days), model.return_probability(odd, days)
            assert np.isfinite(expected).all()
            assert (expected >= 0).all()
            assert ((returns >= 0) & (returns <= 1)).all()


def test_forecasts_grow_with_the_horizon_and_quantiles_with_the_level(sample: CustomerStatistics) -> None:
    expected = [TRUE_MBG.expected_purchases(sample, d) for d in (30.0, 90.0, 365.0)]
    assert all((b >= a).all() for a, b in itertools.pairwise(expected))
    low, high = (TRUE_MBG.next_purchase_quantile(sample, 90.0, q) for q in (0.1, 0.9))
    assert (low <= high).all()
    assert (high <= 90.0).all()


def test_too_few_repeat_customers_give_default_parameters_with_a_note() -> None:
    few = statistics(np.zeros(50), np.zeros(50), np.full(50, 100.0))
    for fit in (fit_mbg_nbd, fit_pareto_nbd):
        model, estimate = fit(few)
        assert "only 0 customers" in estimate.note
        assert np.isfinite(model.expected_purchases(few, 90.0)).all()
    assert fit_gamma_gamma(np.ones(5), np.zeros(5)) is None
    assert isinstance(fit_gamma_gamma(np.ones(5), np.ones(5)), GammaGamma)
