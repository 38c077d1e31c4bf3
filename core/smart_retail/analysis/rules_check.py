"""Check of a rules file against the active version: what each rule changes, and which entries have no effect.

In: a local engine and a rules file. Out: `RulesCheck`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from smart_retail.errors import UsageError
from smart_retail.presentation.formatting import format_integer, format_percent, pluralize
from smart_retail.protocol import LocalEngine
from smart_retail.results import Result
from smart_retail.serving.business_rules import Rules, build_rules, read_rules, rules_path

MAX_UNKNOWN: Final = 20
"""Unknown item ids that are listed."""
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


class RulesCheck(Result, frozen=True):
    """Effects of a rules file on the active version."""

    file: str
    digest: str
    """Digest of the rules, as the screens and the model information show it."""
    effects: tuple[RuleEffect, ...]
    allowed_items: int
    """Items that can still be recommended."""
    items: int
    """Items of the active version."""
    unknown_ids: tuple[str, ...]
    """Item ids of the file that the active version does not have, at most 20."""
    warnings: tuple[str, ...]
    model_version: str


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
    tables = engine.tables
    catalogue = (tables.items, tables.names["categories"], tables.catalogue)
    rules = build_rules(data, *catalogue)
    effects = []
    unknown: list[str] = []
    for name, value in data.items():
        missing = [i for i in value if tables.items.code(i) < 0] if name in _ID_RULES else []
        unknown += missing
        entries = len(value) if isinstance(value, list | dict) and name != "price" else 1
        alone = build_rules({name: value}, *catalogue)
        effects.append(RuleEffect(name, entries, entries - len(missing), _describe(name, value, alone)))
    items = len(tables.items)
    allowed = items if rules.allowed is None else int(rules.allowed.sum())
    return RulesCheck(
        file=file,
        digest=rules.digest,
        effects=tuple(effects),
        allowed_items=allowed,
        items=items,
        unknown_ids=tuple(dict.fromkeys(unknown))[:MAX_UNKNOWN],
        warnings=tuple(_warnings(rules, allowed, len(unknown), [tables.items.id(code) for code in rules.pins])),
        model_version=engine.version,
    )


def describe_check(check: RulesCheck) -> str:
    """Return how many products can still be recommended."""
    return f"{format_integer(check.allowed_items)} of {format_integer(check.items)} products can be recommended."


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


def _warnings(rules: Rules, allowed: int, unknown: int, pinned: list[str]) -> list[str]:
    """Return what is probably not meant."""
    found = []
    if not allowed:
        found.append("No item is left: all lists would be empty.")
    if unknown:
        verb = "entry names an item" if unknown == 1 else "entries name items"
        found.append(f"{unknown:,} {verb} that the active version does not have, without effect.")
    if rules.allowed is not None:
        out = [item for item, code in zip(pinned, rules.pins, strict=True) if not rules.allowed[code]]
        if out:
            found.append(f"Pinned but excluded by another rule, so never shown: {', '.join(out[:5])}.")
    return found
