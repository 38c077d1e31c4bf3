"""The engine returns the same lists from cache and live, for every method, filter and kind of customer."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import shop

from smart_retail.errors import UnknownItemError, UsageError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.presentation.formatting import describe_model
from smart_retail.protocol import METHODS
from smart_retail.results import FitReport, RecommendationList
from smart_retail.serving import bundle_tables
from smart_retail.serving.engine import Engine

KNOWN = shop.customers()
PERSONAL = ("personalized", "rfm", "cf", "hybrid")


def ids(result: RecommendationList) -> list[str]:
    return [item.item_id for item in result.items]


def bought(engine: Engine, customer: str) -> set[str]:
    return {p.item_id for p in engine.customer(customer).purchases}


@pytest.mark.parametrize("customer", shop.ODD_CUSTOMERS)
def test_odd_ids_come_out_as_they_went_in(engine: Engine, customer: str) -> None:
    result = engine.recommend(customer)
    assert (result.customer_id, result.known) == (customer, True)
    assert engine.customer(customer).customer_id == customer
    assert engine.customer(customer).known


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exclude", [True, False])
def test_a_short_list_is_the_beginning_of_a_long_one(engine: Engine, method: str, exclude: bool) -> None:
    for customer in [*KNOWN[:20], "no-such-customer"]:
        long = engine.recommend(customer, method, 1000, exclude_purchased=exclude)
        for n in (1, 5, 20, 40):
            short = engine.recommend(customer, method, n, exclude_purchased=exclude)
            assert short.items == long.items[:n]
        rest = engine.recommend(customer, method, 5, offset=7, exclude_purchased=exclude)
        assert rest.items == long.items[7:12]


@pytest.mark.parametrize("method", METHODS)
def test_a_long_list_holds_the_whole_catalogue_once(engine: Engine, method: str) -> None:
    for customer in [*KNOWN[:10], "no-such-customer"]:
        result = engine.recommend(customer, method, 1000)
        assert len(ids(result)) == len(set(ids(result)))
        assert set(ids(result)) | bought(engine, customer) | returned(engine, customer) == {
            i for i, _, _ in shop.items()
        }
        assert [item.rank for item in result.items] == list(range(1, len(result.items) + 1))


def returned(engine: Engine, customer: str) -> set[str]:
    customer_state = engine.customer_lookup.resolve(customer)
    return {engine.tables.items.id(i) for i in customer_state.fully_returned.tolist()}


@pytest.mark.parametrize("method", METHODS)
def test_purchased_and_returned_items_are_not_recommended(engine: Engine, method: str) -> None:
    for result in engine.recommend_many(KNOWN, method, 30):
        assert result.customer_id is not None
        assert not set(ids(result)) & bought(engine, result.customer_id)
        assert not set(ids(result)) & returned(engine, result.customer_id)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exclude", [True, False])
def test_lists_of_many_customers_equal_single_ones(engine: Engine, method: str, exclude: bool) -> None:
    requested = [*KNOWN, "no-such-customer", KNOWN[0]]
    many = engine.recommend_many(requested, method, 12, exclude_purchased=exclude)
    assert many == [engine.recommend(c, method, 12, exclude_purchased=exclude) for c in requested]


@pytest.mark.parametrize("exclude", [True, False])
def test_cached_lists_equal_those_of_the_model(fitted: tuple[Path, FitReport], engine: Engine, exclude: bool) -> None:
    live = Engine.load(fitted[0])
    live._ranker.lists.clear()
    for customer in KNOWN:
        cached = engine.recommend(customer, "hybrid", 20, exclude_purchased=exclude)
        assert cached == live.recommend(customer, "hybrid", 20, exclude_purchased=exclude)


@pytest.mark.parametrize("method", METHODS)
def test_scores_fall_and_shares_add_up(engine: Engine, method: str) -> None:
    for result in engine.recommend_many([*KNOWN[:40], "no-such-customer"], method, 60, exclude_purchased=False):
        scores = [item.score for item in result.items]
        assert scores == sorted(scores, reverse=True)
        for item in result.items:
            assert item.reasons
            assert sum(r.share for r in item.reasons) == pytest.approx(1, abs=1e-9)
            assert all(r.share > 0 and r.text for r in item.reasons)


def test_a_buy_again_reason_counts_the_customers_own_orders(engine: Engine) -> None:
    checked = 0
    for customer in KNOWN[:40]:
        orders = {p.item_id: p.orders for p in engine.customer(customer).purchases}
        for item in engine.recommend(customer, "hybrid", 10, exclude_purchased=False).items:
            for reason in item.reasons:
                if reason.kind == "buy_again":
                    checked += 1
                    times = "once" if orders[item.item_id] == 1 else f"{orders[item.item_id]} times"
                    assert reason.text.startswith(f"bought {times}")
    assert checked > 20


def test_cf_recommends_from_the_customers_own_category(engine: Engine) -> None:
    hits = total = 0
    for number, customer in enumerate(KNOWN):
        taste = shop.GROUPS[number % len(shop.GROUPS)]
        for item in engine.recommend(customer, "cf", 3).items:
            if item.source == "cf":
                hits, total = hits + (item.category == taste), total + 1
    assert total > 100
    assert hits == total


def test_an_unknown_customer_receives_the_popular_list(engine: Engine) -> None:
    for method in (*PERSONAL, "popular"):
        result = engine.recommend("no-such-customer", method)
        assert (result.known, result.customer_id, len(result.items)) == (False, "no-such-customer", 10)
        assert ids(result) == ids(engine.popular(10))
        assert result.fallback
    assert not engine.customer("no-such-customer").known


def test_all_is_the_five_lists(engine: Engine) -> None:
    result = engine.recommend(KNOWN[3], "all", 7)
    assert result.items == ()
    assert result.lists == {m: engine.recommend(KNOWN[3], m, 7) for m in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_a_category_filter_holds_and_is_exhausted_quietly(engine: Engine, method: str) -> None:
    result = engine.recommend(KNOWN[5], method, 1000, categories=["Garden"], exclude_purchased=False)
    assert {item.category for item in result.items} == {"Garden"}
    assert len(result.items) == shop.ITEMS_PER_GROUP


def test_popular_items_of_a_category_ignore_letter_case(engine: Engine) -> None:
    assert engine.popular(category="garden") == engine.popular(category="Garden")
    assert {item.category for item in engine.popular(category="garden").items} == {"Garden"}


def test_an_unknown_category_is_a_usage_error(engine: Engine) -> None:
    with pytest.raises(UsageError, match="Cars"):
        engine.recommend(KNOWN[0], categories=["Cars"])
    with pytest.raises(UsageError, match="Cars"):
        engine.popular(category="Cars")


def test_a_basket_gets_what_goes_with_it(engine: Engine) -> None:
    result = engine.recommend_for_basket(["G-007", "not there"], 5)
    assert "G-007" not in ids(result)
    assert {item.category for item in result.items} == {"Garden"}
    assert ids(engine.recommend_for_basket([], 5)) == ids(engine.popular(5))


def test_similar_items_share_the_shelf(engine: Engine) -> None:
    result = engine.similar_items("K-003", 5)
    assert {item.category for item in result.items} == {"Kitchen"}
    assert "K-003" not in ids(result)


def test_an_unknown_item_is_an_error_with_near_matches(engine: Engine) -> None:
    with pytest.raises(UnknownItemError) as error:
        engine.similar_items("K-0003")
    assert "K-003" in error.value.hint


@pytest.mark.parametrize("n", [0, -3, 1001])
def test_n_outside_its_bounds_is_refused_everywhere(engine: Engine, n: int) -> None:
    for call in (
        lambda: engine.recommend(KNOWN[0], n=n),
        lambda: engine.recommend_many(KNOWN[:2], n=n),
        lambda: engine.recommend_for_basket([], n),
        lambda: engine.similar_items("K-003", n),
        lambda: engine.popular(n),
    ):
        with pytest.raises(UsageError):
            call()


def test_a_search_returns_an_equal_id_first(engine: Engine) -> None:
    assert [m.customer_id for m in engine.search_customers("C0100")] == ["c0100"]
    assert engine.search_customers("A/B")[0].customer_id == "A/B"
    found = engine.search_items("garden THING 1", 20)
    assert {i.item_id for i in found} == {"G-001", *(f"G-01{k}" for k in range(5))}
    assert engine.search_items("no such thing") == []
    assert len(engine.search_customers("", 5)) == 5


def test_segments_clusters_and_grid_count_every_customer(engine: Engine) -> None:
    with_orders = sum(1 for c in KNOWN if engine.customer(c).rfm is not None)
    assert sum(s.customers for s in engine.segments()) == with_orders
    assert sum(s.customers for s in engine.clusters()) == with_orders
    cells = engine.rfm_grid()
    assert len(cells) == 25
    assert sum(c.customers for c in cells) == with_orders
    assert sum(s.share for s in engine.segments()) == pytest.approx(1, abs=1e-4)
    assert all(len(s.top_items) == 5 for s in engine.segments())
    assert len(engine.cluster_points(50)) == 50


def test_a_profile_adds_up(engine: Engine) -> None:
    for customer in KNOWN[:30]:
        profile = engine.customer(customer)
        if profile.rfm is None:
            continue
        assert sum(p.amount for p in profile.purchases) == pytest.approx(profile.rfm.monetary, abs=0.01)
        assert profile.orders == profile.rfm.frequency
        assert profile.last_order == max(p.last_day for p in profile.purchases)


def test_the_model_accounts_for_every_row(engine: Engine, fitted: tuple[Path, FitReport]) -> None:
    info = engine.model()
    report = info.cleaning
    assert info.version == engine.version == fitted[1].version
    assert report.rows_in == len(shop.lines()) + len(shop.REJECTED_LINES)
    assert report.rows_in == report.rows_accepted + sum(s.rows for s in report.rejected)
    assert sum(w.amount for w in info.weekly_sales) == pytest.approx(report.net_amount, abs=0.01)
    assert info.settings["clusters"]["k"] == 3


@pytest.fixture
def own(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A copy of the artifacts that a test may change."""
    return Path(shutil.copytree(fitted[0], tmp_path / "own"))


def test_rules_are_read_again_when_they_change(own: Path) -> None:
    engine = Engine.load(own, rules=own / "rules.toml") if (own / "rules.toml").exists() else None
    assert engine is None
    (own / "rules.toml").write_text("")
    engine = Engine.load(own)
    first = ids(engine.recommend(KNOWN[2]))
    (own / "rules.toml").write_text(f'ban = ["{first[0]}"]\npin = ["{first[4]}"]\n')
    changed = engine.recommend(KNOWN[2])
    assert ids(changed)[0] == first[4]
    assert first[0] not in ids(changed)
    assert changed.rules
    assert changed.items[0].reasons[0].kind == "rule"
    (own / "rules.toml").write_text("ban = [")
    assert ids(engine.recommend(KNOWN[2])) == ids(changed)
    assert engine.rules_error is not None
    assert "rules.toml" in engine.model().rules_error
    assert engine.model().rules_error in describe_model(engine.model())
    (own / "rules.toml").write_text("")
    assert engine.model().rules_error == ""


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    banned=st.sets(st.sampled_from([i for i, _, _ in shop.items()]), max_size=50),
    method=st.sampled_from(METHODS),
    exclude=st.booleans(),
    n=st.integers(1, 80),
    customer=st.sampled_from([*KNOWN[:30], "no-such-customer"]),
)
def test_no_banned_item_is_in_any_list(
    own: Path, banned: set[str], method: str, exclude: bool, n: int, customer: str
) -> None:
    import json

    (own / "rules.toml").write_text(f"ban = {json.dumps(sorted(banned), ensure_ascii=False)}\n", encoding="utf-8")
    engine = Engine.load(own)
    for result in (
        engine.recommend(customer, method, n, exclude_purchased=exclude),
        engine.recommend_for_basket(["G-007"], n, method=method, exclude_purchased=exclude),
        engine.similar_items("K-003", n),
        engine.popular(n),
    ):
        assert not set(ids(result)) & banned
        assert len(result.items) <= n
        assert len(ids(result)) == len(set(ids(result)))


def test_a_pinned_item_does_not_go_with_itself(own: Path) -> None:
    (own / "rules.toml").write_text('pin = ["K-003", "K-004"]\n')
    assert ids(Engine.load(own).similar_items("K-003", 5))[0] == "K-004"
    assert "K-003" not in ids(Engine.load(own).similar_items("K-003", 60))


def event(number: int, customer: str, item: str, quantity: int = 1, day: str = "2025-03-01") -> Event:
    data = {"event_id": f"e{number}", "customer_id": customer, "item_id": item, "timestamp": day, "quantity": quantity}
    return Event.from_dict({**data, "amount": 5.0})


def test_a_live_purchase_changes_the_next_list(own: Path) -> None:
    engine = Engine.load(own)
    customer = KNOWN[2]
    before, wanted = engine.customer(customer), ids(engine.recommend(customer))[0]
    SqliteEventStore(own).add([event(1, customer, wanted)])
    after = engine.customer(customer)
    assert wanted not in ids(engine.recommend(customer))
    assert wanted in {p.item_id for p in after.purchases}
    assert before.rfm is not None
    assert after.rfm is not None
    assert after.rfm.frequency == before.rfm.frequency + 1
    assert after.rfm.monetary == pytest.approx(before.rfm.monetary + 5)
    assert after.last_order == "2025-03-01"


def test_the_state_changes_with_everything_that_changes_results(own: Path) -> None:
    (own / "rules.toml").write_text("")
    engine = Engine.load(own)
    mine, others = KNOWN[2], KNOWN[3]
    states = [engine.state_of(mine)]
    other, general = engine.state_of(others), engine.state_of()
    assert engine.state_of(mine) == states[0]
    SqliteEventStore(own).add([event(1, mine, "G-007")])
    states.append(engine.state_of(mine))
    SqliteEventStore(own).erase(mine)
    states.append(engine.state_of(mine))
    assert states[0] != states[1] != states[2]
    assert (engine.state_of(others), engine.state_of()) == (other, general)
    (own / "rules.toml").write_text('ban = ["G-007"]')
    assert engine.state_of(others) != other
    assert engine.state_of() != general
    assert Engine.load(own).state_of() != engine.state_of(), "a bundle that is opened anew may be another"


def test_a_new_customers_first_purchase_makes_them_known(own: Path) -> None:
    engine = Engine.load(own)
    assert not engine.recommend("newcomer").known
    SqliteEventStore(own).add([event(1, "newcomer", "G-007")])
    result = engine.recommend("newcomer", "cf", 5)
    assert result.known
    assert {i.category for i in result.items if i.source == "cf"} == {"Garden"}
    profile = engine.customer("newcomer")
    assert profile.rfm is not None
    assert profile.cluster is not None


def test_a_live_return_takes_the_purchase_away_and_stays_hidden(own: Path) -> None:
    engine = Engine.load(own)
    SqliteEventStore(own).add([event(1, "newcomer", "G-007", 2), event(2, "newcomer", "G-008")])
    SqliteEventStore(own).add([event(3, "newcomer", "G-007", -2)])
    assert {p.item_id for p in engine.customer("newcomer").purchases} == {"G-008"}
    assert "G-007" not in ids(engine.recommend("newcomer", n=60))
    assert "G-007" in ids(engine.recommend("newcomer", n=60, exclude_purchased=False))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_sample_of_no_customers_is_a_usage_error(engine: Engine, limit: int) -> None:
    with pytest.raises(UsageError):
        engine.cluster_points(limit)


@pytest.mark.parametrize("unknown", ["G-0004", "G004", "H-004", "G-04", "g-004x", "-004"])
def test_an_unknown_item_suggests_similar_ids(engine: Engine, unknown: str) -> None:
    with pytest.raises(UnknownItemError) as error:
        engine.similar_items(unknown)
    assert "G-004" in error.value.hint


@pytest.mark.parametrize("unknown", ["", " ", "\n", "zzzzzzzz", "G-0004" * 10_000, "garden " * 10_000])
def test_an_unknown_item_without_similar_ids_suggests_a_search(engine: Engine, unknown: str) -> None:
    with pytest.raises(UnknownItemError) as error:
        engine.similar_items(unknown)
    assert error.value.hint == "Search for it by a part of its id or name."


def test_similar_ids_are_compared_with_few_items(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def count(_: str, candidates: list[str], *__: object, **___: object) -> list[str]:
        compared.append(len(candidates))
        return []

    monkeypatch.setattr(difflib, "get_close_matches", count)
    monkeypatch.setattr(bundle_tables, "MAX_CANDIDATES", 4)
    with pytest.raises(UnknownItemError):
        engine.similar_items("G-0004")
    assert len(compared) == 1
    assert 0 < compared[0] <= 3 * 4 < len(engine.tables.items)


def test_events_that_exceed_the_integer_range_do_not_wrap(own: Path) -> None:
    large = [
        Event(f"e{n}", "newcomer", f"o{n}", "G-007", "2025-03-01T00:00:00", 9 * 10**18, 9 * 10**18) for n in (1, 2)
    ]
    SqliteEventStore(own).add(large)
    profile = Engine.load(own).customer("newcomer")
    (purchase,) = profile.purchases
    assert profile.rfm is not None
    assert purchase.amount == purchase.quantity == profile.rfm.monetary == pytest.approx((2**63 - 1) / 10**6, rel=1e-6)
