"""Business rules of the shop: which items may be recommended, which come first, and which are boosted.

`Rules` apply to every list of every method, fallback lists included. A query can add filters, but not lift a rule.
They are built from the content of ``rules.toml``; `rule_set` selects the parts of it that are in force for a list.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import SettingsError, UsageError
from smart_retail.recommenders.base import Catalogue, Ranked
from smart_retail.recommenders.interleaving import interleave
from smart_retail.recommenders.rounding import significant
from smart_retail.utils.id_map import IdMap
from smart_retail.utils.regular_file import open_regular_file

MAX_RULES_BYTES = 16 * 2**20
RULES_NAME = "rules.toml"
"""Name of the rules file in an artifacts folder."""
_TEXT_LISTS = ("ban", "pin", "stock", "categories", "exclude_categories")
_TABLES = ("price", "boost")
RULE_NAMES = (*_TEXT_LISTS, "max_per_category", "new_items_share", "diversity", "price", "boost")
MAX_NEW_ITEMS_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by item code. Ids that are not in the catalogue are left out."""

    allowed: NDArray[np.bool_] | None = None
    """Whether each item may be recommended; None allows all."""
    pins: tuple[int, ...] = ()
    """Item codes that come first, in this order."""
    boosts: dict[int, float] = field(default_factory=dict)
    """Item code -> factor of its score, above 0."""
    max_per_category: int | None = None
    new_items_share: float | None = None
    """Share of the positions of a hybrid list, 0 to `MAX_NEW_ITEMS_SHARE`, that items without purchases get; None for
    the share that the fit selected."""
    diversity: float = 0.0
    """How much the items of a list should differ, 0 to 1, unless a query says so."""
    digest: str = ""
    """Digest of the rules file; empty without one."""

    @property
    def reorders(self) -> bool:
        """Whether the rules change the order of a list, so that filtering a cached list is not enough."""
        return bool(self.pins or self.boosts)

    def with_categories(self, categories: Sequence[str], names: Sequence[str], catalogue: Catalogue) -> Rules:
        """Return these rules with the category filter of a query added; no categories add no filter.

        Parameters
        ----------
        categories : sequence of str
            Names of the requested categories.
        names : sequence of str
            Names of all categories, by code.
        catalogue : Catalogue

        Returns
        -------
        Rules

        Raises
        ------
        UsageError
            A category that no item has.
        """
        if not categories:
            return self
        return self.only(_in_categories(categories, names, catalogue, UsageError))

    def only(self, wanted: NDArray[np.bool_]) -> Rules:
        """Return these rules for some of the allowed items, given by one flag per item."""
        return replace(self, allowed=wanted if self.allowed is None else self.allowed & wanted)


def read_rules(path: Path) -> dict[str, Any]:
    """Return the content of a rules file without validating it.

    Raises
    ------
    SettingsError
        The file cannot be read, or is not valid TOML.
    """
    return parse_rules(read_rules_content(path), path.name)


def read_rules_content(path: Path) -> bytes:
    """Return the bytes of a rules file; raises the errors of `read_rules`."""
    try:
        with open_regular_file(Path(os.path.realpath(path))) as file:  # rules are the operator's, and may be a link
            content = file.read(MAX_RULES_BYTES + 1)
        if len(content) > MAX_RULES_BYTES:
            raise SettingsError(
                f"The rules file {path.name} is larger than 16 MB.", "Split the stock list from the rest."
            )
        return content
    except OSError as error:
        raise SettingsError(f"The rules file {path} cannot be read: {error.strerror}.", "Check the path.") from error


def parse_rules(content: bytes, name: str) -> dict[str, Any]:
    """Return the rules of the bytes of a rules file, dates as ISO texts; raises the errors of `read_rules`."""
    import tomllib  # most shops have no rules file

    try:
        return _with_iso_dates(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            f"The rules file {name} is not valid TOML: {error}.", "Fix the line named in the message."
        ) from error


def _with_iso_dates(data: dict[str, Any]) -> dict[str, Any]:
    """Return rules that JSON can hold: the dates of the sections as ISO texts."""
    sections = data.get("when")
    if isinstance(sections, list) and all(isinstance(section, dict) for section in sections):
        data["when"] = [
            {name: value.isoformat() if type(value) is date else value for name, value in section.items()}
            for section in sections
        ]
    return data


def build_rules(data: Mapping[str, Any], items: IdMap, names: Sequence[str], catalogue: Catalogue) -> Rules:
    """Build rules without sections. Items that the catalogue says are sold out are not allowed, but for `stock`.

    Parameters
    ----------
    data : mapping
        Rule name -> value, as in ``rules.toml``.
    items : IdMap
    names : sequence of str
        Names of all categories, by code.
    catalogue : Catalogue

    Returns
    -------
    Rules

    Raises
    ------
    SettingsError
        An unknown name or an impossible value.
    """
    check_rule_values(data)
    allowed = np.ones(len(items), dtype=np.bool_) if catalogue.in_stock is None else catalogue.in_stock.copy()
    if "stock" in data:
        allowed[:] = False
        allowed[_codes(data["stock"], items)] = True
    if "categories" in data:
        allowed &= _in_categories(data["categories"], names, catalogue, SettingsError)
    if "exclude_categories" in data:
        allowed &= ~_in_categories(data["exclude_categories"], names, catalogue, SettingsError)
    price = data.get("price", {})
    allowed &= in_price_range(catalogue, price.get("min"), price.get("max"))
    allowed[_codes(data.get("ban", []), items)] = False
    return Rules(
        allowed=None if allowed.all() else allowed,
        pins=tuple(dict.fromkeys(_codes(data.get("pin", []), items).tolist())),
        boosts={c: float(f) for i, f in data.get("boost", {}).items() if (c := items.code(i)) >= 0 and f != 1},
        max_per_category=data.get("max_per_category"),
        new_items_share=data.get("new_items_share"),
        diversity=float(data.get("diversity", 0.0)),
        digest=rules_digest(data),
    )


def in_price_range(catalogue: Catalogue, price_min: float | None, price_max: float | None) -> NDArray[np.bool_]:
    """Return which items have a price from the one to the other, both included; items without a price do too."""
    low, high = -np.inf if price_min is None else price_min, np.inf if price_max is None else price_max
    with np.errstate(invalid="ignore"):
        outside: NDArray[np.bool_] = (catalogue.price < low) | (catalogue.price > high)
    return ~outside


def rules_digest(data: Mapping[str, Any]) -> str:
    """Return the digest of the content of a rules file, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]


def merge_rules(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return several parts of a rules file as one.

    Lists are joined and the entries of `boost` and `price` are combined; of other values, and of two factors of one
    item, the last one counts.

    Parameters
    ----------
    parts : iterable of mapping
        Rule name -> valid value, in the order of precedence.
    """
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            old = merged.get(name)
            if old is not None and name in _TEXT_LISTS:
                merged[name] = list(dict.fromkeys([*old, *value]))
            elif old is not None and name in _TABLES:
                merged[name] = old | value
            else:
                merged[name] = value
    return merged


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The entries of one list after the rules, arrays of equal length in list order."""

    position: NDArray[np.int64]
    """Index into the `Ranked` entries; -1 for a pin."""
    item: NDArray[np.int32]
    """Item codes."""
    score: NDArray[np.float64]
    """Scores after boosts."""
    boost: NDArray[np.float64]
    """Factor of the entry's score, 1 without a boost."""

    def take(self, entries: NDArray[Any]) -> RuleResult:
        """Return some entries, by position or mask."""
        return RuleResult(self.position[entries], self.item[entries], self.score[entries], self.boost[entries])


def apply_rules(
    ranked: Ranked,
    row: int,
    rules: Rules,
    catalogue: Catalogue,
    hidden: NDArray[np.int32],
    own: NDArray[np.int32] | None = None,
) -> RuleResult:
    """Apply the rules to one list: filters, boosts, pins, one variant of each product, then the cap per category.

    Parameters
    ----------
    ranked : Ranked
        Lists of one or more shoppers.
    row : int
        Shopper whose list the rules are applied to.
    rules : Rules
    catalogue : Catalogue
    hidden : int32 array
        Codes of items that are excluded from the list, such as purchased and returned ones.
    own : int32 array, optional
        Purchases of the customer, which all can be in the list; of the other items only the first variant of each
        product is kept. None keeps all variants.

    Returns
    -------
    RuleResult
    """
    position = np.arange(ranked.indptr[row], ranked.indptr[row + 1])
    item = ranked.item[position]
    if len(hidden):
        position = position[~np.isin(item, hidden)]
        item = ranked.item[position]
    if rules.allowed is not None:
        position = position[rules.allowed[item]]
        item = ranked.item[position]
    score = ranked.score[position]
    boost = np.ones(len(item))
    if rules.boosts:
        boost = np.array([rules.boosts.get(i, 1.0) for i in item.tolist()])
        score = significant(score * boost)
        # A boost changes the order among the method's own items and among the filled-in ones, which stay last.
        order = np.lexsort((item, -score, ranked.fallback[position]))
        position, item, score, boost = position[order], item[order], score[order], boost[order]
    pins = [p for p in rules.pins if (rules.allowed is None or rules.allowed[p]) and p not in hidden]
    if pins:
        rest = ~np.isin(item, pins)
        top = score.max(initial=1.0)
        position = np.concatenate((np.full(len(pins), -1), position[rest]))
        item = np.concatenate((np.array(pins, dtype=np.int32), item[rest]))
        score = np.concatenate((np.full(len(pins), top), score[rest]))
        boost = np.concatenate((np.ones(len(pins)), boost[rest]))
    return _limit(RuleResult(position, item, score, boost), rules, catalogue, own)


def _limit(result: RuleResult, rules: Rules, catalogue: Catalogue, own: NDArray[np.int32] | None) -> RuleResult:
    """Keep one variant of each product, then as many items of a category as the rules allow."""
    if own is not None and catalogue.variant is not None:
        keep = is_first_variant(catalogue.variant[result.item]) | (result.position < 0)
        if len(own) and not keep.all():
            keep |= np.isin(result.item, own)
        result = result.take(keep)
    if rules.max_per_category is not None:
        result = result.take(_occurrence(catalogue.category[result.item]) < rules.max_per_category)
    return result


def insert_new_items(
    ranked: Ranked,
    listed: RuleResult,
    new: Ranked,
    rules: Rules,
    catalogue: Catalogue,
    hidden: NDArray[np.int32],
    own: NDArray[np.int32] | None = None,
) -> tuple[Ranked, RuleResult]:
    """Give items without purchases their share of the positions of a list.

    With a share of 0.2 they have the positions 5, 10, 15 and so on. The item has the score of the one before it.

    Parameters
    ----------
    ranked : Ranked
        Lists of one or more shoppers.
    listed : RuleResult
        Result of `apply_rules` for one of them.
    new : Ranked
        The items without purchases for this shopper, best first.
    rules : Rules
    catalogue : Catalogue
    hidden, own : int32 arrays
        As in `apply_rules`.

    Returns
    -------
    Ranked, RuleResult
        One list that has the entries of both, and the entries after the rules, which refer to it.
    """
    offered = apply_rules(new, 0, replace(rules, pins=(), max_per_category=None), catalogue, hidden, own)
    order = interleave(listed.item.tolist(), offered.item.tolist(), rules.new_items_share or 0.0)
    index = np.array(order, np.int64)
    n, stated = len(listed.item), listed.position >= 0
    both = _concat_entries(ranked, listed.position[stated], new, offered.position)
    position = np.full(n, -1, np.int64)
    position[stated] = np.arange(int(stated.sum()))
    merged = RuleResult(
        np.concatenate((position, int(stated.sum()) + np.arange(len(offered.item)))),
        np.concatenate((listed.item, offered.item)),
        np.concatenate((listed.score, offered.score)),
        np.concatenate((listed.boost, offered.boost)),
    ).take(index)
    before = np.maximum.accumulate(np.where(index < n, np.arange(len(index)), -1))
    score = np.where(before >= 0, merged.score[before], listed.score.max(initial=1.0))
    return both, _limit(RuleResult(merged.position, merged.item, score, merged.boost), rules, catalogue, own)


def _concat_entries(
    ranked: Ranked, positions: NDArray[np.int64], new: Ranked, new_positions: NDArray[np.int64]
) -> Ranked:
    """Return one list with some entries of two."""
    names = ("item", "score", "share", "rank", "explaining_item", "fallback")
    columns = {
        name: np.concatenate((getattr(ranked, name)[positions], getattr(new, name)[new_positions])) for name in names
    }
    return Ranked(np.array([0, len(columns["item"])], np.int64), **columns)


def is_first_variant(variant: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return for each item of a list whether none before it is a variant of the same product, by their codes."""
    first: dict[int, int] = {}
    # Lists are short: sorting them in NumPy takes several times as long.
    return np.array([first.setdefault(code, i) == i for i, code in enumerate(variant.tolist())], np.bool_)


def _occurrence(category: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the number of earlier entries of the same category for each entry; 0 for items without a category."""
    order = np.argsort(category, kind="stable")
    ordered = category[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, np.int64)
    count = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    out = np.empty(len(category), dtype=np.int64)
    out[order] = np.where(ordered < 0, 0, count)
    return out


def _codes(ids: Sequence[str], items: IdMap) -> NDArray[np.int32]:
    codes = items.codes(ids)
    return codes[codes >= 0]


def category_codes(wanted: Sequence[str], names: Sequence[str], error: type[UsageError] = UsageError) -> list[int]:
    """Return the codes of categories by name; letter case matters only if a name matches exactly.

    Parameters
    ----------
    wanted : sequence of str
        Names of the requested categories.
    names : sequence of str
        Names of all categories, by code.
    error : type of UsageError
        Raised for a category that no item has.

    Returns
    -------
    list of int
        In the order of `wanted`; several codes for a name that differs from theirs in letter case only.
    """
    code = {name: i for i, name in enumerate(names)}
    codes: list[int] = []
    for name in wanted:
        exact = code.get(name)
        matches = [exact] if exact is not None else [i for n, i in code.items() if n.casefold() == name.casefold()]
        if not matches:
            some = ", ".join(sorted(names)[:8]) or "none: the source has no categories"
            raise error(f"No item has the category {name!r}.", f"Categories: {some}{' ...' if len(names) > 8 else ''}.")
        codes += matches
    return codes


def _in_categories(
    wanted: Sequence[str], names: Sequence[str], catalogue: Catalogue, error: type[UsageError]
) -> NDArray[np.bool_]:
    """Return which items are in one of the wanted categories."""
    return np.isin(catalogue.category, category_codes(wanted, names, error))


def check_rule_values(data: Mapping[str, Any]) -> None:
    """Raise `SettingsError` for an unknown rule or an impossible value."""
    for name, value in data.items():
        if name not in RULE_NAMES:
            raise SettingsError(f"There is no business rule {name!r}.", f"Rules: {', '.join(RULE_NAMES)}.")
        if name in _TEXT_LISTS and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise SettingsError(f"The rule {name} is not a list of texts.", f'Write {name} = ["A", "B"].')
    cap = data.get("max_per_category", 1)
    if type(cap) is not int or cap < 1:
        raise SettingsError("The rule max_per_category is not a whole number above 0.", "Write max_per_category = 3.")
    share = data.get("new_items_share", 0)
    if not _is_number(share) or not 0 <= share <= MAX_NEW_ITEMS_SHARE:
        raise SettingsError(
            f"The rule new_items_share is not a share from 0 to {MAX_NEW_ITEMS_SHARE}.", "Write new_items_share = 0.1."
        )
    diversity = data.get("diversity", 0)
    if not _is_number(diversity) or not 0 <= diversity <= 1:
        raise SettingsError("The rule diversity is not a number from 0 to 1.", "Write diversity = 0.3.")
    price = data.get("price", {})
    if not isinstance(price, dict) or set(price) - {"min", "max"} or not all(_is_number(v) for v in price.values()):
        raise SettingsError("The rule price is not a range.", "Write price = { min = 1.0, max = 50.0 }.")
    boost = data.get("boost", {})
    if not isinstance(boost, dict) or not all(_is_number(v) and 0 < v <= 1000 for v in boost.values()):
        raise SettingsError("A boost is not a factor above 0 and at most 1000.", 'Write [boost] and then "ITEM" = 1.5.')


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def rules_path(artifacts: str | os.PathLike[str], rules: str | os.PathLike[str] | None) -> Path | None:
    """Return the path of the rules file: the given one, else ``rules.toml`` in the artifacts folder if it exists."""
    if rules is not None:
        return Path(rules)
    default = Path(artifacts) / RULES_NAME
    return default if default.is_file() else None
