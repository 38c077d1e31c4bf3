"""Campaign files: rows, holdout, items due for repurchase, contacts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests import shop

from smart_retail.analysis import campaign
from smart_retail.analysis.campaign import CampaignSettings
from smart_retail.analysis.long_tasks import CampaignTask
from smart_retail.analysis.uplift import read_groups
from smart_retail.errors import ColumnError, UsageError
from smart_retail.protocol import CustomerFilter, CustomerQuery
from smart_retail.results import FitReport, Purchase
from smart_retail.serving.engine import Engine
from smart_retail.utils.spreadsheet import write_table


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def test_a_campaign_has_a_row_for_every_customer_with_purchases(engine: Engine) -> None:
    rows = list(campaign.campaign_rows(engine, [*shop.customers(), "unknown customer"], CampaignSettings(n=3)))
    assert {r["customer_id"] for r in rows} == {c for c in shop.customers() if engine.customer(c).rfm}
    for row in rows[:20]:
        items = engine.recommend(row["customer_id"], n=3).items
        assert [row[f"item_{k}"] for k in (1, 2, 3)] == [i.item_id for i in items]
        assert row["why_1"]
        assert row["klaviyo"]
        assert row["shopify"]
        assert row["action"]


def test_a_campaign_can_be_limited_to_segments(engine: Engine) -> None:
    segment = engine.segments()[0].name
    rows = list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(segments=(segment,))))
    assert len(rows) == engine.segments()[0].customers
    with pytest.raises(UsageError, match="no segment"):
        list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(segments=("Unknown",))))


@pytest.mark.parametrize(
    "selected",
    [
        CustomerFilter(text="c00", category="Garden"),
        CustomerFilter(min_amount=100, last_order_from="2024-10-01"),
        CustomerFilter(churn_risk="low", due_days=30),
        CustomerFilter(country="Norway"),
    ],
)
def test_a_campaign_has_the_customers_of_a_filtered_table(engine: Engine, selected: CustomerFilter) -> None:
    page = engine.customers(CustomerQuery(**selected.conditions, n=1000))
    made = engine.run(CampaignTask(CampaignSettings(n=1, customers=selected)))
    assert 0 < len(made.rows) == page.with_orders < 160
    assert {row["customer_id"] for row in made.rows} == {c.customer_id for c in page.entries if c.orders}


def test_the_filter_of_the_table_and_the_options_of_the_campaign_combine(engine: Engine) -> None:
    segment = engine.segments()[0].name
    made = engine.run(CampaignTask(CampaignSettings(n=1, segments=(segment,), customers=CustomerFilter("c00"))))
    page = engine.customers(CustomerQuery("c00", segment=segment, n=1000))
    assert 0 < len(made.rows) == page.total
    assert {row["segment"] for row in made.rows} == {segment}
    with pytest.raises(UsageError, match="no country"):
        engine.run(CampaignTask(CampaignSettings(customers=CustomerFilter(country="Atlantis"))))


def test_the_holdout_is_reproducible_and_has_the_requested_size() -> None:
    ids = [f"c{k}" for k in range(20_000)]
    settings = CampaignSettings(holdout=0.2, name="spring")
    held = [i for i in ids if campaign.is_held_out(i, settings)]
    assert 0.19 < len(held) / len(ids) < 0.21
    assert held == [i for i in ids if campaign.is_held_out(i, settings)]
    other = [i for i in ids if campaign.is_held_out(i, CampaignSettings(holdout=0.2, name="autumn"))]
    assert 0.15 < len(set(held) & set(other)) / len(held) < 0.25
    assert not any(campaign.is_held_out(i, CampaignSettings(holdout=0.0)) for i in ids)


def purchase(item: str, orders: int, first: str, last: str) -> Purchase:
    return Purchase(item, item, "", orders, 1.0, 1.0, first, last)


def test_an_item_is_due_when_its_usual_gap_ends_about_now() -> None:
    today = date(2026, 3, 1)
    found = campaign.due_for_repurchase(
        [
            purchase("soon", 3, "2025-12-26", "2026-02-24"),
            purchase("overdue", 3, "2025-11-01", "2026-01-01"),
            purchase("later", 2, "2025-06-01", "2026-02-01"),
            purchase("given up", 3, "2025-01-01", "2025-02-01"),
            purchase("once", 1, "2026-01-01", "2026-01-01"),
            purchase("weekly", 5, "2026-01-25", "2026-02-22"),
        ],
        today,
    )
    assert [p.item_id for p in found] == ["overdue", "weekly"]


def test_contact_columns_are_added_and_name_clashes_rejected(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("customer_id,email\n00012,a@example.org\n", encoding="utf-8")
    names, contacts = campaign.read_contacts(path)
    rows = {
        r["customer_id"]: r
        for r in campaign.campaign_rows(engine, shop.customers(), CampaignSettings(), contacts=contacts)
    }
    assert (names, rows["00012"]["email"]) == (["email"], "a@example.org")
    path.write_text("customer_id,segment\n", encoding="utf-8")
    with pytest.raises(ColumnError, match="segment"):
        campaign.read_contacts(path)
    path.write_text("id,email\n", encoding="utf-8")
    with pytest.raises(ColumnError, match="customer_id"):
        campaign.read_contacts(path)


@pytest.mark.parametrize("facts", [{"n": 0}, {"n": 21}, {"holdout": 1.0}, {"holdout": -0.1}])
def test_campaign_settings_out_of_range_are_rejected(engine: Engine, facts: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(**facts)))  # type: ignore[arg-type]


def test_a_campaign_has_the_forecast_of_each_customer(engine: Engine) -> None:
    rows = list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(horizon_days=60)))
    for row in rows[:30]:
        value = engine.customer_value(row["customer_id"], 60)
        assert row["expected_spend"] == round(value.expected_spend, 2)
        assert row["churn_risk"] == value.churn_risk
        assert row["worth"] == round(value.spend + value.lifetime_value, 2)
    assert campaign.column_headings(CampaignSettings(horizon_days=60))["expected_spend"] == "Expected spend, 60 days"


def test_a_campaign_can_be_limited_to_valuable_customers_who_are_unlikely_to_return(engine: Engine) -> None:
    values = [engine.customer_value(c) for c in shop.customers() if engine.customer(c).rfm]
    median = sorted(campaign.worth(v) for v in values)[len(values) // 2]
    settings = CampaignSettings(worth_above=median, return_below=0.8)
    rows = list(campaign.campaign_rows(engine, shop.customers(), settings))
    expected = {v.customer_id for v in values if campaign.worth(v) > median and v.return_probability < 0.8}
    assert {r["customer_id"] for r in rows} == expected
    assert 0 < len(expected) < len(values)
    risky = list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(churn_risks=("high",))))
    assert {r["customer_id"] for r in risky} == {v.customer_id for v in values if v.churn_risk == "high"}


@pytest.mark.parametrize(
    "settings",
    [CampaignSettings(return_below=1.5), CampaignSettings(churn_risks=("huge",)), CampaignSettings(horizon_days=0)],
)
def test_bounds_out_of_range_are_refused(engine: Engine, settings: CampaignSettings) -> None:
    with pytest.raises(UsageError):
        list(campaign.campaign_rows(engine, shop.customers(), settings))


def test_the_groups_are_counted_while_the_rows_are_written(engine: Engine) -> None:
    groups = campaign.CampaignGroups()
    rows = list(groups.count(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(holdout=0.3))))
    assert groups.treated == sum(row["group"] == "treated" for row in rows) > 0
    assert groups.holdout == sum(row["group"] == "holdout" for row in rows) > 0
    probabilities = [row["return_probability"] for row in rows]
    assert groups.expected_share == pytest.approx(sum(probabilities) / len(rows))


def test_the_sentences_say_whom_not_to_contact_and_what_can_be_measured() -> None:
    groups = campaign.CampaignGroups(treated=2240, holdout=130, with_forecast=2370, expected_buyers=237.0)
    first, second = groups.sentences()
    assert first == "2,240 to contact, 130 held out: do not contact these, they show what happens without it."
    assert "10.0 % are expected to order" in second
    assert "not held out" not in first
    assert "cannot be measured" in campaign.CampaignGroups(treated=5).sentences()[0]
    assert "No customer matches" in campaign.CampaignGroups().sentences()[0]
    assert "too small" in campaign.CampaignGroups(3, 1, 4, 2.0).sentences()[1]


def test_a_workbook_has_a_sheet_per_group_and_can_be_measured(engine: Engine, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    made = campaign.build_campaign(engine, shop.customers(), CampaignSettings(n=1, holdout=0.3))
    file = tmp_path / "c.xlsx"
    assert write_table(file, made.rows, made.headings, made.metadata, campaign.SHEETS) == len(made.rows)
    book = openpyxl.load_workbook(file, read_only=True)
    assert book.sheetnames == ["To contact", "Held out", "All customers", "About"]
    ids = {name: [row[0] for row in book[name].iter_rows(min_row=2, values_only=True)] for name in book.sheetnames}
    wanted = {g: [r["customer_id"] for r in made.rows if r["group"] == g] for g in ("treated", "holdout")}
    assert (ids["To contact"], ids["Held out"]) == (wanted["treated"], wanted["holdout"])
    assert ids["All customers"] == [row["customer_id"] for row in made.rows]
    assert read_groups(file) == {row["customer_id"]: row["group"] for row in made.rows}
