"""Saved business rules: the rules file is replaced after a check, and every saved state is kept.

In: a local engine and rules. Out: the rules file, and copies in the folder ``rules-history`` of the artifacts folder.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from smart_retail.analysis.rules_check import RulesCheck, check_content
from smart_retail.bundle.store_transactions import shared_files
from smart_retail.errors import RetailError, SettingsError, UsageError
from smart_retail.presentation.labels import RULE_LABELS
from smart_retail.protocol import LocalEngine
from smart_retail.results import Result
from smart_retail.serving.business_rules import RULES_NAME, parse_rules, read_rules_content, rules_path
from smart_retail.utils.atomic_file import write_atomically

HISTORY: Final = "rules-history"
MAX_SAVED: Final = 100
"""Saved states that are kept; older ones are removed."""
_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
_Path = str | os.PathLike[str]


class SavedRules(Result, frozen=True):
    """One saved state of the rules."""

    name: str
    """Name for `restore_rules`: the time of saving in UTC."""
    saved: str
    """Time of saving, ISO 8601 in UTC."""
    rules: tuple[str, ...]
    """Names of the rules in it."""
    current: bool
    """Whether the rules file has this content now."""


def format_rules(rules: dict[str, Any]) -> str:
    """Return the text of a rules file."""
    import tomli_w

    return tomli_w.dumps(rules, multiline_strings=False)


def save_rules(engine: LocalEngine, rules: dict[str, Any], path: _Path | None = None) -> RulesCheck:
    """Replace the rules file; running engines use the new rules from their next response on.

    Parameters
    ----------
    engine : LocalEngine
        Open over the version that the rules are checked against.
    rules : dict
        Rule name -> value, as in ``rules.toml``; empty removes all rules.
    path : path, optional
        The rules file; by default ``rules.toml`` in the artifacts folder.

    Returns
    -------
    RulesCheck
        What the saved rules do.

    Raises
    ------
    SettingsError
        An unknown name, an impossible value, or no item is left to recommend. The file is unchanged.
    UsageError
        The file cannot be written.
    """
    return save_rules_content(engine, format_rules(rules).encode(), path)


def save_rules_file(engine: LocalEngine, source: _Path, path: _Path | None = None) -> RulesCheck:
    """Replace the rules file by a copy of another one, comments included; otherwise like `save_rules`."""
    return save_rules_content(engine, read_rules_content(Path(source)), path)


def list_saved_rules(artifacts: _Path, path: _Path | None = None) -> tuple[SavedRules, ...]:
    """Return the saved states of the rules, the newest first.

    Parameters
    ----------
    artifacts : path
        The artifacts folder.
    path : path, optional
        The rules file; by default ``rules.toml`` in the artifacts folder.
    """
    file = rules_path(artifacts, path)
    content = file.read_bytes() if file is not None and file.is_file() else None
    found: list[SavedRules] = []
    for saved in reversed(_saved_files(_folder(artifacts))):
        try:
            state = read_rules_content(saved)
            rules = tuple(parse_rules(state, saved.name))
        except RetailError:  # a state that was edited by hand and is not valid
            continue
        time = datetime.strptime(saved.stem, _STAMP)
        current = state == content and not any(other.current for other in found)
        found.append(SavedRules(saved.stem, f"{time:%Y-%m-%dT%H:%M:%SZ}", rules, current))
    return tuple(found)


def describe_saved_rules(state: SavedRules) -> str:
    """Return time and rules of a saved state: ``2026-01-31 10:15:00 UTC: boost, price range (in force)``."""
    rules = ", ".join(RULE_LABELS.get(rule, rule).lower() for rule in state.rules) or "no rules"
    return f"{state.saved.replace('T', ' ').removesuffix('Z')} UTC: {rules}{' (in force)' if state.current else ''}"


def restore_rules(engine: LocalEngine, name: str, path: _Path | None = None) -> RulesCheck:
    """Save an earlier state of the rules again.

    Parameters
    ----------
    engine : LocalEngine
    name : str
        Name of a saved state, see `list_saved_rules`.
    path : path, optional
        The rules file; by default ``rules.toml`` in the artifacts folder.

    Returns
    -------
    RulesCheck
        What the restored rules do.

    Raises
    ------
    UsageError
        There is no such state.
    SettingsError
        The rules are not valid for the active version, or leave no item. The file is unchanged.
    """
    if name not in {saved.name for saved in list_saved_rules(engine.artifacts, path)}:
        raise UsageError(f"There are no saved rules {name!r}.", "List them with `smart-retail rules history`.")
    return save_rules_file(engine, _folder(engine.artifacts) / f"{name}.toml", path)


def save_rules_content(engine: LocalEngine, content: bytes, path: _Path | None = None) -> RulesCheck:
    """Replace the rules file by these bytes, comments included; otherwise like `save_rules`."""
    target = Path(path) if path is not None else Path(engine.artifacts) / RULES_NAME
    check = check_content(engine, parse_rules(content, target.name), str(target))
    if not check.allowed_items:
        raise SettingsError("These rules leave no item to recommend.", "Allow at least one item or category.")
    if check.empty_lists:
        raise SettingsError(
            f"These rules leave no item to recommend: {check.empty_lists[0]}.",
            "Allow at least one item in every section.",
        )
    with shared_files(engine.artifacts) as artifacts:
        target = Path(path) if path is not None else artifacts / RULES_NAME
        folder = _folder(artifacts)
        folder.mkdir(exist_ok=True)
        if target.is_file():
            _keep(folder, target.read_bytes())  # as it may have been edited by hand
        write_atomically(target, content)
        _keep(folder, content)
    return check


def _saved_files(folder: Path) -> list[Path]:
    """Return the files of the history, the oldest first; files with other names are left alone."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        try:
            datetime.strptime(file.stem, _STAMP)
        except ValueError:
            continue
        found.append(file)
    return found


def _keep(folder: Path, content: bytes) -> None:
    """Add a state to the history unless the newest one is equal, and remove the oldest beyond the limit."""
    saved = _saved_files(folder)
    if saved and saved[-1].read_bytes() == content:
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    if saved:  # a clock that was set back must not change the order
        now = max(now, datetime.strptime(saved[-1].stem, _STAMP) + timedelta(microseconds=1))
    write_atomically(folder / f"{now:{_STAMP}}.toml", content)
    for old in saved[: max(0, len(saved) + 1 - MAX_SAVED)]:
        old.unlink(missing_ok=True)


def _folder(artifacts: _Path) -> Path:
    return Path(artifacts) / HISTORY
