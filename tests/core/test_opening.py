"""Opening an engine over a folder or an API, with business rules and hot reload."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from smart_retail.bundle import reader
from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import DamagedBundleError, MissingBundleError
from smart_retail.protocol import ListQuery
from smart_retail.results import FitReport
from smart_retail.serving import hot_reload
from smart_retail.serving.engine import Engine
from smart_retail.serving.factory import LIST_ARRAYS, open_engine, watch_engine


def test_rules_hold_in_an_engine_that_is_opened_with_them(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    best = Engine.load(fitted[0]).popular(1).items[0].item_id
    rules = tmp_path / "rules.toml"
    rules.write_text(f'ban = ["{best}"]\n', encoding="utf-8")
    banned = {item.item_id for item in open_engine(fitted[0], rules=rules).popular(20).items}
    assert banned
    assert best not in banned
    assert best not in {item.item_id for item in watch_engine(fitted[0], rules=rules).get().popular(20).items}


def test_the_address_of_an_api_has_priority_over_the_folder(tmp_path: Path) -> None:
    for engine in (
        open_engine(tmp_path, "http://127.0.0.1:9", "key"),
        watch_engine(tmp_path, "http://127.0.0.1:9", "key").get(),
    ):
        assert isinstance(engine, RemoteEngine)


def test_a_folder_without_a_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingBundleError):
        open_engine(tmp_path)
    with pytest.raises(MissingBundleError):
        watch_engine(tmp_path)


def test_prefetched_arrays_are_those_that_a_list_needs(
    fitted: tuple[Path, FitReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MIN_PARALLEL_BYTES", 0)
    plain = Engine.load(fitted[0])
    customer = next(plain.customer_ids())
    expected = plain.recommend(customer)
    begun: list[set[str]] = []
    begin = reader.Bundle._submit

    def watched(self: reader.Bundle, keys: list[str]) -> None:
        begun.append(set(keys))
        begin(self, keys)

    monkeypatch.setattr(reader.Bundle, "_submit", watched)
    engine = open_engine(fitted[0], prefetch_lists=True)
    assert len(begun) == 1
    assert {key.removeprefix("tables/").rpartition("/")[0] for key in begun[0]} == set(LIST_ARRAYS)
    assert engine.recommend(customer) == expected
    assert not set[str]().union(*begun[1:]) & begun[0], "nothing is checked a second time"


def test_the_first_lists_of_a_server_open_no_file(fitted: tuple[Path, FitReport]) -> None:
    engine = Engine.load(fitted[0])
    engine.open_all()
    opened = set(engine.bundle._cache)
    customers = [*engine.customer_ids(), "new"]
    queries = [ListQuery("all", exclude_purchased=hidden) for hidden in (True, False)]
    lists = [
        part for query in queries for found in engine.query_customers(customers, query) for part in found.lists.values()
    ]
    kinds = {reason.kind for part in lists for item in part.items for reason in item.reasons}
    assert kinds >= {"buy_again", "bought_together", "cluster", "segment", "popular"}
    engine.recommend_for_basket([item.item_id for item in engine.popular(2).items])
    assert set(engine.bundle._cache) == opened


def test_a_changed_list_is_rejected_after_a_prefetch(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MIN_PARALLEL_BYTES", 0)
    folder = tmp_path / "artifacts"
    shutil.copytree(fitted[0], folder)
    path = next(folder.glob("versions/*/tables/lists/hybrid_new/score.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    engine = open_engine(folder, prefetch_lists=True)
    with pytest.raises(DamagedBundleError, match=r"score\.npy was changed"):
        engine.recommend(next(Engine.load(folder).customer_ids()))


def test_a_watched_folder_provides_the_version_published_last(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "artifacts"
    shutil.copytree(fitted[0], folder)
    monkeypatch.setattr(hot_reload, "POLL_INTERVAL_S", 0.0)
    held = watch_engine(folder)
    assert held.get().version == fitted[1].version
    publish_again(folder, "20990101T000000Z-00000002")
    end = time.monotonic() + 20
    while held.get().version == fitted[1].version and time.monotonic() < end:
        time.sleep(0.01)
    assert held.get().version == "20990101T000000Z-00000002"


def publish_again(folder: Path, version: str) -> None:
    """Copy the active version to another id and activate it."""
    import json

    from smart_retail.bundle.reader import read_pointer
    from smart_retail.bundle.writer import set_active_pointer

    old, home = read_pointer(folder)[0], folder / "versions" / version
    shutil.copytree(folder / "versions" / old, home)
    manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
    (home / "manifest.json").write_text(json.dumps(manifest | {"version": version}), encoding="utf-8")
    set_active_pointer(folder, "current", version)
