"""Backtests of the value model: every candidate is evaluated on earlier cut-offs that its training did not see.

In: cut-offs of the history. Out: `Backtest`s, the selected `Combination` and the scorecard. The heads are trained
once, on windows whose outcome ends by the earliest cut-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.evaluation import value_metrics as metrics
from smart_retail.training.value.heads import Examples, fit_linear_heads, fit_tree_heads
from smart_retail.training.value.level_estimates import estimate_level, total_shift
from smart_retail.training.value.likelihood import fit_pareto_nbd
from smart_retail.training.value.windows import STEP_DAYS, CutOffs, Window
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.features import FEATURES
from smart_retail.value.linear_model import sigmoid
from smart_retail.value.model import INTERVAL_LEVEL, Combination, ValueModel, return_day_quantiles

BASE_ONLY = Combination("mbg_nbd", 0.0, 0.0, 0.0, 1.0, 1.0)
DEFAULT = Combination("mbg_nbd", 0.6, 0.6, 2 / 3, 1.0, 1.0)
"""Used unless another candidate is better by `CLEARLY_BETTER`."""
CANDIDATES = {
    "MBG/NBD": BASE_ONLY,
    "Pareto/NBD": replace(BASE_ONLY, base="pareto_nbd"),
    "linear": replace(BASE_ONLY, linear=1.0),
    "trees": replace(BASE_ONLY, trees=1.0),
    "linear + trees": replace(BASE_ONLY, linear=0.6, trees=0.6),
    "linear + trees, mean": replace(BASE_ONLY, linear=0.5, trees=0.5),
    "linear + trees, half": replace(BASE_ONLY, linear=0.3, trees=0.3),
}
DAY_WEIGHTS = (0.0, 0.5, 2 / 3, 1.0)
CLEARLY_BETTER = 0.01
"""Relative loss by which another candidate must beat `DEFAULT`."""
MAX_BACKTEST_ROWS = 25_000
DAY_CLEARLY_BETTER = 0.02
MIN_CUT_OFFS = 3
MIN_TRAINING_ROWS = 500
BACKTEST_HORIZONS = (90, 30, 14, 7)
"""Days, the first that the history covers is used."""
DAY_SCALES = (0.9, 1.0, 1.1)
MIN_RETURNS = 50
"""Returning customers below which intervals are not calibrated."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Backtest:
    """One cut-off: the window after it and the scores of all parts before it."""

    window: Window
    statistics: CustomerStatistics
    parts: dict[str, Floats]
    level: Floats
    """Level that was estimated for the window from earlier ones, shape ``(3,)``."""
    combination: Combination
    """The candidate that `total_errors` and the scorecard report as selected."""

    def predict(self, combination: Combination, level: Floats | None = None) -> Floats:
        """Expected orders, expected spend and return probability of a candidate, shape ``(n_customers, 3)``.

        `level` replaces the estimated one.
        """
        combined = combine(self.parts, combination)
        scores = combined + total_shift(self.parts["mbg_nbd"], combined, self.level if level is None else level)
        return np.column_stack([np.exp(scores[:, :2]), sigmoid(scores[:, 2])])

    def return_days(self, weight: float) -> Floats:
        """Quantiles of the return day at a weight of the trees, before calibration, shape ``(n_customers, 3)``."""
        trees = self.parts.get("trees")
        day = return_day_quantiles(self.window.cut_off.mbg, self.statistics, trees, self.window.horizon, weight)
        return np.clip(day, 0, self.window.horizon - 1)

    @property
    def total_errors(self) -> tuple[float, float]:
        """Log error of the selected candidate's totals of orders and spend."""
        predicted = self.predict(self.combination)
        outcome = self.window.outcome
        return (
            float(np.log(max(predicted[:, 0].sum(), 1e-9) / max(outcome.orders.sum(), 1e-9))),
            float(np.log(max(predicted[:, 1].sum(), 1e-9) / max(outcome.spend.sum(), 1e-9))),
        )


def combine(parts: dict[str, Floats], c: Combination) -> Floats:
    """Weighted sum of the parts' scores, shape ``(n_customers, 3)``."""
    scores = parts[c.base] + c.linear * parts["linear"]
    return scores + c.trees * parts["trees"][:, :3] if "trees" in parts else scores


def backtest(cut_offs: CutOffs, horizons: Sequence[int], model: ValueModel, *, seed: int) -> list[Backtest]:
    """Evaluate the parts on at least `MIN_CUT_OFFS` earlier cut-offs, the latest first; empty if not covered."""
    for horizon in BACKTEST_HORIZONS:
        starts = [cut_offs.days.end_day - horizon - k * STEP_DAYS for k in range(MIN_CUT_OFFS)]
        if horizon < STEP_DAYS:
            starts = [cut_offs.days.end_day - horizon * (k + 1) for k in range(MIN_CUT_OFFS)]
        if not cut_offs.covers(starts[-1], horizon):
            continue
        training = list(cut_offs.training_windows([*horizons, *BACKTEST_HORIZONS[1:2]], starts[-1]))
        # A horizon that no training window has would favour the parts that extrapolate best.
        if sum(len(w.rows) for w in training) < MIN_TRAINING_ROWS or all(w.horizon < horizon for w in training):
            continue
        return _run(cut_offs, horizon, starts, training, model, seed)
    return []


def _run(
    cut_offs: CutOffs, horizon: int, starts: list[int], training: list[Window], model: ValueModel, seed: int
) -> list[Backtest]:
    examples = Examples(training, seed=seed, max_rows=MAX_BACKTEST_ROWS)
    trained = replace(
        model,
        linear=fit_linear_heads(examples),
        trees=fit_tree_heads(examples, seed=seed),
        combination=DEFAULT,
        max_horizon=max(w.horizon for w in training),
    )
    out = []
    for start in starts:
        window = cut_offs.window(start, horizon)
        if window is None:
            continue
        statistics = window.cut_off.statistics.select(window.rows)
        pareto, _ = fit_pareto_nbd(statistics, seed=seed)
        fitted = replace(trained, mbg=window.cut_off.mbg, pareto=pareto, amounts=window.cut_off.amounts)
        parts = fitted.part_scores(statistics, window.table, horizon)
        parts["pareto_nbd"] = fitted.pareto_scores(statistics, window.table, horizon)
        past = list(cut_offs.training_windows([horizon], start))
        out.append(Backtest(window, statistics, parts, estimate_level(cut_offs, start, horizon, past), DEFAULT))
    return out


def select_combination(tested: list[Backtest]) -> Combination:
    """Return the candidate with the least mean loss over the cut-offs, with calibrated intervals of the return day."""
    has_trees = all("trees" in b.parts for b in tested)
    usable = {n: c for n, c in CANDIDATES.items() if has_trees or c.trees == 0}
    loss = {name: float(np.mean([_loss(b, c) for b in tested])) for name, c in usable.items()}
    name = min(loss, key=lambda n: (loss[n], n))
    preferred = "linear + trees" if has_trees else "linear"
    if loss[preferred] <= loss[name] + CLEARLY_BETTER:
        name = preferred
    weights = DAY_WEIGHTS if has_trees else (0.0,)
    by_weight = {w: float(np.mean([_day_loss(b, w) for b in tested])) for w in weights}
    weight = min(by_weight, key=lambda w: (by_weight[w], w))
    if has_trees and by_weight[DEFAULT.day_trees] <= by_weight[weight] * (1 + DAY_CLEARLY_BETTER):
        weight = DEFAULT.day_trees
    low, high = _day_scales(tested, weight)
    return replace(usable[name], day_trees=weight, day_scale_low=low, day_scale_high=high)


def _loss(b: Backtest, c: Combination) -> float:
    """Mean of the losses of orders, spend and return at the window's actual level, relative to those of MBG/NBD.

    The level is the same for all candidates and its error would hide which of them ranks customers best.
    """
    level = b.window.level
    return float(np.mean(_losses(b, b.predict(c, level)) / _losses(b, b.predict(BASE_ONLY, level))))


def _losses(b: Backtest, predicted: Floats) -> Floats:
    outcome = b.window.outcome
    orders, spend = np.maximum(predicted[:, 0], 1e-6), np.maximum(predicted[:, 1], 1e-6)
    actual = np.maximum(outcome.spend, 0.0)
    root = np.sqrt(((orders - outcome.orders) ** 2).mean())
    # Deviance of a Tweedie distribution of power 1.5, up to terms that do not depend on the prediction.
    tweedie = (2 * np.sqrt(spend) + 2 * actual / np.sqrt(spend) - 4 * np.sqrt(actual)).mean()
    loss = [root, np.abs(orders - outcome.orders).mean(), metrics.log_loss(outcome.returned, predicted[:, 2])]
    if actual.any():
        loss += [tweedie, np.abs(spend - actual).mean()]
    return np.array(loss) + 1e-12


def _day_loss(b: Backtest, weight: float) -> float:
    back = b.window.outcome.returned
    if not back.any():
        return 0.0
    day, actual = np.rint(b.return_days(weight)[back]), b.window.outcome.first[back].astype(np.float64)
    score = metrics.interval_score(actual, day[:, 0], day[:, 2], INTERVAL_LEVEL)
    return score + float(np.abs(day[:, 1] - actual).mean())


def _day_scales(tested: list[Backtest], weight: float) -> tuple[float, float]:
    """Factors of the interval's lower and upper half-width with the best interval score that cover `INTERVAL_LEVEL`."""
    rows = [(b.return_days(weight)[b.window.outcome.returned], b.window.outcome) for b in tested]
    day = np.concatenate([d for d, _ in rows])
    actual = np.concatenate([o.first[o.returned] for _, o in rows]).astype(np.float64)
    if len(day) < MIN_RETURNS:
        return 1.0, 1.0
    best, chosen = np.inf, (1.0, 1.0)
    for low in DAY_SCALES:
        for high in DAY_SCALES:
            bottom = np.rint(np.maximum(day[:, 1] - low * (day[:, 1] - day[:, 0]), 0.0))
            top = np.rint(day[:, 1] + high * (day[:, 2] - day[:, 1]))
            short = max(INTERVAL_LEVEL - float(((actual >= bottom) & (actual <= top)).mean()), 0.0)
            score = metrics.interval_score(actual, bottom, top, INTERVAL_LEVEL) * (1.0 + short)
            # A scale other than 1 must pay off on several windows' noise.
            score *= 1.0 + 0.05 * (abs(low - 1.0) + abs(high - 1.0))
            if score < best:
                best, chosen = score, (low, high)
    return chosen


def scorecard_of(tested: list[Backtest]) -> dict[str, Any]:
    """Figures of every candidate and of naive baselines on each cut-off, and the calibration of probabilities."""
    if not tested:
        return {"backtests": []}
    rows: dict[str, list[dict[str, float]]] = {}
    for b in tested:
        for name, candidate in CANDIDATES.items():
            if candidate.trees == 0 or "trees" in b.parts:
                rows.setdefault(name, []).append(_figures(b, b.predict(candidate)))
        for name, predicted in _baselines(b).items():
            rows.setdefault(name, []).append(_figures(b, predicted))
    models = {n: {k: round(float(np.mean([f[k] for f in fs])), 4) for k in fs[0]} for n, fs in rows.items()}
    return {"backtests": [_summary(b) for b in tested], "models": models, "calibration": _calibration(tested)}


def backtest_sentences(scorecard: dict[str, Any]) -> list[str]:
    """The figures of the backtests in words."""
    tests = scorecard.get("backtests", [])
    if not tests:
        return []
    latest = tests[0]
    out = [
        f"The expected total spend of the latest {latest['days']} days would have been "
        f"{_deviation(latest['expected_spend'], latest['actual_spend'])}."
        if latest["actual_spend"] > 0
        else "The history has no amounts: spend is not evaluated.",
        f"The expected number of orders of the latest {latest['days']} days would have been "
        f"{_deviation(latest['expected_orders'], latest['actual_orders'])}.",
        f"{latest['expected_returning']:,.0f} of {latest['customers']:,} customers were expected to return, "
        f"{latest['actual_returning']:,} did.",
    ]
    covered = [t["date_covered"] for t in tests if t["date_covered"] is not None]
    if covered:
        share = 100 * sum(covered) / len(covered)
        out.append(f"{share:.0f} % of the next orders fell within their 80 % interval.")
    return out


def _deviation(expected: float, actual: float) -> str:
    percent = 100 * (expected - actual) / max(actual, 1e-9)
    if abs(percent) < 0.05:
        return "exact"
    return f"{abs(percent):.1f} % too {'high' if percent > 0 else 'low'}"


def with_selection(tested: list[Backtest], c: Combination) -> list[Backtest]:
    """The same backtests, reporting `c` as the selected combination."""
    return [replace(b, combination=c) for b in tested]


def _summary(b: Backtest) -> dict[str, Any]:
    outcome, predicted = b.window.outcome, b.predict(b.combination)
    day = b.return_days(b.combination.day_trees)
    middle = day[:, 1:2]
    day = np.rint(middle + (day - middle) * [b.combination.day_scale_low, 1.0, b.combination.day_scale_high])
    back, actual = outcome.returned, outcome.first.astype(np.float64)
    inside = (actual >= day[:, 0]) & (actual <= day[:, 2])
    return {
        "start_day": int(b.window.start_day),
        "days": int(b.window.horizon),
        "customers": len(b.window.rows),
        "expected_orders": round(float(predicted[:, 0].sum()), 1),
        "actual_orders": int(outcome.orders.sum()),
        "expected_spend": round(float(predicted[:, 1].sum()), 2),
        "actual_spend": round(float(outcome.spend.sum()), 2),
        "expected_returning": round(float(predicted[:, 2].sum()), 1),
        "actual_returning": int(back.sum()),
        "date_covered": round(float(inside[back].mean()), 4) if back.any() else None,
        "date_mean_miss_days": round(float(np.abs(day[back, 1] - actual[back]).mean()), 2) if back.any() else None,
    }


def _figures(b: Backtest, predicted: Floats) -> dict[str, float]:
    outcome = b.window.outcome
    orders, spend = outcome.orders, outcome.spend
    return {
        "orders_mae": float(np.abs(predicted[:, 0] - orders).mean()),
        "orders_rmse": float(np.sqrt(((predicted[:, 0] - orders) ** 2).mean())),
        "orders_bias_pct": metrics.bias_percent(orders, predicted[:, 0]),
        "orders_pearson": metrics.pearson(orders, predicted[:, 0]),
        "spend_mae": float(np.abs(predicted[:, 1] - spend).mean()),
        "spend_bias_pct": metrics.bias_percent(spend, predicted[:, 1]),
        "spend_gini": metrics.gini(spend, predicted[:, 1]),
        "spend_top_decile": metrics.top_decile_share(spend, predicted[:, 1]),
        "return_auroc": metrics.auroc(outcome.returned, predicted[:, 2]),
        "return_log_loss": metrics.log_loss(outcome.returned, predicted[:, 2]),
        "return_calibration_error": metrics.calibration_error(outcome.returned, predicted[:, 2]),
    }


def _baselines(b: Backtest) -> dict[str, Floats]:
    """Naive forecasts: the last window repeated, and each customer's own rate since the first order."""
    at, w = FEATURES.index, b.window
    table, s = w.table, b.statistics
    ordered = table[:, at("horizon_days")] > 0
    share = float(ordered.mean())
    last = [table[:, at("horizon_orders")], table[:, at("horizon_amount")], np.where(ordered, 0.95, share / 2)]
    rate = s.orders / np.maximum(s.age, 1.0) * w.horizon
    spend = s.amount / np.maximum(s.age, 1.0) * w.horizon
    return {
        "last window repeated": np.column_stack(last),
        "own average rate": np.column_stack([rate, spend, -np.expm1(-rate)]),
        "same for everyone": np.tile([last[0].mean(), last[1].mean(), share], (len(rate), 1)),
    }


def _calibration(tested: list[Backtest]) -> list[dict[str, float]]:
    """Predicted and actual share of returning customers by tenths of the prediction, over all cut-offs."""
    predicted = np.concatenate([b.predict(b.combination)[:, 2] for b in tested])
    actual = np.concatenate([b.window.outcome.returned for b in tested])
    bins = metrics.calibration_bins(actual, predicted)
    return [{"predicted": round(p, 4), "actual": round(a, 4), "customers": n} for p, a, n in bins]
