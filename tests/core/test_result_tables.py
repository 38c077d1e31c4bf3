"""Results become pandas tables for notebooks."""

from __future__ import annotations

from smart_retail.results import CustomerMatch, Reason, Recommendation, RecommendationList, to_pandas


def recommended(item: str, rank: int = 1) -> Recommendation:
    reason = Reason("popular", "popular", rank, 1.0, None, "Popular")
    return Recommendation(rank, item, item.title(), "Kitchen", 0.5, "popular", (reason,))


def make_list(**changes: object) -> RecommendationList:
    fields: dict[str, object] = {"customer_id": "c", "known": True, "fallback": False, "method": "cf",
                                 "model_version": "v", "rules": "", "items": ()}  # fmt: skip
    return RecommendationList(**{**fields, **changes})  # type: ignore[arg-type]


def test_results_of_one_class_become_rows() -> None:
    table = to_pandas([CustomerMatch("00012", "Ann", "New"), CustomerMatch("7", "Bob", "Lost")])
    assert table.columns.tolist() == ["customer_id", "customer_name", "segment"]
    assert table.customer_id.tolist() == ["00012", "7"]
    assert len(to_pandas([])) == 0


def test_a_recommendation_list_becomes_one_row_per_item() -> None:
    table = make_list(items=(recommended("mug"), recommended("cup", 2))).to_pandas()
    assert table[["rank", "item_id"]].to_numpy().tolist() == [[1, "mug"], [2, "cup"]]
    assert "score" in make_list().to_pandas().columns or len(make_list().to_pandas()) == 0


def test_the_lists_of_all_methods_have_a_column_method() -> None:
    lists = {"cf": make_list(items=(recommended("mug"),)), "popular": make_list(items=(recommended("cup"),))}
    assert make_list(method="all", lists=lists).to_pandas().method.tolist() == ["cf", "popular"]
