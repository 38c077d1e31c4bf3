"""Uplift of a campaign: estimate, interval, sentence, and reading the campaign file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests import shop

from smart_retail.analysis import campaign
from smart_retail.analysis.campaign import CampaignSettings
from smart_retail.analysis.customer_snapshots import revenue_since
from smart_retail.analysis.uplift import Uplift, describe_uplift, estimate_uplift, read_groups
from smart_retail.errors import ColumnError, DataError
from smart_retail.serving.engine import Engine
from smart_retail.utils.spreadsheet import write_table


@pytest.mark.parametrize(
    ("uplift", "sentence"),
    [
        (
            Uplift("revenue", 1, 5, -0.81, -0.96, 7.4, 90, 10),
            "81 % less revenue per customer than without the campaign (range -96 % to +740 %: no effect shown)",
        ),
        (
            Uplift("buyers", 1, 1, 0.1, 0.02, 0.18, 90, 10),
            "10 % more buyers than without the campaign (range +2 % to +18 %)",
        ),
        (
            Uplift("buyers", 1, 1, 0.0, 0.0, 0.0, 90, 10),
            "As many buyers as without the campaign (range +0 % to +0 %: no effect shown)",
        ),
    ],
)
def test_the_sentence_states_effect_and_interval(uplift: Uplift, sentence: str) -> None:
    assert describe_uplift(uplift) == sentence


def test_the_interval_contains_a_planted_uplift_of_ten_percent() -> None:
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


@pytest.mark.slow
def test_the_interval_contains_the_planted_uplift_about_as_often_as_its_level() -> None:
    """Campaigns to 600 customers each, 10 % planted: of 40 intervals of 95 % about two may miss it."""
    missed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = {f"c{k}": "holdout" if rng.random() < 0.3 else "treated" for k in range(600)}
        spent = rng.gamma(2.0, 25.0, 600) * (rng.random(600) < 0.7)
        revenue = {c: float(s) * (1.1 if groups[c] == "treated" else 1.0) for c, s in zip(groups, spent, strict=True)}
        by_revenue, _ = estimate_uplift(groups, revenue, seed=seed)
        missed += not by_revenue.low < 0.10 < by_revenue.high
    assert missed <= 6


def test_a_simulated_effect_is_estimated_from_campaign_file_and_later_orders(engine: Engine, tmp_path: Path) -> None:
    settings = CampaignSettings(n=1, holdout=0.4)
    rows = list(campaign.campaign_rows(engine, shop.customers(), settings))
    write_table(tmp_path / "sent.csv", rows, campaign.column_headings(settings), {"Model version": engine.version})
    lines = ["customer_id,order_id,item_id,timestamp,quantity,amount"]
    members: Counter[str] = Counter()  # both groups get the same amounts, so that only the planted effect differs
    for number, row in enumerate(rows):
        customer = '"' + row["customer_id"].replace('"', '""') + '"'
        members[row["group"]] += 1
        amount = (5 + members[row["group"]] % 7) * (1.1 if row["group"] == "treated" else 1.0)
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


def test_the_groups_of_a_campaign_file_can_be_read(engine: Engine, tmp_path: Path) -> None:
    settings = CampaignSettings(n=1, holdout=0.4)
    rows = list(campaign.campaign_rows(engine, shop.customers(), settings))
    path = tmp_path / "campaign.csv"
    write_table(path, rows, campaign.column_headings(settings), {"Model version": engine.version})
    assert read_groups(path) == {r["customer_id"]: r["group"] for r in rows}


def test_a_file_that_is_not_a_campaign_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ColumnError):
        read_groups(path)
    path.write_text("Customer id,Group\n1,treated\n", encoding="utf-8")
    with pytest.raises(DataError, match="held-out"):
        read_groups(path)
