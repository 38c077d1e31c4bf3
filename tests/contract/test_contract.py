"""The clauses of contract.md, one test each, for every front end."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from smart_retail import add_items
from smart_retail.analysis.tasks import VersionsTask
from smart_retail.errors import UnknownItemError, UsageError
from smart_retail.protocol import ALL, METHODS, CustomerFilter, CustomerQuery
from smart_retail.serving.engine import Engine
from tests import shop

from .check import Check
from .drivers.base import (
    Driver,
    Filters,
    UnsupportedError,
    audience_rows,
    bundle_rows,
    customer_rows,
    item_facts,
    sales_of,
    substitute_rows,
    versions_of,
)
from .drivers.engine import FrontEnd as EngineDriver

PLAIN = ("c0001", "c0002", "c0007")
UNKNOWN = ("no-such-customer", "c0001 ", "C0001")
ODD = shop.ODD_CUSTOMERS


@contextmanager
def unsupported_by(front_end: Driver, *names: str) -> Iterator[None]:
    """Run checks of an operation that only these front ends do not offer."""
    try:
        yield
    except UnsupportedError:
        assert front_end.name in names


@pytest.fixture
def check(front_end: Driver, engine: Engine) -> Check:
    return Check(front_end, engine)


@pytest.mark.parametrize("method", [*METHODS, ALL])
def test_c1_c2_lists_and_reasons_equal_those_of_the_engine(check: Check, method: str) -> None:
    for customer in PLAIN:
        check.list(customer, method)


def test_c3_ids_are_unchanged(check: Check) -> None:
    for customer in ODD:
        check.list(customer, "hybrid", 3, Filters(exclude_purchased=False))
        check.list(customer, "cf", 3)
        check.profile(customer)


def test_c4_a_short_list_is_the_beginning_of_a_longer_list(front_end: Driver, check: Check) -> None:
    for customer in PLAIN:
        short = front_end.recommend(customer, "hybrid", 3, Filters()).lists["hybrid"]
        long = front_end.recommend(customer, "hybrid", 10, Filters()).lists["hybrid"]
        check.equal(short, long[:3], f"{customer}: n = 3 against n = 10")
        assert len(short) == 3


def test_c5_filters_give_the_filtered_list_of_the_engine(check: Check, engine: Engine) -> None:
    for category in engine.categories():
        check.list("c0001", "popular", 5, Filters(category=category))
    for method in METHODS:
        check.list("c0002", method, 5, Filters(exclude_purchased=False))
        check.list("c0002", method, 5, Filters(exclude_purchased=False, category=engine.categories()[0]))
    first = engine.recommend("c0002", n=2, exclude_purchased=False).items
    prices = Filters(exclude_purchased=False, price_min=5.5, price_max=12)
    assert check.list("c0002", "hybrid", 5, prices).lists["hybrid"]
    without = Filters(exclude_purchased=False, exclude=(first[0].item_id,))
    assert check.list("c0002", "hybrid", 5, without).lists["hybrid"][0].item_id == first[1].item_id


def test_c23_a_list_for_a_date_equals_that_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    later = Filters(exclude_purchased=False, on=day_after(engine, 30))
    try:
        front_end.recommend("c0001", "hybrid", 5, later)
    except UnsupportedError:
        assert front_end.name == "tkinter"
        return
    changed = 0
    for customer in (*PLAIN, "A/B", UNKNOWN[0]):
        check.list(customer, "hybrid", 10, later)
        default = engine.recommend(customer, exclude_purchased=False)
        changed += default.items != engine.recommend(customer, exclude_purchased=False, on=later.on).items
    assert changed >= len(PLAIN)


def test_c23_a_date_of_the_past_is_refused(front_end: Driver, engine: Engine) -> None:
    with pytest.raises((UsageError, UnsupportedError)):
        front_end.recommend("c0001", "hybrid", 5, Filters(on=engine.model().last))


def test_c6_unknown_customers_receive_the_popular_list(front_end: Driver, check: Check) -> None:
    for customer in UNKNOWN:
        found = check.list(customer, "hybrid", 5)
        assert not found.known
        assert len(found.lists["hybrid"]) == 5
        assert not front_end.profile(customer).known


def test_c7_a_profile_equals_that_of_the_engine(check: Check) -> None:
    for customer in PLAIN:
        check.profile(customer)


def test_c8_similar_items_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    for item in ("B-005", *shop.ODD_ITEMS):
        check.similar(item)
    with pytest.raises((UnknownItemError, UnsupportedError)):
        front_end.similar("no such item", 5)


def test_c18_a_basket_gives_the_list_of_the_engine(check: Check) -> None:
    for customer in (None, "c0001", "A/B", UNKNOWN[0]):
        check.basket(("B-005", "A/B"), customer)
    check.basket((shop.ODD_ITEMS[0],), None)


def test_c9_segments_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check.equal(front_end.segments(), {s.name: s.customers for s in engine.segments()}, "segments")


def test_c9_clusters_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check.equal(front_end.clusters(), {c.name: c.customers for c in engine.clusters()}, "clusters")


def test_c19_sales_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    expected = sales_of(engine.sales())
    assert len(expected["Net revenue"]) > 1, "the history covers a period before"
    check.equal(front_end.sales(), expected, "sales")


def test_c10_the_version_is_visible(front_end: Driver, check: Check, engine: Engine) -> None:
    check.equal(front_end.version(), engine.version, "version")


@pytest.mark.parametrize(("method", "n"), [("magic", 10), ("hybrid", 0), ("hybrid", 1001)])
def test_c11_invalid_requests_are_refused(front_end: Driver, method: str, n: int) -> None:
    with pytest.raises((UsageError, UnsupportedError)):
        front_end.recommend("c0001", method, n, Filters())


def test_c12_a_missing_bundle_is_reported_with_a_hint(front_end: Driver, tmp_path: Path) -> None:
    code, message = front_end.failure(tmp_path / "nothing")
    assert code in ("bundle_missing", "artifact")
    assert "fit" in message
    assert "Traceback" not in message


def test_c12_a_damaged_bundle_is_reported(front_end: Driver, artifacts: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(artifacts, broken)
    for table in broken.rglob("tables/**/*.npy"):
        table.write_bytes(table.read_bytes()[:-1] + b"\xff")
    code, message = front_end.failure(broken)
    assert code in ("bundle_damaged", "artifact")
    assert "Traceback" not in message
    assert ".npy" not in message.replace(str(broken), "") or "tables/" in message


def test_c13_viewing_changes_no_byte(front_end: Driver, check: Check, artifacts: Path) -> None:
    before = digests(artifacts)
    front_end.recommend("c0003", "hybrid", 5, Filters())
    front_end.profile("c0003")
    assert digests(artifacts) == before
    assert before


def test_c14_the_same_is_shown_over_the_api(over_api: Driver, engine: Engine) -> None:
    check = Check(over_api, engine)
    for customer in ("c0001", "A/B", "..", "00012", UNKNOWN[0]):
        check.list(customer, "hybrid", 5)
        check.list(customer, ALL, 3, Filters(exclude_purchased=False))
        check.profile(customer)
    check.list("c0002", "popular", 5, Filters(category=engine.categories()[0]))
    check.similar(shop.ODD_ITEMS[0])
    check.basket(("B-005", "A/B"), "c0001")
    check.equal(over_api.version(), engine.version, "version")
    with pytest.raises((UnknownItemError, UnsupportedError)):
        over_api.similar("no such item", 5)


def test_c16_the_value_of_a_customer_equals_that_of_the_engine(check: Check) -> None:
    for customer in (*PLAIN, *ODD, UNKNOWN[0]):
        check.value(customer)


def test_c16_the_value_is_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check = Check(over_api, engine)
    for customer in ("c0001", "A/B", "..", UNKNOWN[0]):
        check.value(customer)


def test_c17_the_replenishment_calendar_equals_that_of_the_engine(
    front_end: Driver, check: Check, engine: Engine
) -> None:
    try:
        found = front_end.due(30)
    except UnsupportedError:
        return
    expected = [(e.customer_id, e.item_id, e.due_date) for e in engine.replenishment(30, n=20).entries]
    assert expected
    check.equal(list(found), expected, "replenishment calendar", facts=3 * len(expected))


def day_after(engine: Engine, days: int) -> str:
    """Return a date after the history."""
    return (date.fromisoformat(engine.model().last) + timedelta(days=days)).isoformat()


def check_bundles(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare bundles and substitutes, where the front end has them."""
    with unsupported_by(front_end, "gradio"):
        for sort in ("support", "revenue"):
            for item in (None, "G-004", shop.ODD_ITEMS[0]):
                expected = bundle_rows(engine.bundles(item, sort=sort, n=10))
                facts = 3 * len(expected)
                check.equal(front_end.bundles(item, sort), expected, f"bundles with {item} by {sort}", facts)
        for item in ("K-005", "G-001", "A/B"):
            found = substitute_rows(engine.substitutes(item))
            check.equal(front_end.substitutes(item), found, f"substitutes of {item}", 2 * len(found))


def test_c20_bundles_and_substitutes_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    assert engine.substitutes("K-005").entries
    check_bundles(front_end, check, engine)


def test_c20_bundles_are_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_bundles(over_api, Check(over_api, engine), engine)


def check_audience(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare audiences, where the front end has them."""
    with unsupported_by(front_end, "gradio"):
        for item in ("K-005", "G-001", shop.ODD_ITEMS[0], "A/B"):
            expected = audience_rows(engine.audience(item, 10))
            check.equal(front_end.audience(item), expected, f"audience of {item}", 2 * len(expected))


def test_c21_the_audience_equals_that_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check_audience(front_end, check, engine)


def test_c21_the_audience_is_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_audience(over_api, Check(over_api, engine), engine)


def check_customers(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare tables of customers, where the front end has them."""
    with unsupported_by(front_end, "gradio"):
        for segment in [s.name for s in engine.segments()[:2]]:
            for sort in ("amount", "last_order", "return_probability"):
                expected = customer_rows(engine.customers(CustomerQuery(segment=segment, sort=sort, n=10)))
                found = front_end.customers(segment, sort)
                check.equal(found, expected, f"customers of {segment} by {sort}", 3 * len(expected))


def test_c22_the_table_of_customers_equals_that_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check_customers(front_end, check, engine)


def test_c22_the_table_of_customers_is_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_customers(over_api, Check(over_api, engine), engine)


NEW = {"item_id": "NEW/1", "item_name": "Garden thing deluxe", "category": "Garden", "list_price": 9.5, "stock": 4}


@pytest.fixture
def with_added_items(artifacts: Path, tmp_path: Path) -> Path:
    """A copy of the bundle to which a product was added, and one with another price and stock."""
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    add_items([NEW, {"item_id": "G-005", "list_price": 2.25, "stock": 8}], folder)
    return folder


def check_items(front_end: Driver, check: Check, engine: Engine, items: tuple[str, ...]) -> None:
    """Compare the pages of products, where the front end has them."""
    for item in items:
        expected = item_facts(engine.item(item))
        with unsupported_by(front_end, "gradio", "tkinter"):
            check.equal(front_end.item(item), expected, f"product {item}", len(expected))


def test_c26_products_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check_items(front_end, check, engine, ("G-005", "K-005", "A/B", shop.ODD_ITEMS[0]))


def test_c26_products_are_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_items(over_api, Check(over_api, engine), engine, ("G-005", "A/B"))


def test_c26_added_products_equal_those_of_the_engine(front_end: Driver, with_added_items: Path) -> None:
    engine = Engine.load(with_added_items)
    garden = next(c for c in engine.customer_ids() if engine.recommend(c, n=1).items[0].category == "Garden")
    assert engine.recommend(garden, n=10).items[9].item_id == "NEW/1"
    with type(front_end)(with_added_items) as added:
        check = Check(added, engine)
        check_items(added, check, engine, ("NEW/1", "G-005"))
        check.list(garden, "hybrid", 10)
        (expected,) = added.shown(engine.similar_items("NEW/1", 5)).values()
        check.rows(added.similar("NEW/1", 5), expected, "products similar to an added one")
        check.basket(("NEW/1", "G-005"), None)


def check_analyses(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare migration, campaign, what-if and check of rules, where the front end has them."""
    best = engine.segments()[0].name
    banned = engine.popular(1).items[0].item_id
    whole = EngineDriver(engine.artifacts)
    whole.engine = engine
    with unsupported_by(front_end, "gradio"):
        moves = whole.migration("2024-10-01")
        check.equal(front_end.migration("2024-10-01"), moves, "migration", len(moves))
        rows = whole.campaign(best)
        assert {group for _, group, _ in rows} == {"treated", "holdout"}
        check.equal(front_end.campaign(best), rows, f"campaign for {best}", 3 * len(rows))
        check.equal(front_end.what_if(banned), whole.what_if(banned), f"what-if without {banned}")
        effects = whole.check_rules(banned)
        assert effects == (("All lists", "excludes 1 item"),)
        check.equal(front_end.check_rules(banned), effects, f"check of a ban of {banned}")


def test_c24_analyses_equal_those_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check_analyses(front_end, check, engine)


def test_c24_analyses_are_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_analyses(over_api, Check(over_api, engine), engine)


SECTIONS = """
[[when]]
from = {day}
to = {day}
pin = ["K-005"]
[[when]]
segments = ["{first}"]
max_per_category = 3
boost = {{ "G-004" = 90.0 }}
[[when]]
from = {later}
segments = ["{second}", "{first}"]
ban = ["K-001"]
[scenario.cart]
method = "cf"
n = 4
[scenario.home]
diversity = 0.7
exclude_categories = ["Books"]
"""
"""Rules for the default date, for a segment, for two segments from a later date, and two scenarios."""


def sections_for(engine: Engine) -> str:
    first, second = (segment.name for segment in engine.segments()[:2])
    return SECTIONS.format(day=day_after(engine, 1), later=day_after(engine, 20), first=first, second=second)


@pytest.fixture
def with_rules(artifacts: Path, engine: Engine, tmp_path: Path) -> Path:
    """A copy of the bundle with rules for dates and segments."""
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    (folder / "rules.toml").write_text(sections_for(engine), encoding="utf-8")
    return folder


def one_per_segment(engine: Engine, count: int) -> list[str]:
    """Return a customer of each of the first segments."""
    return [engine.customers(CustomerQuery(segment=s.name)).entries[0].customer_id for s in engine.segments()[:count]]


def check_rules_of_the_day(front_end: Driver, plain: Engine, engine: Engine) -> None:
    """Compare lists under rules for dates and segments."""
    check = Check(front_end, engine)
    changed = 0
    for customer in (*one_per_segment(engine, 3), UNKNOWN[0]):
        found = check.list(customer, "hybrid", 5)
        assert found.lists["hybrid"][0].item_id == "K-005"
        for on in (None, day_after(engine, 30)):
            changed += engine.recommend(customer, n=5, on=on).items != plain.recommend(customer, n=5, on=on).items
            if front_end.name != "tkinter":
                check.list(customer, "hybrid", 5, Filters(on=on))
    assert changed >= 5
    check.basket(("B-005", "A/B"), one_per_segment(engine, 1)[0])
    check.basket(("B-005",), None)
    customer = one_per_segment(engine, 1)[0]
    assert len(check.list(customer, "cf", 4, Filters(scenario="cart")).lists["cf"]) == 4
    check.list(customer, "hybrid", 10, Filters(scenario="home"))
    assert engine.recommend(customer, scenario="home").items != engine.recommend(customer).items
    check.list(customer, "hybrid", 5)
    with pytest.raises((UsageError, UnsupportedError)):
        front_end.recommend(customer, "hybrid", 5, Filters(scenario="no-such-scenario"))


def test_c27_lists_follow_the_rules_of_date_and_segment(front_end: Driver, with_rules: Path, engine: Engine) -> None:
    with type(front_end)(with_rules) as ruled:
        check_rules_of_the_day(ruled, engine, Engine.load(with_rules))


def check_sections(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare the effects of rules for dates and segments, where the front end checks rules."""
    whole = EngineDriver(engine.artifacts)
    whole.engine = engine
    expected = whole.check_rules("G-001", sections_for(engine))
    assert expected[1][0] == f"On {day_after(engine, 1)}"
    assert expected[-1] == ("Scenario home", f"excludes {shop.ITEMS_PER_GROUP} items")
    assert len(expected) == 9
    with unsupported_by(front_end, "gradio"):
        found = front_end.check_rules("G-001", sections_for(engine))
        check.equal(found, expected, "check of rules for dates and segments", 2 * len(expected))


def test_c27_rules_for_dates_and_segments_are_checked(front_end: Driver, check: Check, engine: Engine) -> None:
    check_sections(front_end, check, engine)


def test_c27_rules_for_dates_and_segments_are_checked_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_sections(over_api, Check(over_api, engine), engine)


TABLES = (
    CustomerFilter(category="Garden", min_amount=100.0),
    CustomerFilter("c00", churn_risk="low", last_order_from="2024-06-01"),
)


def check_campaigns_of_tables(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare campaigns for filtered tables of customers, where the front end has them."""
    whole = EngineDriver(engine.artifacts)
    whole.engine = engine
    with unsupported_by(front_end, "gradio"):
        for selected in TABLES:
            number, rows = whole.campaign_of_table(selected)
            assert 0 < number == len(rows)
            found = front_end.campaign_of_table(selected)
            check.equal(found, (number, rows), f"campaign for {selected.conditions}", 3 * number)


def test_c28_a_campaign_has_the_customers_of_a_filtered_table(front_end: Driver, check: Check, engine: Engine) -> None:
    check_campaigns_of_tables(front_end, check, engine)


def test_c28_a_campaign_for_a_filtered_table_is_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_campaigns_of_tables(over_api, Check(over_api, engine), engine)


def check_forecast(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare the sales forecast, where the front end has one."""
    pytest.importorskip("prophet")
    whole = EngineDriver(engine.artifacts)
    whole.engine = engine
    with unsupported_by(front_end, "gradio"):
        check.equal(front_end.forecast(7), whole.forecast(7), "forecast of 7 days")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prophet
def test_c24_a_forecast_equals_that_of_the_engine(front_end: Driver, check: Check, engine: Engine) -> None:
    check_forecast(front_end, check, engine)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prophet
def test_c24_a_forecast_is_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_forecast(over_api, Check(over_api, engine), engine)


def check_versions(front_end: Driver, check: Check, engine: Engine) -> None:
    """Compare the versions, where the front end lists them."""
    expected = versions_of(engine.run(VersionsTask()))
    assert expected == ((engine.version, True),)
    try:
        check.equal(front_end.versions(), expected, "versions", 2)
    except UnsupportedError:
        assert front_end.name == "gradio" or (front_end.name == "tkinter" and front_end.api_url)


def test_c25_the_versions_are_those_of_the_folder(front_end: Driver, check: Check, engine: Engine) -> None:
    check_versions(front_end, check, engine)


def test_c25_the_versions_are_the_same_over_the_api(over_api: Driver, engine: Engine) -> None:
    check_versions(over_api, Check(over_api, engine), engine)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
