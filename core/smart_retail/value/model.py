"""The fitted value model: predicts orders, spend, return and the next order date of customers for any horizon.

In: purchase days of some or all customers. Out: `ValueForecast`, one entry per customer. The forecast is a base
model (MBG/NBD or Pareto/NBD with Gamma-Gamma) times a correction from linear and tree heads, whose weights were
selected by backtests, times the level of the coming window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.recommenders.tree_ensemble import TreeEnsemble
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.features import FEATURES, FeatureBuilder
from smart_retail.value.gamma_gamma import GammaGamma
from smart_retail.value.levels import Levels
from smart_retail.value.linear_model import LinearHeads, base_scores, sigmoid
from smart_retail.value.mbg_nbd import MbgNbd
from smart_retail.value.pareto_nbd import ParetoNbd
from smart_retail.value.purchase_days import PurchaseDays
from smart_retail.value.tree_heads import TreeHeads

INTERVAL_LEVEL = 0.8
"""Share of returning customers whose next order date lies within the interval."""
QUANTILES = (0.1, 0.5, 0.9)
MISSED_ORDERS_LIMITS = (2.0, 4.0)
"""Missed orders from which the churn risk is medium and high. A customer who still buys at the usual rate misses 4
orders in a row with a probability of 2 %."""
_x, _w = np.polynomial.legendre.leggauss(4)
LIFETIME_NODES: NDArray[np.float64] = (_x + 1.0) / 2.0
"""Nodes of the integral over a lifetime, 0 to 1."""
LIFETIME_WEIGHTS: NDArray[np.float64] = _w / 2.0
MAX_STACKED_CUSTOMERS = 64
"""Up to so many customers, both horizons are scored in one call; for more, the time of the trees dominates that of the
calls, and the lifetime needs the trees for spend only."""
MAX_SCORE = 12.0
"""Bound of the log of expected orders."""


@dataclass(frozen=True, slots=True)
class Combination:
    """How the parts of the model are combined; selected by backtests."""

    base: str
    """``mbg_nbd`` or ``pareto_nbd``."""
    linear: float
    """Weight of the linear heads' scores, 0 to 1."""
    trees: float
    """Weight of the tree heads' scores, 0 to 1."""
    day_trees: float
    """Weight of the tree heads' return day against the base model's, 0 to 1."""
    day_scale_low: float
    """Factor of the distance between the median and the low end of the return day's interval (conformal)."""
    day_scale_high: float
    """The same for the high end."""


@dataclass(frozen=True, slots=True)
class ValueForecast:
    """Forecast of each customer for one horizon, shape ``(n_customers,)`` each."""

    expected_orders: NDArray[np.float64]
    """Orders in the horizon."""
    expected_spend: NDArray[np.float64]
    """Kept amount in the horizon, shop currency."""
    return_probability: NDArray[np.float64]
    """Probability of at least one order in the horizon, 0 to 1."""
    next_order: NDArray[np.int32]
    """Median days from the first day of the horizon (0) to the next order, given that it falls into the horizon."""
    next_order_low: NDArray[np.int32]
    """Lower end of the 80 % interval of these days."""
    next_order_high: NDArray[np.int32]
    """Upper end of the 80 % interval of these days."""
    active_probability: NDArray[np.float64]
    """Probability that the customer is still active at the end of the history, 0 to 1."""
    usual_interval: NDArray[np.float64]
    """Usual days between two purchase days of the customer up to the last one, shrunk to the shop's."""
    missed_orders: NDArray[np.float64]
    """Days since the last order in usual intervals: the orders that an active customer would have placed since."""

    def churn_risk(self) -> NDArray[np.int8]:
        """Risk of each customer against its own rhythm: index of `protocol.CHURN_RISKS`, shape ``(n_customers,)``."""
        return np.digitize(self.missed_orders, MISSED_ORDERS_LIMITS).astype(np.int8)

    @classmethod
    def concat(cls, parts: Sequence[ValueForecast]) -> ValueForecast:
        """Join forecasts of several groups of customers."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True, slots=True)
class ValueModel:
    """Parameters of all parts; a new customer gets the forecast of the population."""

    mbg: MbgNbd
    pareto: ParetoNbd
    amounts: GammaGamma | None
    linear: LinearHeads | None
    trees: TreeHeads | None
    combination: Combination
    levels: Levels
    orders_per_day: float
    """Mean orders per purchase day, to which a customer's own is shrunk."""
    max_horizon: int
    """Longest horizon in days that the history covers with a backtest window; 0 if none."""
    new_customer: dict[str, float]
    """Prior: the mean outcome of a new customer per day of the horizon (`orders`, `spend`)."""

    def forecast(self, days: PurchaseDays, horizon: int) -> ValueForecast:
        """Forecast every customer of `days` for the `horizon` days from `days.end_day` on."""
        features = self._features(days)
        table = features.table(horizon)
        return self._forecast(features, table, self.part_scores(features.statistics, table, horizon), horizon)

    def forecast_with_lifetime(
        self, days: PurchaseDays, horizon: int, lifetime_days: int, annual_discount_rate: float
    ) -> tuple[ValueForecast, NDArray[np.float64]]:
        """Return `forecast` and `lifetime_value` from one pass over the features."""
        features = self._features(days)
        table, longest = features.table(horizon), self._lifetime_horizon(lifetime_days)
        later, n = features.table(longest), days.n_customers
        if n <= MAX_STACKED_CUSTOMERS:
            scored = self._learned_scores(np.concatenate((table, later)))
            now, then = ({name: part[rows] for name, part in scored.items()} for rows in (slice(n), slice(n, None)))
        else:
            now, then = self._learned_scores(table), self._learned_scores(later, spend_only=True)
        parts = self._base_scores(features.statistics, table, horizon) | now
        lifetime_parts = self._base_scores(features.statistics, later, longest) | then
        forecast = self._forecast(features, table, parts, horizon)
        return forecast, self._lifetime(features, lifetime_parts, lifetime_days, annual_discount_rate)

    def _features(self, days: PurchaseDays) -> FeatureBuilder:
        statistics = CustomerStatistics.from_purchase_days(days)
        return FeatureBuilder.of(days, statistics, self.mbg, self.amounts, self.orders_per_day)

    def _forecast(
        self,
        features: FeatureBuilder,
        table: NDArray[np.float64],
        parts: dict[str, NDArray[np.float64]],
        horizon: int,
    ) -> ValueForecast:
        statistics = features.statistics
        scores = self.combine(parts) + self.levels.at(horizon)
        day = self.return_days(statistics, parts, horizon)
        known = statistics.known
        orders = np.exp(np.minimum(scores[:, 0], MAX_SCORE))
        spend = np.exp(np.minimum(scores[:, 1], MAX_SCORE + 28.0)) if self.amounts is not None else np.zeros(len(table))
        new = self.new_customer_orders(horizon)
        usual = (self.mbg.alpha + statistics.recency) / (self.mbg.r + statistics.frequency)
        active = features.columns["active"]
        if self.combination.base == "pareto_nbd":
            active = self.pareto.probability_active(statistics)
        prior = table[:, FEATURES.index("model_return")]
        return ValueForecast(
            expected_orders=np.where(known, orders, new),
            expected_spend=np.where(known, spend, self.new_customer["spend"] * horizon),
            return_probability=np.where(known, sigmoid(scores[:, 2]), prior),
            next_order=day[:, 1],
            next_order_low=day[:, 0],
            next_order_high=day[:, 2],
            active_probability=np.where(known, active, 1.0),
            usual_interval=usual,
            missed_orders=(statistics.age - statistics.recency) / usual,
        )

    def new_customer_orders(self, horizon: int) -> float:
        """Expected orders of a new customer in a horizon."""
        return self.new_customer["orders"] * horizon

    def lifetime_value(
        self, days: PurchaseDays, lifetime_days: int, annual_discount_rate: float
    ) -> NDArray[np.float64]:
        """Expected discounted spend of each customer, shape ``(n_customers,)``, shop currency.

        Parameters
        ----------
        days : PurchaseDays
        lifetime_days : int
            Days from the end of the history on that count.
        annual_discount_rate : float
            0.1 means that an amount in a year is worth 1 / 1.1 of the amount today.

        Returns
        -------
        ndarray of float64, shape (n_customers,)
            The base model's expected spend, times the feature model's correction at the longest backtested horizon,
            discounted continuously.
        """
        features, horizon = self._features(days), self._lifetime_horizon(lifetime_days)
        parts = self.part_scores(features.statistics, features.table(horizon), horizon)
        return self._lifetime(features, parts, lifetime_days, annual_discount_rate)

    def _lifetime_horizon(self, lifetime_days: int) -> int:
        """Horizon at which the feature model corrects a lifetime value: the longest backtested one."""
        return max(min(self.max_horizon, lifetime_days), min(30, lifetime_days))

    def _lifetime(
        self, features: FeatureBuilder, parts: dict[str, NDArray[np.float64]], lifetime_days: int, discount_rate: float
    ) -> NDArray[np.float64]:
        statistics = features.statistics
        if self.amounts is None:
            return np.zeros(len(statistics.known))
        correction = self.combine(parts)[:, 1] - parts["mbg_nbd"][:, 1]
        per_day = features.columns["orders_per_day"] * features.columns["expected_amount"]
        # Integration by parts of the discounted purchase rate: the integrand is smooth, so few nodes are exact.
        rate = np.log1p(discount_rate) / 365.25
        at = lifetime_days * np.append(LIFETIME_NODES, 1.0)
        weight = np.append(rate * lifetime_days * LIFETIME_WEIGHTS, 1.0) * np.exp(-rate * at)
        total = weight @ self.mbg.expected_purchases_at(statistics, at)
        new = self.new_customer["spend"] * lifetime_days
        return np.where(statistics.known, total * per_day * np.exp(np.clip(correction, -3.0, 3.0)), new)

    def base(self, name: str) -> MbgNbd | ParetoNbd:
        """Return the base model of that name."""
        return self.pareto if name == "pareto_nbd" else self.mbg

    def part_scores(
        self, statistics: CustomerStatistics, table: NDArray[np.float64], horizon: int
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of each part: ``mbg_nbd``, ``pareto_nbd``, ``linear`` (3 columns each) and ``trees`` (6 columns)."""
        return self._base_scores(statistics, table, horizon) | self._learned_scores(table)

    def _base_scores(
        self, statistics: CustomerStatistics, table: NDArray[np.float64], horizon: int
    ) -> dict[str, NDArray[np.float64]]:
        parts = {"mbg_nbd": base_scores(table)}
        if self.combination.base == "pareto_nbd":
            parts["pareto_nbd"] = self.pareto_scores(statistics, table, horizon)
        return parts

    def _learned_scores(
        self, table: NDArray[np.float64], *, spend_only: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        parts = {}
        # A horizon beyond the trained ones is scored as the longest of them.
        within = self._within(table)
        if self.linear is not None and self.combination.linear > 0:
            parts["linear"] = self.linear.score(within)
        if self.trees is not None:
            parts["trees"] = self.trees.score_spend(within) if spend_only else self.trees.score(within)
        return parts

    def pareto_scores(
        self, statistics: CustomerStatistics, table: NDArray[np.float64], horizon: int
    ) -> NDArray[np.float64]:
        """Scores of Pareto/NBD as the base model, shape ``(n_customers, 3)``."""
        changed = table.copy()
        at = FEATURES.index
        expected = self.pareto.expected_purchases(statistics, horizon) * table[:, at("orders_per_day")]
        changed[:, at("expected_orders")] = expected
        changed[:, at("expected_spend")] = expected * table[:, at("expected_amount")]
        changed[:, at("model_return")] = self.pareto.return_probability(statistics, horizon)
        return base_scores(changed)

    def combine(self, parts: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Weighted sum of the parts without the level, shape ``(n_customers, 3)``."""
        scores = parts[self.combination.base].copy()
        if "linear" in parts:
            scores += self.combination.linear * parts["linear"]
        if "trees" in parts:
            scores += self.combination.trees * parts["trees"][:, :3]
        return scores

    def return_days(
        self, statistics: CustomerStatistics, parts: dict[str, NDArray[np.float64]], horizon: int
    ) -> NDArray[np.int32]:
        """Low, median and high day of the next order given a return, shape ``(n_customers, 3)``, 0 to horizon - 1."""
        day = return_day_quantiles(self.mbg, statistics, parts.get("trees"), horizon, self.combination.day_trees)
        middle = day[:, 1:2]
        day = middle + (day - middle) * [self.combination.day_scale_low, 1.0, self.combination.day_scale_high]
        whole = np.rint(np.clip(day, 0, max(horizon - 1, 0))).astype(np.int32)
        whole[:, 0] = np.minimum(whole[:, 0], whole[:, 1])
        whole[:, 2] = np.maximum(whole[:, 2], whole[:, 1])
        return whole

    def _within(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.max_horizon or not (table[:, -1] > self.max_horizon).any():
            return table
        out = table.copy()
        out[:, -1] = np.minimum(out[:, -1], self.max_horizon)
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All parameters as arrays for a bundle."""
        c = self.combination
        amounts = [np.nan] * 3 if self.amounts is None else [self.amounts.p, self.amounts.q, self.amounts.gamma]
        out: dict[str, NDArray[Any]] = {
            "base": np.array(
                [
                    [self.mbg.r, self.mbg.alpha, self.mbg.a, self.mbg.b],
                    [self.pareto.r, self.pareto.alpha, self.pareto.s, self.pareto.beta],
                ]
            ),
            "amounts": np.array(amounts),
            "combination": np.array(
                [c.base == "pareto_nbd", c.linear, c.trees, c.day_trees, c.day_scale_low, c.day_scale_high], np.float64
            ),
            "level_horizon": self.levels.horizon,
            "level_shift": self.levels.shift,
            "level_error": self.levels.total_error,
            "shop": np.array(
                [self.orders_per_day, self.max_horizon, self.new_customer["orders"], self.new_customer["spend"]]
            ),
        }
        if self.linear is not None:
            out |= {
                "linear_mean": self.linear.mean,
                "linear_scale": self.linear.scale,
                "linear_weight": self.linear.weight,
            }
        if self.trees is not None:
            e = self.trees.ensemble
            out |= {"tree_cut_ptr": e.cut_ptr, "tree_cut": e.cut, "tree_mask": e.mask, "tree_leaf": e.leaf}
            out |= {"tree_ptr": self.trees.tree_ptr, "tree_start": self.trees.start}
        return out

    @classmethod
    def from_arrays(cls, a: dict[str, NDArray[Any]]) -> ValueModel:
        """The model that `arrays` described."""
        c, shop = a["combination"], a["shop"]
        amounts = None if np.isnan(a["amounts"]).any() else GammaGamma(*map(float, a["amounts"]))
        trees = None
        if "tree_leaf" in a:
            ensemble = TreeEnsemble(a["tree_cut_ptr"], a["tree_cut"], a["tree_mask"], a["tree_leaf"])
            trees = TreeHeads(ensemble, a["tree_ptr"], a["tree_start"])
        return cls(
            mbg=MbgNbd(*map(float, a["base"][0])),
            pareto=ParetoNbd(*map(float, a["base"][1])),
            amounts=amounts,
            linear=LinearHeads(a["linear_mean"], a["linear_scale"], a["linear_weight"]) if "linear_mean" in a else None,
            trees=trees,
            combination=Combination("pareto_nbd" if c[0] else "mbg_nbd", *map(float, c[1:])),
            levels=Levels(a["level_horizon"], a["level_shift"], a["level_error"]),
            orders_per_day=float(shop[0]),
            max_horizon=int(shop[1]),
            new_customer={"orders": float(shop[2]), "spend": float(shop[3])},
        )


def return_day_quantiles(
    mbg: MbgNbd,
    statistics: CustomerStatistics,
    trees: NDArray[np.float64] | None,
    horizon: int,
    weight: float,
) -> NDArray[np.float64]:
    """Return the 10 %, 50 % and 90 % quantiles of the day of the next order, shape ``(n_customers, 3)``.

    Parameters
    ----------
    mbg : MbgNbd
    statistics : CustomerStatistics
    trees : ndarray of float64, shape (n_customers, 6), or None
        Scores of the tree heads.
    horizon : int
        Days.
    weight : float
        Weight of the trees' quantiles, 0 to 1.
    """
    # Day d covers the time d to d + 1: half a day back from a point in time.
    base = [mbg.next_purchase_quantile(statistics, horizon, q) - 0.5 for q in QUANTILES]
    day = np.column_stack(base)
    if trees is not None and weight > 0:
        day = (1.0 - weight) * day + weight * horizon * trees[:, 3:]
    return day


def shift_to_mean(scores: NDArray[np.float64], share: float) -> float:
    """Return the shift of log odds after which their probabilities have the mean `share`."""
    share = min(max(share, 1e-4), 1.0 - 1e-4)
    low, high = -12.0, 12.0
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if float(sigmoid(scores + middle).mean()) < share else (low, middle)
    return (low + high) / 2.0
