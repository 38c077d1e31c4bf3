"""Reports of the window: what each computes, its options, and its result as a sentence with a table.

In: an engine, the chosen option and the currency. Out: `ReportResult`. The HTML report is not among them, since it is a
file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smart_retail.presentation import value_texts
from smart_retail.presentation.formatting import format_amount, format_integer, format_percent, pluralize
from smart_retail.presentation.labels import COLUMN_LABELS
from smart_retail.progress import Progress
from smart_retail.protocol import DEFAULT_PERIOD, MAX_N, PERIODS, RetailEngine
from smart_retail.results import CohortTable, CustomerValue, DueItem, ExpectedRevenue, ValueGroup
from smart_retail.utils.dates import iso
from smart_retail_tkinter import analyses
from smart_retail_tkinter.analysis_tables import build_row, column
from smart_retail_tkinter.chart_models import Bars, Chart, HeatMap
from smart_retail_tkinter.chart_models import Forecast as ForecastChart
from smart_retail_tkinter.table_models import Column, Row, Table

if TYPE_CHECKING:
    from smart_retail.analysis.sales_forecast import Forecast

HORIZONS = {f"{days} days": str(days) for days in (30, 60, 90, 180, 365)}
CALENDAR = {f"{days} days": str(days) for days in (7, 14, 30)}
FORECAST = {f"{days} days": str(days) for days in (7, 14, 28, 56, 91)}
COHORT_PERIODS = {period.capitalize(): period for period in PERIODS}
MAX_COHORTS = 24
"""Latest cohorts in a table."""
MAX_PERIODS = 12
"""Later periods of a cohort in a table."""


@dataclass(frozen=True, slots=True)
class ReportResult:
    """A result as it is shown."""

    sentence: str
    table: Table
    note: str = ""
    chart: Chart | None = None
    """The same numbers as a picture."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report with its option."""

    title: str
    about: str
    """What it shows, one sentence."""
    compute: Callable[[RetailEngine, str, str, Progress], ReportResult]
    """Takes engine, value of the option, currency and progress."""
    option: str = ""
    """Label of the option; empty without one."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Label -> value; empty for a date that is typed."""
    default: str = ""
    """Value that is chosen first; empty for a date that follows from the data."""
    long: bool = False
    """Whether it is computed on request only, not as soon as it is selected."""


GROUP_NUMBERS = (
    column("customers", 92, number=True),
    column("return_probability", 110, number=True),
    column("expected_orders", 120, number=True),
    column("expected_spend", 124, number=True),
    column("lifetime_value", 120, number=True),
    column("spend_share", 160, number=True, label="Of spend"),
)


MONTHS = (
    Column("month", "Month", 120),
    Column("amount", "Sales", 150, number=True),
    Column("lines", "Order lines", 110, number=True),
    Column("returned", "Returned", 130, number=True),
)


def _sales(engine: RetailEngine, _: str, currency: str, __: Progress) -> ReportResult:
    from smart_retail.reporting.sales_chart_data import describe_sales, sales_by_month

    model = engine.model()
    months = sales_by_month(model)
    rows = (
        build_row(
            (
                (month["month"], month["month"]),
                (format_amount(month["amount"]), month["amount"]),
                (format_integer(month["lines"]), month["lines"]),
                (format_amount(month["returned"]), month["returned"]),
            )
        )
        for month in months
    )
    chart = Bars(
        names=tuple(month["month"] for month in months),
        values=tuple(month["amount"] for month in months),
        texts=tuple(format_amount(month["amount"], currency) for month in months),
        title=f"Sales by month{f', {currency}' if currency else ''}",
    )
    return ReportResult(f"{describe_sales(model)}.", Table(MONTHS, tuple(rows)), chart=chart)


def _value_groups(kind: str) -> Callable[[RetailEngine, str, str, Progress], ReportResult]:
    """Return the function that computes the expected value by ``segment``, ``cluster`` or ``tenth``."""
    columns = (Column(kind, kind.capitalize(), 170), *GROUP_NUMBERS)

    def compute(engine: RetailEngine, option: str, currency: str, _: Progress) -> ReportResult:
        found = engine.value_summary(int(option))
        groups = {"segment": found.segments, "cluster": found.clusters, "tenth": found.deciles}[kind]
        best = value_texts.describe_tenths(groups) if kind == "tenth" else value_texts.describe_best_group(kind, groups)
        sentence = f"{value_texts.describe_expected_spend(found, currency)}. {best}." if best else ""
        notes = " ".join((*found.notes, *found.sentences[:1]))
        return ReportResult(sentence, Table(columns, tuple(map(_group_row, groups))), notes)

    return compute


def _group_row(g: ValueGroup) -> Row:
    return build_row(
        (
            (g.name, g.name),
            (format_integer(g.customers), g.customers),
            (format_percent(g.return_probability), g.return_probability),
            (format_integer(round(g.expected_orders)), g.expected_orders),
            (format_amount(g.expected_spend), g.expected_spend),
            (format_amount(g.lifetime_value), g.lifetime_value),
            (format_percent(g.spend_share), g.spend_share),
        )
    )


REVENUE = (
    Column("horizon_days", COLUMN_LABELS["horizon_days"], 90),
    column("expected", 150, number=True),
    column("low", 130, number=True),
    column("high", 130, number=True),
    column("known_customers", 140, number=True),
    column("new_customers", 130, number=True),
    column("last_window", 140, number=True),
)


def _revenue(engine: RetailEngine, _: str, __: str, ___: Progress) -> ReportResult:
    outlook = engine.expected_revenue()
    new = outlook[-1].new_customers is not None
    note = "New customers are included." if new else "Known customers only: the history is too short for new ones."
    return ReportResult(
        f"{value_texts.describe_revenue(outlook)}.", Table(REVENUE, tuple(map(_revenue_row, outlook))), note
    )


def _revenue_row(r: ExpectedRevenue) -> Row:
    amounts = (r.expected, r.low, r.high, r.known_customers, r.new_customers, r.last_window)
    pairs = (("not known" if value is None else format_amount(value), value or 0.0) for value in amounts)
    return build_row(((pluralize(r.horizon_days, "day"), r.horizon_days), *pairs))


AT_RISK = (
    column("customer_name", 160),
    column("customer_id", 110),
    column("spend", 130, number=True),
    column("orders", 80, number=True),
    column("usual_interval_days", 110, number=True, label="Usual days"),
    column("return_probability", 120, number=True),
    column("lifetime_value", 130, number=True),
)


def _at_risk(engine: RetailEngine, option: str, currency: str, _: Progress) -> ReportResult:
    found = engine.value_summary(int(option))
    if not found.at_risk:
        return ReportResult("No customer has a high churn risk.", Table(AT_RISK))
    sentence = f"{value_texts.describe_at_risk(found.at_risk, currency)}."
    rows = tuple(_at_risk_row(engine.customer(v.customer_id).customer_name, v) for v in found.at_risk)
    return ReportResult(sentence, Table(AT_RISK, rows), value_texts.AT_RISK_EXPLANATION)


def _at_risk_row(name: str, v: CustomerValue) -> Row:
    return build_row(
        (
            (name, name),
            (v.customer_id, v.customer_id),
            (format_amount(v.spend), v.spend),
            (format_integer(v.orders), v.orders),
            (format_integer(v.usual_interval_days), v.usual_interval_days),
            (format_percent(v.return_probability), v.return_probability),
            (format_amount(v.lifetime_value), v.lifetime_value),
        ),
        key=v.customer_id,
    )


DUE = (
    column("due_date", 96),
    column("customer_name", 150),
    column("customer_id", 110),
    column("item_name", 230),
    column("item_id", 120),
    column("purchases", 104, number=True),
    Column("interval_days", "About every", 104, number=True),
    column("last_date", 100, number=True),
)


def _due(engine: RetailEngine, option: str, _: str, __: Progress) -> ReportResult:
    found = engine.replenishment(int(option), n=MAX_N)
    if not found.total:
        return ReportResult(value_texts.NOTHING_DUE, Table(DUE))
    shown = "" if found.total <= MAX_N else f" The first {format_integer(MAX_N)} are shown."
    return ReportResult(
        f"{value_texts.describe_due(found)}.{shown}",
        Table(DUE, tuple(map(_due_row, found.entries))),
        value_texts.DUE_EXPLANATION,
    )


def _due_row(e: DueItem) -> Row:
    texts = (e.due_date, e.customer_name, e.customer_id, e.item_name, e.item_id)
    return build_row(
        (
            *((text, text) for text in texts),
            (format_integer(e.purchases), e.purchases),
            (pluralize(round(e.interval_days), "day"), e.interval_days),
            (e.last_date, e.last_date),
        ),
        key=e.customer_id,
        name=e.customer_name,
    )


def _cohorts(figure: str) -> Callable[[RetailEngine, str, str, Progress], ReportResult]:
    """Return the function that computes the ``retention`` or the ``cumulative_value`` of cohorts."""

    def compute(engine: RetailEngine, option: str, currency: str, _: Progress) -> ReportResult:
        found = engine.cohorts(option)
        sentence = f"{value_texts.describe_retention(found).rstrip('.')}."
        chart = cohort_chart(found, figure, currency)
        return ReportResult(sentence, cohort_table(found, figure), " ".join(found.notes), chart)

    return compute


def cohort_table(found: CohortTable, figure: str) -> Table:
    """Return the latest cohorts, the newest first, with one column for each later period."""
    share = figure == "retention"
    cohorts = found.cohorts[: -MAX_COHORTS - 1 : -1]
    periods = min(max((len(getattr(c, figure)) for c in cohorts), default=1), MAX_PERIODS + 1)
    columns = (
        Column("start", f"First order, {found.period} from", 170),
        column("customers", 86, number=True),
        *(Column(f"period_{k}", str(k), 62, number=True) for k in range(1 if share else 0, periods)),
    )
    rows = []
    for c in cohorts:
        values: Sequence[float] = getattr(c, figure)[1 if share else 0 : periods]
        pairs = [(f"{100 * value:.0f} %" if share else format_integer(value), value) for value in values]
        empty = [("", "")] * (len(columns) - 2 - len(pairs))
        rows.append(build_row([(c.start, c.start), (format_integer(c.customers), c.customers), *pairs, *empty]))
    return Table(columns, tuple(rows))


def cohort_chart(found: CohortTable, figure: str, currency: str) -> HeatMap:
    """Return the latest cohorts as a heat map, the newest last."""
    share = figure == "retention"
    cohorts = found.cohorts[-MAX_COHORTS:]
    start = 1 if share else 0
    lines = [tuple(found.by_period(cohort, figure).values()) for cohort in cohorts]
    periods = max(map(len, lines), default=0)
    empty = [periods - len(line) for line in lines]
    texts = [[f"{100 * v:.0f} %" if share else format_integer(v) for v in line] for line in lines]
    return HeatMap(
        rows=tuple(f"{c.start} ({format_integer(c.customers)})" for c in cohorts),
        columns=tuple(str(k) for k in range(start, start + periods)),
        values=tuple((*line, *(None,) * n) for line, n in zip(lines, empty, strict=True)),
        texts=tuple((*line, *("",) * n) for line, n in zip(texts, empty, strict=True)),
        row_title="first order (customers)",
        column_title=f"{found.period}s later",
        unit="ordered" if share else f"{currency} per customer".strip(),
    )


WEEKS = (
    Column("week", "From", 120),
    Column("days", "Days", 80, number=True),
    Column("amount", "Expected sales", 160, number=True),
)


def _forecast(engine: RetailEngine, option: str, currency: str, progress: Progress) -> ReportResult:
    found = analyses.forecast_sales(engine, int(option), progress)
    from smart_retail.analysis.sales_forecast import describe_errors, describe_forecast, week_rows

    total = found.total
    sentence = describe_forecast(total, found.history(total.series)[1], currency)
    rows = [
        build_row(
            (
                (row["week"], row["week"]),
                (format_integer(row["days"]), row["days"]),
                (format_integer(round(row["amount"])), round(row["amount"])),
            )
        )
        for row in week_rows(total)
    ]
    chart = forecast_chart(total, found.history(total.series), currency)
    return ReportResult(sentence, Table(WEEKS, tuple(rows)), describe_errors(total), chart)


def forecast_chart(forecast: Forecast, history: tuple[int, Any], currency: str) -> ForecastChart | None:
    """Return the end of the history with the forecast and its 80 % interval; None without a forecast."""
    from smart_retail.analysis.sales_forecast import history_shown

    if not forecast.days:
        return None
    first, amounts = history
    shown = history_shown(forecast, len(amounts))
    past = amounts[-shown:].tolist()
    start = first + len(amounts) - shown
    expected = [
        f"{format_amount(d.amount, currency)} expected, 80 % interval {format_amount(d.low)} to {format_amount(d.high)}"
        for d in forecast.days
    ]
    return ForecastChart(
        days=(*(iso(start + k) for k in range(shown)), *(d.day for d in forecast.days)),
        past=tuple(past),
        expected=tuple(d.amount for d in forecast.days),
        low=tuple(d.low for d in forecast.days),
        high=tuple(d.high for d in forecast.days),
        texts=(*(format_amount(amount, currency) for amount in past), *expected),
        title=f"Sales of a day{f', {currency}' if currency else ''}",
    )


def _moves(engine: RetailEngine, option: str, _: str, progress: Progress) -> ReportResult:
    found = analyses.compare_segments(engine, option, progress)
    from smart_retail.analysis.segment_migration import count_matrix, describe_migration

    names, segments, counts = count_matrix(found)
    columns = (Column("from", f"On {found.before}", 150), *(Column(name, name, 86, number=True) for name in segments))
    rows = (
        build_row(((name, name), *((format_integer(count) if count else "", count) for count in line)))
        for name, line in zip(names, counts, strict=True)
    )
    return ReportResult(
        f"{describe_migration(found)}.",
        Table(columns, tuple(rows)),
        f"Customers by their segment on {found.before} (rows) and on {found.after} (columns).",
        HeatMap(
            rows=tuple(names),
            columns=tuple(segments),
            values=tuple(tuple(map(float, line)) for line in counts),
            texts=tuple(tuple(format_integer(count) if count else "" for count in line) for line in counts),
            row_title=f"segment on {found.before}",
            column_title=f"segment on {found.after}",
            unit="customers",
        ),
    )


DROPPED = (
    column("customer_name", 160),
    column("customer_id", 120),
    Column("before", "Before", 120),
    Column("after", "Now", 120),
    Column("amount", "Amount so far", 120, number=True),
    column("last_order", 100, number=True),
    Column("last_item", "Last product", 240),
)


def _dropped(engine: RetailEngine, option: str, _: str, progress: Progress) -> ReportResult:
    found = analyses.compare_segments(engine, option, progress)
    from smart_retail.analysis.segment_migration import DROPPED_EXPLANATION, describe_migration

    rows = (
        build_row(
            (
                *((text, text) for text in (c.customer_name, c.customer_id, c.before, c.after)),
                (format_amount(c.monetary), c.monetary),
                (c.last_order, c.last_order),
                (c.last_item, c.last_item),
            ),
            key=c.customer_id,
        )
        for c in found.dropped
    )
    return ReportResult(f"{describe_migration(found)}.", Table(DROPPED, tuple(rows)), f"{DROPPED_EXPLANATION}.")


def _report(title: str, about: str, compute: Callable[[RetailEngine, str, str, Progress], ReportResult]) -> Report:
    return Report(title, about, compute, "Next", HORIZONS, "90")


REPORTS: dict[str, Report] = {
    "sales": Report("Sales by month", "Net sales of each month of the history, without returned purchases.", _sales),
    "forecast": Report(
        "Sales forecast",
        "Sales of the coming days. Two models are compared on held-out days; the better one is used.",
        _forecast, "Next", FORECAST, "28", long=True,
    ),
    "revenue": Report(
        "Expected revenue", "Revenue of the shop in the coming days, from the forecasts of its customers.", _revenue
    ),
    "segments": _report("Value by segment", "What customers will order and spend.", _value_groups("segment")),
    "clusters": _report("Value by cluster", "What customers will order and spend.", _value_groups("cluster")),
    "tenths": _report("Value by tenth", "Tenths of the customers by expected spend.", _value_groups("tenth")),
    "at-risk": _report("Contact first", "Customers with a high churn risk, most spend at risk first.", _at_risk),
    "due": Report("Due to buy again", "Who is due to buy which product again.", _due, "Next", CALENDAR, "7"),
    "retention": Report(
        "Cohorts: retention", "Share of the customers of each cohort who ordered in each later period.",
        _cohorts("retention"), "By", COHORT_PERIODS, DEFAULT_PERIOD,
    ),
    "cohort-value": Report(
        "Cohorts: value", "Mean kept amount per customer of each cohort until the end of each later period.",
        _cohorts("cumulative_value"), "By", COHORT_PERIODS, DEFAULT_PERIOD,
    ),
    "moves": Report(
        "Moves between segments", "Segments of all customers on a day, compared with now.", _moves, "Since", long=True
    ),
    "dropped": Report(
        "Customers to win back", "Customers who dropped from the best segments since a day.", _dropped, "Since",
        long=True,
    ),
}  # fmt: skip
"""Name -> report, in the order of the page."""


def titles() -> Iterable[tuple[str, str]]:
    """Return name and title of each report."""
    return ((name, report.title) for name, report in REPORTS.items())
