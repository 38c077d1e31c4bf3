"""Import guards: a damaged or unexpected import does not replace the active version.

In: the cleaning reports of the new import and of the active version. Out: an error, or notes for the report of the
fit. `check_import` runs before anything is fitted, `check_evaluation` after the evaluation.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from smart_retail.bundle.local_copy import open_bundle
from smart_retail.data.ingestion.ingest import IngestedSource
from smart_retail.errors import ArtifactError, ImportGuardError
from smart_retail.results import CleaningReport
from smart_retail.settings import DataSettings
from smart_retail.utils.dates import parse_day

ALWAYS_EXPECTED: Final = frozenset(
    {"overlap", "duplicate", "cancelled order", "unpaid order", "non-merchandise", "erased"}
)
"""Rejection reasons that are part of a normal import of any source."""
MIN_INCREASE: Final = 0.05
"""Increase of the share of rejected rows (0 to 1) over the active version that is clearly more."""
ACCEPTED_DAYS: Final = 7
"""Days by which the last order may be before the last order of the active version."""


def expected_reasons(sources: Iterable[IngestedSource]) -> frozenset[str]:
    """Return the rejection reasons that are normal for all of these sources."""
    listed = [frozenset(source.schema.preset.expected_rejections) for source in sources]
    return ALWAYS_EXPECTED | (frozenset.intersection(*listed) if listed else frozenset())


def active_manifest(artifacts: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """Return the manifest of the active version, None if there is none or it cannot be read."""
    try:
        return open_bundle(artifacts).manifest
    except ArtifactError:
        return None


def check_import(
    report: CleaningReport,
    active: Mapping[str, Any] | None,
    expected: Collection[str],
    settings: DataSettings,
    force: bool,
) -> list[str]:
    """Raise an error if the import lost rows, customers, orders, days or revenue that the active version had.

    Parameters
    ----------
    report : CleaningReport
        The new import.
    active : mapping, optional
        Manifest of the active version; without one, only the share of rejected rows is checked.
    expected : collection of str
        Rejection reasons that are not counted.
    settings : DataSettings
        `accept_rejected` and `accept_drop` are the limits.
    force : bool
        Return the findings as notes instead.

    Raises
    ------
    ImportGuardError
        A guard applies.
    """
    before = active["cleaning"] if active is not None else None
    findings = [
        *_rejected_finding(report, before, expected, settings.accept_rejected),
        *(_drop_findings(report, before, settings.accept_drop) if before is not None else ()),
    ]
    return _raise_or_note(findings, force)


def check_evaluation(scorecard: Mapping[str, Any], active: Mapping[str, Any] | None, force: bool) -> list[str]:
    """Raise an error if the new fit could not be evaluated although the active version was.

    Raises
    ------
    ImportGuardError
        The guard applies.
    """
    skipped = scorecard["gate"].get("skipped")
    before = (active or {}).get("scorecard", {}).get("gate")
    if not skipped or before is None or before.get("skipped"):
        return []
    finding = f"Guard evaluation: the active version was evaluated, this one cannot be ({skipped})"
    return _raise_or_note([finding], force)


def _raise_or_note(findings: list[str], force: bool) -> list[str]:
    if force:
        return [f"{finding}; published because of --force." for finding in findings]
    if findings:
        raise ImportGuardError(
            f"{'. '.join(findings)}. Nothing was published.",
            "Check that the export is complete and its columns are recognised (--dry-run); if it is right, publish "
            "with --force.",
        )
    return []


def _rejected_finding(
    report: CleaningReport, before: Mapping[str, Any] | None, expected: Collection[str], limit: float
) -> list[str]:
    rows = {rejected.reason: rejected.rows for rejected in report.rejected}
    share = _unexpected_share(report.rows_in, rows, expected)
    active_share = 0.0
    if before is not None:
        active_rows = {rejected["reason"]: rejected["rows"] for rejected in before["rejected"]}
        active_share = _unexpected_share(before["rows_in"], active_rows, expected)
    if share <= limit or (before is not None and share <= active_share + MIN_INCREASE):
        return []
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in rows.items() if reason not in expected)
    compared = f"{active_share:.1%} in the active version" if before is not None else f"{limit:.0%} are accepted"
    return [
        f"Guard rejected rows: {share:.1%} of the rows were rejected ({reasons}), {compared} "
        "(setting data.accept_rejected)"
    ]


def _unexpected_share(rows_in: int, rejected: Mapping[str, int], expected: Collection[str]) -> float:
    return sum(n for reason, n in rejected.items() if reason not in expected) / max(rows_in, 1)


def _drop_findings(report: CleaningReport, before: Mapping[str, Any], limit: float) -> list[str]:
    figures = (
        ("customers", report.customers, before["customers"]),
        ("orders", report.orders, before["orders"]),
        ("revenue", report.net_amount, before["net_amount"]),
    )
    findings = [
        f"Guard {name}: {now:,.0f} instead of {then:,.0f} in the active version (a fall of {1 - now / then:.0%}; "
        f"{limit:.0%} is accepted, setting data.accept_drop)"
        for name, now, then in figures
        if then > 0 and now < then * (1 - limit)
    ]
    if parse_day(report.last) < parse_day(before["last"]) - ACCEPTED_DAYS:
        findings.append(
            f"Guard last day: the last order is of {report.last}, in the active version of {before['last']}"
        )
    return findings
