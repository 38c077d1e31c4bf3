"""The rules file of a shop: rules for every list, sections for some dates and segments, and named scenarios.

In: ``rules.toml``. Out: the `Rules` of a list, by its date, the customer's segment and the scenario.

.. code-block:: toml

    ban = ["OFF-PA-1"]                  # never
    pin = ["TEC-PH-7"]                  # first, in this order
    stock = ["A", "B"]                  # only these are in stock
    categories = ["Paper"]              # only these
    exclude_categories = ["Gift cards"]
    max_per_category = 3
    new_items_share = 0.1               # every tenth position is a product without purchases
    diversity = 0.2                     # 0 to 1: how much the products of a list differ
    price = { min = 1.0, max = 50.0 }   # items without a price pass
    [boost]
    "TEC-AC-2" = 1.5                    # score times 1.5

    [[when]]                            # a promotion for some customers
    from = 2026-12-01                   # first day, may be left out
    to = 2026-12-24                     # last day, may be left out
    segments = ["Champions", "Loyal"]   # RFM segments; left out: all customers
    boost = { "TEC-PH-7" = 2.0 }

    [scenario.home]                     # requested by name: scenario=home
    method = "hybrid"
    n = 5
    diversity = 0.4
    exclude_categories = ["Gift cards"]
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from smart_retail.errors import RetailError, SettingsError
from smart_retail.protocol import DEFAULT_METHOD, DEFAULT_N, check_method, check_page
from smart_retail.recommenders.base import Catalogue
from smart_retail.results import ListScenario
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.business_rules import (
    RULE_NAMES,
    Rules,
    build_rules,
    check_rule_values,
    merge_rules,
    read_rules,
    rules_digest,
)
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.id_map import IdMap

log = logging.getLogger("smart_retail.serving.rule_set")

SECTIONS: Final = "when"
"""Name of the sections for some dates or segments."""
CONDITIONS: Final = ("from", "to", "segments")
SCENARIOS: Final = "scenario"
"""Name of the tables of the scenarios."""
SCENARIO_OPTIONS: Final = ("method", "n")
"""Options of a scenario in addition to its rules."""
MAX_SECTIONS: Final = 100
"""Sections, and scenarios."""
_SCENARIO_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
MAX_BUILT: Final = 256
"""Combinations of sections whose rules are kept; one flag per item each."""
_NO_FILE: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class RuleTargets:
    """What the rules of a file can name."""

    items: IdMap
    categories: Sequence[str]
    """Names of all categories, by code."""
    segments: Sequence[str]
    """Names of all RFM segments, by code."""
    catalogue: Catalogue

    @classmethod
    def of(cls, tables: BundleTables) -> RuleTargets:
        """Return the items, categories and segments of a bundle."""
        return cls(tables.items, tables.names["categories"], tables.names["segments"], tables.catalogue)

    def build(self, data: Mapping[str, Any]) -> Rules:
        """Return the rules of a part of a file; `SettingsError` for an unknown name or an impossible value."""
        return build_rules(data, self.items, self.categories, self.catalogue)


@dataclass(frozen=True, slots=True)
class RuleSection:
    """Rules for some dates or segments."""

    rules: Mapping[str, Any]
    """Rule name -> value, as in the file."""
    first: int | None = None
    """First day, days since 1970-01-01; None for no limit."""
    last: int | None = None
    """Last day, included."""
    segments: tuple[int, ...] = ()
    """Segment codes, in the order of the file; empty for all customers."""
    label: str = ""
    """Dates and segments in words."""

    def applies(self, day: int, segment: int) -> bool:
        """Return whether the section is in force for a list on a day, for a customer of a segment."""
        return (
            (self.first is None or day >= self.first)
            and (self.last is None or day <= self.last)
            and (not self.segments or segment in self.segments)
        )


class RuleSet:
    """All rules of a file. Thread-safe.

    Parameters
    ----------
    general : Rules
        The rules for every list.
    data : mapping
        Their content, which sections are added to.
    sections : sequence of RuleSection
        In the order of the file: the rules of a later one count before those of an earlier one.
    targets : RuleTargets, optional
        Required with sections or scenarios.
    scenarios : mapping, optional
        Name -> method, number and rules, as in the file. The rules count before those of the sections.
    """

    def __init__(
        self,
        general: Rules,
        data: Mapping[str, Any] | None = None,
        sections: Sequence[RuleSection] = (),
        targets: RuleTargets | None = None,
        scenarios: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.general = general
        self.sections = tuple(sections)
        self._data = data or {}
        self._targets = targets
        self._scenario_rules = {name: _rules_in(scenario) for name, scenario in (scenarios or {}).items()}
        self.scenarios = tuple(_list_scenario(name, scenario) for name, scenario in (scenarios or {}).items())
        self._built: dict[tuple[tuple[int, ...], str | None], Rules] = {}

    @property
    def digest(self) -> str:
        """Digest of the rules file; empty without one."""
        return self.general.digest

    def active(self, day: int, segment: int) -> tuple[int, ...]:
        """Return the positions of the sections that are in force.

        Parameters
        ----------
        day : int
            Date of the list, days since 1970-01-01.
        segment : int
            Segment code of the customer, `UNKNOWN_GROUP` for none.
        """
        return tuple(i for i, section in enumerate(self.sections) if section.applies(day, segment))

    def select(self, active: tuple[int, ...], scenario: str | None = None) -> Rules:
        """Return the rules for every list with those of some sections, and of a scenario if one is named.

        They are built when they are first needed, and then kept.
        """
        if not active and scenario is None:
            return self.general
        key = active, scenario
        found = self._built.get(key)
        if found is None:
            assert self._targets is not None  # there are sections or scenarios
            named = () if scenario is None else (self._scenario_rules[scenario],)
            data = merge_rules((self._data, *(self.sections[i].rules for i in active), *named))
            found = replace(self._targets.build(data), digest=self.digest)
            if len(self._built) >= MAX_BUILT:
                self._built.clear()
            self._built[key] = found
        return found


def _rules_in(scenario: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scenario.items() if name not in SCENARIO_OPTIONS}


def _list_scenario(name: str, scenario: Mapping[str, Any]) -> ListScenario:
    rules = tuple(rule for rule in _rules_in(scenario) if rule != "diversity")
    diversity = scenario.get("diversity")
    method, n = scenario.get("method", DEFAULT_METHOD), scenario.get("n", DEFAULT_N)
    return ListScenario(name, method, n, None if diversity is None else float(diversity), rules)


def build_rule_set(data: Mapping[str, Any], targets: RuleTargets) -> RuleSet:
    """Build the rules of the content of a rules file.

    Parameters
    ----------
    data : mapping
        Rule name -> value, and sections, as in ``rules.toml`` (dates as ISO texts).
    targets : RuleTargets

    Returns
    -------
    RuleSet

    Raises
    ------
    SettingsError
        An unknown name, an impossible value, or a section that never applies.
    """
    for name in data:
        if name not in (*RULE_NAMES, SECTIONS, SCENARIOS):
            raise SettingsError(
                f"There is no business rule {name!r}.",
                f"Rules: {', '.join(RULE_NAMES)}; sections: [[{SECTIONS}]], [{SCENARIOS}.NAME].",
            )
    general = {name: value for name, value in data.items() if name in RULE_NAMES}
    sections = _build_sections(data.get(SECTIONS, []), targets)
    scenarios = data.get(SCENARIOS, {})
    _check_scenarios(scenarios, targets)
    return RuleSet(replace(targets.build(general), digest=rules_digest(data)), general, sections, targets, scenarios)


def _check_scenarios(found: Any, targets: RuleTargets) -> None:
    if not (isinstance(found, dict) and all(isinstance(scenario, dict) for scenario in found.values())):
        raise SettingsError(
            f"The rule {SCENARIOS} is not a table of scenarios.",
            f"Write [{SCENARIOS}.home], and the options of the scenario below.",
        )
    if len(found) > MAX_SECTIONS:
        raise SettingsError(
            f"There are {len(found)} scenarios, but at most {MAX_SECTIONS} are possible.", "Remove unused ones."
        )
    for name, scenario in found.items():
        if not _SCENARIO_NAME.fullmatch(name):
            raise SettingsError(
                f"{name[:40]!r} is not a valid name of a scenario.", "Use up to 40 letters, digits, - and _."
            )
        try:
            _check_scenario(scenario, targets)
        except RetailError as error:
            raise SettingsError(f"Scenario {name}: {error.message}", error.hint) from error


def _check_scenario(scenario: Mapping[str, Any], targets: RuleTargets) -> None:
    method, n = scenario.get("method", DEFAULT_METHOD), scenario.get("n", DEFAULT_N)
    if not isinstance(method, str):
        raise SettingsError("method is not a text.", f'Write method = "{DEFAULT_METHOD}".')
    check_method(method)
    if type(n) is not int:
        raise SettingsError("n is not a whole number.", f"Write n = {DEFAULT_N}.")
    check_page(n)
    rules = _rules_in(scenario)
    for name in rules:
        if name not in RULE_NAMES:
            known = (*SCENARIO_OPTIONS, *RULE_NAMES)
            raise SettingsError(f"There is no option {name!r}.", f"Options of a scenario: {', '.join(known)}.")
    targets.build(rules)


def _build_sections(found: Any, targets: RuleTargets) -> list[RuleSection]:
    if not (isinstance(found, list) and all(isinstance(section, dict) for section in found)):
        raise SettingsError(
            f"The rule {SECTIONS} is not a list of sections.", f"Write [[{SECTIONS}]], and the rules of it below."
        )
    if len(found) > MAX_SECTIONS:
        raise SettingsError(
            f"The rules have {len(found)} sections, but at most {MAX_SECTIONS} are possible.",
            "Remove those of the past.",
        )
    sections = []
    for number, section in enumerate(found, 1):
        try:
            sections.append(_build_section(section, targets))
        except RetailError as error:
            raise SettingsError(f"Section {number} of [[{SECTIONS}]]: {error.message}", error.hint) from error
    return sections


def _build_section(section: Mapping[str, Any], targets: RuleTargets) -> RuleSection:
    rules = {name: value for name, value in section.items() if name not in CONDITIONS}
    if not set(CONDITIONS) & set(section):
        raise SettingsError(
            "It has no date and no segment.",
            "Add from, to or segments, or move its rules above the first section.",
        )
    if not rules:
        raise SettingsError("It has no rules.", f"Rules: {', '.join(RULE_NAMES)}.")
    check_rule_values(rules)
    targets.build(rules)  # an unknown category is an error now, not when the section comes into force
    first, last = (_parse_date(section, name) for name in ("from", "to"))
    if first is not None and last is not None and first > last:
        raise SettingsError(f"It ends on {iso(last)}, before it begins on {iso(first)}.", "Exchange from and to.")
    segments = _segment_codes(section.get("segments"), targets.segments)
    label = describe_conditions(first, last, [targets.segments[code] for code in segments])
    return RuleSection(rules, first, last, segments, label)


def _parse_date(section: Mapping[str, Any], name: str) -> int | None:
    text = section.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise SettingsError(f"{name} is not a date.", f"Write {name} = 2026-12-01.")
    return parse_day(text, SettingsError)


def _segment_codes(wanted: Any, names: Sequence[str]) -> tuple[int, ...]:
    """Return the codes of segments by name, whatever the letter case; an empty tuple without a value."""
    if wanted is None:
        return ()
    if not (isinstance(wanted, list) and wanted and all(isinstance(name, str) for name in wanted)):
        raise SettingsError("segments is not a list of names.", 'Write segments = ["Champions"].')
    code = {name.casefold(): i for i, name in enumerate(names)}
    for name in wanted:
        if name.casefold() not in code:
            raise SettingsError(f"There is no segment {name!r}.", f"Segments: {', '.join(names)}.")
    return tuple(dict.fromkeys(code[name.casefold()] for name in wanted))


def describe_conditions(first: int | None, last: int | None, segments: Sequence[str]) -> str:
    """Return dates and segments in words: ``From 2026-12-01 to 2026-12-24, for Champions``."""
    if first is not None and first == last:
        days = f"On {iso(first)}"
    elif first is not None:
        days = f"From {iso(first)}" + ("" if last is None else f" to {iso(last)}")
    else:
        days = "" if last is None else f"Until {iso(last)}"
    names = " and ".join(filter(None, (", ".join(segments[:-1]), *segments[-1:])))
    groups = f"for {names}" if names else ""
    text = ", ".join(filter(None, (days, groups)))
    return text[:1].upper() + text[1:]


def load_rule_set(path: Path, targets: RuleTargets) -> RuleSet:
    """Return the rules of a file; raises the errors of `read_rules` and of `build_rule_set`."""
    return build_rule_set(read_rules(path), targets)


class FixedRules:
    """Rules that do not come from a file, with the interface of `RulesFile`."""

    error: RetailError | None = None

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    def current(self) -> RuleSet:
        """Return the rules."""
        return self._rules


class RulesFile:
    """The rules file of an engine, read again when it changes.

    A change that cannot be read leaves the previous rules in force, so that a syntax error never lifts a ban. `error`
    holds the problem, which is also logged.

    Parameters
    ----------
    path : Path
        The file.
    targets : RuleTargets
    optional : bool
        Whether the file may be missing at the start: there are no rules until it is written.

    Raises
    ------
    SettingsError
        The file cannot be read at the start.
    """

    def __init__(self, path: Path, targets: RuleTargets, *, optional: bool = False) -> None:
        self._path = path
        self._targets = targets
        self._file_state = self._read_file_state()
        missing = optional and self._file_state == _NO_FILE
        self._rules = RuleSet(Rules(targets.catalogue.in_stock)) if missing else load_rule_set(path, targets)
        self.error: RetailError | None = None

    def current(self) -> RuleSet:
        """Return the rules in force, after reading a changed file."""
        if (state := self._read_file_state()) != self._file_state:
            self._file_state = state
            try:
                self._rules, self.error = load_rule_set(self._path, self._targets), None
            except RetailError as error:
                self.error = error
                log.error({"event": "rules_rejected", "code": error.code})
            else:
                log.warning({"event": "rules_loaded", "rules": self._rules.digest})
        return self._rules

    def _read_file_state(self) -> tuple[int, int]:
        """Return modification time (ns) and size (bytes)."""
        try:
            status = self._path.stat()
        except OSError:
            return _NO_FILE
        return status.st_mtime_ns, status.st_size
