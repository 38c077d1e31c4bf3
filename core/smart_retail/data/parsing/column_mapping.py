"""Map the headers of a source to canonical column names: by preset, by alias or by the mapping of the user.

A column that cannot be decided is an error with the exact ``--map`` option to use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smart_retail.data import columns as c
from smart_retail.data.parsing.presets import (
    ALIASES,
    BARE_NAMES,
    NO_PRESET,
    PRESETS,
    Preset,
    normalize_header,
    without_unit,
)
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
    """The recognised columns of a source."""

    columns: Mapping[str, str]
    """Canonical column name -> header in the source."""
    preset: Preset
    money_discounts: tuple[str, ...] = ()
    """Headers of discounts in money, which are added up."""


def match_preset(headers: Sequence[str], name: str, mapping: Mapping[str, str] | None = None) -> Schema:
    """Recognise the columns of a source.

    Parameters
    ----------
    headers : sequence of str
        Headers of the source.
    name : str
        Name of the source in messages.
    mapping : mapping, optional
        Canonical column name -> header, chosen by the user; overrides presets and aliases.

    Returns
    -------
    Schema

    Raises
    ------
    ColumnError
        `mapping` has an unknown column or header, or a required column (customer, item, date, and amount or unit
        price) is missing or ambiguous.
    """
    mapped = _check_mapping(headers, name, mapping or {})
    preset = next((p for p in PRESETS if _matches_preset(p, headers, mapped)), NO_PRESET)
    spellings_of = preset.columns if preset is not NO_PRESET else ALIASES
    used = set(mapped.values())
    columns = dict(mapped)
    for column, spellings in spellings_of.items():
        if column not in columns:
            header = _find_header(
                column, [h for h in headers if h not in used], spellings, name, exact=preset is not NO_PRESET
            )
            if header is not None:
                columns[column] = header
                used.add(header)
    if preset is NO_PRESET:
        for column, spellings in BARE_NAMES.items():
            unused = [h for h in headers if h not in used]
            if column not in columns and (header := _find_header(column, unused, spellings, name, exact=True)):
                columns[column] = header
                used.add(header)
    missing = [column for column in c.REQUIRED if column not in columns]
    if c.AMOUNT not in columns and c.UNIT_PRICE not in columns:
        missing.append(c.AMOUNT)
    if missing:
        raise _missing_columns_error(missing, [h for h in headers if h not in used], headers, name)
    money = tuple(h for h in headers if h in preset.money_discounts) if c.DISCOUNT not in columns else ()
    return Schema(columns, preset, money)


def match_returns_columns(headers: Sequence[str], name: str) -> dict[str, str]:
    """Recognise the columns of a returns table: `order_id`, and `market` and `returned` if present."""
    found = {}
    for column in (c.ORDER_ID, c.MARKET, c.RETURNED):
        header = _find_header(column, headers, ALIASES[column], name, exact=False)
        if header is not None:
            found[column] = header
    if c.ORDER_ID not in found:
        raise ColumnError(
            f"The returns table {name} has no column with the order id (found: {_list_headers(headers)}).",
            "Name that column Order ID.",
        )
    return found


def _check_mapping(headers: Sequence[str], name: str, mapping: Mapping[str, str]) -> dict[str, str]:
    by_plain = {normalize_header(h): h for h in headers}
    checked = {}
    for column, header in mapping.items():
        if column not in c.CANONICAL:
            near = difflib.get_close_matches(column, c.CANONICAL, 1)
            raise ColumnError(
                f"There is no field '{column}'.",
                f"Did you mean {near[0]}?" if near else f"Fields: {', '.join(c.CANONICAL)}.",
            )
        if header not in headers and normalize_header(header) not in by_plain:
            near = difflib.get_close_matches(header, headers, 1, 0.4)
            raise ColumnError(
                f"{name} has no column '{header}' (found: {_list_headers(headers)}).",
                f"Choose one of them: --map {_map_option(column, near[0] if near else 'HEADER')}",
            )
        checked[column] = header if header in headers else by_plain[normalize_header(header)]
    return checked


def _matches_preset(preset: Preset, headers: Sequence[str], mapped: Mapping[str, str]) -> bool:
    normalized = {normalize_header(h) for h in headers}
    if preset.name == "canonical":
        return all(name in headers or name in mapped for name in preset.required)
    return all(
        name in mapped or any(normalize_header(s) in normalized for s in preset.columns[name])
        for name in preset.required
    )


def _find_header(
    column: str, headers: Sequence[str], spellings: Sequence[str], name: str, *, exact: bool
) -> str | None:
    """Return the header with the first matching spelling; several headers with that spelling are an error."""
    candidates = list(spellings) if exact else [column, *spellings]
    for spelling in candidates:
        wanted = normalize_header(spelling)
        hits = [h for h in headers if normalize_header(h) == wanted]
        if not hits and not exact:
            hits = [h for h in headers if normalize_header(without_unit(h)) == wanted]
        if len(hits) == 1:
            return hits[0]
        if hits.count(column) == 1:
            return column
        if hits:
            raise ColumnError(
                f"Several columns of {name} could identify the {FIELD_LABELS.get(column, column)}: {', '.join(hits)}.",
                f"Choose one of them: --map {_map_option(column, hits[0])}",
            )
    return None


def _missing_columns_error(
    missing: Sequence[str], unused: Sequence[str], headers: Sequence[str], name: str
) -> ColumnError:
    """Return one error for all required columns that were not recognised."""
    labels = " and the ".join(FIELD_LABELS[column] for column in missing)
    options = " ".join(f"--map {_map_option(column, _closest_header(column, unused))}" for column in missing)
    columns = "the column that has it" if len(missing) == 1 else "the columns that have them"
    return ColumnError(
        f"No column of {name} was recognised as the {labels} (found: {_list_headers(headers)}).",
        f"Choose {columns}: {options}",
    )


def _closest_header(column: str, headers: Sequence[str]) -> str:
    """Return the header that is most similar to an alias of the column: shared words first, then similar spelling."""

    def similarity(header: str) -> float:
        text = normalize_header(header)
        best = max(difflib.SequenceMatcher(None, text, normalize_header(a)).ratio() for a in ALIASES[column])
        contained = any(len(normalize_header(a)) > 2 and normalize_header(a) in text for a in ALIASES[column])
        return best + contained

    closest = max(headers, key=similarity, default="HEADER")
    return closest if closest == "HEADER" or similarity(closest) >= 0.5 else "HEADER"


def _map_option(column: str, header: str) -> str:
    text = f"{column}={header}"
    return f'"{text}"' if re.search(r"[^\w.=/-]", text) else text


def _list_headers(headers: Sequence[str]) -> str:
    shown = [h or "(blank)" for h in headers[:15]]
    return ", ".join(shown) + (f", and {len(headers) - 15} more" if len(headers) > 15 else "")
