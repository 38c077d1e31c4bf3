"""Campaigns: whom to contact with which products, as a file; later the measured effect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from smart_retail.errors import UsageError
from smart_retail.presentation.filter_texts import describe_filter
from smart_retail.presentation.formatting import format_amount, pluralize
from smart_retail.protocol import ALL_CUSTOMERS, CustomerFilter, CustomerQuery
from smart_retail_tkinter import analyses
from smart_retail_tkinter.presenter import Presenter

if TYPE_CHECKING:
    from smart_retail.analysis.campaign import Campaign, CampaignSettings
    from smart_retail.analysis.uplift import CampaignEffect

LANE, FILE_LANE, EFFECT_LANE, CHOSEN_LANE = "campaign", "campaign-file", "campaign-effect", "campaign-chosen"


@dataclass(frozen=True, slots=True)
class CampaignForm:
    """The form of a campaign, as texts where they are typed."""

    segments: tuple[str, ...] = ()
    churn_risks: tuple[str, ...] = ()
    worth_above: str = ""
    likely_from: str = ""
    """Per cent."""
    likely_to: str = ""
    """Per cent."""
    horizon_days: int = 90
    method: str = "hybrid"
    n: str = "5"
    exclude_purchased: bool = True
    holdout: str = "10"
    """Per cent."""
    name: str = "campaign"
    customers: CustomerFilter = ALL_CUSTOMERS
    """Customers of the page Customers."""
    contacts: str = ""
    """Path of a file with columns to copy; empty for none."""


class CampaignView(Protocol):
    """Methods of the page that the presenter calls."""

    def show_chosen(self, text: str) -> None: ...
    def show_campaign(self, campaign: Campaign, sentences: tuple[str, ...]) -> None: ...
    def show_campaign_file(self, path: str) -> None: ...
    def show_effect(self, effect: CampaignEffect, currency: str) -> None: ...


class CampaignPresenter:
    """The campaign of the page.

    Parameters
    ----------
    view : CampaignView
    shell : Presenter
        Has the engine and runs the work.
    """

    def __init__(self, view: CampaignView, shell: Presenter) -> None:
        self._view, self._shell = view, shell
        self.campaign: Campaign | None = None

    def choose(self, selected: CustomerFilter) -> None:
        """Show how many customers of a filtered table the campaign is for; nothing for all customers."""
        engine, conditions = self._shell.open_engine(), describe_filter(selected, self._shell.currency)
        if not conditions:
            self._shell.submit(CHOSEN_LANE, lambda: "", self._view.show_chosen)
            return

        def describe() -> str:
            found = engine.customers(CustomerQuery(**selected.conditions, n=1))
            return f"{pluralize(found.with_orders, 'customer')} of the page Customers: {conditions}"

        self._shell.submit(CHOSEN_LANE, describe, self._view.show_chosen)

    def make(self, form: CampaignForm) -> None:
        """Make the campaign of a form and show it; nothing is written and no customer is contacted."""
        engine, settings = self._shell.open_engine(), read_settings(form)
        currency = self._shell.currency

        def made(campaign: Campaign) -> None:
            self.campaign = campaign
            self._view.show_campaign(campaign, describe_campaign(campaign, currency))

        self._shell.work.start(
            LANE, lambda progress: analyses.make_campaign(engine, settings, form.contacts, progress), made
        )

    def save(self, path: str) -> None:
        """Write the campaign to a file, which can be measured later."""
        campaign = self.campaign
        if campaign is None or not campaign.rows:
            raise UsageError("There is no campaign to save.", "Make one first.")

        def saved(_: object) -> None:
            self._shell.view.show_status(f"Saved the campaign to {path}")
            self._view.show_campaign_file(path)

        self._shell.submit(FILE_LANE, lambda: analyses.write_campaign(campaign, path), saved)

    def file_name(self) -> str:
        """Return a suggested name for the file of the campaign, without ending."""
        name = self.campaign.settings.name if self.campaign is not None else "campaign"
        return re.sub(r"[^\w. -]", "_", name).strip(" .") or "campaign"

    def measure(self, campaign: str, orders: tuple[str, ...], since: str) -> None:
        """Show the effect of a campaign from its file and the orders since then."""
        if not campaign:
            raise UsageError("No campaign file is chosen.", "Choose the file that was saved here, with both groups.")
        if not orders:
            raise UsageError("No orders are chosen.", "Choose one or more files with the orders since the campaign.")
        currency = self._shell.currency
        self._shell.work.start(
            EFFECT_LANE,
            lambda progress: analyses.measure_campaign(campaign, orders, since.strip(), progress),
            lambda effect: self._view.show_effect(effect, currency),
        )

    def default_since(self) -> str:
        """Return the day after the history, as an ISO date; empty without a model."""
        model = self._shell.model
        return str(date.fromisoformat(model.last) + timedelta(days=1)) if model is not None else ""


def read_settings(form: CampaignForm) -> CampaignSettings:
    """Return the settings of a form.

    Raises
    ------
    UsageError
        A text is not a number. The engine checks the ranges.
    """
    from smart_retail.analysis.campaign import CampaignSettings

    low, high = (read_number(text, "Likely to order") for text in (form.likely_from, form.likely_to))
    return CampaignSettings(
        method=form.method,
        n=round(read_number(form.n, "Products per customer") or 0),
        segments=form.segments,
        holdout=(read_number(form.holdout, "Held out") or 0.0) / 100,
        name=form.name.strip() or "campaign",
        exclude_purchased=form.exclude_purchased,
        horizon_days=form.horizon_days,
        worth_above=read_number(form.worth_above, "Worth more than"),
        return_above=low / 100 if low else None,
        return_below=high / 100 if high is not None and high < 100 else None,
        churn_risks=form.churn_risks,
        customers=form.customers,
    )


def read_number(text: str, label: str) -> float | None:
    """Return the number of a text field, None if it is empty."""
    cleaned = text.strip().rstrip("%").strip()
    if not cleaned:
        return None
    try:
        return float(cleaned)
    except ValueError:
        raise UsageError(f"{label}: {text.strip()!r} is not a number.", "Write a number such as 10 or 2.5.") from None


def describe_campaign(campaign: Campaign, currency: str) -> tuple[str, ...]:
    """Return whom to contact, whom not, what to expect without the campaign, and what the groups can show."""
    sentences = campaign.groups.sentences()
    if not campaign.rows:
        return sentences
    spend = sum(row.get("expected_spend") or 0.0 for row in campaign.rows)
    days = campaign.settings.horizon_days
    expected = f"Expected spend without the campaign in {days} days: {format_amount(spend, currency)}."
    return (sentences[0], expected, *sentences[1:])
