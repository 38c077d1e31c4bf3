"""Tasks that take long or need files, which the API runs as jobs: campaign, its uplift, what-if analysis, and a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from smart_retail.analysis.campaign import Campaign, CampaignSettings, build_campaign, read_contacts
from smart_retail.analysis.uplift import CampaignEffect, estimate_uplift, read_groups
from smart_retail.analysis.what_if import SAMPLE_CUSTOMERS, Scenario, WhatIfResult, what_if
from smart_retail.data.files.read_options import ReadOptions
from smart_retail.progress import Progress
from smart_retail.protocol import DEFAULT_METHOD, DEFAULT_N, LocalEngine, Task
from smart_retail.results import FitReport
from smart_retail.settings import Settings

Mapping = Annotated[
    dict[str, str], Meta(description="Canonical column -> header, for headers that are not recognised.")
]
SettingsValues = Annotated[
    dict[str, dict[str, Any] | Any], Meta(description="Settings by section, as in `settings.toml`.")
]


class CampaignTask(Task[Campaign], frozen=True):
    """A campaign over the customers of a filter; see `campaign.build_campaign`."""

    name: ClassVar[str] = "campaign"
    result: ClassVar[type[Any]] = Campaign
    file_fields: ClassVar[tuple[str, ...]] = ("contacts",)

    settings: Annotated[CampaignSettings, Meta(description="Customers, products and test group.")]
    contacts: Annotated[
        str | None, Meta(description="CSV or XLSX with customer ids and contact columns, which are copied.")
    ] = None

    def compute(self, engine: LocalEngine, progress: Progress) -> Campaign:
        """Return the campaign."""
        contacts = read_contacts(Path(self.contacts)) if self.contacts else None
        customers = engine.customer_ids(self.settings.customers)
        return build_campaign(engine, customers, self.settings, contacts=contacts, progress=progress)


class UpliftTask(Task[CampaignEffect], frozen=True):
    """Uplift of a campaign from its file and the orders since then; see `uplift.estimate_uplift`."""

    name: ClassVar[str] = "uplift"
    result: ClassVar[type[Any]] = CampaignEffect
    file_fields: ClassVar[tuple[str, ...]] = ("campaign", "orders")

    campaign: Annotated[str, Meta(description="The campaign file (CSV or XLSX).")]
    orders: Annotated[tuple[str, ...], Meta(min_length=1, description="Orders since the campaign, one file or more.")]
    since: Annotated[str, Meta(description="ISO date of the first day whose orders count.")]
    mapping: Mapping = field(default_factory=dict)
    settings: SettingsValues = field(default_factory=dict)

    def compute(self, engine: LocalEngine, progress: Progress) -> CampaignEffect:
        """Return the uplift."""
        return self.measure(progress)

    def measure(self, progress: Progress) -> CampaignEffect:
        """Return the uplift, for which no engine is needed."""
        from smart_retail.analysis.customer_snapshots import revenue_since

        groups = read_groups(Path(self.campaign))
        settings = Settings.from_dict(self.settings) if self.settings else Settings.load()
        spent = revenue_since(self.orders, self.since, mapping=self.mapping, settings=settings, progress=progress)
        return CampaignEffect(estimate_uplift(groups, spent), self.since)


class WhatIfTask(Task[WhatIfResult], frozen=True):
    """Lists of a sample of customers before and after a change; see `what_if.what_if`."""

    name: ClassVar[str] = "what-if"
    result: ClassVar[type[Any]] = WhatIfResult

    scenario: Annotated[Scenario, Meta(description="The change; without one, before and after are equal.")] = Scenario()
    method: Annotated[str, Meta(description="One method, not `all`.")] = DEFAULT_METHOD
    n: Annotated[int, Meta(ge=1, le=1000, description="Length of a list.")] = DEFAULT_N
    exclude_purchased: Annotated[
        bool | None, Meta(description="Whether purchased items are hidden; null for the default of the shop.")
    ] = None
    customers: Annotated[tuple[str, ...], Meta(description="Customers whose lists are returned.")] = ()
    sample: Annotated[int, Meta(ge=1, le=5000, description="Number of customers to compare.")] = SAMPLE_CUSTOMERS

    def compute(self, engine: LocalEngine, progress: Progress) -> WhatIfResult:
        """Return the comparison."""
        return what_if(
            engine,
            self.scenario,
            method=self.method,
            n=self.n,
            exclude_purchased=self.exclude_purchased,
            customers=self.customers,
            sample=self.sample,
            progress=progress,
        )


class FitTask(Task[FitReport], frozen=True):
    """A fit from files; see `training.fit.fit`. The new version is published in the folder of the engine."""

    name: ClassVar[str] = "fit"
    result: ClassVar[type[Any]] = FitReport
    file_fields: ClassVar[tuple[str, ...]] = ("sources", "returns", "catalogue")

    sources: Annotated[tuple[str, ...], Meta(min_length=1, description="Order lines, one file or more.")]
    returns: Annotated[str | None, Meta(description="A table of returned orders.")] = None
    catalogue: Annotated[str | None, Meta(description="A table of the items that the shop sells.")] = None
    mapping: Mapping = field(default_factory=dict)
    settings: SettingsValues = field(default_factory=dict)
    force: Annotated[bool, Meta(description="Publish even if an import guard or the quality gate fails.")] = False
    header_row: Annotated[int, Meta(ge=0, le=1000, description="Row of the header; 0 to find it.")] = 0
    sheet: Annotated[str, Meta(max_length=100, description="Sheet of a workbook; empty to find it.")] = ""

    def compute(self, engine: LocalEngine, progress: Progress) -> FitReport:
        """Fit, publish, and return the report."""
        from smart_retail.training.fit import fit

        return fit(
            *self.sources,
            artifacts=engine.artifacts,
            returns=self.returns,
            catalogue=self.catalogue,
            mapping=self.mapping,
            settings=Settings.from_dict(self.settings) if self.settings else Settings.load(),
            force=self.force,
            reading=ReadOptions(self.header_row, self.sheet),
            progress=progress,
        )
