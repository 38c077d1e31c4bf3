"""A small engine in memory, for tests and for building front ends: same protocol, no fit needed.

Thirty-odd customers and forty items with every kind of awkward id, two years of made-up orders,
and simple but truthful answers: counts, co-purchases and a blend of them. Always the same.
"""

from __future__ import annotations

import difflib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import cached_property

from msgspec.structs import replace

from smart_retail.errors import UnknownItemError, UsageError
from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS, ListQuery, RetailEngine, check_horizon, check_page
from smart_retail.results import (
    RFM,
    CategoryShare,
    CleaningReport,
    Cluster,
    ClusterChoice,
    ClusterPoint,
    ClusterRef,
    CustomerMatch,
    CustomerProfile,
    CustomerValue,
    GridCell,
    Item,
    ModelInfo,
    Purchase,
    Reason,
    Recommendation,
    RecommendationList,
    RejectedRows,
    Returns,
    Segment,
    ValueGroup,
    ValueSummary,
    WeekSales,
)
from smart_retail.segmentation.segments import SEGMENTS, VALUE_TIERS
from smart_retail.serving import explanation_texts
from smart_retail.settings import Settings

ODD_IDS = (
    "00012", "1e5", "A/B", "x/recommendations", "x", "é", ".", "..", "two words", " edge ", "quo\"te's",
    "50%", "a%2Fb", "?q=1&n=2", "#1", "+1;2", "日本", "<b>bold</b>", "-dash", "recommendations",
)  # fmt: skip
CUSTOMER_IDS = (*(f"C-{i:03d}" for i in range(1, 19)), *ODD_IDS)
RETURNED_ALL = "C-018"
"""Known, but every purchase was returned: no RFM, no cluster."""
FIRST, LAST = date(2023, 1, 2), date(2024, 12, 29)
CATEGORIES = ("Furniture", "Home & Garden", "Office Supplies", "Technology")
CLUSTER_NAMES = ("Big spenders", "Steady", "Occasional")
WEIGHTS = {"cf": 0.5, "personalized": 0.2, "rfm": 0.2, "popular": 0.1}
KINDS = {"cf": "bought_together", "personalized": "cluster", "rfm": "segment", "popular": "popular"}
_NAMES = ("Paper", "Binder", "Lamp", "Chair", "Phone", "Desk", "Tape", "Label", "Shelf", "Cable")
_ODD_ITEMS = ("00012", "1e5", "A/B", "x/similar", "é", ".", "..", "two words", "quo\"te's", "50%")
ITEM_IDS = (*(f"P-{i:03d}" for i in range(1, 31)), *_ODD_ITEMS)


class FakeEngine(RetailEngine):
    """`smart_retail.protocol.RetailEngine` without a bundle."""

    version = ""
    rules_error = None

    def __init__(self, version: str = "fake-1") -> None:
        self.version = version
        chance = random.Random(7)
        self._items = {
            item: (
                f'{_NAMES[i % 10]} {"ABCD"[i // 10]}, 10" <& co>',
                CATEGORIES[i % 4],
                f"Kind {i % 8}",
                2.5 + 3.25 * i,
            )
            for i, item in enumerate(ITEM_IDS)
        }
        self._orders: dict[str, list[tuple[date, list[str]]]] = {}
        for i, customer in enumerate(CUSTOMER_IDS):
            dates = sorted(LAST - timedelta(days=int(chance.random() ** 2 * 700)) for _ in range(1 + i * 7 % 12))
            taste = int(chance.random() * 40)
            self._orders[customer] = [(day, sorted(_basket(chance, taste))) for day in dates]
        self._orders["C-001"][-1] = (LAST, self._orders["C-001"][-1][1])

    # Lists -------------------------------------------------------------------------------------

    def query_customers(self, customer_ids: Sequence[str], query: ListQuery) -> list[RecommendationList]:
        return [self._for_customer(customer_id, query) for customer_id in customer_ids]

    def _for_customer(self, customer_id: str, query: ListQuery) -> RecommendationList:
        known = customer_id in self._orders
        owned = {item for _, basket in self._orders.get(customer_id, ()) for item in basket}
        if query.method == ALL:
            return self._all(lambda method: self._for_customer(customer_id, replace(query, method=method)))
        scores = self._scores(owned, self._placed.get(customer_id))
        hidden = owned if query.exclude_purchased else ()
        return self._list(customer_id, known, query.method, scores, hidden, query)

    def query_basket(self, item_ids: Sequence[str], query: ListQuery) -> RecommendationList:
        if query.method == ALL:
            return self._all(lambda method: self.query_basket(item_ids, replace(query, method=method)))
        owned = set(item_ids) & set(self._items)
        hidden = owned if query.exclude_purchased else ()
        return self._list(None, False, query.method, self._scores(owned, None), hidden, query)

    def _all(self, list_by: Callable[[str], RecommendationList]) -> RecommendationList:
        lists = {method: list_by(method) for method in METHODS}
        head = lists[DEFAULT_METHOD]
        fallback = any(part.fallback for part in lists.values())
        return RecommendationList(head.customer_id, head.known, fallback, ALL, self.version, "", (), lists)

    def query_similar(self, item_id: str, query: ListQuery) -> RecommendationList:
        if item_id not in self._items:
            near = difflib.get_close_matches(item_id, self._items, 3) or list(ITEM_IDS[:3])
            raise UnknownItemError(f"There is no item {item_id!r}.", f"Did you mean {', '.join(near)}?")
        scores = {"cf": self._scores({item_id}, None)["cf"]}
        return self._list(None, False, "similar", scores, (item_id,), query, fill=False)

    def query_popular(self, query: ListQuery) -> RecommendationList:
        return self._list(None, False, "popular", self._scores((), None), (), query)

    def _scores(self, owned: Iterable[str], place: tuple[RFM, ClusterRef] | None) -> dict[str, dict[str, float]]:
        """Method -> item -> positive score, for a customer with these items and these groups."""
        scores: dict[str, dict[str, float]] = {"popular": dict(self._popularity), "cf": {}}
        for mine in owned:
            for other, count in self._together[mine].items():
                scores["cf"][other] = scores["cf"].get(other, 0.0) + count
        if place:
            scores["rfm"] = dict(self._group_popularity[place[0].segment])
            scores["personalized"] = dict(self._group_popularity[place[1].name])
        return scores

    def _list(self, customer_id, known, method, scores, hidden, options, *, fill=True):  # type: ignore[no-untyped-def]
        asked = "cf" if method == "similar" else method
        parts = WEIGHTS if method == "hybrid" else {asked: 1.0}
        total: dict[str, float] = defaultdict(float)
        for part, weight in parts.items():
            best = max(scores.get(part, {}).values(), default=1.0)
            for item, score in scores.get(part, {}).items():
                total[item] += weight * score / best
        own = [(float(f"{score:.6g}"), item) for item, score in total.items()]
        own.sort(key=lambda pair: (-pair[0], pair[1]))
        ranked = [(item, score, False) for score, item in own]
        if fill:
            low = ranked[-1][1] if ranked else 1.0
            rest = [(s, i) for i, s in self._popularity.items() if i not in total]
            rest.sort(key=lambda pair: (-pair[0], pair[1]))
            ranked += [(item, float(f"{low / (2 + k):.6g}"), True) for k, (_, item) in enumerate(rest)]
        wanted = set(options.categories) or None
        if wanted and not wanted <= set(CATEGORIES):
            unknown = sorted(wanted - set(CATEGORIES))[0]
            raise UsageError(f"No item has the category {unknown!r}.", f"Categories: {', '.join(CATEGORIES)}.")
        ranked = [r for r in ranked if r[0] not in hidden and (wanted is None or self._items[r[0]][1] in wanted)]
        page = ranked[options.offset : options.end]
        items = []
        for rank, (item, score, filled) in enumerate(page, options.offset + 1):
            reasons = self._reasons(customer_id, item, {"popular": 1.0} if filled else parts, scores)
            name, category = self._items[item][:2]
            source = max(reasons, key=lambda r: r.share).method
            items.append(Recommendation(rank, item, name, category, score, source, reasons if options.explain else ()))
        fallback = any(filled for _, _, filled in page) or (customer_id is not None and not known)
        return RecommendationList(customer_id, known, fallback, method, self.version, "", tuple(items))

    def _reasons(self, customer_id, item, parts, scores):  # type: ignore[no-untyped-def]
        raw = {}
        for part, weight in parts.items():
            mine = scores.get(part, {})
            if item in mine:
                raw[part] = weight * mine[item] / max(mine.values())
        reasons = []
        for part, value in sorted(raw.items(), key=lambda pair: -pair[1]):
            order = sorted(scores[part], key=lambda i: (-scores[part][i], i))
            because = None
            if part == "cf":
                mine = {i for _, basket in self._orders.get(customer_id, ()) for i in basket}
                because = max(sorted(mine), key=lambda i: self._together[i][item], default=None)
            place = self._placed.get(customer_id)
            text = {
                "cf": lambda b=because: explanation_texts.bought_together(self._items[b][0] if b else "these"),
                "rfm": lambda p=place: explanation_texts.segment(p[0].segment),
                "personalized": lambda p=place: explanation_texts.cluster(p[1].name),
                "popular": explanation_texts.popular,
            }[part]()
            share = value / sum(raw.values())
            reasons.append(Reason(KINDS[part], part, order.index(item) + 1, share, because, text))
        return tuple(reasons)

    # Customers and items -----------------------------------------------------------------------

    def customer(self, customer_id: str) -> CustomerProfile:
        orders = self._orders.get(customer_id)
        if orders is None:
            return CustomerProfile(customer_id, False, "", "", None, None, 0, None, None, 0.0, (), ())
        rfm, cluster = self._placed.get(customer_id, (None, None))
        returned = customer_id == RETURNED_ALL
        lines: dict[str, list[date]] = defaultdict(list)
        for day, basket in [] if returned else orders:
            for item in basket:
                lines[item].append(day)
        purchases = [
            Purchase(
                i, *self._items[i][:2], len(d), 2.0 * len(d), 2 * self._items[i][3] * len(d), str(d[0]), str(d[-1])
            )
            for i, d in lines.items()
        ]
        purchases.sort(key=lambda p: (p.last_day, p.item_id), reverse=True)
        amount = sum(p.amount for p in purchases)
        by_category: Counter[str] = Counter()
        for p in purchases:
            by_category[p.category] += p.amount  # type: ignore[assignment]
        return CustomerProfile(
            customer_id, True, f"Name of {customer_id}", "Norway", rfm, cluster, 0 if returned else len(orders),
            None if returned else str(orders[0][0]), None if returned else str(orders[-1][0]),
            1.0 if returned else 0.05, tuple(CategoryShare(c, v / amount) for c, v in by_category.most_common(3)),
            tuple(purchases),
        )  # fmt: skip

    def customer_value(self, customer_id: str, horizon_days: int = 90) -> CustomerValue:
        check_horizon(horizon_days)
        dates = [day for day, _ in self._orders.get(customer_id, ())]
        expected = len(dates) * horizon_days / 700
        day = LAST + timedelta(days=1 + horizon_days // 3)
        return CustomerValue(
            customer_id, bool(dates), horizon_days, (LAST + timedelta(days=1)).isoformat(), expected, 20 * expected,
            expected / (1 + expected), day.isoformat(), (LAST + timedelta(days=1)).isoformat(),
            (LAST + timedelta(days=horizon_days)).isoformat(), 200 * expected, 1095, 0.1, len(dates), 60.0 * len(dates),
            0.8, 30.0, "low" if dates else "high", self.version,
        )  # fmt: skip

    def customer_values(self, customer_ids: Sequence[str], horizon_days: int = 90) -> list[CustomerValue]:
        return [self.customer_value(customer, horizon_days) for customer in customer_ids]

    def value_summary(self, horizon_days: int = 90) -> ValueSummary:
        values = self.customer_values(CUSTOMER_IDS, horizon_days)
        orders, spend = (sum(getattr(v, f"expected_{name}") for v in values) for name in ("orders", "spend"))
        groups = tuple(
            ValueGroup(name, len(values), orders, spend, 1.0, 0.5, 100.0, sum(v.spend for v in values))
            for name in ("Champions",)
        )
        return ValueSummary(
            horizon_days, values[0].start, len(values), orders, orders * 0.9, orders * 1.1, spend, spend * 0.9,
            spend * 1.1, sum(v.return_probability for v in values), groups, groups, groups, tuple(values[:3]), (), (),
            ("The expected total spend of the latest 90 days would have been 4.0 % too high.",), (), self.version,
        )  # fmt: skip

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        check_page(n)
        found = _search(text, {c: f"Name of {c}" for c in CUSTOMER_IDS})[:n]
        return [
            CustomerMatch(c, f"Name of {c}", self._placed[c][0].segment if c in self._placed else "") for c in found
        ]

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        check_page(n)
        return [self._item(i) for i in _search(text, {i: v[0] for i, v in self._items.items()})[:n]]

    def categories(self) -> list[str]:
        return sorted(CATEGORIES)

    def _item(self, item: str) -> Item:
        name, category, subcategory, price = self._items[item]
        buyers = sum(any(item in basket for _, basket in orders) for orders in self._orders.values())
        return Item(item, name, category, subcategory, price, int(self._popularity.get(item, 0)), buyers)

    # Groups ------------------------------------------------------------------------------------

    def segments(self) -> list[Segment]:
        found = []
        for name, (meaning, action) in SEGMENTS.items():
            members = [c for c, (rfm, _) in self._placed.items() if rfm.segment == name]
            if members:
                found.append(Segment(name, meaning, action, *self._group(members), self._top(name)))
        return found

    def clusters(self) -> list[Cluster]:
        found = []
        for i, name in enumerate(CLUSTER_NAMES):
            members = [c for c, (_, cluster) in self._placed.items() if cluster.id == i]
            found.append(Cluster(i, name, *self._group(members), 3.0 - 3 * i, 0.5 * i, self._top(name)))
        return found

    def _group(self, members: list[str]) -> tuple[int, float, float, float, float, float, float]:
        all_revenue = sum(rfm.monetary for rfm, _ in self._placed.values())
        rfms = [self._placed[c][0] for c in members]
        revenue, n = sum(r.monetary for r in rfms), len(rfms)
        means = (sum(r.recency for r in rfms) / n, sum(r.frequency for r in rfms) / n, revenue / n)
        return (n, n / len(self._placed), revenue, revenue / all_revenue, *means)

    def _top(self, group: str) -> tuple[Item, ...]:
        ranked = sorted(self._group_popularity[group].items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(self._item(i) for i, _ in ranked[:5])

    def rfm_grid(self) -> list[GridCell]:
        cells = []
        for r in range(5, 0, -1):
            for f in range(5, 0, -1):
                there = [rfm for rfm, _ in self._placed.values() if (rfm.r, rfm.f) == (r, f)]
                cells.append(GridCell(r, f, _segment(r, f), len(there), sum((x.monetary for x in there), 0.0)))
        return cells

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        if limit < 1:
            raise UsageError(f"limit is {limit}; it must be at least 1.", "Ask for one customer or more.")
        points = [
            ClusterPoint(c, k.id, 3.0 - 3 * k.id + (i % 5 - 2) / 4, 0.5 * k.id + (i % 7 - 3) / 5)
            for i, (c, (_, k)) in enumerate(self._placed.items())
        ]
        return points[:: -(-len(points) // limit)]

    def model(self) -> ModelInfo:
        orders = [(day, basket) for each in self._orders.values() for day, basket in each]
        lines = sum(len(basket) for _, basket in orders)
        amount = sum(2 * self._items[i][3] for _, basket in orders for i in basket)
        back = sum(2 * self._items[i][3] for _, basket in self._orders[RETURNED_ALL] for i in basket)
        aside = (RejectedRows("no customer", 12, ("line 7", "line 9")), RejectedRows("non-merchandise", 3, ("POST",)))
        gone = sum(len(basket) for _, basket in self._orders[RETURNED_ALL])
        cleaning = CleaningReport(
            lines + 15, lines, aside, (Returns("cancellation", gone, back), Returns("unmatched", 1, 4.5)), "net",
            len(CUSTOMER_IDS), len(ITEM_IDS), len(orders), str(FIRST), str(LAST), amount, amount - back,
            ("Preset: none.", "Dates are read year first.", "38 customers are few: accuracy is a rough guess."),
        )  # fmt: skip
        choice = tuple(ClusterChoice(k, 0.5 - abs(k - 3) / 10, 0.9 - k / 50, k == 3) for k in range(3, 7))
        return ModelInfo(
            self.version, "2025-01-02T03:04:05Z", "0.1.0", str(FIRST), str(LAST), str(LAST + timedelta(days=1)), "EUR",
            len(CUSTOMER_IDS), len(ITEM_IDS), len(orders), cleaning, Settings().as_dict(), _scorecard(), choice,
            self._weeks(), False, "",
        )  # fmt: skip

    def _weeks(self) -> tuple[WeekSales, ...]:
        amounts: Counter[date] = Counter()
        counts: Counter[date] = Counter()
        for orders in self._orders.values():
            for day, basket in orders:
                monday = day - timedelta(days=day.weekday())
                amounts[monday] += sum(2 * self._items[i][3] for i in basket)  # type: ignore[assignment]
                counts[monday] += 1
        weeks = [min(amounts) + timedelta(days=7 * i) for i in range((max(amounts) - min(amounts)).days // 7 + 1)]
        return tuple(WeekSales(str(w), float(amounts[w]), counts[w]) for w in weeks)

    # Data of the results -----------------------------------------------------------------

    @cached_property
    def _placed(self) -> dict[str, tuple[RFM, ClusterRef]]:
        """Customer -> RFM and cluster; without those whose purchases were all returned."""
        placed = {}
        for customer, orders in self._orders.items():
            if customer == RETURNED_ALL:
                continue
            recency = (LAST - orders[-1][0]).days + 1
            monetary = round(sum(2 * self._items[i][3] for _, basket in orders for i in basket), 2)
            r = 5 - sum(recency > edge for edge in (3, 10, 30, 90))
            f = 1 + sum(len(orders) > edge for edge in (1, 3, 6, 9))
            m = 1 + sum(monetary > edge for edge in (300, 800, 1600, 3200))
            rfm = RFM(recency, len(orders), monetary, r, f, m, f"{r}{f}{m}", _segment(r, f), VALUE_TIERS[m - 1])
            cluster = 0 if m == 5 else 1 if m >= 3 else 2
            placed[customer] = (rfm, ClusterRef(cluster, CLUSTER_NAMES[cluster]))
        return placed

    @cached_property
    def _popularity(self) -> Counter[str]:
        return Counter(item for orders in self._orders.values() for _, basket in orders for item in basket)

    @cached_property
    def _group_popularity(self) -> dict[str, Counter[str]]:
        groups: dict[str, Counter[str]] = defaultdict(Counter)
        for customer, (rfm, cluster) in self._placed.items():
            for _, basket in self._orders[customer]:
                groups[rfm.segment].update(basket)
                groups[cluster.name].update(basket)
        return groups

    @cached_property
    def _together(self) -> dict[str, Counter[str]]:
        pairs: dict[str, Counter[str]] = defaultdict(Counter)
        for orders in self._orders.values():
            for _, basket in orders:
                for a in basket:
                    pairs[a].update(b for b in basket if b != a)
        return pairs


def _basket(chance: random.Random, taste: int) -> set[str]:
    return {ITEM_IDS[int(taste + chance.random() ** 2 * 25) % 38] for _ in range(1 + int(chance.random() * 4))}


def _segment(r: int, f: int) -> str:
    if r >= 4:
        low = "New" if r == 5 else "Promising"
        high = "Champions" if r == 5 else "Loyal"
        return low if f == 1 else "Potential Loyalist" if f <= 3 else high
    if r == 3:
        return ("About to Sleep", "About to Sleep", "Need Attention", "Loyal", "Loyal")[f - 1]
    return "Can't Lose" if f == 5 else "At Risk" if f >= 3 else "Hibernating" if r == 2 else "Lost"


def _search(text: str, names: dict[str, str]) -> list[str]:
    wanted = text.casefold()
    found = [i for i, name in names.items() if wanted in i.casefold() or wanted in name.casefold()]
    return sorted(found, key=lambda i: (not i.casefold().startswith(wanted), i))


def _scorecard() -> dict[str, object]:
    """NDCG@10 by task and method with 95 % intervals, as an evaluation would leave it."""
    base = {"hybrid": 0.31, "cf": 0.22, "rfm": 0.15, "personalized": 0.14, "popular": 0.12}
    tasks = {
        task: {m: {"ndcg@10": v * k, "low": v * k - 0.01, "high": v * k + 0.01} for m, v in base.items()}
        for task, k in (("any", 1.0), ("new", 0.4))
    }
    return {"customers": 30, "k": 10, "repeat_share": 0.18, "tasks": tasks, "merge": "blend", "notes": ["made up"]}
