"""Movement between segments: who was where then and is where now.

In: two states of the same customers, from two bundles or one history at two dates. Out: a matrix of
counts and the customers who fell from the best segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from smart_retail.presentation import labels as words
from smart_retail.results import Result

BEST_SEGMENTS: Final = ("Champions", "Loyal")
NEW: Final = "not yet a customer"
GONE: Final = "no longer there"


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """A customer at one moment."""

    customer_name: str
    segment: str
    monetary: float
    last_order: str
    last_item: str


class SegmentMove(Result, frozen=True):
    """One cell of the matrix."""

    before: str
    after: str
    customers: int
    monetary: float
    """Net amount of these customers at the later moment."""


class DroppedCustomer(Result, frozen=True):
    """A customer who left the best segments."""

    customer_id: str
    customer_name: str
    before: str
    after: str
    monetary: float
    last_order: str
    last_item: str


class Migration(Result, frozen=True):
    before: str
    """What the earlier moment is: a version or a date."""
    after: str
    moves: tuple[SegmentMove, ...]
    """Every pair that has customers, in the order of the segments."""
    dropped: tuple[DroppedCustomer, ...]
    """The most valuable first."""


def compute_migration(
    before: Mapping[str, CustomerSnapshot],
    after: Mapping[str, CustomerSnapshot],
    labels: tuple[str, str] = ("before", "after"),
) -> Migration:
    """Compare two states of the customers.

    Parameters
    ----------
    before, after : mapping
        Customer id -> standing, of customers with kept purchases.
    labels : pair of str
        What the two moments are called.
    """
    counts: dict[tuple[str, str], list[float]] = {}
    fallen = []
    for customer in sorted(before.keys() | after.keys()):
        then, now = before.get(customer), after.get(customer)
        pair = (then.segment if then else NEW, now.segment if now else GONE)
        cell = counts.setdefault(pair, [0, 0.0])
        cell[0] += 1
        cell[1] += now.monetary if now else 0.0
        if then and then.segment in BEST_SEGMENTS and pair[1] not in BEST_SEGMENTS:
            latest = now or then
            fallen.append(
                DroppedCustomer(
                    customer, latest.customer_name, *pair, latest.monetary, latest.last_order, latest.last_item
                )
            )
    order = _order({s for pair in counts for s in pair})
    moves = [SegmentMove(*pair, int(n), round(amount, 6)) for pair, (n, amount) in counts.items()]
    moves.sort(key=lambda m: (order[m.before], order[m.after]))
    fallen.sort(key=lambda f: (-f.monetary, f.customer_id))
    return Migration(*labels, tuple(moves), tuple(fallen))


def count_matrix(found: Migration) -> tuple[list[str], list[str], list[list[int]]]:
    """Row names, column names and counts of the heat map."""
    rows = _sorted({m.before for m in found.moves})
    columns = _sorted({m.after for m in found.moves})
    counts = {(m.before, m.after): m.customers for m in found.moves}
    return rows, columns, [[counts.get((r, c), 0) for c in columns] for r in rows]


def matrix_rows(found: Migration) -> list[dict[str, Any]]:
    """The matrix as rows for people: ``from`` and a column for each segment after."""
    rows, columns, counts = count_matrix(found)
    return [{"from": name, **dict(zip(columns, row, strict=True))} for name, row in zip(rows, counts, strict=True)]


def _sorted(names: set[str]) -> list[str]:
    order = _order(names)
    return sorted(names, key=order.__getitem__)


def _order(names: set[str]) -> dict[str, int]:
    """Best segments first, own names after them, newcomers and leavers last."""
    usual: Sequence[str] = (*words.SEGMENTS, *sorted(names - words.SEGMENTS.keys() - {NEW, GONE}), NEW, GONE)
    return {name: i for i, name in enumerate(usual)}
