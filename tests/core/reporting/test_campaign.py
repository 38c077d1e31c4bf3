"""Campaign files, the measure of what they did, and movement between segments."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests import shop

from smart_retail.analysis import campaign
from smart_retail.analysis.campaign import CampaignSettings
from smart_retail.analysis.customer_snapshots import revenue_since
from smart_retail.analysis.segment_migration import GONE, NEW, CustomerSnapshot, compute_migration, count_matrix
from smart_retail.analysis.uplift import estimate_uplift, read_groups
from smart_retail.errors import ColumnError, DataError, UsageError
from smart_retail.results import FitReport, Purchase
from smart_retail.serving.engine import Engine
from smart_retail.utils.spreadsheet import write_table


@pytest.fixture
def engine(fitted: tuple[Path, FitReport]) -> Engine:
    return Engine.load(fitted[0])


def test_a_campaign_has_a_row_for_every_customer_with_purchases(engine: Engine) -> None:
    rows = list(campaign.campaign_rows(engine, [*shop.customers(), "nobody"], CampaignSettings(n=3)))
    assert {r["customer_id"] for r in rows} == {c for c in shop.customers() if engine.customer(c).rfm}
    for row in rows[:20]:
        items = engine.recommend(row["customer_id"], n=3).items
        assert [row[f"item_{k}"] for k in (1, 2, 3)] == [i.item_id for i in items]
        assert row["why_1"]
        assert row["klaviyo"]
        assert row["shopify"]
        assert row["action"]


def test_only_the_wanted_segments_are_in_it(engine: Engine) -> None:
    wanted = engine.segments()[0].name
    rows = list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(segments=(wanted,))))
    assert len(rows) == engine.segments()[0].customers
    with pytest.raises(UsageError, match="Nobody"):
        list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(segments=("Nobody",))))


def test_the_holdout_is_steady_and_of_the_asked_size() -> None:
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


def test_what_is_due_has_a_usual_gap_that_ends_about_now() -> None:
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


def test_contacts_pass_through_and_clashes_are_refused(engine: Engine, tmp_path: Path) -> None:
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
def test_a_campaign_that_cannot_be_meant_is_refused(engine: Engine, facts: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        list(campaign.campaign_rows(engine, shop.customers(), CampaignSettings(**facts)))  # type: ignore[arg-type]


def test_a_planted_uplift_of_ten_percent_lies_in_the_interval() -> None:
    rng = np.random.default_rng(3)
    ids = [f"c{k}" for k in range(20_000)]
    settings = CampaignSettings(holdout=0.3)
    groups = {i: "holdout" if campaign.is_held_out(i, settings) else "treated" for i in ids}
    spent = rng.gamma(2.0, 25.0, len(ids)) * (rng.random(len(ids)) < 0.6)
    revenue = {i: float(s) * (1.1 if groups[i] == "treated" else 1.0) for i, s in zip(ids, spent, strict=True) if s}
    by_revenue, by_buyers = estimate_uplift(groups, revenue)
    assert by_revenue.low < 0.10 < by_revenue.high
    assert by_revenue.low > 0.03
    assert by_buyers.low < 0 < by_buyers.high
    assert by_revenue.treated_customers + by_revenue.holdout_customers == len(ids)


def test_an_interval_holds_the_planted_uplift_about_as_often_as_it_says() -> None:
    """Campaigns to 600 customers each, 10 % planted: of 40 intervals of 95 % about two may miss it."""
    missed = 0
    for trial in range(40):
        rng = np.random.default_rng(trial)
        groups = {f"c{k}": "holdout" if rng.random() < 0.3 else "treated" for k in range(600)}
        spent = rng.gamma(2.0, 25.0, 600) * (rng.random(600) < 0.7)
        revenue = {c: float(s) * (1.1 if groups[c] == "treated" else 1.0) for c, s in zip(groups, spent, strict=True)}
        by_revenue, _ = estimate_uplift(groups, revenue, seed=trial)
        missed += not by_revenue.low < 0.10 < by_revenue.high
    assert missed <= 6


def test_a_simulated_treatment_is_found_from_the_campaigns_own_file_and_later_orders(
    engine: Engine, tmp_path: Path
) -> None:
    settings = CampaignSettings(n=1, holdout=0.4)
    rows = list(campaign.campaign_rows(engine, shop.customers(), settings))
    write_table(tmp_path / "sent.csv", rows, campaign.column_headings(settings), {"Model version": engine.version})
    lines = ["customer_id,order_id,item_id,timestamp,quantity,amount"]
    for number, row in enumerate(rows):
        customer = '"' + row["customer_id"].replace('"', '""') + '"'
        amount = (5 + number % 7) * (1.1 if row["group"] == "treated" else 1.0)
        lines += [
            f"{customer},after {number},x,2025-06-01,1,{amount:.2f}",
            f"{customer},before {number},x,2025-01-01,1,99",
        ]
    (tmp_path / "later.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    groups = read_groups(tmp_path / "sent.csv")
    assert groups == {r["customer_id"]: r["group"] for r in rows}
    by_revenue, by_buyers = estimate_uplift(groups, revenue_since([tmp_path / "later.csv"], "2025-05-01"))
    assert by_revenue.treated_customers + by_revenue.holdout_customers == len(rows)
    assert by_revenue.low < 0.10 < by_revenue.high
    assert by_revenue.uplift == pytest.approx(0.1, abs=0.08)
    assert (by_buyers.uplift, by_buyers.low, by_buyers.high) == (0, 0, 0)


def test_a_campaign_file_can_be_read_for_its_lift(engine: Engine, tmp_path: Path) -> None:
    settings = CampaignSettings(n=1, holdout=0.4)
    rows = list(campaign.campaign_rows(engine, shop.customers(), settings))
    path = tmp_path / "campaign.csv"
    write_table(path, rows, campaign.column_headings(settings), {"Model version": engine.version})
    assert read_groups(path) == {r["customer_id"]: r["group"] for r in rows}


def test_a_file_that_is_no_campaign_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ColumnError):
        read_groups(path)
    path.write_text("Customer id,Group\n1,treated\n", encoding="utf-8")
    with pytest.raises(DataError, match="held-out"):
        read_groups(path)


def standing(segment: str, monetary: float = 1.0) -> CustomerSnapshot:
    return CustomerSnapshot("", segment, monetary, "2026-01-01", "Pen")


def test_movement_counts_every_customer_once() -> None:
    before = {"a": standing("Champions"), "b": standing("Champions"), "c": standing("Lost"), "d": standing("Loyal")}
    after = {"a": standing("Champions"), "b": standing("At Risk", 9.0), "c": standing("Loyal"), "e": standing("New")}
    found = compute_migration(before, after)
    cells = {(m.before, m.after): m.customers for m in found.moves}
    assert cells == {
        ("Champions", "Champions"): 1,
        ("Champions", "At Risk"): 1,
        ("Loyal", GONE): 1,
        ("Lost", "Loyal"): 1,
        (NEW, "New"): 1,
    }
    assert [f.customer_id for f in found.dropped] == ["b", "d"]
    rows, columns, counts = count_matrix(found)
    assert rows == ["Champions", "Loyal", "Lost", NEW]
    assert columns == ["Champions", "Loyal", "New", "At Risk", GONE]
    assert sum(map(sum, counts)) == 5
