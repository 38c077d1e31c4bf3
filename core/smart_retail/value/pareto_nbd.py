"""Pareto/NBD model: purchases while a customer is active, and a lifetime that ends at any moment.

An active customer buys at rate lambda ~ Gamma(r, alpha) per day and becomes inactive at rate mu ~ Gamma(s, beta) per
day. Integrals over the unknown end of a lifetime use Gauss-Legendre quadrature after a substitution that makes the
integrand nearly constant, so no hypergeometric function can overflow.

References: Schmittlein, Morrison and Colombo (1987); Fader and Hardie, "A Note on Deriving the Pareto/NBD Model".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_retail.value.customer_statistics import CustomerStatistics

NODES = 20
_x, _w = np.polynomial.legendre.leggauss(NODES)
UNIT_NODES: NDArray[np.float64] = (_x + 1.0) / 2.0
"""Nodes on 0 to 1."""
UNIT_WEIGHTS: NDArray[np.float64] = _w / 2.0


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Parameters of a fitted Pareto/NBD model, all above 0."""

    r: float
    """Shape of the purchase rate."""
    alpha: float
    """Rate of the purchase rate's gamma distribution, in days."""
    s: float
    """Shape of the rate at which customers become inactive."""
    beta: float
    """Rate of that gamma distribution, in days."""

    def probability_active(self, statistics: CustomerStatistics) -> NDArray[np.float64]:
        """Probability that each customer is still active at the end of the history, shape ``(n_customers,)``."""
        node = lifetime_nodes(self, statistics)
        # Likelihood of an end of the lifetime at each node, relative to being active at the end of the history.
        log_ratio = (
            (self.r + statistics.frequency)[:, None]
            * (np.log(self.alpha + statistics.age)[:, None] - np.log(self.alpha + node.time))
            + self.s * (np.log(self.beta + statistics.age)[:, None] - np.log(self.beta + node.time))
            - np.log(self.beta + node.time)
        )
        ended = self.s * (np.exp(np.minimum(log_ratio, 700.0)) * node.weight).sum(axis=1)
        found: NDArray[np.float64] = 1.0 / (1.0 + ended)
        return found

    def expected_purchases(self, statistics: CustomerStatistics, days: float) -> NDArray[np.float64]:
        """Expected purchase days of each customer in the next `days` days, shape ``(n_customers,)``."""
        s = self.s if abs(self.s - 1.0) > 1e-6 else 1.0 + 1e-6
        rate = (self.r + statistics.frequency) / (self.alpha + statistics.age)
        left = self.beta + statistics.age
        # (left / (s - 1)) * (1 - (left / (left + days)) ** (s - 1)): expected active days within the horizon.
        active_days = -np.expm1(-(s - 1.0) * np.log1p(days / left)) * left / (s - 1.0)
        return self.probability_active(statistics) * rate * active_days

    def return_probability(self, statistics: CustomerStatistics, days: float) -> NDArray[np.float64]:
        """Probability of at least one order in the next `days` days, shape ``(n_customers,)``."""
        n = self.r + statistics.frequency
        total = self.alpha + statistics.age
        # The substitution follows the decay of the purchase density: nodes are dense where orders are likely.
        reach = -np.expm1(-n * np.log1p(days / total))
        survival = 1.0 - UNIT_NODES[None, :] * reach[:, None]
        time = total[:, None] * np.expm1(-np.log(survival) / n[:, None])
        left = (self.beta + statistics.age)[:, None]
        active = np.exp(-self.s * np.log1p(time / left)) @ UNIT_WEIGHTS
        found: NDArray[np.float64] = self.probability_active(statistics) * reach * active
        return found


@dataclass(frozen=True, slots=True)
class LifetimeNodes:
    """Quadrature nodes between the last purchase and the end of the history, shape ``(n_customers, NODES)``."""

    time: NDArray[np.float64]
    """Days since the first purchase."""
    weight: NDArray[np.float64]
    """Weights of an integral over days."""


def lifetime_nodes(model: ParetoNbd, c: CustomerStatistics) -> LifetimeNodes:
    """Return nodes for the likelihood of an end of the lifetime between the last purchase and the end of the history.

    The likelihood varies on the smaller of the scales alpha and beta: nodes are equally dense in the log of that scale
    plus time, after a substitution that takes out its fall at the last purchase.
    """
    scale = min(model.alpha, model.beta)
    start = scale + c.recency
    fall = (model.r + c.frequency) * start / (model.alpha + c.recency)
    fall = np.maximum(fall + (model.s + 1.0) * start / (model.beta + c.recency) - 1.0, 1e-3)[:, None]
    reach = -np.expm1(-fall * np.log((scale + c.age) / start)[:, None])
    log_step = -np.log1p(-UNIT_NODES[None, :] * reach) / fall
    time = start[:, None] * np.exp(log_step)
    return LifetimeNodes(time - scale, UNIT_WEIGHTS[None, :] * reach / fall * np.exp(fall * log_step) * time)
