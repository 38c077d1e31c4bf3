"""The merge learns what pays, says so, and is not fooled by one week."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.progress import SILENT
from smart_retail.settings import RecommendSettings
from smart_retail.training.recommenders import fit_recommenders


@pytest.fixture(scope="module")
def card(habits, groups_of, catalogue):
    _, card = fit_recommenders(
        habits,
        groups_of,
        catalogue(habits.n_items),
        RecommendSettings(neighbours=20),
        seed=0,
        threads=1,
        progress=SILENT,
        segment_names=("rare", "often"),
    )
    return card


def test_the_scorecard_judges_every_method_and_baseline(card):
    wanted = {"personalized", "rfm", "cf", "popular", "hybrid", "popular all time", "popular recent", "cosine CF"}
    for task in ("any", "new"):
        assert set(card["tasks"][task]) == wanted
        for figures in card["tasks"][task].values():
            assert 0 <= figures["low"] <= figures["ndcg@10"] <= figures["high"] <= 1
            assert {"recall@10", "precision@10", "hit_rate@10", "mrr@10", "coverage", "novelty", "diversity"} <= set(
                figures
            )


def test_the_hybrid_beats_popularity_where_people_have_habits(card):
    assert card["gate"]["low"] > 0
    assert card["tasks"]["any"]["hybrid"]["ndcg@10"] > 1.5 * card["tasks"]["any"]["popular all time"]["ndcg@10"]


def test_the_scorecard_breaks_down_by_segment_and_history(card):
    assert set(card["by_segment"]["any"]) == {"rare", "often"}
    counted = sum(group["customers"] for group in card["by_history"]["any"].values())
    assert counted == card["customers_by_task"]["any"]


def test_the_ablation_tells_what_own_history_and_groups_add(card):
    blend = card["ablation"]["any"]["blend"]
    assert blend["own frequency and recency"]["low"] > 0
    assert {"RFM segment", "cluster"} <= set(blend)


def test_the_choice_is_explained(card):
    for words in ("Popularity counts", "Neighbours are weighted by", "repeats allowed", "new items only"):
        assert words in card["choice"]


def test_the_judged_window_is_the_last_tenth(card, habits):
    days = int((habits.last_day - habits.first_day) * 0.1)
    assert card["window"]["days"] == days
    assert card["windows"][-1]["first_day"] == habits.last_day + 1 - days


def test_the_merge_that_is_judged_knows_nothing_of_the_last_window_and_that_of_the_model_does(
    habits, groups_of, catalogue, monkeypatch
):
    from smart_retail.training import recommenders

    cut_of, learnt_from = {}, []
    make, learn = recommenders._lessons, recommenders.learn_merge

    def noted_lessons(past, parts, seed):
        made = make(past, parts, seed)
        cut_of.update({id(lesson): past.window.cut for lesson in made.values()})
        return made

    def noted_learning(chosen, lessons, **how):
        learnt_from.append({task: [cut_of[id(lesson)] for lesson in own] for task, own in lessons.items()})
        return learn(chosen, lessons, **how)

    monkeypatch.setattr(recommenders, "_lessons", noted_lessons)
    monkeypatch.setattr(recommenders, "learn_merge", noted_learning)
    _, card = fit_recommenders(
        habits,
        groups_of,
        catalogue(habits.n_items),
        RecommendSettings(neighbours=20),
        seed=0,
        threads=1,
        progress=SILENT,
    )
    cuts = [window["first_day"] for window in card["windows"]]
    judged, published = learnt_from
    assert judged == {"any": cuts[:-1], "new": cuts[:-1]}
    assert published == {"any": cuts[1:], "new": cuts[1:]}


def test_one_week_of_promotion_does_not_lead_the_lists_for_long(habits, groups_of, catalogue, shop_of):
    # Item 59 is sold to everybody for a week that ends two months before the end, and to nobody after.
    first = habits.last_day - 70
    promoted = [(c, first + c % 7, 59) for c in range(habits.n_customers)]
    plain = [tuple(row) for row in habits.rows.tolist() if row[2] != 59]
    shop = shop_of([*plain, *promoted], habits.n_customers, habits.n_items)
    model, card = fit_recommenders(
        shop, groups_of, catalogue(shop.n_items), RecommendSettings(neighbours=20), seed=0, threads=1, progress=SILENT
    )
    assert 59 not in model.popular().item[:10].tolist()
    for task in ("any", "new"):
        figures = card["tasks"][task]
        best = max(figures, key=lambda method: figures[method]["ndcg@10"])
        assert figures["hybrid"]["high"] >= figures[best]["low"], (task, best)


def test_demand_that_turns_over_is_followed(shop_of, groups_of, catalogue):
    # Half of the catalogue is sold in the first year, the other half since.
    rng = np.random.default_rng(5)
    rows = [
        (int(c), int(d), int(rng.integers(0, 20) + 20 * (d >= 330)))
        for c in range(300)
        for d in np.flatnonzero(rng.random(400) < 0.03)
    ]
    shop = shop_of(rows, 300, 40)
    model, _ = fit_recommenders(
        shop, groups_of, catalogue(40), RecommendSettings(neighbours=20), seed=0, threads=1, progress=SILENT
    )
    assert (model.popular().item[:10] >= 20).all()
