"""Training of the hybrid: it uses the sources that help, explains its decisions, and is robust to one odd week."""

from __future__ import annotations

import numpy as np
import pytest

from smart_retail.training import recommenders

# Each test fits all methods.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def card(repeat_shop, fit):
    return fit(repeat_shop, segment_names=("rare", "often"))[1]


def test_the_scorecard_has_every_method_and_baseline(card):
    baselines = {"popular all time", "popular recent", "cosine CF", "personal frequency"}
    expected = {"personalized", "rfm", "cf", "popular", "hybrid", *baselines}
    for task in ("any", "new"):
        assert set(card["tasks"][task]) == expected
        for figures in card["tasks"][task].values():
            assert 0 <= figures["low"] <= figures["ndcg@10"] <= figures["high"] <= 1
            assert {"recall@10", "precision@10", "hit_rate@10", "mrr@10", "coverage", "novelty", "diversity"} <= set(
                figures
            )


def test_the_hybrid_beats_popularity_where_customers_repeat_purchases(card):
    assert card["gate"]["low"] > 0
    assert card["tasks"]["any"]["hybrid"]["ndcg@10"] > 1.5 * card["tasks"]["any"]["popular all time"]["ndcg@10"]


def test_the_scorecard_breaks_down_by_segment_and_history(card):
    assert set(card["by_segment"]["any"]) == {"rare", "often"}
    customers = sum(group["customers"] for group in card["by_history"]["any"].values())
    assert customers == card["customers_by_task"]["any"]


def test_the_ablation_shows_what_repeat_purchases_and_groups_add(card):
    blend = card["ablation"]["any"]["blend"]
    assert blend["repurchase"]["low"] > 0
    assert {"segment", "cluster"} <= set(blend)


def test_the_choice_is_explained(card):
    for words in ('"Popular" means', "Similar products are found", "All purchases:", "New products:"):
        assert words in card["choice"]
    assert "NDCG" not in card["choice"], "figures belong to the details"
    assert any("NDCG@10" in details for details in card["choice_details"])


def test_the_evaluated_window_is_the_last_tenth(card, repeat_shop):
    days = int((repeat_shop.last_day - repeat_shop.first_day) * 0.1)
    assert card["window"]["days"] == days
    assert card["windows"][-1]["first_day"] == repeat_shop.last_day + 1 - days


def test_the_evaluated_hybrid_excludes_the_last_window_and_the_published_one_includes_it(repeat_shop, fit, monkeypatch):
    cut_of, learned_from = {}, []
    build, learn = recommenders._build_window_examples, recommenders.learn_merge

    def recording_build(window, components, context, *customers, **options):
        by_task = build(window, components, context, *customers, **options)
        cut_of.update({id(examples): window.window.cut for examples in by_task.values()})
        return by_task

    def recording_learn(decisions, windows, context):
        learned_from.append({task: [cut_of[id(e)] for e in examples] for task, examples in windows.items()})
        return learn(decisions, windows, context)

    monkeypatch.setattr(recommenders, "_build_window_examples", recording_build)
    monkeypatch.setattr(recommenders, "learn_merge", recording_learn)
    _, card = fit(repeat_shop)
    cuts = [window["first_day"] for window in card["windows"]]
    evaluated, published = learned_from
    assert evaluated == {"any": cuts[:-1], "new": cuts[:-1]}
    assert published == {"any": cuts[1:], "new": cuts[1:]}


def test_one_week_of_promotion_does_not_dominate_later_lists(repeat_shop, fit, make_shop):
    # Item 59 is sold to all_shoppers for a week that ends two months before the end, and to no customer after.
    first = repeat_shop.last_day - 70
    promoted = [(c, first + c % 7, 59) for c in range(repeat_shop.n_customers)]
    plain = [tuple(row) for row in repeat_shop.rows.tolist() if row[2] != 59]
    shop = make_shop([*plain, *promoted], repeat_shop.n_customers, repeat_shop.n_items)
    model, card = fit(shop)
    # The promotion may return: the whole history keeps one of the eight leading positions, the last.
    assert 59 not in model.popular().item[:7].tolist()
    for task in ("any", "new"):
        figures = card["tasks"][task]
        best = max(figures, key=lambda method: figures[method]["ndcg@10"])
        assert figures["hybrid"]["high"] >= figures[best]["low"], (task, best)


def test_popularity_follows_a_catalogue_that_turns_over(make_shop, fit):
    # Half of the make_catalogue is sold in the first year, the other half since.
    rng = np.random.default_rng(5)
    rows = [
        (int(c), int(d), int(rng.integers(0, 20) + 20 * (d >= 330)))
        for c in range(300)
        for d in np.flatnonzero(rng.random(400) < 0.03)
    ]
    shop = make_shop(rows, 300, 40)
    model, _ = fit(shop)
    listed = model.popular().item[:10]
    assert (listed[:7] >= 20).all()
    assert (listed >= 20).sum() >= 8, "the whole history keeps one of eight positions"


def test_a_blend_is_the_same_without_the_features_of_a_ranker(repeat_shop, fit, monkeypatch):
    build = recommenders.build_examples
    computed = []

    def with_features(*arguments, **options):
        examples = build(*arguments, **options | {"with_features": True})
        computed.append(options["with_features"])
        return examples

    model, card = fit(repeat_shop, "blend")
    monkeypatch.setattr(recommenders, "build_examples", with_features)
    other, other_card = fit(repeat_shop, "blend")
    assert computed
    assert not any(computed)
    assert card == other_card
    assert np.array_equal(model.hybrid.weights, other.hybrid.weights)
