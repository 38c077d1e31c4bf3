"""Order lines of a small synthetic shop, for tests that need a fitted bundle.

Each customer belongs to one of four groups and buys only items of that group; every customer buys three staples
repeatedly. Some lines are returned.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

HEADER = ("order_id", "customer_id", "timestamp", "item_id", "item_name", "category", "quantity", "amount")
ODD_CUSTOMERS = (
    "00012",
    "12",
    "1e5",
    "100000",
    "A/B",
    "x/recommendations",
    "é",
    ".",
    "..",
    "a b",
    'q"uote',
    "50%",
    "a%2Fb",
)
GROUPS = ("Books", "Garden", "Kitchen", "Office")
ITEMS_PER_GROUP = 15
ODD_ITEMS = ("i/0", "007", "é é", "100%")
START = date(2024, 1, 1)
DAYS = 420


def items() -> list[tuple[str, str, str]]:
    """(id, name, category) of every item, odd ids first."""
    found = [(f"{t[0]}-{k:03}", f"{t} thing {k}", t) for t in GROUPS for k in range(ITEMS_PER_GROUP)]
    return [(ODD_ITEMS[i] if i < len(ODD_ITEMS) else item[0], *item[1:]) for i, item in enumerate(found)]


def customers(count: int = 160) -> list[str]:
    return [*ODD_CUSTOMERS, *(f"c{k:04}" for k in range(count - len(ODD_CUSTOMERS)))]


def lines(count: int = 160, seed: int = 7) -> list[tuple[str, str, str, str, str, str, str, str]]:
    """Order lines with the columns of `HEADER`; a negative quantity is a return."""
    rng = np.random.default_rng(seed)
    catalogue = items()
    rows = []
    for number, customer in enumerate(customers(count)):
        group = number % len(GROUPS)
        orders = 1 + int(rng.geometric(0.18))
        staples = rng.choice(ITEMS_PER_GROUP, 3, replace=False)
        days = np.sort(rng.integers(0, DAYS, orders))
        for visit, day in enumerate(days.tolist()):
            basket = {int(s) for s in staples if rng.random() < 0.6} | {int(rng.zipf(1.6)) % ITEMS_PER_GROUP}
            for k in sorted(basket):
                item, name, category = catalogue[group * ITEMS_PER_GROUP + k]
                quantity = int(rng.integers(1, 4))
                price = 2.5 + k
                when = (START + timedelta(days=day)).isoformat()
                order = f"o{number}-{visit}"
                rows.append((order, customer, when, item, name, category, str(quantity), f"{quantity * price:.2f}"))
                if rng.random() < 0.03:
                    later = (START + timedelta(days=min(day + 3, DAYS))).isoformat()
                    returned = (
                        f"r{number}-{visit}",
                        customer,
                        later,
                        item,
                        name,
                        category,
                        str(-quantity),
                        f"{-quantity * price:.2f}",
                    )
                    rows.append(returned)
    return rows


def write(path: Path, count: int = 160, seed: int = 7, shuffle: int | None = None) -> Path:
    """Write the order lines as a CSV; `shuffle` is the seed of a random row order."""
    rows = lines(count, seed)
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(len(rows))
        rows = [rows[i] for i in order]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path
