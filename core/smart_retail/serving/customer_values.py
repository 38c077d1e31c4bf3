"""Customer value of a bundle: forecasts of one customer, of all of them, and of the shop.

In: the purchases of the bundle with the live ones, and the fitted value model. Out: `CustomerValue` and `ValueSummary`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.protocol import CHURN_RISKS, DEFAULT_HORIZON_DAYS, check_horizon
from smart_retail.results import (
    CalibrationBin,
    Cohort,
    CohortTable,
    CustomerValue,
    ExpectedRevenue,
    ValueBacktest,
    ValueGroup,
    ValueSummary,
)
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerLookup
from smart_retail.utils.dates import iso
from smart_retail.utils.parallel import available_threads
from smart_retail.value.cohorts import cohort_matrix
from smart_retail.value.customer_statistics import CustomerStatistics
from smart_retail.value.forecast_table import (
    DISCOUNT_RATE,
    LIFETIME_DAYS,
    ForecastTable,
    forecast_all_customers,
    forecast_customers,
)
from smart_retail.value.model import MISSED_ORDERS_LIMITS, ValueForecast, ValueModel
from smart_retail.value.new_customers import new_customer_spend
from smart_retail.value.purchase_days import PurchaseDays

CACHED_HORIZONS = 3
AT_RISK = 20
"""Customers listed as at risk."""
INTERVAL_DEVIATIONS = 1.2816
"""Standard deviations of a normal distribution on each side of an 80 % interval."""


@dataclass(frozen=True, slots=True)
class ValueTable:
    """Forecasts of all customers of the bundle, by customer code."""

    end_day: int
    """First day of the horizon (days since 1970-01-01)."""
    forecasts: ForecastTable
    statistics: CustomerStatistics

    @property
    def horizon(self) -> int:
        """Days."""
        return self.forecasts.horizon

    @property
    def forecast(self) -> ValueForecast:
        """Forecast within the horizon."""
        return self.forecasts.forecast

    @property
    def lifetime_value(self) -> NDArray[np.float64]:
        """Lifetime value, shop currency."""
        return self.forecasts.lifetime_value


class CustomerValues:
    """Value forecasts of one bundle; safe for several threads."""

    def __init__(self, store: BundleTables, customers: CustomerLookup) -> None:
        self._store = store
        self._customers = customers
        self._tables: dict[int, ValueTable] = {}

    @cached_property
    def model(self) -> ValueModel:
        """The fitted value model."""
        return ValueModel.from_arrays(self._store.bundle.arrays("value"))

    @cached_property
    def report(self) -> dict[str, Any]:
        """Notes and backtests of the fit."""
        found: dict[str, Any] = self._store.bundle.json("value")
        return found

    def of(self, customer_id: str, horizon_days: int = DEFAULT_HORIZON_DAYS) -> CustomerValue:
        """Forecast one customer from the purchases of the bundle and the live ones; a new customer gets the prior."""
        check_horizon(horizon_days)
        customer = self._customers.resolve(customer_id)
        end_day = max(self._store.last_day, customer.history.last_day) + 1
        days = PurchaseDays.from_lines(customer.history, end_day)
        computed = self._computed(horizon_days)
        if computed is None or customer.has_recent_events or customer.code < 0:
            forecasts = forecast_customers(self.model, days, horizon_days)
        else:
            forecasts = computed.row(customer.code)
        statistics = CustomerStatistics.from_purchase_days(days)
        return self._result(customer_id, ValueTable(end_day, forecasts, statistics), 0)

    def _computed(self, horizon_days: int) -> ForecastTable | None:
        """Forecasts of all customers without live purchases, if the fit or an earlier call computed them."""
        if self._stored is not None and self._stored.horizon == horizon_days:
            return self._stored
        table = self._tables.get(horizon_days)
        return None if table is None else table.forecasts

    @cached_property
    def _stored(self) -> ForecastTable | None:
        """Forecasts of all customers that the fit stored; None in bundles of earlier versions."""
        arrays = self._store.bundle.arrays("forecasts")
        return ForecastTable.from_arrays(arrays) if arrays else None

    def table(self, horizon_days: int = DEFAULT_HORIZON_DAYS) -> ValueTable:
        """Forecast all customers of the bundle, without live purchases; recent horizons are cached."""
        check_horizon(horizon_days)
        found = self._tables.get(horizon_days)
        if found is None:
            days, forecasts = self._all_days, self._computed(horizon_days)
            if forecasts is None:
                forecasts = forecast_all_customers(self.model, days, horizon_days, available_threads())
            found = ValueTable(days.end_day, forecasts, CustomerStatistics.from_purchase_days(days))
            kept = dict(list(self._tables.items())[1 - CACHED_HORIZONS :])
            self._tables = kept | {horizon_days: found}
        return found

    def customer_ids(self) -> list[str]:
        """Ids of the customers of the bundle, by code."""
        return list(self._store.customers.ids)

    def customers_with_events(self) -> frozenset[str]:
        """Ids of the customers with purchases since the fit."""
        return self._customers.customers_with_events()

    def summary(self, horizon_days: int = DEFAULT_HORIZON_DAYS) -> ValueSummary:
        """Totals, groups, customers at risk and backtests for one horizon."""
        table = self.table(horizon_days)
        forecast, report = table.forecast, self.report
        known = table.statistics.known
        orders, spend = float(forecast.expected_orders[known].sum()), float(forecast.expected_spend[known].sum())
        error = INTERVAL_DEVIATIONS * self.model.levels.error_at(horizon_days)
        best = np.argsort(-forecast.expected_spend, kind="stable")
        tenth = np.empty(len(best), np.int64)
        tenth[best] = np.arange(len(best)) * 10 // max(len(best), 1)
        names = self._store.names
        tenths = [f"{10 * i + 1}-{10 * i + 10} %" for i in range(10)]
        return ValueSummary(
            horizon_days=horizon_days,
            start=iso(table.end_day),
            customers=int(known.sum()),
            expected_orders=round(orders, 2),
            orders_low=round(orders * float(np.exp(-error[0])), 2),
            orders_high=round(orders * float(np.exp(error[0])), 2),
            expected_spend=round(spend, 2),
            spend_low=round(spend * float(np.exp(-error[1])), 2),
            spend_high=round(spend * float(np.exp(error[1])), 2),
            expected_returning=round(float(forecast.return_probability[known].sum()), 2),
            segments=self._groups(table, self._store.segment, names["segments"]),
            clusters=self._groups(table, self._store.cluster, names["clusters"]),
            deciles=self._groups(table, tenth, tenths),
            at_risk=tuple(self._at_risk(table)),
            backtests=tuple(_backtest(b) for b in report["scorecard"].get("backtests", [])),
            calibration=tuple(CalibrationBin(**b) for b in report["scorecard"].get("calibration", [])),
            sentences=tuple(report["sentences"]),
            notes=(*report["notes"], *self._notes(horizon_days)),
            model_version=self._store.bundle.version,
        )

    def expected_revenue(self, horizon_days: int) -> ExpectedRevenue:
        """Expected revenue of known and new customers in one horizon."""
        table, days = self.table(horizon_days), self._all_days
        known = float(table.forecast.expected_spend[table.statistics.known].sum())
        error = INTERVAL_DEVIATIONS * float(self.model.levels.error_at(horizon_days)[1])
        low, high = known * float(np.exp(-error)), known * float(np.exp(error))
        new, new_error = new_customer_spend(days, horizon_days) or (None, 0.0)
        expected = known + (new or 0.0)
        # The two errors are taken as independent.
        half = INTERVAL_DEVIATIONS * new_error
        last = days.amount[days.day >= days.end_day - horizon_days]
        return ExpectedRevenue(
            horizon_days=horizon_days,
            start=iso(days.end_day),
            end=iso(days.end_day + horizon_days - 1),
            known_customers=round(known, 2),
            known_low=round(low, 2),
            known_high=round(high, 2),
            new_customers=None if new is None else round(new, 2),
            expected=round(expected, 2),
            low=round(max(expected - float(np.hypot(known - low, half)), 0.0), 2),
            high=round(expected + float(np.hypot(high - known, half)), 2),
            last_window=round(float(last.sum()), 2),
        )

    def cohorts(self, period: str) -> CohortTable:
        """Cohorts by week, month or quarter of the first order, as of the fit."""
        days = self._all_days
        matrix = cohort_matrix(days, period)
        retention, value = matrix.retention(), matrix.cumulative_value()
        n = len(matrix.customers)
        complete = n > 0 and int(matrix.starts[-1]) == days.end_day
        cohorts = tuple(
            Cohort(
                start=iso(int(matrix.starts[i])),
                customers=int(matrix.customers[i]),
                retention=tuple(round(v, 6) for v in retention[i, : n - i].tolist()),
                cumulative_value=tuple(round(v, 2) for v in value[i, : n - i].tolist()),
            )
            for i in range(n)
            if matrix.customers[i]
        )
        notes = ["The first cohort also contains customers who ordered before the history begins."] if n else []
        if n and not complete:
            notes.append(f"The last {period} is not complete: the history ends on {iso(days.end_day - 1)}.")
        return CohortTable(
            period=period,
            last_period_complete=complete,
            cohorts=cohorts,
            mean_retention=_mean_retention(retention, matrix.customers, complete),
            notes=tuple(notes),
            model_version=self._store.bundle.version,
        )

    @cached_property
    def _all_days(self) -> PurchaseDays:
        p = self._store.bundle.arrays("history")
        n = len(self._store.customers.ids)
        lines = PurchaseHistory(
            customer=np.repeat(np.arange(n, dtype=np.int32), np.diff(p["indptr"])),
            order=p["order"],
            item=p["item"],
            day=p["day"],
            quantity=p["quantity"],
            amount=p["amount"],
            n_customers=n,
            n_items=self._store.n_fitted_items,
            last_day=self._store.last_day,
        )
        return PurchaseDays.from_lines(lines)

    def _result(self, customer_id: str, table: ValueTable, code: int) -> CustomerValue:
        f, s, end = table.forecast, table.statistics, table.end_day
        known = bool(s.known[code])
        notes = self._notes(table.horizon)
        if not known:
            notes = ("New customer: the forecast is the mean of new customers.", *notes)
        return CustomerValue(
            customer_id=customer_id,
            known=known,
            horizon_days=table.horizon,
            start=iso(end),
            expected_orders=round(float(f.expected_orders[code]), 6),
            expected_spend=round(float(f.expected_spend[code]), 4),
            return_probability=round(float(f.return_probability[code]), 6),
            next_order_date=iso(end + int(f.next_order[code])),
            next_order_low=iso(end + int(f.next_order_low[code])),
            next_order_high=iso(end + int(f.next_order_high[code])),
            lifetime_value=round(float(table.lifetime_value[code]), 4),
            lifetime_days=LIFETIME_DAYS,
            discount_rate=DISCOUNT_RATE,
            orders=int(s.orders[code]),
            spend=round(float(s.amount[code]), 4),
            active_probability=round(float(f.active_probability[code]), 6),
            usual_interval_days=round(float(f.usual_interval[code]), 2),
            churn_risk=CHURN_RISKS[int(np.digitize(f.missed_orders[code], MISSED_ORDERS_LIMITS))],
            model_version=self._store.bundle.version,
            notes=notes,
        )

    def _notes(self, horizon_days: int) -> tuple[str, ...]:
        longest = self.model.max_horizon
        if not longest:
            return ("The history is too short to test a forecast: values come from the base model, not calibrated.",)
        if horizon_days > longest:
            return (
                f"The history is too short to test a horizon of {horizon_days} days: "
                f"the forecast is extended from {longest} days.",
            )
        return ()

    def _groups(self, table: ValueTable, group: NDArray[Any], names: Sequence[str]) -> tuple[ValueGroup, ...]:
        """Sums and means of the known customers by group code; customers without a group are left out."""
        f, s = table.forecast, table.statistics
        rows = np.flatnonzero(s.known & (group >= 0))
        code, n = group[rows].astype(np.int64), len(names)

        def total(values: NDArray[np.float64]) -> list[float]:
            return [float(v) for v in np.bincount(code, values[rows], n)]

        size = np.bincount(code, minlength=n).tolist()
        orders, spend, returning = total(f.expected_orders), total(f.expected_spend), total(f.return_probability)
        lifetime, before, whole = total(table.lifetime_value), total(s.amount), float(f.expected_spend[s.known].sum())
        return tuple(
            ValueGroup(
                name=names[i],
                customers=size[i],
                expected_orders=round(orders[i], 2),
                expected_spend=round(spend[i], 2),
                spend_share=round(spend[i] / whole, 6) if whole > 0 else 0.0,
                return_probability=round(returning[i] / size[i], 6),
                lifetime_value=round(lifetime[i] / size[i], 2),
                spend=round(before[i], 2),
            )
            for i in range(n)
            if size[i]
        )

    def _at_risk(self, table: ValueTable) -> Iterator[CustomerValue]:
        high = np.flatnonzero(table.statistics.known & (table.forecast.churn_risk() == len(CHURN_RISKS) - 1))
        loss = table.statistics.amount[high] * (1.0 - table.forecast.return_probability[high])
        for code in high[np.argsort(-loss, kind="stable")][:AT_RISK].tolist():
            yield self._result(self._store.customers.id(code), table, code)


def _mean_retention(retention: NDArray[np.float64], customers: NDArray[np.int64], complete: bool) -> tuple[float, ...]:
    """Retention by periods since the first order, over the cohorts that have reached it by the end of the history.

    The first cohort is left out if there are others: most of its customers ordered before the history begins.
    """
    n, means, start = len(customers), [], 1 if np.count_nonzero(customers) > 1 else 0
    for age in range(n):
        rows = slice(start, n - age - (0 if complete or age == 0 else 1))
        size = float(customers[rows].sum())
        if size > 0:
            means.append(round(float((retention[rows, age] * customers[rows]).sum()) / size, 6))
    return tuple(means)


def _backtest(b: dict[str, Any]) -> ValueBacktest:
    fields = {name: b[name] for name in ValueBacktest.__struct_fields__ if name != "start"}
    return ValueBacktest(start=iso(b["start_day"]), **fields)
