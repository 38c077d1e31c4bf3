"""Ids, results, settings and errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_retail import errors
from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import RetailError, UsageError
from smart_retail.protocol import check_method, check_page
from smart_retail.results import Reason, Recommendation, RecommendationList, Result, to_json
from smart_retail.utils.id_map import IdMap, StringArray
from smart_retail.utils.set_ops import sorted_unique

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(TEXT))
def test_texts_come_out_as_they_went_in(texts: list[str]) -> None:
    assert list(StringArray.of(texts)) == texts
    assert [StringArray.of(texts)[i] for i in range(len(texts))] == texts


@given(st.lists(TEXT), TEXT)
def test_an_id_has_one_code_and_others_have_none(ids: list[str], other: str) -> None:
    ids_by_code = IdMap.of(ids)
    assert [ids_by_code.id(ids_by_code.code(i)) for i in ids] == ids
    assert len(ids_by_code) == len(set(ids))
    assert (ids_by_code.code(other) >= 0) == (other in ids)


def test_ids_that_look_like_numbers_stay_apart() -> None:
    ids = IdMap.of(["12", "00012", "1e5", "100000", "A/B", "é", " ", "%2F"])
    assert len(ids) == 8
    assert ids.id(ids.code("00012")) == "00012"


def test_codes_follow_the_order_of_bytes() -> None:
    ids = IdMap.of(["é", "z", "A", "a", "10", "9"])
    assert list(ids.ids) == ["10", "9", "A", "a", "z", "é"]


def test_an_answer_turns_into_json_and_back() -> None:
    item = Recommendation(
        1, "00012", "Pen", "Office", 0.5, "cf", (Reason("popular", "popular", 1, 1.0, None, "popular"),)
    )
    one = RecommendationList("é", True, False, "cf", "v", "", (item,))
    every = RecommendationList("é", True, False, "all", "v", "", (), {"cf": one})
    assert RecommendationList.from_dict(json.loads(json.dumps(every.as_dict()))) == every


def test_keys_of_a_newer_version_are_left_out() -> None:
    data = Reason("popular", "popular", 1, 1.0, None, "popular").as_dict() | {"colour": "blue"}
    assert Reason.from_dict(data).text == "popular"


def test_a_number_of_numpy_is_written_as_the_number() -> None:
    reason = Reason("popular", "popular", 1, np.float64(0.1), None, "popular")
    assert to_json(reason) == to_json(Reason("popular", "popular", 1, 0.1, None, "popular"))
    assert reason.as_dict()["share"] == 0.1
    with pytest.raises(NotImplementedError):
        to_json({"nothing that JSON knows": object()})


def test_every_result_is_frozen() -> None:
    for cls in Result.__subclasses__():
        assert cls.__struct_config__.frozen, cls


def test_every_error_has_its_own_code() -> None:
    def tree(cls: type[RetailError]) -> list[type[RetailError]]:
        return [cls, *(c for s in cls.__subclasses__() for c in tree(s))]

    codes = [cls.code for cls in tree(RetailError)]
    assert len(codes) == len(set(codes))
    assert all(errors.by_code(cls.code) is cls for cls in tree(RetailError))
    assert errors.by_code("of_a_newer_version") is RetailError


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_n_outside_the_bounds_is_refused(n: int) -> None:
    with pytest.raises(UsageError, match=str(n)):
        check_page(n)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        check_method("magic")
    assert "hybrid" in error.value.hint


def test_selecting_customers_keeps_their_rows_in_order() -> None:
    def a(*values: int) -> np.ndarray:
        return np.array(values, dtype=np.int32)

    amounts = np.array([1, 2, 3, 4], dtype=np.int64)
    history = PurchaseHistory(a(0, 0, 2, 2), a(0, 1, 2, 2), a(5, 6, 7, 8), a(1, 2, 1, 1), amounts, amounts, 3, 9, 2)
    some = history.select(a(2, 1, 0, 2))
    assert some.customer.tolist() == [0, 0, 2, 2, 3, 3]
    assert some.item.tolist() == [7, 8, 5, 6, 7, 8]
    assert some.n_customers == 4
    assert len(history.select(a())) == 0


@pytest.mark.parametrize("numbers", [[], [3], [2, 2, 2], [5, -1, 5, 0, 2**40, -1]])
def test_distinct_numbers_ascend(numbers):
    found = sorted_unique(np.array(numbers, np.int64))
    assert found.tolist() == sorted(set(numbers))
