"""An engine as it would be with something changed: other rules, other weights, another day, another returns policy.

In: an engine in this process and a `Change`. Out: a second engine over the same bundle, some of whose tables are
replaced in memory. Nothing is written, and the first engine stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.bundle_history import (
    COLUMNS,
    compute_rfm,
    purchases_before,
    read_history,
    read_returned_purchases,
)
from smart_retail.bundle.reader import Bundle
from smart_retail.data.dataset.returned_purchases import ReturnedPurchases, with_returned, without_returned
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.recommenders.candidates import SOURCES
from smart_retail.recommenders.fitted_components import to_arrays
from smart_retail.segmentation.cluster_assigner import ClusterAssigner
from smart_retail.segmentation.rfm import fit_rfm
from smart_retail.serving.business_rules import Rules, rules_of
from smart_retail.serving.engine import Engine
from smart_retail.settings import Settings
from smart_retail.training.models.components import Choices, fit_parts
from smart_retail.utils.dates import EPOCH, iso

RETURNS_POLICIES = ("net", "keep")
WEIGHTS_ARRAY = "merge.weights"
NO_EVENTS = 2**62
"""Past every event: what came since the fit belongs to its day and policy, not to another."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is tried; what is left out stays as it is."""

    rules: Mapping[str, Any] | None = None
    """All rules, as a rules file holds them; they take the place of those in force."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Source of the merge -> its weight for every customer with a history, 0 and up."""
    analysis_date: str = ""
    """ISO date: recency counts to it, and purchases on and after it are left out."""
    returns_policy: str = ""
    """net or keep."""

    @property
    def refits(self) -> bool:
        """Whether segments and lists must be counted anew."""
        return bool(self.analysis_date or self.returns_policy)


class WhatIfEngine(Engine):
    """An engine over tables in memory, under rules that no file holds."""

    def __init__(self, bundle: Bundle, rules: Rules) -> None:
        super().__init__(bundle)
        self._fixed = rules

    @classmethod
    def from_scenario(cls, engine: Engine, change: Scenario) -> WhatIfEngine:
        """The engine with the change.

        Raises
        ------
        UsageError
            The change is not possible: an unknown source or policy, a negative weight, no date, an older bundle.
        SettingsError
            The rules are none.
        MissingExtraError
            The day or the policy changes, and the packages of the extra ``train`` are not installed.
        """
        store, bundle, rules = engine.store, engine.bundle, engine._rules(None)
        if change.rules is not None:
            rules = rules_of(dict(change.rules), store.items, store.names["categories"], store.catalogue)
        arrays, facts = refit_tables(engine, change) if change.refits else ({}, {})
        if change.weights:
            arrays[f"recommender/{WEIGHTS_ARRAY}"] = _replace_weights(
                bundle.array(f"recommender/{WEIGHTS_ARRAY}"), change.weights
            )
        # The ready lists were made of the tables that are replaced.
        return cls(bundle.with_overrides(arrays, facts, without="lists") if arrays else bundle, rules)

    def _rules(self, categories: Sequence[str] | None) -> Rules:
        return self._fixed.within(categories, self.store.names["categories"], self.store.catalogue)


def mean_source_weights(engine: Engine, exclude_purchased: bool) -> dict[str, float]:
    """Mean weight of each source of the merge over the customers with a history."""
    found = engine.bundle.array(f"recommender/{WEIGHTS_ARRAY}")[1 if exclude_purchased else 0][1:]
    return {source: round(float(weight), 4) for source, weight in zip(SOURCES, found.mean(axis=0), strict=True)}


def _replace_weights(learnt: NDArray[np.float64], changed: Mapping[str, float]) -> NDArray[np.float64]:
    out = learnt.copy()
    for source, weight in changed.items():
        if source not in SOURCES:
            raise UsageError(f"There is no source {source!r} in the merge.", f"Sources: {', '.join(SOURCES)}.")
        if not (np.isfinite(weight) and 0 <= weight <= 1000):
            raise UsageError(f"The weight of {source} is {weight}.", "Give a number from 0 to 1000.")
        out[:, 1:, SOURCES.index(source)] = weight
    if not out[:, 1:].sum(axis=2).all():
        raise UsageError("All weights are 0.", "Leave at least one source a weight.")
    return out


def refit_tables(engine: Engine, change: Scenario) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tables and manifest facts of the bundle as of another day or under another policy.

    Purchases, RFM, cut points, segments, popularity and similarities are counted anew. The encoder and the
    centroids, the merge and what was chosen for single methods stay as they were learnt.
    """
    bundle, store = engine.bundle, engine.store
    chosen = bundle.manifest["scorecard"].get("chosen")
    if chosen is None or "tables/returned_purchases/indptr.npy" not in bundle.manifest["files"]:
        raise UsageError("This version does not keep what another day or policy needs.", "Fit it again first.")
    if find_spec("numba") is None:
        raise MissingExtraError(
            "Another day or returns policy needs packages that are not installed.",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    settings = Settings.from_dict(bundle.manifest["settings"])
    whole, back = read_history(bundle, len(store.items)), read_returned_purchases(bundle)
    kept, gone = _apply_returns_policy(whole, back, settings.data.returns_policy, change.returns_policy)
    day = _day(change.analysis_date or settings.rfm.analysis_date, kept)
    kept = purchases_before(kept, day) if change.analysis_date else kept
    if not len(kept):
        raise UsageError(f"There is no purchase before {iso(day)}.", f"Give a date after {iso(int(whole.day.min()))}.")
    table = compute_rfm(kept, day)
    rfm = fit_rfm(table, settings.rfm)
    scores = rfm.score(table.recency, table.frequency, table.monetary)
    segment = rfm.segment_index(scores[0], scores[1])
    placement = ClusterAssigner.from_arrays(bundle.arrays("placement"), bundle.json("placement"))
    cluster = placement.assign(table.recency, table.frequency, table.monetary)
    catalogue = replace(store.catalogue, names=tuple(store.item_names))
    parts = fit_parts(kept, (segment, cluster), catalogue, Choices(**chosen), threads=settings.threads)
    arrays: dict[str, NDArray[Any]] = {f"recommender/{name}": values for name, values in to_arrays(parts).items()}
    arrays |= {f"history/{name}": getattr(kept, name) for name in (*COLUMNS, "indptr")}
    arrays |= {f"rfm/{name}": getattr(table, name) for name in ("recency", "frequency", "monetary")}
    arrays |= {f"rfm/{name}": score for name, score in zip("rfm", scores, strict=True)}
    arrays |= {f"rfm_model/{name}": values for name, values in rfm.arrays().items()}
    arrays |= {"rfm/segment": segment, "clusters/label": cluster, **_returned_items(kept, gone, day)}
    return arrays, {"last_day": kept.last_day, "analysis_day": day, "events_through": NO_EVENTS}


def _day(text: str, history: PurchaseHistory) -> int:
    """The analysis day, days since 1970-01-01; by default the day after the last kept order."""
    if not text:
        return int(history.day.max(initial=history.last_day)) + 1
    try:
        return (date.fromisoformat(text) - EPOCH).days
    except ValueError as error:
        raise UsageError(f"The analysis date {text!r} is no date.", "Write it as 2014-12-31.") from error


def _apply_returns_policy(
    whole: PurchaseHistory, back: ReturnedPurchases, policy: str, wanted: str
) -> tuple[PurchaseHistory, ReturnedPurchases | None]:
    """The history under the wanted policy, and what is missing in it because it came back."""
    wanted = wanted or policy
    if wanted not in RETURNS_POLICIES:
        raise UsageError(f"There is no returns policy {wanted!r}.", "Choose net or keep.")
    if wanted != policy:
        whole = with_returned(whole, back) if wanted == "keep" else without_returned(whole, back)
    return whole, back if wanted == "net" else None


def _returned_items(kept: PurchaseHistory, gone: ReturnedPurchases | None, day: int) -> dict[str, NDArray[Any]]:
    """Items of each customer of which nothing was kept, as a bundle has them."""
    pairs = np.zeros(0, np.int64)
    if gone is not None:
        rows = gone.day < day
        pairs = gone.customer[rows].astype(np.int64) * kept.n_items + gone.item[rows]
        pairs = np.setdiff1d(pairs, kept.customer.astype(np.int64) * kept.n_items + kept.item)
    indptr = np.searchsorted(pairs // kept.n_items, np.arange(kept.n_customers + 1))
    return {"returned/indptr": indptr, "returned/item": (pairs % kept.n_items).astype(np.int32)}
