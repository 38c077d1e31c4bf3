"""Driver of the command line: runs commands and parses JSON and text."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner, Result

from smart_retail.analysis.rules_check import RulesCheck
from smart_retail.analysis.segment_migration import Migration
from smart_retail.analysis.tasks import Versions
from smart_retail.analysis.what_if import WhatIfResult
from smart_retail.errors import RetailError, UsageError, by_code
from smart_retail.protocol import CustomerFilter
from smart_retail.results import (
    Audience,
    CustomerPage,
    CustomerValue,
    ItemDetails,
    ProductBundles,
    SalesComparison,
    Substitutes,
)

from .base import (
    CAMPAIGN_OPTIONS,
    WHAT_IF_OPTIONS,
    BundleRow,
    CampaignRow,
    CustomerRow,
    Driver,
    DueRow,
    Filters,
    Forecast,
    ItemFacts,
    Moves,
    Row,
    SalesRows,
    Shown,
    ShownProfile,
    audience_rows,
    bundle_rows,
    customer_rows,
    effects_of,
    forecast_of,
    item_facts,
    moves_of,
    sales_of,
    substitute_rows,
    versions_of,
    what_if_sentence,
)
from .flask import rows

_CODES = {2: "usage", 3: "unknown_item", 5: "artifact"}
"""Exit code of the commands used here -> error code."""


class FrontEnd(Driver):
    name = "cli"

    def start(self) -> None:
        pass

    def recommend(self, customer_id: str, method: str, n: int, filters: Filters) -> Shown:
        words = ["recommend", "--new-customer", "--format", "json"]
        words += [] if filters.scenario else ["--method", method, "-n", str(n)]
        for name, value in filters.options().items():
            for text in value if isinstance(value, list) else [str(value)]:
                words.append(f"--{name.replace('_', '-')}={text}")
        words += [] if filters.exclude_purchased else ["--allow-purchased"]
        words += [] if filters.category is None else ["--category", filters.category]
        words += [] if filters.on is None else ["--on", filters.on]
        found = self.call(*words, "--", customer_id)
        parts = found["lists"] or {found["method"]: found}
        return Shown({m: rows(part["items"]) for m, part in parts.items()}, found["known"])

    def profile(self, customer_id: str) -> ShownProfile:
        found = self.call("customer", "--new-customer", "--format", "json", "--", customer_id)
        rfm, cluster = found["rfm"] or {}, found["cluster"] or {}
        return ShownProfile(found["known"], rfm.get("segment"), rfm.get("code"), cluster.get("name"))

    def value(self, customer_id: str) -> Forecast:
        found = self.call("value", "--new-customer", "--format", "json", "--", customer_id)
        return forecast_of(CustomerValue.from_dict(found))

    def due(self, days: int) -> tuple[DueRow, ...]:
        found = self.call("replenishment", "--days", str(days), "-n", "20", "--format", "json")
        return tuple((e["customer_id"], e["item_id"], e["due_date"]) for e in found["entries"])

    def bundles(self, item_id: str | None, sort: str) -> tuple[BundleRow, ...]:
        item = [] if item_id is None else ["--", item_id]
        found = self.call("bundles", "--sort", sort, "-n", "10", "--format", "json", *item)
        return bundle_rows(ProductBundles.from_dict(found))

    def item(self, item_id: str) -> ItemFacts:
        return item_facts(ItemDetails.from_dict(self.call("item", "--format", "json", "--", item_id)))

    def substitutes(self, item_id: str) -> tuple[tuple[str, str], ...]:
        return substitute_rows(Substitutes.from_dict(self.call("substitutes", "--format", "json", "--", item_id)))

    def audience(self, item_id: str) -> tuple[tuple[str, str], ...]:
        return audience_rows(Audience.from_dict(self.call("audience", "-n", "10", "--format", "json", "--", item_id)))

    def customers(self, segment: str, sort: str) -> tuple[CustomerRow, ...]:
        found = self.call("customers", "--segment", segment, "--sort", sort, "-n", "10", "--format", "json")
        return customer_rows(CustomerPage.from_dict(found))

    def migration(self, day: str) -> Moves:
        return moves_of(Migration.from_dict(self.call("migration", "--from-date", day, "--format", "json")))

    def forecast(self, days: int) -> str:
        found = self.run("forecast", "--days", str(days), "--overall")
        assert found.exit_code == 0, found.stderr
        (sentence,) = [line for line in found.stderr.splitlines() if line.startswith("Next ")]
        return sentence

    def campaign(self, segment: str) -> tuple[CampaignRow, ...]:
        return self.campaign_with("--segment", segment)

    def campaign_of_table(self, selected: CustomerFilter) -> tuple[int, tuple[CampaignRow, ...]]:
        words = [
            word
            for name, value in selected.conditions.items()
            if name != "text"
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        found = CustomerPage.from_dict(self.call("customers", selected.text, *words, "--format", "json"))
        return found.with_orders, self.campaign_with("--text", selected.text, *words)

    def campaign_with(self, *choices: str) -> tuple[CampaignRow, ...]:
        options = {"-n": CAMPAIGN_OPTIONS["n"], "--holdout": CAMPAIGN_OPTIONS["holdout"]}
        words = [str(word) for option in options.items() for word in option]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "campaign.csv"
            name = CAMPAIGN_OPTIONS["name"]
            found = self.run("campaign", "-o", str(path), *choices, "--name", name, *words)
            assert found.exit_code == 0, found.stderr
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        return tuple(
            (without_apostrophe(r["Customer id"]), r["Group"], without_apostrophe(r["Product id 1"])) for r in rows
        )

    def what_if(self, banned: str) -> str:
        with TemporaryDirectory() as folder:
            options = ("--sample", str(WHAT_IF_OPTIONS["sample"]), "-n", str(WHAT_IF_OPTIONS["n"]), "--format", "json")
            found = self.call("what-if", "--with-rules", rules_file(folder, banned), *options)
        return what_if_sentence(WhatIfResult.from_dict(found))

    def check_rules(self, banned: str, sections: str = "") -> tuple[tuple[str, str], ...]:
        with TemporaryDirectory() as folder:
            found = self.call("rules", "check", rules_file(folder, banned, sections), "--format", "json")
        return effects_of(RulesCheck.from_dict(found))

    def versions(self) -> tuple[tuple[str, bool], ...]:
        return versions_of(Versions.from_dict({"versions": self.call("versions", "--format", "json")}))

    def similar(self, item_id: str, n: int, relation: str = "same_customers") -> tuple[Row, ...]:
        return rows(
            self.call("similar", "--relation", relation, "-n", str(n), "--format", "json", "--", item_id)["items"]
        )

    def basket(self, item_ids: tuple[str, ...], customer_id: str | None, n: int) -> tuple[Row, ...]:
        owner = [] if customer_id is None else [f"--customer={customer_id}"]
        return rows(self.call("basket", *owner, "-n", str(n), "--format", "json", "--", *item_ids)["items"])

    def segments(self) -> dict[str, int]:
        return {s["name"]: s["customers"] for s in self.call("segments", "--format", "json")}

    def clusters(self) -> dict[str, int]:
        return {c["name"]: c["customers"] for c in self.call("clusters", "--format", "json")}

    def sales(self) -> SalesRows:
        return sales_of(SalesComparison.from_dict(self.call("sales", "--format", "json")))

    def version(self) -> str:
        text = self.run("recommend", "c0001", "-n", "1").stdout
        match = re.search(r"model (\S+)", text)
        assert match, text
        return match[1]

    def failure(self, artifacts: Path) -> tuple[str, str]:
        found = type(self)(artifacts).run("recommend", "c0001")
        return _CODES.get(found.exit_code, ""), found.output

    def run(self, *words: str) -> Result:
        from smart_retail_cli.main import cli

        where = ["--api-url", self.api_url] if self.api_url else ["--artifacts", str(self.artifacts)]
        return CliRunner().invoke(cli, [*where, *words], env={"COLUMNS": "160"})

    def call(self, *words: str) -> Any:
        found = self.run(*words)
        if found.exit_code:
            kind: type[RetailError] = by_code(_CODES.get(found.exit_code, "error"))
            if kind is UsageError:
                assert "Traceback" not in found.output
            raise kind(found.stderr)
        return json.loads(found.stdout)


def rules_file(folder: str, banned: str, sections: str = "") -> str:
    """Write a rules file that bans one product, and has sections."""
    path = Path(folder) / "rules.toml"
    path.write_text(f"ban = ['{banned}']\n{sections}", encoding="utf-8")
    return str(path)


def without_apostrophe(text: str) -> str:
    """Return an id without the apostrophe that keeps a spreadsheet from reading it as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text
