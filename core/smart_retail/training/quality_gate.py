"""Quality gate: a hybrid that is clearly worse than popularity does not replace the active version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smart_retail.bundle.local_copy import open_bundle
from smart_retail.errors import ArtifactError, QualityGateError


def check_quality_gate(artifacts: str | os.PathLike[str], scorecard: Mapping[str, Any], force: bool) -> list[str]:
    """Raise an error if the hybrid is clearly worse than popularity, unless no version is active yet.

    Parameters
    ----------
    artifacts : path
        Folder of the versions.
    scorecard : mapping
        Its key ``gate`` holds the difference in NDCG@10, hybrid minus popular, with a 95 % confidence interval.
    force : bool
        Publish in any case, with a note.

    Returns
    -------
    list of str
        Notes for the report of the fit.

    Raises
    ------
    QualityGateError
        The whole confidence interval is below zero.
    """
    gate = scorecard["gate"]
    if gate.get("skipped"):
        return [f"The quality gate was skipped: {gate['skipped']}."]
    if gate["high"] >= 0:
        return []
    finding = (
        f"The hybrid is clearly worse than popularity on the most recent orders (NDCG@10 {gate['difference']:+.4f}, "
        f"95 % interval {gate['low']:+.4f} to {gate['high']:+.4f})"
    )
    try:
        open_bundle(artifacts)
    except ArtifactError:
        return [f"{finding}; it was published nevertheless, because no version was active."]
    if force:
        return [f"{finding}; it was published because of --force."]
    raise QualityGateError(
        f"{finding}; nothing was published.",
        "Compare the methods with `smart-retail evaluate`, or publish with --force.",
    )
