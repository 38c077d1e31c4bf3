"""Engine with changed rules, blend weights, analysis date or returns policy, for what-if analysis.

In: a local engine and a `Scenario`. Out: a second engine on the same bundle with some tables replaced in memory.
Nothing is written, and the first engine is not modified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.analysis.bundle_history import (
    COLUMNS,
    purchases_before,
    read_guest_orders,
    read_history,
    read_returned_purchases,
)
from smart_retail.bundle.reader import Bundle
from smart_retail.data.dataset.returned_purchases import ReturnedPurchases, with_returned, without_returned
from smart_retail.data.guest_orders import NO_GUESTS
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import MissingExtraError, UsageError
from smart_retail.protocol import LocalEngine
from smart_retail.recommenders.fitted_components import to_arrays
from smart_retail.recommenders.source_registry import BUILT_IN
from smart_retail.segmentation.cluster_assigner import ClusterAssigner
from smart_retail.segmentation.rfm import compute_rfm, fit_rfm
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.engine import Engine
from smart_retail.serving.rule_set import RuleTargets, build_rule_set
from smart_retail.settings import Settings
from smart_retail.training.models.components import ComponentVariants, fit_components
from smart_retail.training.models.item_baskets import collect_customer_items
from smart_retail.training.outputs.reason_counts import count_for_reasons
from smart_retail.utils.dates import iso, parse_day
from smart_retail.utils.parallel import available_threads

RETURNS_POLICIES = ("net", "keep")
WEIGHTS_ARRAY = "merge.weights"
NO_EVENTS = 2**62
"""Larger than every event number: events since the fit do not apply to another date or returns policy."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A change to try; fields left at their default change nothing."""

    rules: Mapping[str, Any] | None = None
    """All business rules, as in a rules file; they replace the current ones."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Source -> blend weight for every customer with purchases, 0 to 1000."""
    analysis_date: str = ""
    """ISO date up to which recency is counted; purchases on and after it are left out."""
    returns_policy: str = ""
    """net (leave returned lines out) or keep (ignore returns)."""

    @property
    def refits(self) -> bool:
        """Whether segments and lists must be recomputed."""
        return bool(self.analysis_date or self.returns_policy)


class WhatIfEngine(Engine):
    """Engine with tables and business rules in memory."""

    @classmethod
    def from_scenario(cls, engine: LocalEngine, scenario: Scenario) -> WhatIfEngine:
        """Return an engine with the change applied.

        Raises
        ------
        UsageError
            A source, weight, date or returns policy is not valid, or the bundle is of an older version.
        SettingsError
            The rules are not a valid rule set.
        MissingExtraError
            The date or the policy changes, and the packages of the extra ``train`` are not installed.
        """
        store, bundle, rules = engine.tables, engine.bundle, engine.rules
        if scenario.rules is not None:
            rules = build_rule_set(scenario.rules, RuleTargets.of(store))
        arrays, facts = refit_tables(engine, scenario) if scenario.refits else ({}, {})
        if scenario.weights:
            arrays[f"recommender/{WEIGHTS_ARRAY}"] = _replace_weights(
                bundle.array(f"recommender/{WEIGHTS_ARRAY}"), scenario.weights, _source_names(bundle)
            )
        # The cached lists were computed from the tables that are replaced.
        changed = bundle.with_overrides(arrays, facts, without="lists") if arrays else bundle
        return cls(changed, rules, changes=store.changes)


def mean_source_weights(engine: LocalEngine, exclude_purchased: bool) -> dict[str, float]:
    """Return the mean blend weight of each source over the customers with purchases."""
    weights = engine.bundle.array(f"recommender/{WEIGHTS_ARRAY}")[1 if exclude_purchased else 0][1:]
    names = _source_names(engine.bundle)
    return {source: round(float(weight), 4) for source, weight in zip(names, weights.mean(axis=0), strict=True)}


def _source_names(bundle: Bundle) -> list[str]:
    """Return the sources of a bundle, in the order of its blend weights."""
    names: list[str] = bundle.json("recommender").get("sources", [source.name for source in BUILT_IN])
    return names


def _replace_weights(
    fitted: NDArray[np.float64], changed: Mapping[str, float], names: Sequence[str]
) -> NDArray[np.float64]:
    out = fitted.copy()
    for source, weight in changed.items():
        if source not in names:
            raise UsageError(f"There is no recommendation source {source!r}.", f"Sources: {', '.join(names)}.")
        position = names.index(source)
        if not (np.isfinite(weight) and 0 <= weight <= 1000):
            raise UsageError(f"The weight {weight} of {source} is out of range.", "Give a number from 0 to 1000.")
        out[:, 1:, position] = weight
    if not out[:, 1:].sum(axis=2).all():
        raise UsageError("All weights are 0.", "Give at least one source a weight above 0.")
    return out


def refit_tables(engine: LocalEngine, scenario: Scenario) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return tables and manifest entries of the bundle as of another date or under another returns policy.

    Purchases, RFM, cut points, segments, popularity and similarities are recomputed. Encoder, centroids, merge and
    the selected variants of the methods stay as fitted.
    """
    bundle, store = engine.bundle, BundleTables(engine.bundle)  # without the items that were added after the fit
    chosen = bundle.manifest["scorecard"].get("chosen")
    if chosen is None or "tables/returned_purchases/indptr.npy" not in bundle.manifest["files"]:
        raise UsageError("This version lacks the data for another date or returns policy.", "Fit a new version first.")
    if find_spec("numba") is None:
        raise MissingExtraError(
            "Another date or returns policy needs packages that are not installed.",
            'Install them with: pip install "smart-retail-engine[train]"',
        )
    settings = Settings.from_dict(bundle.manifest["settings"])
    history, returned = read_history(bundle, len(store.items)), read_returned_purchases(bundle)
    policy = scenario.returns_policy or settings.data.returns_policy
    kept, removed = _apply_returns_policy(history, returned, settings.data.returns_policy, policy)
    day = _parse_analysis_day(scenario.analysis_date or settings.rfm.analysis_date, kept)
    kept = purchases_before(kept, day) if scenario.analysis_date else kept
    if not len(kept):
        raise UsageError(
            f"There is no purchase before {iso(day)}.", f"Give a date after {iso(int(history.day.min()))}."
        )
    table = compute_rfm(kept, day)
    rfm = fit_rfm(table, settings.rfm, kept)
    scores = rfm.score_customers(table, kept)
    segment = rfm.segment_index(scores[0], scores[1])
    stored = bundle.arrays("cluster_assigner")
    assigner = bundle.decode_json("cluster_assigner", lambda meta: ClusterAssigner.from_arrays(stored, meta))
    clusters = assigner.assign(kept, table)
    catalogue = replace(store.catalogue, names=tuple(store.item_names))
    variants = ComponentVariants(**chosen)
    guests = read_guest_orders(bundle)
    guests = guests.until(day - 1) if scenario.analysis_date else guests
    customer_items = collect_customer_items(kept)
    components = fit_components(
        kept,
        (segment, clusters.fine),
        catalogue,
        variants,
        threads=settings.threads,
        guests=guests if settings.recommend.guest_orders_in_popularity else NO_GUESTS,
        customer_items=customer_items,
    )
    arrays: dict[str, NDArray[Any]] = {f"recommender/{name}": values for name, values in to_arrays(components).items()}
    arrays |= {f"history/{name}": getattr(kept, name) for name in (*COLUMNS, "indptr")}
    arrays |= {f"rfm/{name}": getattr(table, name) for name in ("recency", "frequency", "monetary")}
    arrays |= {f"rfm/{name}": score for name, score in zip("rfm", scores, strict=True)}
    arrays |= {f"rfm_model/{name}": values for name, values in rfm.arrays().items()}
    arrays |= {"rfm/segment": segment, "clusters/label": clusters.coarse, "clusters/fine": clusters.fine}
    arrays |= _returned_items(kept, removed, day)
    # The number of groups is that of the bundle, also where a group lost its customers.
    groups = {
        name: (group, len(bundle.array(f"pairs/{name}.size")))
        for name, group in (("segments", segment), ("fine_clusters", clusters.fine))
    }
    threads = settings.threads or available_threads()
    if "tables/guest_orders/order.npy" in bundle.manifest["files"]:
        arrays |= {f"guest_orders/{name}": getattr(guests, name) for name in COLUMNS}
        orders = guests.append_to(kept)
        arrays["pairs/orders.totals"] = np.bincount(orders.item, minlength=orders.n_items).astype(np.int32)
    counts = count_for_reasons(
        kept, customer_items[0], guests, components.item_knn, groups, settings.recommend, threads
    )
    arrays |= {f"pairs/{name}": values for name, values in counts.items()}
    events = {"events_through": NO_EVENTS, "events_store": ""}
    return arrays, {"last_day": kept.last_day, "analysis_day": day, **events}


def _parse_analysis_day(text: str, history: PurchaseHistory) -> int:
    """Return the analysis date in days since 1970-01-01; by default the day after the last kept order."""
    if not text:
        return int(history.day.max(initial=history.last_day)) + 1
    return parse_day(text)


def _apply_returns_policy(
    history: PurchaseHistory, returned: ReturnedPurchases, fitted_policy: str, policy: str
) -> tuple[PurchaseHistory, ReturnedPurchases | None]:
    """Return the history under `policy`, and the returned purchases that it excludes."""
    if policy not in RETURNS_POLICIES:
        raise UsageError(f"There is no returns policy {policy!r}.", "Choose net or keep.")
    if policy != fitted_policy:
        history = with_returned(history, returned) if policy == "keep" else without_returned(history, returned)
    return history, returned if policy == "net" else None


def _returned_items(kept: PurchaseHistory, returned: ReturnedPurchases | None, day: int) -> dict[str, NDArray[Any]]:
    """Return the items of each customer that were returned completely before `day`, as arrays of a bundle."""
    pairs = np.zeros(0, np.int64)
    if returned is not None:
        rows = returned.day < day
        pairs = returned.customer[rows].astype(np.int64) * kept.n_items + returned.item[rows]
        pairs = np.setdiff1d(pairs, kept.customer.astype(np.int64) * kept.n_items + kept.item)
    indptr = np.searchsorted(pairs // kept.n_items, np.arange(kept.n_customers + 1))
    return {"fully_returned/indptr": indptr, "fully_returned/item": (pairs % kept.n_items).astype(np.int32)}
