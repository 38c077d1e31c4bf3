"""Synthetic shops whose demand changes in one known way, to test lists where a single popularity window fails.

Customers arrive during the whole history, prefer some categories and buy some favourites again. What differs is how the
demand of the items changes by week:

- `stable`: not at all;
- `returning_promotion`: half of the lines are items of the current promotion, which sell for four weeks only; each of
  six promotions returns after five months, so that the last weeks before a cut say little about the weeks after it;
- `turnover`: every item is sold for four to eight months, so that old orders say little about current demand;
- `sold_out`: a best-seller with a seventh of all lines goes out of stock every few months, the last one just before the
  last tenth of the history, and another well-known item takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.utils.fixed_point import MILLION

WEEKS = 78
DAYS = 7 * WEEKS
N_CUSTOMERS, N_ITEMS = 1200, 240
N_CATEGORIES, N_FAVOURITES = 8, 6
FAVOURITE_SHARE, CATEGORY_SHARE = 0.3, 0.4
"""Shares of the lines that are favourites bought again, and that come from the customer's own categories."""
MEAN_ORDERS, MEAN_BASKET = 7.0, 3.0
PROMOTIONS, PROMOTED_ITEMS, PROMOTION_WEEKS, PROMOTION_SHARE = 6, 5, 4, 0.5
BEST_SELLER_SHARE, SELL_OUT_PERIOD, SUBSTITUTES = 1 / 6, 13, 40

Demand = NDArray[np.float64]
"""Weight of each item by week, shape ``(WEEKS, N_ITEMS)``."""


def rows(name: str, seed: int = 0, n_customers: int = N_CUSTOMERS) -> NDArray[np.int64]:
    """Return the order lines of a shop: customer, day (from 0) and item, distinct, sorted; shape ``(n, 3)``.

    Parameters
    ----------
    name : str
        One of `SHOPS`.
    seed : int
    n_customers : int
    """
    rng = np.random.default_rng([sorted(SHOPS).index(name), seed])
    return _simulate(SHOPS[name](rng), n_customers, rng)


def history(name: str, seed: int = 0, n_customers: int = N_CUSTOMERS) -> PurchaseHistory:
    """Return the order lines as a purchase history; one order for each customer and day."""
    customer, day, item = rows(name, seed, n_customers).T
    starts = (np.diff(customer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0)
    ones = np.full(len(customer), MILLION)
    return PurchaseHistory(
        customer.astype(np.int32),
        (np.cumsum(starts) - 1).astype(np.int32),
        item.astype(np.int32),
        day.astype(np.int32),
        ones,
        ones,
        n_customers,
        N_ITEMS,
        int(day.max()),
    )


def frame(name: str, seed: int = 0, n_customers: int = N_CUSTOMERS) -> Any:
    """Return the order lines as a data frame with canonical columns; one order for each customer and day."""
    import pandas as pd

    customer, day, item = rows(name, seed, n_customers).T
    return pd.DataFrame(
        {
            "customer_id": [f"c{code:05}" for code in customer],
            "order_id": [f"{code}-{number}" for code, number in zip(customer, day, strict=True)],
            "item_id": [f"i{code:04}" for code in item],
            "timestamp": np.datetime64("2023-01-02") + day,
            "quantity": 1,
            "amount": 1.0 + item % 20,
            "category": [f"category {code % N_CATEGORIES}" for code in item],
        }
    )


def _stable(rng: np.random.Generator) -> Demand:
    return np.tile(_zipf(rng), (WEEKS, 1))


def _returning_promotion(rng: np.random.Generator) -> Demand:
    demand = _stable(rng)
    promoted = rng.permutation(N_ITEMS)[: PROMOTIONS * PROMOTED_ITEMS].reshape(PROMOTIONS, PROMOTED_ITEMS)
    demand[:, promoted.ravel()] = 0.0
    demand /= demand.sum(axis=1, keepdims=True) / (1 - PROMOTION_SHARE)
    for week in range(WEEKS):
        current = promoted[week // PROMOTION_WEEKS % PROMOTIONS]
        demand[week, current] = PROMOTION_SHARE / PROMOTED_ITEMS
    return demand


def _turnover(rng: np.random.Generator) -> Demand:
    life = rng.integers(17, 35, N_ITEMS)
    start = rng.integers(-34, WEEKS, N_ITEMS)
    week = np.arange(WEEKS)[:, None]
    return np.where((week >= start) & (week < start + life), _zipf(rng), 0.0)


def _sold_out(rng: np.random.Generator) -> Demand:
    demand = _stable(rng)
    last = WEEKS - 9
    ends = range(last % SELL_OUT_PERIOD, last + 1, SELL_OUT_PERIOD)
    sellers = rng.permutation(np.argsort(-demand[0])[:SUBSTITUTES])[: len(ends) + 1]
    for seller, first, end in zip(sellers, (0, *ends), (*ends, WEEKS), strict=True):
        demand[first:end, seller] = BEST_SELLER_SHARE
        demand[end:, seller] = 0.0
    return demand


SHOPS: Final[dict[str, Callable[[np.random.Generator], Demand]]] = {
    "stable": _stable,
    "returning_promotion": _returning_promotion,
    "turnover": _turnover,
    "sold_out": _sold_out,
}
"""Name -> function that draws the demand by week."""


def _zipf(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return weights of all items in random order, that of the k-th in proportion to ``1 / (k + 3)``."""
    weight = 1.0 / (np.arange(N_ITEMS) + 4.0)
    return rng.permutation(weight / weight.sum())


def _simulate(demand: Demand, n_customers: int, rng: np.random.Generator) -> NDArray[np.int64]:
    arrival = np.where(rng.random(n_customers) < 0.4, 0, rng.integers(0, DAYS, n_customers))
    orders = 1 + rng.poisson(rng.gamma(1.5, MEAN_ORDERS / 1.5, n_customers) * (1 - arrival / DAYS))
    customer = np.repeat(np.arange(n_customers), orders)
    day = rng.integers(arrival[customer], DAYS)
    day[np.cumsum(orders) - orders] = arrival
    lines = 1 + rng.poisson(MEAN_BASKET - 1, len(customer))
    customer, day = np.repeat(customer, lines), np.repeat(day, lines)
    own_categories = rng.integers(0, N_CATEGORIES, (n_customers, 2))
    category = own_categories[customer, rng.integers(0, 2, len(customer))]
    anywhere = rng.random(len(customer)) >= CATEGORY_SHARE / (1 - FAVOURITE_SHARE)
    item = _draw(demand, day // 7, np.where(anywhere, -1, category), rng)
    # Favourites are items of the first weeks after the arrival; they are bought again while they are sold.
    weeks = np.repeat(arrival // 7, N_FAVOURITES)
    favourites = _draw(demand, weeks, own_categories[:, rng.integers(0, 2, N_FAVOURITES)].ravel(), rng)
    favourite = favourites.reshape(n_customers, -1)[customer, rng.integers(0, N_FAVOURITES, len(customer))]
    again = (rng.random(len(customer)) < FAVOURITE_SHARE) & (demand[day // 7, favourite] > 0)
    return np.unique(np.stack((customer, day, np.where(again, favourite, item)), axis=1), axis=0)


def _draw(
    demand: Demand, week: NDArray[np.int64], category: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw an item for each line by the demand of its week, within its category (-1: any)."""
    uniform, out = rng.random(len(week)), np.empty(len(week), np.int64)
    item_category = np.arange(N_ITEMS) % N_CATEGORIES
    for code in range(-1, N_CATEGORIES):
        cumulative = np.cumsum(demand * ((item_category == code) | (code < 0)), axis=1)
        for number in np.unique(week[category == code]):
            lines = np.flatnonzero((week == number) & (category == code))
            bounds = cumulative[number] if cumulative[number, -1] > 0 else np.cumsum(demand[number])
            out[lines] = np.searchsorted(bounds, uniform[lines] * bounds[-1], side="right")
    return out
