"""Map the columns of a source to canonical column names: by preset, by header and content, or by the user.

A column that cannot be decided is an error with the exact ``--map`` option to use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from smart_retail.data import columns as c
from smart_retail.data.parsing.column_assignment import Candidate, assign_columns, rank_candidates
from smart_retail.data.parsing.column_profile import ColumnProfile, profile_columns
from smart_retail.data.parsing.order_rows import find_fill_down, find_order_total
from smart_retail.data.parsing.presets import (
    ALIASES,
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
    fill_down: tuple[str, ...] = ()
    """Canonical columns that only the first row of an order has."""
    chosen: tuple[str, ...] = ()
    """Canonical columns that the user mapped."""
    notes: tuple[str, ...] = ()
    """Decisions that depend on the content, for the cleaning report."""
    profiles: tuple[ColumnProfile, ...] = ()
    """Profiles of all columns of the source."""


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field whose column was not recognised or is ambiguous."""

    field: str
    rivals: tuple[str, ...]
    """Headers that are equally good; empty if none was recognised."""
    candidates: tuple[Candidate, ...]
    """Plausible columns, best first."""
    suggestion: str
    """Header to suggest; empty if no column is plausible."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """The recognised columns of a source, and the fields that the user must choose."""

    schema: Schema
    open_fields: tuple[OpenField, ...]
    order_total: str = ""
    """Header of a column that is the total of an order, if that is why the amount is open."""


def match_preset(
    headers: Sequence[str],
    name: str,
    mapping: Mapping[str, str] | None = None,
    sample: Sequence[Sequence[str]] = (),
) -> Schema:
    """Recognise the columns of a source.

    Parameters
    ----------
    headers : sequence of str
        Headers of the source.
    name : str
        Name of the source in messages.
    mapping : mapping, optional
        Canonical column name -> header, chosen by the user; overrides presets and aliases.
    sample : sequence of rows, optional
        First rows of the source as text; without them, only headers are used.

    Returns
    -------
    Schema

    Raises
    ------
    ColumnError
        `mapping` has an unknown column or header, or a required column (customer, item, date, and amount or unit
        price) is missing or ambiguous. The message names all of them.
    """
    recognition = recognise_columns(headers, name, mapping, sample)
    if recognition.open_fields:
        raise open_fields_error(recognition, name)
    return recognition.schema


def recognise_columns(
    headers: Sequence[str],
    name: str,
    mapping: Mapping[str, str] | None = None,
    sample: Sequence[Sequence[str]] = (),
) -> Recognition:
    """Recognise the columns of a source; like `match_preset`, but open fields are returned.

    Raises
    ------
    ColumnError
        `mapping` has an unknown column or header.
    """
    mapped = check_mapping(headers, name, mapping or {})
    profiles = profile_columns(headers, sample)
    preset = next((p for p in PRESETS if _matches_preset(p, headers, mapped)), NO_PRESET)
    if preset is not NO_PRESET:
        schema, ambiguous = _preset_schema(preset, headers, mapped, profiles)
        return Recognition(schema, _open_fields(schema, ambiguous, profiles))
    used = set(mapped.values())
    free = [p for p in profiles if p.header not in used]
    assignment = assign_columns(free, [column for column in ALIASES if column not in mapped])
    columns = mapped | dict(assignment.columns)
    notes: list[str] = []
    order_total = ""
    if c.AMOUNT not in mapped and (total := find_order_total(columns, headers, sample)):
        del columns[c.AMOUNT]
        if c.UNIT_PRICE in columns:
            notes.append(f"{name}: {total} is the total of an order, so the amount of a line is quantity x unit price.")
        else:
            order_total = total
    filled = find_fill_down(columns, headers, sample)
    if filled:
        listed = ", ".join(columns[column] for column in filled)
        notes.append(f"{name}: {listed}: only in the first row of an order, used for all its rows.")
    schema = Schema(columns, NO_PRESET, (), filled, tuple(mapped), tuple(notes), profiles)
    excluded = {order_total} - {""}
    return Recognition(schema, _open_fields(schema, assignment.ambiguous, profiles, excluded), order_total)


def _preset_schema(
    preset: Preset, headers: Sequence[str], mapped: Mapping[str, str], profiles: tuple[ColumnProfile, ...]
) -> tuple[Schema, dict[str, tuple[str, ...]]]:
    columns, used = dict(mapped), set(mapped.values())
    ambiguous: dict[str, tuple[str, ...]] = {}
    for column, spellings in preset.columns.items():
        if column not in columns:
            hits = _find_headers(column, [h for h in headers if h not in used], spellings, exact=True)
            if len(hits) > 1:
                ambiguous[column] = tuple(hits)
            if hits:
                columns[column] = hits[0]
                used.add(hits[0])
    money = tuple(h for h in headers if h in preset.money_discounts) if c.DISCOUNT not in columns else ()
    return Schema(columns, preset, money, preset.fill_down, tuple(mapped), (), profiles), ambiguous


def _open_fields(
    schema: Schema,
    ambiguous: Mapping[str, tuple[str, ...]],
    profiles: Sequence[ColumnProfile],
    excluded: Collection[str] = (),
) -> tuple[OpenField, ...]:
    missing = [column for column in c.REQUIRED if column not in schema.columns]
    if c.AMOUNT not in schema.columns and c.UNIT_PRICE not in schema.columns:
        missing.append(c.AMOUNT)
    used = {*schema.columns.values(), *schema.money_discounts, *excluded}
    candidates, suggestions = rank_candidates(missing, [p for p in profiles if p.header not in used])
    samples = {p.header: p.samples for p in profiles}
    return (
        *(OpenField(field, (), candidates[field], suggestions.get(field, "")) for field in missing),
        *(
            OpenField(field, rivals, tuple(Candidate(h, samples.get(h, ())) for h in rivals), rivals[0])
            for field, rivals in ambiguous.items()
            if field not in schema.chosen
        ),
    )


def match_returns_columns(headers: Sequence[str], name: str) -> dict[str, str]:
    """Recognise the columns of a returns table: `order_id`, and `market` and `returned` if present."""
    found = {}
    for column in (c.ORDER_ID, c.MARKET, c.RETURNED):
        hits = _find_headers(column, headers, ALIASES[column], exact=False)
        if len(hits) > 1:
            raise ColumnError(
                f"Several columns of {name} could identify the {FIELD_LABELS.get(column, column)}: {', '.join(hits)}.",
                "Keep only one of them.",
            )
        if hits:
            found[column] = hits[0]
    if c.ORDER_ID not in found:
        raise ColumnError(
            f"The returns table {name} has no column with the order id (found: {_list_headers(headers)}).",
            "Name that column Order ID.",
        )
    return found


def check_fields(fields: Iterable[str]) -> None:
    """Raise `ColumnError` for a field that does not exist."""
    for column in fields:
        if column not in c.CANONICAL:
            near = difflib.get_close_matches(column, c.CANONICAL, 1)
            raise ColumnError(
                f"There is no field '{column}'.",
                f"Did you mean {near[0]}?" if near else f"Fields: {', '.join(c.CANONICAL)}.",
            )


def check_mapping(headers: Sequence[str], name: str, mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping of the user with the headers as the source spells them.

    Raises
    ------
    ColumnError
        A field or header does not exist.
    """
    check_fields(mapping)
    by_plain = {normalize_header(h): h for h in headers}
    checked = {}
    for column, header in mapping.items():
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


def _find_headers(column: str, headers: Sequence[str], spellings: Sequence[str], *, exact: bool) -> list[str]:
    """Return the headers with the first matching spelling: none, one, or several that are equally good."""
    candidates = list(spellings) if exact else [column, *spellings]
    for spelling in candidates:
        wanted = normalize_header(spelling)
        hits = [h for h in headers if normalize_header(h) == wanted]
        if not hits and not exact:
            hits = [h for h in headers if normalize_header(without_unit(h)) == wanted]
        if hits:
            return [column] if hits.count(column) == 1 else hits
    return []


def open_fields_error(recognition: Recognition, name: str) -> ColumnError:
    """Return one error for all fields that were not recognised or are ambiguous."""
    headers = [p.header for p in recognition.schema.profiles]
    missing = [f for f in recognition.open_fields if not f.rivals]
    sentences = []
    if missing:
        labels = " and the ".join(FIELD_LABELS[f.field] for f in missing)
        sentences.append(
            f"No column of {name} was recognised as the {labels} (found: {_list_headers(headers)})."
            if not recognition.order_total or len(missing) > 1
            else f"{recognition.order_total} of {name} is the total of an order, and no column was recognised as the "
            "amount or the price of a line."
        )
    for f in recognition.open_fields:
        if f.rivals:
            label = FIELD_LABELS.get(f.field, f.field)
            sentences.append(f"Several columns of {name} could identify the {label}: {', '.join(f.rivals)}.")
    options = " ".join(f"--map {_map_option(f.field, f.suggestion or 'HEADER')}" for f in recognition.open_fields)
    columns = "the column that has it" if len(recognition.open_fields) == 1 else "the columns that have them"
    choose = "Choose one of them" if not missing and len(recognition.open_fields) == 1 else f"Choose {columns}"
    shown = [_describe_candidates(f) for f in recognition.open_fields if any(o.samples for o in f.candidates)]
    return ColumnError(" ".join(sentences), "\n".join([f"{choose}: {options}", *shown]))


def _describe_candidates(field: OpenField) -> str:
    listed = "; ".join(
        f"{o.header or '(blank)'} ({', '.join(o.samples)})" if o.samples else o.header for o in field.candidates
    )
    return f"{FIELD_LABELS.get(field.field, field.field)}: {listed}"


def _map_option(column: str, header: str) -> str:
    text = f"{column}={header}"
    return f'"{text}"' if re.search(r"[^\w.=/-]", text) else text


def _list_headers(headers: Sequence[str]) -> str:
    shown = [h or "(blank)" for h in headers[:15]]
    return ", ".join(shown) + (f", and {len(headers) - 15} more" if len(headers) > 15 else "")
