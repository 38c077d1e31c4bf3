"""Fits the value model: base models, heads, levels, and the combination selected by backtests.

In: purchase days of all customers. Out: `ValueFit`, the model and its scorecard. Work is bounded by a seeded sample
of customers, so that its time does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.training.value.backtests import (
    BASE_ONLY,
    MIN_CUT_OFFS,
    Backtest,
    backtest,
    backtest_sentences,
    scorecard_of,
    select_combination,
    with_selection,
)
from smart_retail.training.value.heads import Examples, fit_linear_heads, fit_tree_heads
from smart_retail.training.value.level_estimates import estimate_level, total_shift
from smart_retail.training.value.likelihood import fit_gamma_gamma, fit_mbg_nbd, fit_pareto_nbd
from smart_retail.training.value.windows import CutOffs, Window, horizons_of, sample_customers
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.features import mean_orders_per_day
from smart_retail.value.levels import Levels
from smart_retail.value.model import Combination, ValueModel
from smart_retail.value.purchase_days import PurchaseDays

NEW_CUSTOMER_WINDOW = 90
"""Days after the first order over which the prior of a new customer is measured."""
MIN_ERROR = 0.02
"""Least log error of a total."""
UNTESTED_ERROR = 0.3
"""Log error of a total where no earlier window can be compared."""


@dataclass(frozen=True, slots=True)
class ValueFit:
    """A fitted value model and what is reported of it."""

    model: ValueModel
    scorecard: dict[str, Any]
    notes: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """Return what a bundle stores of the fit in addition to the parameters, as plain JSON data."""
        return {
            "scorecard": self.scorecard,
            "sentences": backtest_sentences(self.scorecard),
            "notes": list(self.notes),
        }


def fit_value(days: PurchaseDays, *, seed: int = 0, check: Callable[[], None] = lambda: None) -> ValueFit:
    """Fit the value model.

    Parameters
    ----------
    days : PurchaseDays
        All customers' orders.
    seed : int
        The same data and seed give the same model.
    check : callable
        Called between the steps; may raise `CancelledError`.

    Returns
    -------
    ValueFit
        Never fails on thin data: parts that cannot be fitted are left out, with a note.
    """
    sample = sample_customers(days, seed=seed)
    cut_offs = CutOffs(sample, seed=seed)
    notes: list[str] = []
    model = _base_model(cut_offs, seed, notes)
    span = sample.end_day - sample.first_day
    horizons = horizons_of(span)
    windows = list(cut_offs.training_windows(horizons, sample.end_day))
    if not windows or sum(len(w.rows) for w in windows) < 200:
        notes.append(
            f"The history of {span} days is too short or has too few customers for a backtest: "
            "values come from the base model and are not calibrated."
        )
        return ValueFit(model, {"backtests": [], "combination": _describe(model.combination)}, tuple(notes))
    check()
    tested = backtest(cut_offs, horizons, model, seed=seed)
    if tested:
        model = replace(model, combination=select_combination(tested))
        tested = with_selection(tested, model.combination)
    check()
    examples = Examples(windows, seed=seed)
    model = replace(
        model,
        linear=fit_linear_heads(examples),
        trees=fit_tree_heads(examples, seed=seed),
        max_horizon=max(w.horizon for w in windows),
    )
    if model.trees is None:
        notes.append("Too few returning customers for boosted trees: the linear model corrects the base model alone.")
    if not tested:
        notes.append("The history is too short for a backtest of the combination: the base model is used alone.")
    check()
    model = replace(model, levels=_levels(cut_offs, model, windows, tested))
    card = scorecard_of(tested) | {"combination": _describe(model.combination), "horizons": list(horizons)}
    return ValueFit(model, card, tuple(notes))


def _base_model(cut_offs: CutOffs, seed: int, notes: list[str]) -> ValueModel:
    """The base models alone, without levels."""
    days = cut_offs.days
    s = CustomerStatistics.from_purchase_days(days)
    mbg, mbg_estimate = fit_mbg_nbd(s, seed=seed)
    pareto, pareto_estimate = fit_pareto_nbd(s, seed=seed)
    notes.extend(note for note in (mbg_estimate.note, pareto_estimate.note) if note)
    amounts = fit_gamma_gamma(s.orders, s.amount, seed=seed)
    if amounts is None:
        notes.append("No order has a positive amount: spend is not predicted.")
    return ValueModel(
        mbg=mbg,
        pareto=pareto,
        amounts=amounts,
        linear=None,
        trees=None,
        combination=BASE_ONLY,
        levels=Levels(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 2))),
        orders_per_day=mean_orders_per_day(s),
        max_horizon=0,
        new_customer=_new_customer(days, s),
    )


def _new_customer(days: PurchaseDays, s: CustomerStatistics) -> dict[str, float]:
    """Mean orders and spend per day in the days after the first order of customers seen for that long."""
    first = np.full(days.n_customers, days.end_day, np.int64)
    first[days.customer[::-1]] = days.day[::-1]
    seen = np.flatnonzero(s.known & (days.end_day - first > NEW_CUSTOMER_WINDOW))
    if not len(seen):
        return {"orders": 0.0, "spend": 0.0}
    after = days.day - first[days.customer]
    rows = (after > 0) & (after <= NEW_CUSTOMER_WINDOW)
    orders = np.bincount(days.customer[rows], days.orders[rows], days.n_customers)[seen]
    spend = np.bincount(days.customer[rows], days.amount[rows], days.n_customers)[seen]
    return {
        "orders": float(orders.mean()) / NEW_CUSTOMER_WINDOW,
        "spend": max(float(spend.mean()), 0.0) / NEW_CUSTOMER_WINDOW,
    }


def _levels(cut_offs: CutOffs, model: ValueModel, windows: list[Window], tested: list[Backtest]) -> Levels:
    """Levels by horizon; they also make up for what the combination itself changes in the totals."""
    horizons = sorted({w.horizon for w in windows})
    end = cut_offs.days.end_day
    now = cut_offs.at(end)
    shifts = []
    for horizon in horizons:
        wanted = estimate_level(cut_offs, end, horizon, [w for w in windows if w.horizon == horizon])
        table = now.table(horizon)[now.statistics.known]
        statistics = now.statistics.select(now.statistics.known)
        parts = model.part_scores(statistics, table, horizon)
        shifts.append(total_shift(parts["mbg_nbd"], model.combine(parts), wanted))
    errors = np.array([_total_error(cut_offs, horizon, windows, tested) for horizon in horizons])
    return Levels(np.array(horizons, np.float64), np.array(shifts), errors)


def _total_error(cut_offs: CutOffs, horizon: int, windows: list[Window], tested: list[Backtest]) -> NDArray[np.float64]:
    """Root mean square of the log errors of the totals of orders and spend over one horizon, shape ``(2,)``.

    The horizon of the backtests has theirs. Another one has the errors of the level at its latest windows: the level
    determines the totals.
    """
    errors = [b.total_errors for b in tested if b.window.horizon == horizon]
    if not errors:
        same = [w for w in windows if w.horizon == horizon]
        for window in same[:MIN_CUT_OFFS]:
            past = [w for w in same if w.end_day <= window.start_day]
            if past or cut_offs.year_before(window.start_day, horizon) is not None:
                level = estimate_level(cut_offs, window.start_day, horizon, past)
                errors.append(tuple(level[:2] - window.level[:2]))
    if not errors:
        errors = [b.total_errors for b in tested]
    if not errors:
        return np.full(2, UNTESTED_ERROR)
    found: NDArray[np.float64] = np.maximum(np.sqrt(np.mean(np.square(errors), axis=0)), MIN_ERROR)
    return found


def _describe(c: Combination) -> dict[str, Any]:
    return {
        "base": c.base,
        "linear": c.linear,
        "trees": c.trees,
        "day_trees": c.day_trees,
        "day_scale": [round(c.day_scale_low, 4), round(c.day_scale_high, 4)],
    }
