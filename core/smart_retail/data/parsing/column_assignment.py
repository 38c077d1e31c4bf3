"""Assign the columns of a source to fields by header and by content, all fields at once.

In: headers and column profiles. Out: the header of each recognised field, and ranked candidates for the fields that
stay open. A field is only assigned if a known header names it; content alone makes a candidate, never a decision.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from smart_retail.data import columns as c
from smart_retail.data.parsing.column_profile import NEUTRAL, ColumnProfile, plausibility
from smart_retail.data.parsing.presets import ALIASES, BARE_NAMES, normalize_header, without_unit

ACCEPTED_EVIDENCE: Final = 0.5
"""Evidence of a header (0 to 1) from which a column is assigned."""
PLAUSIBLE: Final = 0.4
"""Plausibility by content (0 to 1) from which a column is suggested."""
MAX_CANDIDATES: Final = 3
MIN_NAME_SHARE: Final = 0.3
"""Share of texts with spaces from which a column without `No` or `ID` in its header is a name."""

_WEIGHTS: Final = dict.fromkeys(c.REQUIRED, 3.0) | dict.fromkeys((c.ORDER_ID, c.QUANTITY, c.AMOUNT, c.UNIT_PRICE), 2.0)
_HARMLESS: Final = frozenset(
    (
        "eur", "usd", "gbp", "chf", "pln", "euro", "net", "netto", "nett", "excl", "ohne", "mwst", "ust", "vat", "tax",
        "ht", "tva", "hors", "taxe", "iva", "btw", "utc", "local", "cet", "gmt", "time", "of", "the", "der", "des",
        "de", "du", "da", "do", "di", "del", "la", "le", "in", "per", "unit", "line", "pos", "position", "field",
        "value", "nr", "no", "number", "id", "code", "txt", "text", "stk", "pcs",
    )
)  # fmt: skip
"""Words that may stand next to a known header."""
_BARE_STATUS: Final = frozenset(normalize_header(h) for h in ("status", "state", "statut", "estado", "stato", "stan"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may hold a field."""

    header: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Fields with their headers, and the fields for which several headers are equally good."""

    columns: Mapping[str, str]
    ambiguous: Mapping[str, tuple[str, ...]]


def assign_columns(
    profiles: Sequence[ColumnProfile], fields: Sequence[str], aliases: Mapping[str, tuple[str, ...]] = ALIASES
) -> Assignment:
    """Assign columns to fields such that the evidence of all assignments together is highest.

    Parameters
    ----------
    profiles : sequence of ColumnProfile
        The columns that are not assigned yet.
    fields : sequence of str
        The fields that are not assigned yet.
    aliases : mapping
        Field -> known headers in order of preference; by default those of order lines.
    """
    evidence = _accepted_evidence(profiles, fields, aliases)
    if not fields or not profiles:
        return Assignment({}, {})
    # As many columns of score 0 as there are fields: a field may stay without a column.
    scores = [
        [_score(field, p, evidence[field][i]) for i, p in enumerate(profiles)] + [0.0] * len(fields) for field in fields
    ]
    columns: dict[str, str] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    solution = dict(zip(fields, _assign(scores), strict=True))
    used = set(solution.values())
    for field, i in solution.items():
        if i >= len(profiles) or not evidence[field][i]:
            continue
        columns[field] = profiles[i].header
        rivals = [
            j
            for j, p in enumerate(profiles)
            if (j == i or j not in used)
            and abs(evidence[field][j] - evidence[field][i]) < 1e-9
            and abs(plausibility(field, p) - plausibility(field, profiles[i])) < 0.15
        ]
        exact = sum(profiles[j].header == field for j in rivals)
        if len(rivals) > 1 and field in _WEIGHTS and exact != 1:
            ambiguous[field] = tuple(profiles[j].header for j in rivals)
    return Assignment(columns, ambiguous)


def rank_candidates(
    fields: Sequence[str], profiles: Sequence[ColumnProfile]
) -> tuple[dict[str, tuple[Candidate, ...]], dict[str, str]]:
    """Return plausible columns of each open field, best first, and one different suggestion per field."""
    if not fields:
        return {}, {}
    ranks = [[_candidate_score(field, p) for p in profiles] + [0.0] * len(fields) for field in fields]
    candidates = {}
    for field, row in zip(fields, ranks, strict=True):
        best = sorted(range(len(profiles)), key=lambda i, row=row: -row[i])  # type: ignore[misc]
        candidates[field] = tuple(
            Candidate(profiles[i].header, profiles[i].samples) for i in best[:MAX_CANDIDATES] if row[i] > 0
        )
    solution = zip(fields, _assign(ranks), ranks, strict=True)
    return candidates, {f: profiles[i].header for f, i, row in solution if i < len(profiles) and row[i] > 0}


def describe_confidence(field: str, profile: ColumnProfile, is_preset: bool) -> str:
    """Return how sure an assigned column is: ``certain``, ``likely`` or ``doubtful``."""
    plausible = plausibility(field, profile)
    if profile.rows and plausible < 0.3 and profile.filled:
        return "doubtful"
    known = is_preset or header_evidence(field, profile.header) > 0.7
    return "certain" if known and (plausible >= NEUTRAL or not profile.filled) else "likely"


def _assign(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return a different column for each row such that the sum of the scores is highest."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and only needed while files are read

    return linear_sum_assignment(np.array(scores), maximize=True)[1].tolist() if scores else []


def _accepted_evidence(
    profiles: Sequence[ColumnProfile], fields: Sequence[str], aliases: Mapping[str, tuple[str, ...]]
) -> dict[str, list[float]]:
    evidence = {field: [header_evidence(field, p.header, aliases) for p in profiles] for field in fields}
    bare = BARE_NAMES if aliases is ALIASES else {}
    for field, row in evidence.items():
        for i, p in enumerate(profiles):
            if field in bare and row[i] < ACCEPTED_EVIDENCE and _is_bare_name(field, p, profiles):
                row[i] = 0.55
            if field == c.ORDER_STATUS and normalize_header(p.header) in _BARE_STATUS:
                row[i] = 0.6 if p.rows and plausibility(field, p) >= ACCEPTED_EVIDENCE else 0.0
            if row[i] < ACCEPTED_EVIDENCE:
                row[i] = 0.0
    return evidence


def _score(field: str, profile: ColumnProfile, evidence: float) -> float:
    if not evidence:
        return -1.0
    plausible = plausibility(field, profile)
    # A known header with implausible content is only used where nothing else fits.
    return _WEIGHTS.get(field, 1.0) * ((2 * evidence + plausible) if plausible else 0.1 * evidence)


def _candidate_score(field: str, profile: ColumnProfile) -> float:
    plausible, evidence = plausibility(field, profile), header_evidence(field, profile.header)
    if plausible < PLAUSIBLE or (not evidence and plausible <= NEUTRAL):
        return 0.0
    return 2 * evidence + plausible


def _is_bare_name(field: str, profile: ColumnProfile, profiles: Sequence[ColumnProfile]) -> bool:
    """Whether a header such as `Customer` is the name because another column is the id."""
    if normalize_header(profile.header) not in _bare_names(field):
        return False
    id_field = c.CUSTOMER_ID if field == c.CUSTOMER_NAME else c.ITEM_ID
    ranks = _ranks((id_field, *ALIASES[id_field]))
    own = ranks.get(normalize_header(profile.header), len(ranks))
    others = [ranks[key] for p in profiles if p is not profile and (key := normalize_header(p.header)) in ranks]
    return any(rank < own for rank in others) or (bool(others) and profile.spaced > MIN_NAME_SHARE)


def header_evidence(field: str, header: str, aliases: Mapping[str, tuple[str, ...]] = ALIASES) -> float:
    """Return how well a header names a field, 0 to 1.

    1 to 0.75 is a known header by its order of preference, 0.7 a known header with harmless words around it, 0.3 a
    header with a known word in it.
    """
    spellings = (field, *aliases.get(field, ()))
    ranks = _ranks(spellings)
    for text, penalty in ((header, 0.0), (without_unit(header), 0.02)):
        rank = ranks.get(normalize_header(text))
        if rank is not None:
            return 1.0 - penalty - 0.25 * rank / len(ranks)
    return _partial_evidence(spellings, header)


@cache
def _partial_evidence(spellings: tuple[str, ...], header: str) -> float:
    words, plain = _words(header), normalize_header(header)
    best = 0.0
    for alias in spellings:
        alias_words = _words(alias)
        starts = [i for i in range(len(words)) if words[i : i + len(alias_words)] == alias_words]
        for start in starts:
            rest = words[:start] + words[start + len(alias_words) :]
            best = max(best, 0.7 if _HARMLESS.issuperset(rest) else 0.3)
        key = normalize_header(alias)
        if len(key) > 3 and (key in plain or difflib.SequenceMatcher(None, key, plain).ratio() >= 0.8):
            best = max(best, 0.3)
    return best


@cache
def _ranks(spellings: tuple[str, ...]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for rank, alias in enumerate(spellings):
        ranks.setdefault(normalize_header(alias), rank)
    return ranks


@cache
def _bare_names(field: str) -> frozenset[str]:
    return frozenset(map(normalize_header, BARE_NAMES[field]))


def _words(header: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header).replace("ß", "ss").replace("ł", "l")
    plain = "".join(s for s in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(s)).lower()
    return [word for word in re.split(r"[\W_]+", plain) if word]
