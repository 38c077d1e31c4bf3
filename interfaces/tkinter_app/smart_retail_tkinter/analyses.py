"""Calls to the core for the pages of the window, one function for each operation.

Each is called in a worker thread and may raise `RetailError`. The modules are imported on first use, so that the window
opens fast. Tasks of the engine also run over an API.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_retail.errors import UnknownCustomerError
from smart_retail.progress import Progress
from smart_retail.protocol import RetailEngine, is_local, require_local

if TYPE_CHECKING:
    from smart_retail.analysis.campaign import Campaign, CampaignSettings
    from smart_retail.analysis.rules_check import RulesCheck
    from smart_retail.analysis.rules_history import SavedRules
    from smart_retail.analysis.sales_forecast import SalesForecast
    from smart_retail.analysis.segment_migration import Migration
    from smart_retail.analysis.uplift import CampaignEffect
    from smart_retail.analysis.what_if import WhatIfResult

NEEDS_FOLDER = "Start the tool without --api-url on the machine that has the artifacts folder."


def make_campaign(engine: RetailEngine, settings: CampaignSettings, contacts: str, progress: Progress) -> Campaign:
    """Return a campaign over all customers; `contacts` is a file with columns to copy, or empty."""
    from smart_retail.analysis.long_tasks import CampaignTask

    return engine.run(CampaignTask(settings, contacts or None), progress)


def write_campaign(campaign: Campaign, path: str) -> None:
    """Write a campaign as CSV, or as a workbook with a sheet per group."""
    from smart_retail.analysis.campaign import SHEETS
    from smart_retail.utils.spreadsheet import write_table

    write_table(path, campaign.rows, campaign.headings, campaign.metadata, SHEETS)


def measure_campaign(campaign: str, orders: Sequence[str], since: str, progress: Progress) -> CampaignEffect:
    """Return the effect of a campaign from its file and the order files since then, which are on this machine."""
    from smart_retail.analysis.long_tasks import UpliftTask

    return UpliftTask(campaign, tuple(orders), since).measure(progress)


def forecast_sales(engine: RetailEngine, days: int, progress: Progress) -> SalesForecast:
    """Return the sales forecast of the coming days."""
    from smart_retail.analysis.tasks import ForecastTask

    return engine.run(ForecastTask(days), progress)


def compare_segments(engine: RetailEngine, since: str, progress: Progress) -> Migration:
    """Return the moves of customers between segments from an ISO date until now."""
    from smart_retail.analysis.tasks import MigrationTask

    return engine.run(MigrationTask(since), progress)


def write_report(engine: RetailEngine, path: str, progress: Progress) -> Path:
    """Write the HTML report and return its path."""
    from smart_retail.reporting import html_report

    return html_report.write_report(engine, path, progress)


def read_rules_text(engine: RetailEngine) -> str:
    """Return the text of the rules file, with its comments where the file is on this machine; empty without rules."""
    from smart_retail.analysis.rules_history import format_rules
    from smart_retail.analysis.tasks import CurrentRulesTask
    from smart_retail.serving.business_rules import read_rules_content

    if is_local(engine):
        return read_rules_content(engine.rules_file).decode("utf-8") if engine.rules_file.is_file() else ""
    rules = engine.run(CurrentRulesTask()).rules
    return format_rules(rules) if rules else ""


def check_rules(engine: RetailEngine, text: str) -> RulesCheck:
    """Return what the rules of a text do."""
    from smart_retail.analysis.tasks import CheckRulesTask

    return engine.run(CheckRulesTask(text))


def try_rules(engine: RetailEngine, text: str, sample: int, progress: Progress) -> WhatIfResult:
    """Return how the lists of `sample` customers change with the rules of a text."""
    from smart_retail.analysis.long_tasks import WhatIfTask
    from smart_retail.analysis.what_if_engine import Scenario
    from smart_retail.serving.business_rules import RULES_NAME, parse_rules

    rules = parse_rules(text.encode(), RULES_NAME)
    return engine.run(WhatIfTask(Scenario(rules), sample=sample), progress)


def save_rules(engine: RetailEngine, text: str) -> RulesCheck:
    """Replace the rules file by a text, and return what the rules do."""
    from smart_retail.analysis.tasks import SaveRulesTask

    return engine.run(SaveRulesTask(text))


def list_saved_rules(engine: RetailEngine) -> tuple[SavedRules, ...]:
    """Return the saved states of the rules, the newest first."""
    from smart_retail.analysis.tasks import RulesHistoryTask

    return engine.run(RulesHistoryTask()).states


def restore_rules(engine: RetailEngine, state: str) -> RulesCheck:
    """Save an earlier state of the rules again."""
    from smart_retail.analysis.tasks import RestoreRulesTask

    return engine.run(RestoreRulesTask(state))


def write_all_recommendations(engine: RetailEngine, path: str, progress: Progress) -> int:
    """Write the lists of all customers to a CSV or Parquet file and return the number of rows."""
    from smart_retail.serving.batch_export import write_recommendations

    local = require_local(engine, "Writing the recommendations of all customers needs", NEEDS_FOLDER)
    return write_recommendations(local, path, progress=progress)


def write_all_values(engine: RetailEngine, path: str, progress: Progress) -> int:
    """Write the value of all customers to a CSV file and return the number of rows."""
    from smart_retail.serving.value_export import write_values

    progress.stage("values", 0.0)
    return write_values(require_local(engine, "Writing the value of all customers needs", NEEDS_FOLDER), path)


def erase_customer(engine: RetailEngine, artifacts: str, customer_id: str) -> dict[str, Any]:
    """Erase a customer from all files of a folder and return the receipt.

    Raises
    ------
    UnknownCustomerError
        Neither the bundle nor the events contain the customer.
    """
    from smart_retail.bundle.erasure import erase

    if not engine.customer(customer_id).known:
        raise UnknownCustomerError(
            f"Neither the bundle nor the events contain customer {customer_id}; nothing was erased.",
            "Choose a customer of the list.",
        )
    return erase(artifacts, customer_id)
