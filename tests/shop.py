"""Order lines of a small synthetic shop, for tests that need a fitted bundle.

Each customer belongs to one of four groups and buys only items of that group; every customer buys three staples
repeatedly, but every tenth customer ordered only once. Some lines are returned.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

HEADER = (
    "order_id",
    "customer_id",
    "timestamp",
    "item_id",
    "item_name",
    "category",
    "quantity",
    "amount",
    "customer_name",
    "country",
)
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
    "x",
    "recommendations",
    "-dash",
    "+1;2",
    "#1",
    "?q=1&n=2",
    "日本",
    "<b>bold</b>",
)
RETURNED_ALL = "returned-all"
"""A customer who returned every purchase: known, but without RFM scores and cluster."""
GROUPS = ("Books", "Garden", "Kitchen", "Office & Home")
ITEMS_PER_GROUP = 15
ODD_ITEMS = ("i/0", "007", "é é", "100%", "A/B", "..", ".", 'q"uote')
"""The first and the last items of the catalogue."""
REJECTED_LINES = tuple(
    (f"bad-{number}", customer, "2024-05-06", "G-001", "Garden thing 1", "Garden", quantity, "5.00", "", "Norway")
    for number, (customer, quantity) in enumerate([("", "1"), ("", "2"), ("", "1"), ("c0001", "many")])
)
"""Lines of the file that no fit accepts: without a customer, or with a quantity that is not a number."""
START = date(2024, 1, 1)
DAYS = 420


def items() -> list[tuple[str, str, str]]:
    """(id, name, category) of every item; the first and the last have odd ids, every fifth name holds markup."""
    found = [
        (f"{t[0]}-{k:03}", f"{t} thing {k}" + (', "big" <& co>' if k % 5 == 4 else ""), t)
        for t in GROUPS
        for k in range(ITEMS_PER_GROUP)
    ]
    half = len(ODD_ITEMS) // 2
    odd = [*ODD_ITEMS[:half], *(item[0] for item in found[half:-half]), *ODD_ITEMS[half:]]
    return [(item_id, *item[1:]) for item_id, item in zip(odd, found, strict=True)]


def item_ids() -> list[str]:
    return [item_id for item_id, _, _ in items()]


def customers(count: int = 160) -> list[str]:
    """Ids of all customers, odd ids first, `RETURNED_ALL` last."""
    named = [f"c{k:04}" for k in range(count - len(ODD_CUSTOMERS) - 1)]
    return [*[*ODD_CUSTOMERS, *named][: count - 1], RETURNED_ALL]


def lines(count: int = 160, seed: int = 7) -> list[tuple[str, ...]]:
    """Order lines with the columns of `HEADER`; a negative quantity is a return."""
    rng = np.random.default_rng(seed)
    catalogue = items()
    rows = []
    for number, customer in enumerate(customers(count)):
        group = number % len(GROUPS)
        orders = 1 if number % 10 == 9 else 1 + int(rng.geometric(0.18))
        staples = rng.choice(ITEMS_PER_GROUP, 3, replace=False)
        days = np.sort(rng.integers(0, DAYS, orders))
        for visit, day in enumerate(days.tolist()):
            basket = {int(s) for s in staples if rng.random() < 0.6} | {int(rng.zipf(1.6)) % ITEMS_PER_GROUP}
            for k in sorted(basket):
                item, name, category = catalogue[group * ITEMS_PER_GROUP + k]
                quantity = int(rng.integers(1, 4))
                price = 2.5 + k
                when = (START + timedelta(days=day)).isoformat()
                order, later = f"{number}-{visit}", (START + timedelta(days=min(day + 3, DAYS))).isoformat()
                amount, more = quantity * price, (f"Name of {customer}", "Norway")
                rows.append((f"o{order}", customer, when, item, name, category, str(quantity), f"{amount:.2f}", *more))
                if customer == RETURNED_ALL or rng.random() < 0.03:
                    returned = str(-quantity), f"{-amount:.2f}"
                    rows.append((f"r{order}", customer, later, item, name, category, *returned, *more))
    return rows


def write(path: Path, count: int = 160, seed: int = 7, shuffle: int | None = None) -> Path:
    """Write the order lines and `REJECTED_LINES` as a CSV; `shuffle` is the seed of a random row order."""
    rows = [*lines(count, seed), *REJECTED_LINES]
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(len(rows))
        rows = [rows[i] for i in order]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path
