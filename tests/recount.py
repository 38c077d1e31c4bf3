"""Recounts what the reasons of recommendations state, from plain purchase lines with sets: the reference of the tests.

In: kept purchase lines and the groups of the customers. Out: for each reason the text it should have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from smart_retail.results import Reason, Recommendation
from tests import shop

RECENT_DAYS = 28
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Line:
    """One kept purchase line."""

    customer: str
    order: Hashable
    item: str
    day: int
    amount: float = 0.0


def guest_lines() -> list[tuple[str, str]]:
    """Return order and item of the lines of the small shop that are only rejected because they have no customer."""
    return [(row[0], row[3]) for row in shop.REJECTED_LINES if not row[1] and row[6].isdigit()]


def kept_lines(count: int = 160) -> list[Line]:
    """Return the lines of the small shop without returned ones: a return cancels the latest purchases before it."""
    open_lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    left: dict[Line, int] = {}
    for row in sorted(shop.lines(count), key=lambda row: (row[2], int(row[6]) < 0)):
        order, customer, when, item, quantity = row[0], row[1], row[2], row[3], int(row[6])
        stack = open_lines[customer, item]
        if quantity > 0:
            stack.append(Line(customer, order, item, (date.fromisoformat(when) - EPOCH).days, float(row[7])))
            left[stack[-1]] = quantity
        while quantity < 0 and stack:
            line = stack.pop()
            taken = min(-quantity, left[line])
            quantity += taken
            if taken < left[line]:
                stack.append(replace(line, amount=line.amount * (1 - taken / left[line])))
                left[stack[-1]] = left[line] - taken
    return [line for stack in open_lines.values() for line in stack]


@dataclass
class Counts:
    """Orders and customers of each item, as sets."""

    names: Mapping[str, str]
    """Item id -> name."""
    categories: Mapping[str, str]
    """Item id -> category, empty for none."""
    groups: Mapping[str, Mapping[str, str]]
    """``segment`` and ``cluster`` -> customer -> name of the group."""
    orders: dict[str, set[Hashable]] = field(default_factory=lambda: defaultdict(set))
    recent: dict[str, set[Hashable]] = field(default_factory=lambda: defaultdict(set))
    previous: dict[str, set[Hashable]] = field(default_factory=lambda: defaultdict(set))
    customers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bought: dict[str, dict[str, dict[Hashable, int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    all_orders: set[Hashable] = field(default_factory=set)
    all_recent: set[Hashable] = field(default_factory=set)
    guests: dict[str, set[Hashable]] = field(default_factory=lambda: defaultdict(set))
    """Guest orders of each item, which count for pairs of items in one order only."""
    all_guests: set[Hashable] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        lines: Iterable[Line],
        names: Mapping[str, str],
        categories: Mapping[str, str],
        groups: Mapping[str, Mapping[str, str]],
        guests: Iterable[tuple[Hashable, str]] = (),
    ) -> Counts:
        """Count the lines, and the order and item of each line without a customer."""
        lines, counts = list(lines), cls(names, categories, groups)
        last = max(line.day for line in lines)
        bought = {line.item for line in lines}
        for order, item in guests:
            if item in bought:
                counts.guests[item].add(order)
                counts.all_guests.add(order)
        for line in lines:
            counts.orders[line.item].add(line.order)
            counts.customers[line.item].add(line.customer)
            counts.bought[line.customer][line.item][line.order] = line.day
            counts.all_orders.add(line.order)
            if line.day > last - RECENT_DAYS:
                counts.recent[line.item].add(line.order)
                counts.all_recent.add(line.order)
            elif line.day > last - 2 * RECENT_DAYS:
                counts.previous[line.item].add(line.order)
        return counts

    def text(self, customer: str, item: str, reason: Reason) -> str:
        """Return the text that a reason of a list should have."""
        expected: str = getattr(self, f"_{reason.kind}")(customer, item, reason)
        return expected

    def lift(self, relation: str, base: str, item: str) -> tuple[int, float]:
        """Return the common orders, or customers, of two items, and the lift."""
        sets: list[set[Hashable]]
        if relation == "orders":
            sets = [self.orders_of(base), self.orders_of(item)]
            everything = len(self.all_orders) + len(self.all_guests)
        else:
            sets, everything = [{*self.customers[base]}, {*self.customers[item]}], len(self.bought)
        together = len(sets[0] & sets[1])
        return together, together * everything / (len(sets[0]) * len(sets[1]))

    def orders_of(self, item: str) -> set[Hashable]:
        """Return the orders with an item, guest orders included."""
        return self.orders[item] | {("guest", order) for order in self.guests[item]}

    def _bought_together(self, customer: str, item: str, reason: Reason) -> str:
        base = self._own(customer, reason)
        together, lift = self.lift("orders", base, item)
        times = "once" if together == 1 else f"{together:,} times"
        return f"in the same order as {self.names[base]} {times}, {_ratio(lift)} times as often as by chance"

    def _same_customers(self, customer: str, item: str, reason: Reason) -> str:
        base = self._own(customer, reason)
        together, buyers = self.lift("customers", base, item)[0], len(self.customers[base])
        who = "customer who buys" if buyers == 1 else "customers who buy"
        also = "buys" if together == 1 else "buy"
        return f"{together:,} of the {buyers:,} {who} {self.names[base]} also {also} this"

    def _similar(self, customer: str, item: str, reason: Reason) -> str:
        if reason.item_id is not None:
            base = self._own(customer, reason)
            equal = self.categories[base] == self.categories[item] != ""
            words = [{w for w in _words(self.names[i]) if len(w) >= 3} for i in (base, item)]
            parts = ["same category"] * equal + ["similar name"] * bool(words[0] & words[1])
            return f"similar to {self.names[base]}" + (f": {', '.join(parts)}" if parts else "")
        buyers = len(self.customers[item])
        text = f"bought by {buyers:,} customers" if buyers >= 30 else f"few buyers so far ({buyers})"
        own = {self.categories[i] for i in self.bought[customer]} - {""}
        category = self.categories[item]
        return (text if buyers else "no buyers yet") + (f"; others in {category}" if category in own else "")

    def _buy_again(self, customer: str, item: str, reason: Reason) -> str:
        days = sorted(self.bought[customer][item].values())
        times = "once" if len(days) == 1 else f"{len(days)} times"
        gap = (days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else 0.0
        if gap < 0.5:
            return f"bought {times}"
        return f"bought {times}, about every {'day' if round(gap) == 1 else f'{round(gap)} days'}"

    def _segment(self, customer: str, item: str, reason: Reason) -> str:
        return self._group("segment", customer, item)

    def _cluster(self, customer: str, item: str, reason: Reason) -> str:
        return self._group("cluster", customer, item)

    def _group(self, kind: str, customer: str, item: str) -> str:
        group = self.groups[kind]
        name = group[customer]
        members = {c for c in self.bought if group.get(c) == name}
        inside, outside = self.customers[item] & members, self.customers[item] - members
        others = len(self.bought) - len(members)
        if others and outside and len(inside) >= 5:
            lift = (len(inside) / len(members)) / (len(outside) / others)
            if round(lift, 1) > 1:
                return f"bought {_ratio(lift)} times as often by {name} customers as by others"
        return f"bought by {len(inside):,} of the {len(members):,} {name} customers"

    def _popular(self, customer: str, item: str, reason: Reason) -> str:
        if recent := len(self.recent[item]):
            return f"popular: in {recent:,} of the {len(self.all_recent):,} orders of the last four weeks"
        orders = len(self.orders[item])
        return f"popular: in {orders:,} order{'' if orders == 1 else 's'}" if orders else "no orders yet"

    def _trending(self, customer: str, item: str, reason: Reason) -> str:
        now, before = len(self.recent[item]), len(self.previous[item])
        text = f"{now:,} order{'' if now == 1 else 's'} in four weeks, {before:,} in the four before"
        return f"rising: {text}" if now > before else text

    def _own(self, customer: str, reason: Reason) -> str:
        assert reason.item_id is not None
        assert reason.item_id in self.bought[customer], f"{customer} never bought {reason.item_id}"
        return reason.item_id


def recount(counts: Counts, customer: str, items: Iterable[Recommendation]) -> list[tuple[str, str]]:
    """Return the stated and the recounted text of every reason of some items of a customer's list."""
    return [
        (reason.text, counts.text(customer, item.item_id, reason))
        for item in items
        for reason in item.reasons
        if reason.kind != "rule"
    ]


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _words(name: str) -> list[str]:
    return "".join(c if c.isalpha() else " " for c in name.casefold()).split()
