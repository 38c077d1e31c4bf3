"""One way to an engine for every front end: the folder or the API, with its rules, and the version of the moment."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from smart_retail import holder
from smart_retail.engine import Engine
from smart_retail.errors import MissingBundleError
from smart_retail.opening import follow, open_engine
from smart_retail.remote import RemoteEngine
from smart_retail.results import FitReport


def test_rules_hold_in_an_engine_that_is_opened_with_them(fitted: tuple[Path, FitReport], tmp_path: Path) -> None:
    best = Engine.load(fitted[0]).popular(1).items[0].item_id
    rules = tmp_path / "rules.toml"
    rules.write_text(f'ban = ["{best}"]\n', encoding="utf-8")
    banned = {item.item_id for item in open_engine(fitted[0], rules=rules).popular(20).items}
    assert banned
    assert best not in banned
    assert best not in {item.item_id for item in follow(fitted[0], rules=rules).get().popular(20).items}


def test_the_address_of_an_api_goes_before_the_folder(tmp_path: Path) -> None:
    for engine in (
        open_engine(tmp_path, "http://127.0.0.1:9", "key"),
        follow(tmp_path, "http://127.0.0.1:9", "key").get(),
    ):
        assert isinstance(engine, RemoteEngine)


def test_a_folder_without_a_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingBundleError):
        open_engine(tmp_path)
    with pytest.raises(MissingBundleError):
        follow(tmp_path)


def test_a_followed_folder_gives_the_version_that_is_published_now(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "artifacts"
    shutil.copytree(fitted[0], folder)
    monkeypatch.setattr(holder, "LOOK_EVERY", 0.0)
    held = follow(folder)
    assert held.get().version == fitted[1].version
    publish_again(folder, "20990101T000000Z-00000002")
    end = time.monotonic() + 20
    while held.get().version == fitted[1].version and time.monotonic() < end:
        time.sleep(0.01)
    assert held.get().version == "20990101T000000Z-00000002"


def publish_again(folder: Path, version: str) -> None:
    """The active version once more under another id, and active."""
    import json

    from smart_retail.bundle import read_pointer
    from smart_retail.publishing import point

    old, home = read_pointer(folder)[0], folder / "versions" / version
    shutil.copytree(folder / "versions" / old, home)
    manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
    (home / "manifest.json").write_text(json.dumps(manifest | {"version": version}), encoding="utf-8")
    point(folder, "current", version)
