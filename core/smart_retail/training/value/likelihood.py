"""Maximum likelihood of MBG/NBD, Pareto/NBD and Gamma-Gamma with analytic gradients.

Parameters are optimised on the log scale by L-BFGS-B from several starting points within wide bounds. An optimisation
that fails never raises: the best point found is used, or default parameters, with a note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.pareto_nbd import ParetoNbd, lifetime_nodes

MAX_LIKELIHOOD_CUSTOMERS = 20_000
"""A seeded sample of this size fits the parameters; their standard errors are then below 2 %."""
MIN_REPEAT_CUSTOMERS = 20
"""Customers with a second purchase day below which default parameters are used."""
LOG_BOUND = 14.0
"""Bound of each log parameter; e ** 14 is over a million days."""
PRIOR_WEIGHT = 0.5
"""Weight, in customers, of a weak log-normal prior that keeps unidentified parameters finite."""

Objective = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Result of one maximum likelihood fit."""

    theta: NDArray[np.float64]
    """Parameters on their natural scale."""
    negative_log_likelihood: float
    """Mean per customer."""
    note: str
    """Empty, or why the result is a fallback."""


def fit_mbg_nbd(s: CustomerStatistics, *, seed: int = 0, start: MbgNbd | None = None) -> tuple[MbgNbd, Estimate]:
    """Fit MBG/NBD to the customers with at least one order; `start` replaces the starting points of the search."""
    sample = _sample(s, seed)
    rate = _start_rate(sample)
    starts = (
        [np.log([start.r, start.alpha, start.a, start.b])]
        if start
        else [np.log([0.7, 0.7 / rate, 0.5, 2.0]), np.log([1.5, 1.5 / rate, 0.05, 8.0])]
    )
    estimate = _estimate(lambda t: mbg_nbd_objective(t, sample), starts, sample, "MBG/NBD")
    return MbgNbd(*map(float, estimate.theta)), estimate


def fit_pareto_nbd(s: CustomerStatistics, *, seed: int = 0) -> tuple[ParetoNbd, Estimate]:
    """Fit Pareto/NBD to the customers with at least one order."""
    sample = _sample(s, seed)
    rate, age = _start_rate(sample), max(float(sample.age.mean()) if len(sample.age) else 100.0, 2.0)
    starts = [np.log([0.7, 0.7 / rate, 0.6, 0.6 * age]), np.log([1.5, 1.5 / rate, 1.5, 8.0 * age])]
    estimate = _estimate(lambda t: pareto_nbd_objective(t, sample), starts, sample, "Pareto/NBD")
    return ParetoNbd(*map(float, estimate.theta)), estimate


def fit_gamma_gamma(orders: NDArray[np.float64], amount: NDArray[np.float64], *, seed: int = 0) -> GammaGamma | None:
    """Fit Gamma-Gamma to customers with several orders and a positive amount; None if no amount is positive.

    Parameters
    ----------
    orders : ndarray of float64, shape (n_customers,)
    amount : ndarray of float64, shape (n_customers,)
        Total amount of these orders in shop currency.
    seed : int
    """
    paid = (orders > 0) & (amount > 0)
    if not paid.any():
        return None
    mean = float(amount[paid].sum() / orders[paid].sum())
    several = np.flatnonzero(paid & (orders > 1))
    if len(several) < MIN_REPEAT_CUSTOMERS:
        return GammaGamma(2.0, 3.0, mean)
    if len(several) > MAX_LIKELIHOOD_CUSTOMERS:
        several = np.sort(np.random.default_rng(seed).choice(several, MAX_LIKELIHOOD_CUSTOMERS, replace=False))
    x, m = orders[several], amount[several] / orders[several] / mean
    found = _minimise(lambda t: gamma_gamma_objective(t, x, m), [np.log([2.0, 2.0, 1.0]), np.log([5.0, 1.0, 0.5])])
    if found is None:
        return GammaGamma(2.0, 3.0, mean)
    p, q, gamma = np.exp(found[0])
    return GammaGamma(float(p), float(1.0 + q), float(gamma * mean))


def mbg_nbd_objective(log_theta: NDArray[np.float64], s: CustomerStatistics) -> tuple[float, NDArray[np.float64]]:
    """Mean negative log-likelihood of MBG/NBD and its gradient with respect to the log parameters."""
    r, alpha, a, b = np.exp(log_theta)
    x, n = s.frequency, len(s.frequency)
    log_age, log_recency = np.log(alpha + s.age), np.log(alpha + s.recency)
    active = np.log(b + x) - (r + x) * log_age
    ended = np.log(a) - (r + x) * log_recency
    both = np.logaddexp(active, ended)
    share_active, share_ended = np.exp(active - both), np.exp(ended - both)
    log_likelihood = (
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        + gammaln(b + x)
        - gammaln(b)
        + gammaln(a + b)
        - gammaln(a + b + x)
        - np.log(a + b + x)
        + both
    )
    common = digamma(a + b) - digamma(a + b + x) - 1.0 / (a + b + x)
    gradient = np.array(
        [
            (digamma(r + x) - digamma(r) + np.log(alpha) - share_active * log_age - share_ended * log_recency).sum(),
            (r / alpha - (r + x) * (share_active / (alpha + s.age) + share_ended / (alpha + s.recency))).sum(),
            (common + share_ended / a).sum(),
            (common + digamma(b + x) - digamma(b) + share_active / (b + x)).sum(),
        ]
    )
    return -float(log_likelihood.sum()) / n, -gradient * np.exp(log_theta) / n


def pareto_nbd_objective(log_theta: NDArray[np.float64], c: CustomerStatistics) -> tuple[float, NDArray[np.float64]]:
    """Mean negative log-likelihood of Pareto/NBD and its gradient with respect to the log parameters."""
    r, alpha, s, beta = np.exp(log_theta)
    x, n = c.frequency, len(c.frequency)
    node = lifetime_nodes(ParetoNbd(float(r), float(alpha), float(s), float(beta)), c)
    log_time_alpha, log_time_beta = np.log(alpha + node.time), np.log(beta + node.time)
    log_age_alpha, log_age_beta = np.log(alpha + c.age), np.log(beta + c.age)
    active = -(r + x) * log_age_alpha - s * log_age_beta
    # Each node's share of the integral over the end of the lifetime, relative to `active`.
    relative = np.exp(
        -(r + x)[:, None] * (log_time_alpha - log_age_alpha[:, None])
        - s * (log_time_beta - log_age_beta[:, None])
        - log_time_beta
    ) * (s * node.weight)
    ended = relative.sum(axis=1)
    total = 1.0 + ended
    log_likelihood = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + active + np.log(total)
    at_nodes = relative / total[:, None]
    at_end = 1.0 / total
    gradient = np.array(
        [
            (
                digamma(r + x)
                - digamma(r)
                + np.log(alpha)
                - at_end * log_age_alpha
                - (at_nodes * log_time_alpha).sum(axis=1)
            ).sum(),
            (r / alpha - (r + x) * (at_end / (alpha + c.age) + (at_nodes / (alpha + node.time)).sum(axis=1))).sum(),
            (
                np.log(beta) - at_end * log_age_beta - (at_nodes * log_time_beta).sum(axis=1) + at_nodes.sum(axis=1) / s
            ).sum(),
            (s / beta - at_end * s / (beta + c.age) - (s + 1.0) * (at_nodes / (beta + node.time)).sum(axis=1)).sum(),
        ]
    )
    return -float(log_likelihood.sum()) / n, -gradient * np.exp(log_theta) / n


def gamma_gamma_objective(
    log_theta: NDArray[np.float64], x: NDArray[np.float64], m: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Mean negative log-likelihood of Gamma-Gamma, parameters ``log(p), log(q - 1), log(gamma)``, and its gradient."""
    p, q_above_one, gamma = np.exp(log_theta)
    q, n = 1.0 + q_above_one, len(x)
    px, total = p * x, gamma + x * m
    log_likelihood = (
        gammaln(px + q)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(gamma)
        + (px - 1.0) * np.log(m)
        + px * np.log(x)
        - (px + q) * np.log(total)
    )
    by_px = digamma(px + q) - digamma(px) + np.log(m) + np.log(x) - np.log(total)
    by_q = digamma(px + q) - digamma(q) + np.log(gamma) - np.log(total)
    by_gamma = q / gamma - (px + q) / total
    gradient = np.array([(x * by_px).sum() * p, by_q.sum() * q_above_one, by_gamma.sum() * gamma])
    return -float(log_likelihood.sum()) / n, -gradient / n


def _sample(s: CustomerStatistics, seed: int) -> CustomerStatistics:
    known = np.flatnonzero(s.known)
    if len(known) > MAX_LIKELIHOOD_CUSTOMERS:
        known = np.sort(np.random.default_rng(seed).choice(known, MAX_LIKELIHOOD_CUSTOMERS, replace=False))
    return s.select(known)


def _start_rate(s: CustomerStatistics) -> float:
    """Purchase days per customer and day, the level from which the search starts."""
    return max(float(s.frequency.sum()) / max(float(s.age.sum()), 1.0), 1e-5)


def _estimate(objective: Objective, starts: list[NDArray[np.float64]], s: CustomerStatistics, name: str) -> Estimate:
    repeat = int(np.count_nonzero(s.frequency > 0))
    if repeat < MIN_REPEAT_CUSTOMERS:
        note = f"{name}: only {repeat} customers ordered on a second day; default parameters are used."
        return Estimate(np.exp(starts[0]), float("nan"), note)
    found = _minimise(objective, starts)
    if found is None:
        return Estimate(np.exp(starts[0]), float("nan"), f"{name}: no optimum found; default parameters are used.")
    theta, value, converged = found
    note = "" if converged else f"{name}: the optimisation stopped early; the best parameters found are used."
    return Estimate(np.exp(theta), value, note)


def _minimise(
    objective: Objective, starts: list[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], float, bool] | None:
    """Best result of L-BFGS-B over several starting points: log parameters, value, whether it converged."""
    best: tuple[NDArray[np.float64], float, bool] | None = None
    center = starts[0]

    def penalised(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, gradient = objective(theta)
        away = theta - center
        value += PRIOR_WEIGHT * 1e-4 * float(away @ away)
        gradient = gradient + PRIOR_WEIGHT * 2e-4 * away
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e10, np.zeros_like(theta)
        return value, gradient

    for start in starts:
        result: Any = minimize(
            penalised,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-LOG_BOUND, LOG_BOUND)] * len(start),
            options={"maxiter": 300, "ftol": 1e-9, "gtol": 1e-6},
        )
        value = float(result.fun)
        if value < 1e9 and (best is None or value < best[1]):
            best = np.asarray(result.x), value, bool(result.success)
    return best
