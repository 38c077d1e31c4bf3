"""Which column of a source is which: by preset, by alias, or by the user's own mapping.

In: the headers of a source. Out: a `Schema`, canonical name -> header. What cannot be decided is an
error that names the exact ``--map`` option to give.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smart_retail.data import columns as c
from smart_retail.data.parsing.presets import ALIASES, NO_PRESET, PRESETS, Preset
from smart_retail.errors import ColumnError

FIELD_LABELS: Mapping[str, str] = {
    c.CUSTOMER_ID: "customer",
    c.ITEM_ID: "item",
    c.TIMESTAMP: "date",
    c.ORDER_ID: "order",
    c.QUANTITY: "quantity",
    c.AMOUNT: "amount",
}


@dataclass(frozen=True, slots=True)
class Schema:
    """Canonical names of a source's columns."""

    columns: Mapping[str, str]
    """Canonical name -> header as it stands in the source."""
    preset: Preset
    money_discounts: tuple[str, ...] = ()
    """Headers of discounts in money, to be added up."""


def normalize_header(header: str) -> str:
    """A header without case, spaces and signs: ``Sub-Category`` and ``sub_category`` are one."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header)
    return re.sub(r"[\W_]+", "", spaced).lower()


def match_preset(headers: Sequence[str], name: str, mapping: Mapping[str, str] | None = None) -> Schema:
    """The schema of a source.

    Parameters
    ----------
    headers : sequence of str
        As they stand in the source.
    name : str
        What to call the source in messages.
    mapping : mapping, optional
        Canonical name -> header, given by the user; overrules everything else.

    Raises
    ------
    ColumnError
        A mapping names what is not there, or customer, item, date, or both amount and price, were
        not found, or stand more than once.
    """
    given = _check_mapping(headers, name, mapping or {})
    preset = next((p for p in PRESETS if _matches_preset(p, headers, given)), NO_PRESET)
    known = preset.columns if preset is not NO_PRESET else ALIASES
    taken = set(given.values())
    found = dict(given)
    for column, spellings in known.items():
        if column not in found:
            header = _find_header(
                column, [h for h in headers if h not in taken], spellings, name, exact=preset is not NO_PRESET
            )
            if header is not None:
                found[column] = header
                taken.add(header)
    for column in c.REQUIRED:
        if column not in found:
            raise _missing_column_error(column, headers, name)
    if c.AMOUNT not in found and c.UNIT_PRICE not in found:
        raise _missing_column_error(c.AMOUNT, headers, name)
    money = tuple(h for h in headers if h in preset.money_discounts) if c.DISCOUNT not in found else ()
    return Schema(found, preset, money)


def match_returns_columns(headers: Sequence[str], name: str) -> dict[str, str]:
    """Columns of a returns table: `order_id`, and where there `market` and `returned`."""
    found = {}
    for column in (c.ORDER_ID, c.MARKET, c.RETURNED):
        header = _find_header(column, headers, ALIASES[column], name, exact=False)
        if header is not None:
            found[column] = header
    if c.ORDER_ID not in found:
        raise ColumnError(
            f"Column for the order not found in {name} (found: {_list_headers(headers)}).",
            "A table of returns needs the order id, in a column such as Order ID.",
        )
    return found


def _check_mapping(headers: Sequence[str], name: str, mapping: Mapping[str, str]) -> dict[str, str]:
    by_plain = {normalize_header(h): h for h in headers}
    checked = {}
    for column, header in mapping.items():
        if column not in c.CANONICAL:
            near = difflib.get_close_matches(column, c.CANONICAL, 1)
            raise ColumnError(
                f"There is no column {column} to map to.",
                f"Did you mean {near[0]}?" if near else f"Columns: {', '.join(c.CANONICAL)}.",
            )
        if header not in headers and normalize_header(header) not in by_plain:
            near = difflib.get_close_matches(header, headers, 1, 0.4)
            raise ColumnError(
                f"Column {header} not found in {name} (found: {_list_headers(headers)}).",
                f"Say which one it is: --map {_map_option(column, near[0] if near else 'HEADER')}",
            )
        checked[column] = header if header in headers else by_plain[normalize_header(header)]
    return checked


def _matches_preset(preset: Preset, headers: Sequence[str], given: Mapping[str, str]) -> bool:
    there = {normalize_header(h) for h in headers}
    if preset.name == "canonical":
        return all(name in headers or name in given for name in preset.signs)
    return all(
        name in given or any(normalize_header(s) in there for s in preset.columns[name]) for name in preset.signs
    )


def _find_header(
    column: str, headers: Sequence[str], spellings: Sequence[str], name: str, *, exact: bool
) -> str | None:
    """The header with the first spelling that is there; two headers of the same spelling are one too many."""
    wanted = list(spellings) if exact else [column, *spellings]
    for spelling in wanted:
        hits = [h for h in headers if normalize_header(h) == normalize_header(spelling)]
        if len(hits) == 1:
            return hits[0]
        if hits.count(column) == 1:
            return column
        if hits:
            raise ColumnError(
                f"Several columns of {name} could be the {FIELD_LABELS.get(column, column)}: {', '.join(hits)}.",
                f"Say which one it is: --map {_map_option(column, hits[0])}",
            )
    return None


def _missing_column_error(column: str, headers: Sequence[str], name: str) -> ColumnError:
    likely = _closest_header(column, headers)
    return ColumnError(
        f"Column for the {FIELD_LABELS[column]} not found in {name} (found: {_list_headers(headers)}).",
        f"Say which one it is: --map {_map_option(column, likely)}",
    )


def _closest_header(column: str, headers: Sequence[str]) -> str:
    """The header most like an alias of the column: shared words first, then likeness of letters."""

    def likeness(header: str) -> float:
        own = normalize_header(header)
        best = max(difflib.SequenceMatcher(None, own, normalize_header(a)).ratio() for a in ALIASES[column])
        contained = any(len(normalize_header(a)) > 2 and normalize_header(a) in own for a in ALIASES[column])
        return best + contained

    return max(headers, key=likeness, default="HEADER")


def _map_option(column: str, header: str) -> str:
    text = f"{column}={header}"
    return f'"{text}"' if re.search(r"[^\w.=/-]", text) else text


def _list_headers(headers: Sequence[str]) -> str:
    shown = [h or "(blank)" for h in headers[:15]]
    return ", ".join(shown) + (f", and {len(headers) - 15} more" if len(headers) > 15 else "")
