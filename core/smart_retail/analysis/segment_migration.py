"""Migration of customers between segments from one moment to a later one.

In: snapshots of the same customers, from two bundles or from one history at two dates. Out: a matrix of counts and the
customers who dropped from the best segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from smart_retail.errors import UsageError
from smart_retail.presentation.formatting import format_percent, pluralize
from smart_retail.results import Result
from smart_retail.segmentation.segments import SEGMENTS

BEST_SEGMENTS: Final = ("Champions", "Loyal")
DROPPED_EXPLANATION: Final = "Customers who were Champions or Loyal and no longer are, highest amount first"
COMPARED_DAYS: Final = 90
"""Days between the two dates of a comparison where none is chosen."""
NEW: Final = "New since then"
"""Row of customers who are only in the later snapshot."""
GONE: Final = "Not in the later data"
"""Column of customers who are only in the earlier snapshot."""


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """A customer at one moment."""

    customer_name: str
    segment: str
    monetary: float
    """Net amount so far, in the shop's currency."""
    last_order: str
    """ISO date."""
    last_item: str
    """Name of the item bought last."""


class SegmentMove(Result, frozen=True):
    """Customers who moved from one segment to another, one cell of the matrix."""

    before: str
    after: str
    customers: int
    monetary: float
    """Net amount of these customers at the later moment, in the shop's currency."""


class DroppedCustomer(Result, frozen=True):
    """A customer who dropped from Champions or Loyal."""

    customer_id: str
    customer_name: str
    before: str
    after: str
    monetary: float
    """Net amount, in the shop's currency."""
    last_order: str
    """ISO date."""
    last_item: str


class Migration(Result, frozen=True):
    """Segments of all customers at two moments, compared."""

    before: str
    """Earlier moment: a version or an ISO date."""
    after: str
    """Later moment."""
    moves: tuple[SegmentMove, ...]
    """Every pair of segments that has customers, in the order of the segments."""
    dropped: tuple[DroppedCustomer, ...]
    """Customers who dropped from Champions or Loyal, highest amount first."""

    @property
    def moved_share(self) -> float:
        """Share of the customers of both moments who are in another segment, 0 to 1."""
        both = [move for move in self.moves if move.before != NEW and move.after != GONE]
        moved = sum(move.customers for move in both if move.before != move.after)
        return moved / max(sum(move.customers for move in both), 1)


def compute_migration(
    before: Mapping[str, CustomerSnapshot],
    after: Mapping[str, CustomerSnapshot],
    labels: tuple[str, str] = ("before", "after"),
) -> Migration:
    """Compare two snapshots of the customers.

    Parameters
    ----------
    before, after : mapping
        Customer id -> snapshot, of customers with kept purchases.
    labels : pair of str
        Names of the two moments.

    Returns
    -------
    Migration

    Raises
    ------
    UsageError
        The snapshots have no customers in common, as those of two shops.
    """
    if before and after and before.keys().isdisjoint(after):
        raise UsageError(
            f"{labels[0]} and {labels[1]} have no customers in common: they seem to be of different shops.",
            "Choose two versions of the same shop with --before and --after.",
        )
    counts: dict[tuple[str, str], list[float]] = {}
    dropped = []
    for customer in sorted(before.keys() | after.keys()):
        earlier, later = before.get(customer), after.get(customer)
        pair = (earlier.segment if earlier else NEW, later.segment if later else GONE)
        cell = counts.setdefault(pair, [0, 0.0])
        cell[0] += 1
        cell[1] += later.monetary if later else 0.0
        if earlier and earlier.segment in BEST_SEGMENTS and pair[1] not in BEST_SEGMENTS:
            latest = later or earlier
            dropped.append(
                DroppedCustomer(
                    customer, latest.customer_name, *pair, latest.monetary, latest.last_order, latest.last_item
                )
            )
    order = _segment_order({segment for pair in counts for segment in pair})
    moves = [SegmentMove(*pair, int(n), round(amount, 6)) for pair, (n, amount) in counts.items()]
    moves.sort(key=lambda move: (order[move.before], order[move.after]))
    dropped.sort(key=lambda customer: (-customer.monetary, customer.customer_id))
    return Migration(*labels, tuple(moves), tuple(dropped))


def default_comparison_date(first: str, last: str) -> date:
    """Return the earlier date of a comparison where none is chosen: `COMPARED_DAYS` before the end of the history.

    Parameters
    ----------
    first, last : str
        ISO dates of the first and the last order.
    """
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return max(begin + timedelta(days=1), end - timedelta(days=COMPARED_DAYS))


def describe_migration(migration: Migration) -> str:
    """Return how many customers moved, and how many dropped from the best segments."""
    dropped = pluralize(len(migration.dropped), "customer")
    return f"{format_percent(migration.moved_share)} moved to another segment; {dropped} dropped from the best"


def count_matrix(migration: Migration) -> tuple[list[str], list[str], list[list[int]]]:
    """Return row names (before), column names (after) and the counts of the heat map."""
    rows = _sort_segments({move.before for move in migration.moves})
    columns = _sort_segments({move.after for move in migration.moves})
    counts = {(move.before, move.after): move.customers for move in migration.moves}
    return rows, columns, [[counts.get((row, column), 0) for column in columns] for row in rows]


def matrix_rows(migration: Migration) -> list[dict[str, Any]]:
    """Return the matrix as table rows: ``from`` and one column for each later segment."""
    rows, columns, counts = count_matrix(migration)
    return [{"from": name, **dict(zip(columns, row, strict=True))} for name, row in zip(rows, counts, strict=True)]


def _sort_segments(names: set[str]) -> list[str]:
    order = _segment_order(names)
    return sorted(names, key=order.__getitem__)


def _segment_order(names: set[str]) -> dict[str, int]:
    """Return the rank of each segment: the best first, custom names after the standard ones, `NEW` and `GONE` last."""
    ordered: Sequence[str] = (*SEGMENTS, *sorted(names - SEGMENTS.keys() - {NEW, GONE}), NEW, GONE)
    return {name: i for i, name in enumerate(ordered)}
