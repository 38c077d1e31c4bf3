"""Customer profiles: RFM, cluster, favourite categories and purchases as a result."""

from __future__ import annotations

import numpy as np

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.base import UNKNOWN_GROUP
from smart_retail.results import RFM, CategoryShare, ClusterRef, CustomerProfile, Purchase
from smart_retail.segmentation.order_rhythm import DECIMALS
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.customers import CustomerState, count_orders
from smart_retail.utils.dates import iso
from smart_retail.utils.fixed_point import MILLION

TOP_CATEGORIES = 3


def build_profile(
    tables: BundleTables, customer_id: str, customer: CustomerState, rfm: RFM | None, usual_interval: float | None
) -> CustomerProfile:
    """Return the profile of a customer.

    Parameters
    ----------
    tables : BundleTables
    customer_id : str
    customer : CustomerState
        Purchases and cluster at the time of the request.
    rfm : RFM or None
        None for a customer without kept purchases.
    usual_interval : float or None
        Usual days between two orders; None if it is not known.

    Returns
    -------
    CustomerProfile
        For an unknown customer ``known=False``, and the other fields are empty.
    """
    history, code = customer.history, customer.code
    bought = len(history) > 0
    return CustomerProfile(
        customer_id=customer_id,
        known=customer.known,
        customer_name=tables.texts("customers/names")[code] if code >= 0 else "",
        country=tables.texts("customers/countries")[code] if code >= 0 else "",
        rfm=rfm,
        cluster=None if customer.cluster == UNKNOWN_GROUP else _cluster(tables, customer.cluster),
        orders=count_orders(history),
        first_order=iso(history.day.min()) if bought else None,
        last_order=iso(history.day.max()) if bought else None,
        returned_share=float(tables.bundle.array("customers/returned_share")[code]) if code >= 0 else 0.0,
        top_categories=_top_categories(tables, history),
        purchases=_purchases(tables, history),
        usual_interval_days=None if usual_interval is None else round(usual_interval, 1),
        usual_intervals_since_order=(
            None if rfm is None or usual_interval is None else round(rfm.recency / usual_interval, DECIMALS)
        ),
    )


def _cluster(tables: BundleTables, cluster: int) -> ClusterRef:
    return ClusterRef(cluster, tables.group_name("clusters", cluster))


def _top_categories(tables: BundleTables, history: PurchaseHistory) -> tuple[CategoryShare, ...]:
    category = tables.catalogue.category[history.item]
    named = category >= 0
    amount = np.bincount(category[named], history.amount[named] / MILLION)
    total = amount.sum()
    if total <= 0:
        return ()
    best = np.argsort(-amount, kind="stable")[:TOP_CATEGORIES]
    return tuple(
        CategoryShare(tables.names["categories"][c], round(float(amount[c] / total), 6))
        for c in best.tolist()
        if amount[c] > 0
    )


def _purchases(tables: BundleTables, history: PurchaseHistory) -> tuple[Purchase, ...]:
    """Return the purchases by item, newest first."""
    if len(history) == 0:
        return ()
    order = np.lexsort((history.day, history.item))
    item, days = history.item[order], history.day[order]
    start = np.flatnonzero(np.concatenate(([True], item[1:] != item[:-1])))
    times = np.diff(np.concatenate((start, [len(item)])))
    items, first, last = item[start], days[start], days[start + times - 1]
    quantity, amount = (np.add.reduceat(c[order], start) / MILLION for c in (history.quantity, history.amount))
    newest = np.lexsort((items, -last))
    columns = (column[newest].tolist() for column in (items, times, quantity, amount, first, last))
    # Positional: a customer of a grocer has hundreds of purchases.
    return tuple(
        Purchase(*tables.label(code), n, units, spent, iso(first_day), iso(last_day))
        for code, n, units, spent, first_day, last_day in zip(*columns, strict=True)
    )
