"""Check of a rules file against the active version: what each rule changes, and which entries have no effect.

In: a local engine and a rules file. Out: `RulesCheck`. Each combination of sections that can be in force together is
checked for lists without items and for pinned items that are never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any, Final

import numpy as np

from smart_retail.errors import UsageError
from smart_retail.presentation.formatting import format_integer, format_percent, pluralize
from smart_retail.protocol import LocalEngine
from smart_retail.recommenders.base import UNKNOWN_GROUP
from smart_retail.results import Result
from smart_retail.serving.business_rules import RULE_NAMES, Rules, read_rules, rules_path
from smart_retail.serving.rule_set import (
    SCENARIO_OPTIONS,
    SCENARIOS,
    RuleSection,
    RuleSet,
    RuleTargets,
    build_rule_set,
)
from smart_retail.utils.dates import iso

MAX_UNKNOWN: Final = 20
"""Unknown item ids that are listed."""
MAX_COMBINATIONS: Final = 500
"""Combinations of sections that are checked."""
ALL_LISTS: Final = "All lists"
"""Stands for the section of rules that are in no section."""
_ID_RULES: Final = ("ban", "pin", "stock", "boost")


class RuleEffect(Result, frozen=True):
    """What one rule says and does."""

    rule: str
    entries: int
    """Entries of the rule in the file, 1 and up."""
    known: int
    """Entries that name an item or category of the active version; all of them for rules with a value."""
    effect: str
    """What the rule does, as a sentence."""
    section: str = ""
    """For which lists the rule is: ``From 2026-12-01 to 2026-12-24, for Champions``, or ``Scenario home``; empty for
    all lists."""


class RulesCheck(Result, frozen=True):
    """Effects of a rules file on the active version."""

    file: str
    digest: str
    """Digest of the rules, as the screens and the model information show it."""
    effects: tuple[RuleEffect, ...]
    allowed_items: int
    """Items that can still be recommended, in lists without a date of customers without a segment."""
    items: int
    """Items of the active version."""
    unknown_ids: tuple[str, ...]
    """Item ids of the file that the active version does not have, at most 20."""
    warnings: tuple[str, ...]
    model_version: str
    day: str = ""
    """Date of lists without a date, ISO 8601: the day after the history."""
    empty_lists: tuple[str, ...] = ()
    """Dates and segments whose lists would be empty."""


def check_rules(engine: LocalEngine, path: str | Path | None = None) -> RulesCheck:
    """Return what the rules of a file do; by default those of the file in the artifacts folder.

    Parameters
    ----------
    engine : LocalEngine
        Open over the version that the rules are checked against.
    path : path, optional
        The rules file.

    Raises
    ------
    UsageError
        No file is given and the artifacts folder has none.
    SettingsError
        The file cannot be read, or holds an unknown name or an impossible value.
    """
    file = rules_path(engine.artifacts, path)
    if file is None:
        raise UsageError(
            "There is no rules file.", "Write rules.toml in the artifacts folder, or name a file to check."
        )
    return check_content(engine, read_rules(file), str(file))


def check_content(engine: LocalEngine, data: dict[str, Any], file: str = "") -> RulesCheck:
    """Return what the content of a rules file does.

    Parameters
    ----------
    engine : LocalEngine
        Open over the version that the rules are checked against.
    data : dict
        Rule name -> value, as in ``rules.toml``.
    file : str
        Name of the file in the result.

    Raises
    ------
    SettingsError
        An unknown name or an impossible value.
    """
    targets = RuleTargets.of(engine.tables)
    rules = build_rule_set(data, targets)
    parts: list[tuple[str, Mapping[str, Any]]] = [
        ("", {name: value for name, value in data.items() if name in RULE_NAMES})
    ]
    parts += [(section.label, section.rules) for section in rules.sections]
    effects: list[RuleEffect] = []
    unknown: list[str] = []
    parts += [(describe_scenario(name), options) for name, options in data.get(SCENARIOS, {}).items()]
    for label, part in parts:
        for name, value in part.items():
            if name in SCENARIO_OPTIONS:
                effects.append(RuleEffect(name, 1, 1, _describe_option(name, value), label))
                continue
            missing = [i for i in value if targets.items.code(i) < 0] if name in _ID_RULES else []
            unknown += missing
            entries = len(value) if isinstance(value, list | dict) and name != "price" else 1
            text = _describe(name, value, targets.build({name: value}))
            effects.append(RuleEffect(name, entries, entries - len(missing), text, label))
    day = engine.tables.last_day + 1
    general = rules.select(rules.active(day, UNKNOWN_GROUP))
    empty, warnings = _find_contradictions(rules, targets)
    return RulesCheck(
        file=file,
        digest=rules.digest,
        effects=tuple(effects),
        allowed_items=_count_allowed(general, targets),
        items=len(targets.items),
        unknown_ids=tuple(dict.fromkeys(unknown))[:MAX_UNKNOWN],
        warnings=(*_warn_unknown(len(unknown)), *warnings),
        model_version=engine.version,
        day=iso(day),
        empty_lists=tuple(empty),
    )


def describe_check(check: RulesCheck) -> str:
    """Return how many products can still be recommended, and on which day if the rules depend on it."""
    text = f"{format_integer(check.allowed_items)} of {format_integer(check.items)} products can be recommended"
    if any(effect.section and not effect.section.startswith(describe_scenario("")) for effect in check.effects):
        return f"{text} on {check.day}, the date of lists without a date, to customers without a segment."
    return f"{text}."


def describe_scenario(name: str) -> str:
    """Return the lists that a scenario is for: ``Scenario home``."""
    return f"Scenario {name}"


def _describe_option(name: str, value: Any) -> str:
    return f"lists by the method {value}" if name == "method" else f"lists {pluralize(value, 'item')}"


def _describe(name: str, value: Any, alone: Rules) -> str:
    """Return the effect of a rule by itself."""
    if name == "pin":
        return f"puts {pluralize(len(alone.pins), 'item')} first, in this order"
    if name == "boost":
        return f"multiplies the scores of {pluralize(len(alone.boosts), 'item')}"
    if name == "max_per_category":
        return f"allows at most {value} of one category in a list"
    if name == "new_items_share":
        return f"gives products without purchases {format_percent(value)} of the positions of a list"
    if name == "diversity":
        return f"makes the products of a list differ, by {value:g} of at most 1"
    excluded = 0 if alone.allowed is None else int(np.count_nonzero(~alone.allowed))
    return f"excludes {pluralize(excluded, 'item')}"


def _count_allowed(rules: Rules, targets: RuleTargets) -> int:
    return len(targets.items) if rules.allowed is None else int(rules.allowed.sum())


def _warn_unknown(unknown: int) -> Iterator[str]:
    if unknown:
        verb = "entry names an item" if unknown == 1 else "entries name items"
        yield f"{unknown:,} {verb} that the active version does not have, without effect."


def _find_contradictions(rules: RuleSet, targets: RuleTargets) -> tuple[list[str], list[str]]:
    """Return the sections under which no item is left, and warnings of what is probably not meant."""
    empty, warnings = [], []
    emptied: list[tuple[tuple[int, ...], str | None]] = []
    pinned_out: set[int] = set()
    scenarios = (None, *(scenario.name for scenario in rules.scenarios))
    for scenario, active in islice(product(scenarios, _combinations(rules.sections)), MAX_COMBINATIONS):
        found = rules.select(active, scenario)
        labels = [rules.sections[i].label for i in active] + ([describe_scenario(scenario)] if scenario else [])
        label = "; ".join(labels)
        start = f"{label}: " if label else ""
        known = any(set(part) <= set(active) and named in (None, scenario) for part, named in emptied)
        if not _count_allowed(found, targets) and not known:
            emptied.append((active, scenario))
            empty.append(label or ALL_LISTS)
            warnings.append(f"{start}No item is left: {'these' if label else 'all'} lists would be empty.")
        if found.allowed is not None:
            out = [code for code in found.pins if not found.allowed[code] and code not in pinned_out]
            pinned_out.update(out)
            if out:
                names = ", ".join(targets.items.id(code) for code in out[:5])
                warnings.append(f"{start}Pinned but excluded by another rule, so never shown: {names}.")
    return empty, warnings


def _combinations(sections: tuple[RuleSection, ...]) -> list[tuple[int, ...]]:
    """Return the sections that can be in force together, fewest first; none of them first of all.

    What is in force changes only where a section begins or has ended, and by the segments that sections name.
    """
    days = {section.first for section in sections if section.first is not None}
    days |= {section.last + 1 for section in sections if section.last is not None}
    days.add(min(days, default=0) - 1)
    segments = {code for section in sections for code in section.segments} | {UNKNOWN_GROUP}
    rules = RuleSet(Rules(), sections=sections)
    found = {(): None} | dict.fromkeys(rules.active(day, code) for day, code in product(sorted(days), sorted(segments)))
    return sorted(found, key=lambda active: (len(active), active))
