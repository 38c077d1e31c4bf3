"""The quality gate: a fit that is clearly worse than popularity does not replace a version that works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from smart_retail.bundle.reader import Bundle
from smart_retail.errors import ArtifactError, QualityGateError


def check_quality_gate(artifacts: str | os.PathLike[str], scorecard: Mapping[str, Any], force: bool) -> list[str]:
    """Refuse a hybrid that is clearly worse than popularity, unless nothing is active yet.

    Raises
    ------
    QualityGateError
        The whole 95 % interval of hybrid minus popular is below zero.
    """
    gate = scorecard["gate"]
    if gate.get("skipped"):
        return [f"The quality gate was skipped: {gate['skipped']}."]
    if gate["high"] >= 0:
        return []
    told = (
        f"The hybrid is clearly worse than popularity on the last time slice (NDCG@10 {gate['difference']:+.4f}, "
        f"95 % interval {gate['low']:+.4f} to {gate['high']:+.4f})"
    )
    try:
        Bundle.open(artifacts)
    except ArtifactError:
        return [f"{told}; published all the same, because no version was active."]
    if force:
        return [f"{told}; published because of --force."]
    raise QualityGateError(
        f"{told}; nothing was published.", "Look at `smart-retail evaluate`, or publish with --force."
    )
