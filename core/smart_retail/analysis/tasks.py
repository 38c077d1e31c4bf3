"""Tasks that take seconds: forecast, migration, business rules, and versions of the artifacts folder.

Each has a route of the API. A forecast and a comparison of two versions take longer, and clients of the API run them as
jobs; so do the tasks of `long_tasks`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from smart_retail.analysis.rules_check import RulesCheck, check_content, check_rules
from smart_retail.analysis.rules_history import SavedRules, list_saved_rules, restore_rules, save_rules_content
from smart_retail.analysis.sales_forecast import SalesForecast, daily_discounts, daily_sales, forecast
from smart_retail.analysis.segment_migration import Migration, compute_migration
from smart_retail.bundle import versions
from smart_retail.bundle.versions import VersionInfo
from smart_retail.errors import UsageError
from smart_retail.progress import Progress
from smart_retail.protocol import LocalEngine, Task
from smart_retail.results import Result
from smart_retail.serving.business_rules import RULES_NAME, parse_rules, read_rules
from smart_retail.utils.dates import iso

RulesText = Annotated[str, Meta(max_length=16_000_000, description="Rules as the text of a rules file (TOML).")]
DateText = Annotated[str, Meta(max_length=10, description="ISO date, such as 2026-01-31.")]
VersionText = Annotated[str, Meta(max_length=100, description="Version id, see `GET /v1/versions`.")]


class ShopRules(Result, frozen=True):
    """The business rules as they are written in the rules file."""

    rules: dict[str, Any]
    """Rule -> value, as in ``rules.toml``; empty without a file."""
    digest: str
    """Digest of the rules in force, as the screens show it; empty without rules."""


class RulesHistory(Result, frozen=True):
    """All saved states of the business rules."""

    states: tuple[SavedRules, ...]
    """The newest first."""


class SourceWeights(Result, frozen=True):
    """Mean blend weights of the sources in the hybrid."""

    weights: dict[str, float]
    """Source -> mean weight over the customers with purchases, 0 and up."""


class Versions(Result, frozen=True):
    """The published versions."""

    versions: tuple[VersionInfo, ...]
    """The newest first."""


class Activation(Result, frozen=True):
    """A version that was activated."""

    version: str
    """The version that is in use now."""
    undone: str
    """The version that was in use before; empty if there was none that could be read."""


class ForecastTask(Task[SalesForecast], frozen=True):
    """Sales forecast

    Daily sales with an 80 % interval by the model that predicted held-out days best, and the history that it continues.
    Needs a key of the role admin. Of all sales it takes seconds; run it as a job for every category.
    """

    name: ClassVar[str] = "forecast"
    result: ClassVar[type[Any]] = SalesForecast
    route: ClassVar[tuple[str, str]] = ("get", "/v1/forecast")

    days: Annotated[int, Meta(ge=1, le=365, description="Days to forecast.")] = 28
    country: Annotated[
        str, Meta(max_length=2, description="Two-letter code of a country whose holidays are included; empty for none.")
    ] = ""
    discounts: Annotated[bool, Meta(description="Also try the mean discount of each day as a regressor.")] = False
    planned: Annotated[
        float | None, Meta(description="Planned mean discount, 0 to 1; by default that of the last four weeks.")
    ] = None
    overall: Annotated[bool, Meta(description="Only all sales, not each category; much faster.")] = True

    @property
    def is_long(self) -> bool:
        return True

    def compute(self, engine: LocalEngine, progress: Progress) -> SalesForecast:
        """Return the forecasts with their histories."""
        self.check()
        series = daily_sales(engine.tables, not self.overall)
        found = forecast(
            series,
            horizon=self.days,
            country=self.country,
            discounts=daily_discounts(engine.tables) if self.discounts else None,
            planned=self.planned,
            progress=progress,
        )
        first = min(day for day, _ in series.values())
        return SalesForecast(
            found, iso(first), {name: tuple(amounts.tolist()) for name, (_, amounts) in series.items()}
        )

    def check(self) -> None:
        """Raise `UsageError` for options that contradict each other."""
        if self.planned is not None and not self.discounts:
            raise UsageError(
                "A planned discount needs the discount as a regressor.", "Try the discount as a regressor too."
            )


class MigrationTask(Task[Migration], frozen=True):
    """Segment migration

    Customers who moved from one segment to another between two dates or two versions, and those who dropped from the
    best segments. Needs a key of the role admin.
    """

    name: ClassVar[str] = "migration"
    result: ClassVar[type[Any]] = Migration
    route: ClassVar[tuple[str, str]] = ("get", "/v1/migration")

    from_date: Annotated[DateText, Meta(description="Earlier date; compares two dates of one version.")] = ""
    to_date: Annotated[DateText, Meta(description="Later date; by default the analysis date of the version.")] = ""
    before: Annotated[VersionText, Meta(description="Earlier version; by default the previous one.")] = ""
    after: Annotated[VersionText, Meta(description="Later version; by default the active one.")] = ""

    @property
    def is_long(self) -> bool:
        return not self.from_date

    def compute(self, engine: LocalEngine, progress: Progress) -> Migration:
        """Return the migration."""
        from smart_retail.analysis.customer_snapshots import current_snapshots, migration_between_dates

        self.check()
        progress.stage("Comparing the segments", 0.0)
        if self.from_date:
            return migration_between_dates(_open_version(engine, self.after), self.from_date, self.to_date)
        listed = versions.versions(engine.artifacts)
        before = self.before or next((v.version for v in listed if v.previous), "")
        after = self.after or next((v.version for v in listed if v.active), "")
        if not before:
            raise UsageError(
                "There is no earlier version to compare with.",
                "Fit again later, name a version, or compare two dates.",
            )
        engines = (_open_version(engine, before), _open_version(engine, after))
        then, now = (current_snapshots(each, progress) for each in engines)
        return compute_migration(then, now, (engines[0].version, engines[1].version))

    def check(self) -> None:
        """Raise `UsageError` for options that contradict each other."""
        if self.before and (self.from_date or self.to_date):
            raise UsageError(
                "An earlier version cannot be combined with dates.",
                "Compare either two versions or two dates.",
            )
        if self.to_date and not self.from_date:
            raise UsageError("The earlier date is missing.", "Add it, such as 2026-01-31.")


def _open_version(engine: LocalEngine, version: str) -> LocalEngine:
    """Return an engine over a version of the same folder; the given one for its own version or an empty id."""
    if version in ("", engine.version):
        return engine
    from smart_retail.serving.engine import Engine

    if version not in {info.version for info in versions.versions(engine.artifacts)}:
        raise UsageError(f"There is no version {version}.", "`smart-retail versions` lists the versions.")
    return Engine.load(engine.artifacts, version=version)


class CurrentRulesTask(Task[ShopRules], frozen=True):
    """Business rules

    The rules as they are written in the rules file. Needs a key of the role admin.
    """

    name: ClassVar[str] = "rules"
    result: ClassVar[type[Any]] = ShopRules
    route: ClassVar[tuple[str, str]] = ("get", "/v1/rules")

    def compute(self, engine: LocalEngine, progress: Progress) -> ShopRules:
        """Return the rules of the file."""
        file = engine.rules_file
        return ShopRules(read_rules(file) if file.is_file() else {}, engine.rules.digest)


class CheckRulesTask(Task[RulesCheck], frozen=True):
    """Check business rules

    What each rule does to the active version, and which entries have no effect. Nothing is saved. Needs a key of the
    role admin.
    """

    name: ClassVar[str] = "rules-check"
    result: ClassVar[type[Any]] = RulesCheck
    route: ClassVar[tuple[str, str]] = ("post", "/v1/rules:check")

    content: Annotated[
        RulesText | None, Meta(description="Rules as the text of a rules file (TOML); null for those in force.")
    ] = None
    file: Annotated[str, Meta(max_length=4000, description="Name of the file in the result.")] = RULES_NAME

    def compute(self, engine: LocalEngine, progress: Progress) -> RulesCheck:
        """Return what the rules do to the active version."""
        if self.content is None:
            return check_rules(engine, engine.rules_file if engine.rules_file.is_file() else None)
        return check_content(engine, parse_rules(self.content.encode(), Path(self.file).name), self.file)


class SaveRulesTask(Task[RulesCheck], frozen=True):
    """Save business rules

    Checks the rules and replaces the rules file; all lists follow at once. Needs a key of the role admin.
    """

    name: ClassVar[str] = "rules-save"
    result: ClassVar[type[Any]] = RulesCheck
    route: ClassVar[tuple[str, str]] = ("post", "/v1/rules:save")

    content: RulesText

    def compute(self, engine: LocalEngine, progress: Progress) -> RulesCheck:
        """Save the rules and return what they do."""
        return save_rules_content(engine, self.content.encode(), engine.rules_file)


class RulesHistoryTask(Task[RulesHistory], frozen=True):
    """Saved business rules

    All saved states, the newest first. Needs a key of the role admin.
    """

    name: ClassVar[str] = "rules-history"
    result: ClassVar[type[Any]] = RulesHistory
    route: ClassVar[tuple[str, str]] = ("get", "/v1/rules/history")

    def compute(self, engine: LocalEngine, progress: Progress) -> RulesHistory:
        """Return the saved states."""
        return RulesHistory(list_saved_rules(engine.artifacts, engine.rules_file))


class RestoreRulesTask(Task[RulesCheck], frozen=True):
    """Restore business rules

    Saves an earlier state of the rules again. Needs a key of the role admin.
    """

    name: ClassVar[str] = "rules-restore"
    result: ClassVar[type[Any]] = RulesCheck
    route: ClassVar[tuple[str, str]] = ("post", "/v1/rules:restore")

    state: Annotated[str, Meta(max_length=100, description="Name of a saved state, see `GET /v1/rules/history`.")]

    def compute(self, engine: LocalEngine, progress: Progress) -> RulesCheck:
        """Restore the rules and return what they do."""
        return restore_rules(engine, self.state, engine.rules_file)


class SourceWeightsTask(Task[SourceWeights], frozen=True):
    """Blend weights of the sources

    Mean over the customers with purchases; a what-if analysis can change them. Needs a key of the role admin.
    """

    name: ClassVar[str] = "source-weights"
    result: ClassVar[type[Any]] = SourceWeights
    route: ClassVar[tuple[str, str]] = ("get", "/v1/source-weights")

    exclude_purchased: Annotated[bool, Meta(description="Of lists without purchased items.")] = True

    def compute(self, engine: LocalEngine, progress: Progress) -> SourceWeights:
        """Return the weights."""
        from smart_retail.analysis.what_if import source_weights

        return SourceWeights(source_weights(engine, self.exclude_purchased))


class VersionsTask(Task[Versions], frozen=True):
    """Versions

    The published versions, the newest first, with size and score. Needs a key of the role admin.
    """

    name: ClassVar[str] = "versions"
    result: ClassVar[type[Any]] = Versions
    route: ClassVar[tuple[str, str]] = ("get", "/v1/versions")

    def compute(self, engine: LocalEngine, progress: Progress) -> Versions:
        """Return the versions of the engine's folder."""
        return self.read_folder(engine.artifacts)

    def read_folder(self, artifacts: str | os.PathLike[str]) -> Versions:
        """Return the versions of a folder, also if the active one is damaged."""
        return Versions(tuple(versions.versions(artifacts)))


class RollbackTask(Task[Activation], frozen=True):
    """Activate a version

    The version that was active before, or the given one; what was rolled back is not activated again unless it is
    named. Other workers follow within about a second. Needs a key of the role admin.
    """

    name: ClassVar[str] = "rollback"
    result: ClassVar[type[Any]] = Activation
    route: ClassVar[tuple[str, str]] = ("post", "/v1/versions:rollback")

    version: Annotated[
        VersionText | None, Meta(description="Version to activate; null for the one that was active before.")
    ] = None

    def compute(self, engine: LocalEngine, progress: Progress) -> Activation:
        """Activate a version of the engine's folder; engines that follow the folder serve it within seconds."""
        return self.change_folder(engine.artifacts)

    def change_folder(self, artifacts: str | os.PathLike[str]) -> Activation:
        """Activate a version of a folder, also if the active one is damaged."""
        undone = next((v.version for v in versions.versions(artifacts) if v.active), "")
        return Activation(versions.rollback(artifacts, self.version), undone)


TASKS: tuple[type[Task[Any]], ...] = (
    ForecastTask,
    MigrationTask,
    CurrentRulesTask,
    CheckRulesTask,
    SaveRulesTask,
    RulesHistoryTask,
    RestoreRulesTask,
    SourceWeightsTask,
    VersionsTask,
    RollbackTask,
)
"""All tasks with a route of the API."""
