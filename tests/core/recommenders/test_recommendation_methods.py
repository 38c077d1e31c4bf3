"""The contract of every method: one suite for all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import UsageError
from smart_retail.recommenders import candidates
from smart_retail.recommenders.base import Ranked, Shoppers
from smart_retail.recommenders.model import METHODS, RecommenderModel
from smart_retail.training.kernels import batch_scorer
from smart_retail.utils.fixed_point import MILLION


@pytest.fixture(scope="module", params=["blend", pytest.param("ranker", marks=pytest.mark.slow)])
def model(request, repeat_shop, fit) -> RecommenderModel:
    fitted, _ = fit(repeat_shop, request.param)
    assert (fitted.hybrid.rankers[0] is not None) == (request.param == "ranker")
    return fitted


@pytest.fixture(scope="module")
def all_shoppers(repeat_shop, assign_groups) -> Shoppers:
    return Shoppers(repeat_shop.history_between(), *assign_groups(repeat_shop.rfm()))


def _some(shoppers: Shoppers, rows: list[int]) -> Shoppers:
    at = np.array(rows, np.int32)
    return Shoppers(shoppers.history.select(at), shoppers.segment[at], shoppers.cluster[at])


def _visitor(items: list[int], n_items: int, day: int) -> Shoppers:
    n = len(items)
    history = PurchaseHistory(
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.array(sorted(items), np.int32),
        np.full(n, day, np.int32),
        np.full(n, MILLION),
        np.full(n, MILLION),
        1,
        n_items,
        day,
    )
    return Shoppers(history, np.array([-1], np.int16), np.array([-1], np.int16))


def _row(ranked: Ranked, i: int) -> dict[str, np.ndarray]:
    rows = slice(int(ranked.indptr[i]), int(ranked.indptr[i + 1]))
    return {f.name: getattr(ranked, f.name)[rows] for f in dataclasses.fields(ranked) if f.name != "indptr"}


def _bought(shoppers: Shoppers, i: int) -> set[int]:
    return set(shoppers.history.item[shoppers.history.customer == i].tolist())


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_a_list_is_ordered_and_has_no_item_twice(self, model, all_shoppers, method, exclude):
        ranked = model.rank(method, all_shoppers, exclude_purchased=exclude, length=25)
        for i in range(len(all_shoppers)):
            row = _row(ranked, i)
            assert len(row["item"]) == len(set(row["item"].tolist())) <= 25
            assert (row["score"] > 0).all()
            keys = list(zip((-row["score"]).tolist(), row["item"].tolist(), strict=True))
            assert keys == sorted(keys)

    def test_scores_have_six_digits_and_shares_sum_to_one(self, model, all_shoppers, method, exclude):
        ranked = model.rank(method, all_shoppers, exclude_purchased=exclude, length=25)
        assert all(float(f"{s:.5e}") == pytest.approx(s, rel=1e-12) for s in ranked.score.tolist())
        assert (ranked.share >= 0).all()
        np.testing.assert_allclose(ranked.share.sum(axis=1), 1.0, atol=1e-9)

    def test_purchased_items_are_hidden(self, model, all_shoppers, method, exclude):
        ranked = model.rank(method, all_shoppers, exclude_purchased=exclude, length=None)
        for i in range(len(all_shoppers)):
            bought, items = _bought(all_shoppers, i), set(_row(ranked, i)["item"].tolist())
            everything = set(range(all_shoppers.history.n_items))
            assert items == (everything - bought if exclude else everything)

    def test_a_short_list_begins_the_long_one(self, model, all_shoppers, method, exclude):
        long = model.rank(method, all_shoppers, exclude_purchased=exclude, length=None)
        for length in (1, 7):
            short = model.rank(method, all_shoppers, exclude_purchased=exclude, length=length)
            for i in range(len(all_shoppers)):
                for name, values in _row(short, i).items():
                    np.testing.assert_array_equal(values, _row(long, i)[name][: len(values)], err_msg=name)

    @pytest.mark.slow
    @pytest.mark.parametrize("kept", [3, 10, 0])
    def test_a_filtered_list_is_the_whole_one_without_the_other_items(self, model, all_shoppers, method, exclude, kept):
        allowed = np.zeros(all_shoppers.history.n_items, bool)
        allowed[:: kept or len(allowed)] = True
        whole = model.rank(method, all_shoppers, exclude_purchased=exclude, length=None)
        for length, scorer in ((None, candidates), (4, candidates), (4, batch_scorer)):
            filtered = model.rank(
                method, all_shoppers, exclude_purchased=exclude, length=length, allowed=allowed, scorer=scorer
            )
            for i in range(len(all_shoppers)):
                expected = _row(whole, i)
                positions = np.flatnonzero(allowed[expected["item"]])[:length]
                for name, values in _row(filtered, i).items():
                    np.testing.assert_array_equal(values, expected[name][positions], err_msg=name)

    def test_a_list_has_the_same_bits_alone_and_in_a_batch(self, model, all_shoppers, method, exclude):
        together = model.rank(method, all_shoppers, exclude_purchased=exclude, length=30)
        for i in range(0, len(all_shoppers), 7):
            alone = model.rank(method, _some(all_shoppers, [i]), exclude_purchased=exclude, length=30)
            for name, values in _row(alone, 0).items():
                np.testing.assert_array_equal(values, _row(together, i)[name], err_msg=name)

    def test_a_visitor_without_purchases_gets_popularity(self, model, all_shoppers, method, exclude):
        n_items, day = all_shoppers.history.n_items, all_shoppers.history.last_day
        ranked = model.rank(method, _visitor([], n_items, day), exclude_purchased=exclude, length=12)
        popular = model.popular()
        np.testing.assert_array_equal(ranked.item, popular.item[:12])

    def test_a_model_read_back_ranks_alike(self, model, all_shoppers, method, exclude, tmp_path):
        for name, array in model.arrays().items():
            np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
        mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in model.arrays()}
        again = RecommenderModel.from_arrays(mapped, model.meta())
        first, second = (m.rank(method, all_shoppers, exclude_purchased=exclude, length=9) for m in (model, again))
        for field in dataclasses.fields(Ranked):
            np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_an_unknown_method_is_an_error(model, all_shoppers):
    with pytest.raises(UsageError, match="no method"):
        model.rank("magic", all_shoppers, exclude_purchased=True)


def test_more_shoppers_than_a_chunk_are_ranked_alike(model, all_shoppers):
    many = _some(all_shoppers, [i % len(all_shoppers) for i in range(1100)])
    ranked = model.rank("hybrid", many, exclude_purchased=True, length=5)
    for i in range(0, 1100 - len(all_shoppers), 97):
        np.testing.assert_array_equal(_row(ranked, i)["item"], _row(ranked, i + len(all_shoppers))["item"])


def test_a_basket_is_completed_by_items_bought_together(model, all_shoppers):
    n_items, day = all_shoppers.history.n_items, all_shoppers.history.last_day
    ranked = model.rank("hybrid", _visitor([1, 2], n_items, day), exclude_purchased=True, length=5)
    together = ranked.explaining_item >= 0
    assert together.any()
    assert set(ranked.explaining_item[together].tolist()) <= {1, 2}


def test_reasons_name_own_purchases_only(model, all_shoppers):
    for method in ("cf", "hybrid"):
        ranked = model.rank(method, all_shoppers, exclude_purchased=True, length=10)
        for i in range(len(all_shoppers)):
            causes = _row(ranked, i)["explaining_item"]
            assert set(causes[causes >= 0].tolist()) <= _bought(all_shoppers, i)


def test_live_purchases_after_the_fit_count(model, all_shoppers):
    before = _some(all_shoppers, [0])
    new = next(i for i in range(all_shoppers.history.n_items) if i not in _bought(all_shoppers, 0))
    h, day = before.history, before.history.last_day + 3
    later = PurchaseHistory(
        np.append(h.customer, 0).astype(np.int32),
        np.append(h.order, h.order.max() + 1).astype(np.int32),
        np.append(h.item, new).astype(np.int32),
        np.append(h.day, day).astype(np.int32),
        np.append(h.quantity, MILLION),
        np.append(h.amount, MILLION),
        1,
        h.n_items,
        day,
    )
    after = Shoppers(later, before.segment, before.cluster)
    allowed = model.rank("hybrid", after, exclude_purchased=False, length=20)
    assert new in allowed.item.tolist()
    assert new not in model.rank("hybrid", after, exclude_purchased=True).item.tolist()


def test_similar_items_rank_the_whole_catalogue_but_the_item(model, all_shoppers):
    for item in (0, 17):
        ranked = model.similar(item)
        assert sorted(ranked.item.tolist()) == sorted(set(range(all_shoppers.history.n_items)) - {item})


def test_popular_of_a_category_holds_only_that_category(model):
    assert set((model.popular(1).item % 3).tolist()) == {1}
    assert not model.popular(1).fallback.any()
