"""Campaign file: one row per customer with segment, action, items due for repurchase and recommended products.

In: an engine and the segments to contact. Out: rows for a mailing tool. A share of the customers, selected by a hash of
their id, is held out, so that `uplift` can measure the effect of the campaign.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from smart_retail.analysis.sample_size import smallest_detectable_uplift
from smart_retail.analysis.small_tables import find_customer_column, read_small_table
from smart_retail.errors import ColumnError, FormatVersionError, UsageError
from smart_retail.presentation.formatting import export_metadata, format_integer, format_percent
from smart_retail.progress import SILENT, Progress
from smart_retail.protocol import (
    ALL_CUSTOMERS,
    CHURN_RISKS,
    DEFAULT_HORIZON_DAYS,
    DEFAULT_METHOD,
    CustomerFilter,
    ListQuery,
    RetailEngine,
    check_diversity,
    check_horizon,
    check_page,
)
from smart_retail.results import CustomerProfile, CustomerValue, Purchase, RecommendationList, Result
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.utils.spreadsheet import SheetParts

CHUNK_CUSTOMERS: Final = 256
DEFAULT_PRODUCTS: Final = 5
"""Products per customer where none are given."""
TREATED: Final = "treated"
HOLDOUT: Final = "holdout"
MAX_DUE_ITEMS: Final = 3
DUE_WITHIN_DAYS: Final = 14
"""An item is due when its usual gap ends at most this many days after the analysis date."""
MAX_GAPS_SINCE_PURCHASE: Final = 3.0
"""An item is not due any more after this many usual gaps without a purchase."""

KLAVIYO_GROUPS: Final[dict[str, str]] = {
    "Champions": "Champions",
    "Loyal": "Loyal",
    "Potential Loyalist": "Recent",
    "New": "Recent",
    "Promising": "Recent",
    "Need Attention": "Needs Attention",
    "About to Sleep": "Needs Attention",
    "At Risk": "At Risk",
    "Can't Lose": "At Risk",
    "Hibernating": "Inactive",
    "Lost": "Inactive",
}
"""Segment -> one of the six groups of Klaviyo's RFM report."""

SHOPIFY_GROUPS: Final[dict[str, str]] = {
    "Champions": "Champions",
    "Loyal": "Loyal",
    "Potential Loyalist": "Active",
    "New": "New",
    "Promising": "Promising",
    "Need Attention": "Needs attention",
    "About to Sleep": "Almost lost",
    "At Risk": "At risk",
    "Can't Lose": "Previously loyal",
    "Hibernating": "Dormant",
    "Lost": "Dormant",
}
"""Segment -> RFM group in Shopify."""


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """Contents of a campaign file."""

    method: str | None = None
    """Method of the lists; None for that of the scenario, else `DEFAULT_METHOD`."""
    n: int | None = None
    """Number of products per customer, 1 to 20; None for that of the scenario, else `DEFAULT_PRODUCTS`."""
    segments: tuple[str, ...] = ()
    """Segments to contact; empty: all."""
    holdout: float = 0.1
    """Share of the customers who are not contacted, 0 to 0.9."""
    name: str = "campaign"
    """Name of the campaign; it determines which customers are held out."""
    exclude_purchased: bool = True
    """Whether purchased items are hidden."""
    horizon_days: int = DEFAULT_HORIZON_DAYS
    """Days over which spend and the probability to order are forecast."""
    worth_above: float | None = None
    """Only customers whose spend so far plus lifetime value is above this amount."""
    return_below: float | None = None
    """Only customers who are less likely than this to order within the horizon, 0 to 1."""
    return_above: float | None = None
    """Only customers who are more likely than this to order within the horizon, 0 to 1."""
    churn_risks: tuple[str, ...] = ()
    """Churn risks to contact: low, medium, high; empty: all."""
    on: str | None = None
    """Date of the campaign (ISO 8601), on which products are due; None for the analysis date of the model."""
    diversity: float | None = None
    """How much the products of a customer should differ, 0 to 1; None for the business rules."""
    customers: CustomerFilter = ALL_CUSTOMERS
    """Only customers of this filter of the table of customers, as of the fit. The other options are compared with the
    values at the time of the campaign, with the orders since the fit."""
    scenario: str | None = None
    """Name of a scenario of the business rules; the other settings override it."""

    def __post_init__(self) -> None:
        if self.scenario is None:
            object.__setattr__(self, "method", self.method or DEFAULT_METHOD)
            object.__setattr__(self, "n", DEFAULT_PRODUCTS if self.n is None else self.n)

    @property
    def products(self) -> int:
        """Number of products per customer; that of a scenario must have been resolved."""
        return DEFAULT_PRODUCTS if self.n is None else self.n

    def resolved(self, engine: RetailEngine) -> CampaignSettings:
        """Return the settings with method and number of their scenario; `UsageError` for an unknown scenario."""
        if self.scenario is None or (self.method is not None and self.n is not None):
            return self
        query = engine.resolve(ListQuery(self.method, self.n, scenario=self.scenario))
        return replace(self, method=query.method, n=query.n)

    @property
    def filters_by_value(self) -> bool:
        """Whether only customers with some forecasts are contacted."""
        bounds = (self.worth_above, self.return_below, self.return_above)
        return bool(self.churn_risks) or any(bound is not None for bound in bounds)

    def selects(self, value: CustomerValue) -> bool:
        """Return whether a customer's forecast is within the bounds."""
        return (
            (self.worth_above is None or worth(value) > self.worth_above)
            and (self.return_below is None or value.return_probability < self.return_below)
            and (self.return_above is None or value.return_probability > self.return_above)
            and (not self.churn_risks or value.churn_risk in self.churn_risks)
        )

    def check(self, segment_names: Iterable[str]) -> None:
        """Raise `UsageError` for a value out of range or a segment that is not among `segment_names`."""
        segment_names = list(segment_names)
        check_page(self.products)
        if self.products > 20:
            raise UsageError(f"{self.products} products per customer are too many for a campaign.", "Give 1 to 20.")
        if not 0 <= self.holdout <= 0.9:
            raise UsageError(f"The holdout share {self.holdout} is out of range.", "Give a share from 0 to 0.9.")
        check_horizon(self.horizon_days)
        check_diversity(self.diversity)
        for share in (self.return_below, self.return_above):
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"The probability {share} is out of range.", "Give a share from 0 to 1, such as 0.3.")
        no_risk = sorted(set(self.churn_risks) - set(CHURN_RISKS))
        if no_risk:
            raise UsageError(f"There is no churn risk {no_risk[0]!r}.", f"Risks: {', '.join(CHURN_RISKS)}.")
        unknown = sorted(set(self.segments) - set(segment_names))
        if unknown:
            raise UsageError(f"There is no segment {unknown[0]!r}.", f"Segments: {', '.join(segment_names)}.")


SHEETS: Final = SheetParts("group", {TREATED: "To contact", HOLDOUT: "Held out"}, "All customers")
"""Sheets of a campaign file as a workbook."""


@dataclass(slots=True)
class CampaignGroups:
    """Numbers of customers in a campaign, counted while its rows are written."""

    treated: int = 0
    """Customers to contact."""
    holdout: int = 0
    """Customers who are held out, to measure the effect."""
    with_forecast: int = 0
    """Customers with a probability to order."""
    expected_buyers: float = 0.0
    """Customers, of those with a forecast, who are expected to order within the horizon without a campaign."""

    def count(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows unchanged and count them."""
        for row in rows:
            self.treated += row["group"] == TREATED
            self.holdout += row["group"] == HOLDOUT
            probability = row.get("return_probability")
            if probability is not None:
                self.with_forecast += 1
                self.expected_buyers += probability
            yield row

    @property
    def expected_share(self) -> float | None:
        """Share of the customers who are expected to order without a campaign, 0 to 1; None without forecasts."""
        return self.expected_buyers / self.with_forecast if self.with_forecast else None

    def sentences(self) -> tuple[str, ...]:
        """Return whom to contact, whom not, and the smallest effect that the groups are likely to show."""
        if not self.treated + self.holdout:
            return ("No customer matches. Choose more segments or wider limits.",)
        contact = f"{format_integer(self.treated)} to contact"
        if not self.holdout:
            return (f"{contact}, no one held out: the effect of this campaign cannot be measured.",)
        held_out = f"{format_integer(self.holdout)} held out: do not contact these, they show what happens without it."
        return (f"{contact}, {held_out}", *self._measurability())

    def _measurability(self) -> tuple[str, ...]:
        share = self.expected_share
        if share is None or not self.treated:
            return ()
        effect = smallest_detectable_uplift(share, self.treated, self.holdout)
        if effect is None:
            return ("The groups are too small to show any effect on the number of buyers; hold out more customers.",)
        return (
            f"Without the campaign {format_percent(share)} are expected to order. Groups of this size are likely to "
            f"show an effect of {format_percent(effect)} more buyers, or a larger one; hold out more customers to show "
            "smaller effects.",
        )


def column_headings(settings: CampaignSettings, contact: Sequence[str] = ()) -> dict[str, str]:
    """Return the column names of the file and their headings, in order; `contact` are additional columns."""
    headings = {
        "customer_id": "Customer id",
        "customer_name": "Customer",
        **{name: name for name in contact},
        "group": "Group",
        "segment": "Segment",
        "value_tier": "Value",
        "klaviyo": "Klaviyo group",
        "shopify": "Shopify group",
        "action": "Action",
        "last_order": "Last order",
        "expected_spend": f"Expected spend, {settings.horizon_days} days",
        "expected_orders": f"Expected orders, {settings.horizon_days} days",
        "return_probability": f"Likely to order, {settings.horizon_days} days",
        "next_order": "Next order, if it comes",
        "churn_risk": "Churn risk",
        "lifetime_value": "Lifetime value",
        "worth": "Spend so far plus lifetime value",
        "due": "Due to buy again",
    }
    for k in range(1, settings.products + 1):
        headings |= {f"item_{k}": f"Product id {k}", f"name_{k}": f"Product {k}", f"why_{k}": f"Why {k}"}
    return headings


class Campaign(Result, frozen=True):
    """A campaign in memory: its rows and what a file of it states."""

    settings: CampaignSettings
    rows: tuple[dict[str, Any], ...]
    """As of `campaign_rows`."""
    groups: CampaignGroups
    headings: dict[str, str]
    """Column -> heading, in order."""
    metadata: dict[str, str]
    """Model version and data period, which a file states."""


def build_campaign(
    engine: RetailEngine,
    customers: Iterable[str],
    settings: CampaignSettings,
    *,
    contacts: tuple[Sequence[str], Mapping[str, Mapping[str, str]]] | None = None,
    progress: Progress = SILENT,
) -> Campaign:
    """Return the whole campaign; see `campaign_rows`.

    Parameters
    ----------
    engine : RetailEngine
    customers : iterable of str
        Customer ids.
    settings : CampaignSettings
    contacts : tuple, optional
        Names of the contact columns, and their values by customer id (`read_contacts`).
    progress : Progress

    Raises
    ------
    UsageError
        The settings are not valid.
    """
    names, values = contacts or ((), None)
    groups = CampaignGroups()
    settings = settings.resolved(engine)
    rows = campaign_rows(engine, customers, settings, contacts=values, progress=progress)
    headings = column_headings(settings, names)
    return Campaign(settings, tuple(groups.count(rows)), groups, headings, export_metadata(engine.model()))


def campaign_rows(
    engine: RetailEngine,
    customers: Iterable[str],
    settings: CampaignSettings,
    *,
    contacts: Mapping[str, Mapping[str, str]] | None = None,
    progress: Progress = SILENT,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the campaign, in the order of `customers`; those without kept purchases are left out.

    Parameters
    ----------
    engine : RetailEngine
    customers : iterable of str
        Customer ids.
    settings : CampaignSettings
    contacts : mapping, optional
        Customer id -> additional columns (`read_contacts`).
    progress : Progress

    Raises
    ------
    UsageError
        The settings are not valid.
    """
    settings = settings.resolved(engine)
    settings.check([s.name for s in engine.segments()])
    ids = list(customers)
    today = date.fromisoformat(settings.on or engine.model().analysis_date)
    progress.stage("Writing the campaign", 0.0)
    for start in range(0, len(ids), CHUNK_CUSTOMERS):
        progress.check()
        profiles = [p for p in map(engine.customer, ids[start : start + CHUNK_CUSTOMERS]) if p.rfm is not None]
        selected = [p for p in profiles if not settings.segments or p.rfm is None or p.rfm.segment in settings.segments]
        values = _values(engine, [p.customer_id for p in selected], settings)
        if values and settings.filters_by_value:
            selected = [p for p in selected if settings.selects(values[p.customer_id])]
        lists = engine.recommend_many(
            [p.customer_id for p in selected],
            settings.method,
            settings.n,
            exclude_purchased=settings.exclude_purchased,
            on=settings.on,
            diversity=settings.diversity,
            scenario=settings.scenario,
        )
        for profile, recommended in zip(selected, lists, strict=True):
            row = _row(profile, recommended, settings, today) | _value_cells(values.get(profile.customer_id))
            yield {**row, **(contacts or {}).get(profile.customer_id, {})}
        progress.update(min(start + CHUNK_CUSTOMERS, len(ids)) / max(len(ids), 1))


def worth(value: CustomerValue) -> float:
    """Return what a customer is worth: spend so far plus lifetime value, in the shop's currency."""
    return value.spend + value.lifetime_value


def _values(engine: RetailEngine, ids: list[str], settings: CampaignSettings) -> dict[str, CustomerValue]:
    """Return the forecasts by customer; none for a bundle of an older version, unless the settings filter by them."""
    try:
        return {value.customer_id: value for value in engine.customer_values(ids, settings.horizon_days)}
    except FormatVersionError:
        if settings.filters_by_value:
            raise
        return {}


def _value_cells(value: CustomerValue | None) -> dict[str, Any]:
    if value is None:
        return {}
    return {
        "expected_spend": round(value.expected_spend, 2),
        "expected_orders": round(value.expected_orders, 2),
        "return_probability": round(value.return_probability, 4),
        "next_order": value.next_order_date,
        "churn_risk": value.churn_risk,
        "lifetime_value": round(value.lifetime_value, 2),
        "worth": round(worth(value), 2),
    }


def is_held_out(customer_id: str, settings: CampaignSettings) -> bool:
    """Return whether the customer is held out, by a hash of campaign name and id: always the same."""
    digest = hashlib.sha256(f"{settings.name}\0{customer_id}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") < settings.holdout * 2**64


def due_for_repurchase(purchases: Iterable[Purchase], today: date) -> list[Purchase]:
    """Return the items that the customer is due to buy again, the most overdue first.

    An item bought in at least two orders has a usual gap, (last - first) / (orders - 1) days; it is due when
    the gap since the last purchase ends within `DUE_WITHIN` days and not yet `GIVEN_UP` gaps have passed.
    """
    due = []
    for purchase in purchases:
        first, last = date.fromisoformat(purchase.first_day), date.fromisoformat(purchase.last_day)
        if purchase.orders < 2 or last == first:
            continue
        gap = (last - first).days / (purchase.orders - 1)
        days_since = (today - last).days
        if (
            last + timedelta(days=gap) <= today + timedelta(days=DUE_WITHIN_DAYS)
            and days_since <= MAX_GAPS_SINCE_PURCHASE * gap
        ):
            due.append((-days_since / gap, purchase.item_id, purchase))
    return [purchase for _, _, purchase in sorted(due, key=lambda entry: entry[:2])]


def read_contacts(path: Path) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return the names of the contact columns of a CSV file or workbook, and their values by customer id.

    Raises
    ------
    DataError
        The file cannot be read.
    ColumnError
        No column is recognised as the customer id, or a column has the name of one of the campaign file.
    """
    header, rows = read_small_table(path)
    customer = find_customer_column(header)
    if customer is None:
        raise ColumnError(
            f"No column of {path.name} is recognised as customer_id (columns: {', '.join(header)}).",
            "Rename the column with the customer ids to customer_id.",
        )
    names = [name for name in header if name != customer]
    taken = sorted(set(names) & set(column_headings(CampaignSettings(n=20))))
    if taken:
        raise ColumnError(f"The campaign file already has a column {taken[0]}.", f"Rename that column of {path.name}.")
    return names, {row[customer]: {name: row[name] for name in names} for row in rows}


def _row(
    profile: CustomerProfile, recommended: RecommendationList, settings: CampaignSettings, today: date
) -> dict[str, Any]:
    segment = profile.rfm.segment if profile.rfm else ""
    row: dict[str, Any] = {
        "customer_id": profile.customer_id,
        "customer_name": profile.customer_name,
        "group": HOLDOUT if is_held_out(profile.customer_id, settings) else TREATED,
        "segment": segment,
        "value_tier": profile.rfm.value_tier if profile.rfm else "",
        "klaviyo": KLAVIYO_GROUPS.get(segment, ""),
        "shopify": SHOPIFY_GROUPS.get(segment, ""),
        "action": SEGMENTS.get(segment, ("", ""))[1],
        "last_order": profile.last_order,
        "due": "; ".join(p.item_name for p in due_for_repurchase(profile.purchases, today)[:MAX_DUE_ITEMS]),
    }
    for k, item in enumerate(recommended.items, 1):
        row |= {f"item_{k}": item.item_id, f"name_{k}": item.item_name}
        row[f"why_{k}"] = max(item.reasons, key=lambda r: r.share).text if item.reasons else ""
    return row
