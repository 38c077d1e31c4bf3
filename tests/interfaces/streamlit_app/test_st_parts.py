"""The parts below the pages: addresses, files, treemap, downloads, uploads, the background fit, the launcher."""

from __future__ import annotations

import csv
import io
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fake_engine import FakeEngine

from smart_retail.errors import CancelledError, DataError, LockError, MissingBundleError
from smart_retail.progress import Progress
from smart_retail.results import FitReport
from smart_retail_streamlit import chart_panel, engine_source, server
from smart_retail_streamlit.background_job import Job, JobSlot
from smart_retail_streamlit.html import html_named, plain
from smart_retail_streamlit.treemap import squarify
from smart_retail_streamlit.uploads import UploadStore


@given(st.lists(st.floats(0.5, 1e6), min_size=1, max_size=12))
def test_a_treemap_fills_its_box_and_keeps_the_proportions(sizes: list[float]) -> None:
    sizes = sorted(sizes, reverse=True)
    boxes = squarify(sizes, 100, 40)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
    assert areas == pytest.approx([size * 4000 / sum(sizes) for size in sizes], rel=1e-6)
    assert all(
        left > -1e-6 and top > -1e-6 and right < 100.001 and bottom < 40.001 for left, top, right, bottom in boxes
    )


def test_boxes_of_a_treemap_do_not_overlap() -> None:
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], 6, 4)
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[:i]:
            wide = min(right, other_right) - max(left, other_left)
            high = min(bottom, other_bottom) - max(top, other_top)
            assert wide < 1e-9 or high < 1e-9


@given(st.text())
def test_escaped_names_hold_no_markup(name: str) -> None:
    assert "<script" not in html_named(name, "id")
    assert not any(sign in plain(name).replace(f"\\{sign}", "") for sign in "*_`[]$:<>#|")


def test_a_download_is_safe_for_spreadsheets() -> None:
    rows = [{"id": "00012", "name": "=1+1", "n": -3}, {"id": "-dash", "name": 'a,"b"\nc', "n": 2.5}]
    read = list(csv.DictReader(io.StringIO(chart_panel.csv_text(rows), newline="")))
    assert [r["id"] for r in read] == ["00012", "'-dash"]
    assert [r["name"] for r in read] == ["'=1+1", 'a,"b"\nc']
    assert [r["n"] for r in read] == ["-3", "2.5"]


@dataclass
class Upload:
    """What Streamlit hands over for a file."""

    file_id: str
    name: str
    data: bytes

    def __post_init__(self) -> None:
        self.stream = io.BytesIO(self.data)

    def seek(self, offset: int, /) -> int:
        return self.stream.seek(offset)

    def read(self, size: int, /) -> bytes:
        return self.stream.read(size)


def test_uploads_become_files_that_go_when_they_are_replaced() -> None:
    intake = UploadStore()
    one, two = Upload("1", "orders.csv", b"a,b\n1,2\n"), Upload("2", "../../etc/passwd", b"x")
    first, second = intake.store([one, two])
    assert first.read_bytes() == one.data
    assert second.name == "passwd"
    assert second.parent.parent == first.parent.parent
    assert intake.store([two]) == [second]
    assert not first.exists()
    intake.close()
    assert not second.exists()
    assert not second.parent.parent.exists()


def test_names_of_uploads_never_leave_the_folder() -> None:
    intake = UploadStore()
    names = ("..\\..\\x.csv", "/etc/shadow", "..", ".", "", "a\0b.csv", "x" * 400 + ".csv", "con\nfig")
    files = intake.store([Upload(str(i), name, b"") for i, name in enumerate(names)])
    home = files[0].parent.parent
    assert all(file.resolve().is_relative_to(home.resolve()) and file.is_file() for file in files)
    intake.close()


def test_a_handed_over_folder_outlives_the_visitor(tmp_path: Path) -> None:
    intake = UploadStore()
    (file,) = intake.store([Upload("1", "orders.csv", b"x")])
    folder = intake.detach_folder()
    intake.close()
    assert file.exists()
    job = Job(lambda progress: _report(), folder, "orders.csv")
    job.wait(10)
    assert not file.exists()


def _report() -> FitReport:
    return FitReport("v1", True, FakeEngine().model().cleaning, (), (), {}, {"segments": 1.0}, ())


def test_a_fit_tells_its_stages_and_never_goes_back() -> None:
    seen: list[float] = []

    def work(progress: Progress) -> FitReport:
        for name, done in (("reading", 0.0), ("segments", 0.25), ("clusters", 0.2)):
            progress.stage(name, done)
            seen.append(job.done)
        progress.update(2.0)
        progress.message("a choice")
        return _report()

    ready = threading.Event()
    job = Job(lambda progress: (ready.wait(5), work(progress))[1], None, "x")
    ready.set()
    job.wait(10)
    assert job.stages == ["reading", "segments", "clusters"]
    assert seen == [0.0, 0.25, 0.25]
    assert job.done == 1.0
    assert job.messages == ["a choice"]
    assert job.report == _report()
    assert job.error is None


def test_a_cancelled_fit_stops_at_its_next_check_and_publishes_nothing() -> None:
    started, cancelled = threading.Event(), threading.Event()

    def work(progress: Progress) -> FitReport:
        started.set()
        cancelled.wait(10)
        progress.check()
        raise AssertionError("went on")

    job = Job(work, None, "x")
    started.wait(10)
    job.cancel()
    assert job.cancelling
    cancelled.set()
    job.wait(10)
    assert isinstance(job.error, CancelledError)
    assert job.report is None


def test_the_time_left_follows_the_pace() -> None:
    hold = threading.Event()

    def work(progress: Progress) -> FitReport:
        hold.wait(10)
        return _report()

    job = Job(work, None, "x")
    assert job.seconds_left() is None
    job.update(0.5)
    job._since -= 30
    assert job.seconds_left() == pytest.approx(30, abs=1)
    hold.set()
    job.wait(10)


def test_only_one_fit_runs_at_a_time() -> None:
    desk, hold = JobSlot(), threading.Event()

    def work(progress: Progress) -> FitReport:
        hold.wait(10)
        return _report()

    job = desk.start(work, None, "x")
    with pytest.raises(LockError):
        desk.start(work, None, "y")
    desk.clear()
    assert desk.job is job
    hold.set()
    job.wait(10)
    desk.clear()
    assert desk.job is None


def test_a_failed_fit_says_why() -> None:
    def work(progress: Progress) -> FitReport:
        raise DataError("No row can be used.", "Look at the examples.")

    job = Job(work, None, "x")
    job.wait(10)
    assert isinstance(job.error, DataError)


def test_every_launch_option_exists_and_nothing_is_sent_home() -> None:
    from streamlit import config

    options = server.options("127.0.0.1", 8711)
    known = config.get_config_options(force_reparse=False)
    assert not [name for name in options if name not in known]
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["server.address"] == "127.0.0.1"


def test_a_published_bundle_makes_a_new_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    stamp = ["one"]
    monkeypatch.setattr(engine_source, "published_version", lambda where: stamp[0])
    monkeypatch.setattr(engine_source, "load_engine", lambda where: made.append(where) or FakeEngine(f"v{len(made)}"))
    engine_source._shared.clear()
    assert engine_source.engine().version == "v1"
    assert engine_source.engine().version == "v1"
    stamp[0] = "two"
    assert engine_source.engine().version == "v2"
    assert len(made) == 2
    engine_source._shared.clear()


def test_an_empty_folder_is_a_missing_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine_source.ARTIFACTS, str(tmp_path))
    monkeypatch.setenv(engine_source.API_URL, "")
    with pytest.raises(MissingBundleError):
        engine_source.engine()


def test_every_figure_can_be_drawn_as_svg_by_the_core() -> None:
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    from smart_retail.reporting import chart_style, model_charts

    engine = FakeEngine()
    model = engine.model()
    views = Path(chart_panel.__file__).parent / "views"
    named = {name for path in views.glob("*.py") for name in re.findall(r'drawn=\("(\w+)"', path.read_text("utf-8"))}
    given: dict[str, tuple[Any, ...]] = {
        "weekly_sales": (model,),
        "segments": (engine.segments(),),
        "data_quality": (model.cleaning,),
        "scorecard": (model, "any"),
        "rfm_grid": (engine.rfm_grid(),),
        "cluster_scatter": (engine.cluster_points(), engine.clusters()),
        "cluster_profiles": (engine.clusters(),),
        "cluster_choice": (model,),
    }
    assert named == {*given, "training_loss"}
    for name, values in given.items():
        assert chart_style.to_svg(getattr(model_charts, name)(*values), name).startswith("<svg")


def test_rules_named_at_the_start_hold_on_the_pages(
    fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("ban = []\n", encoding="utf-8")
    monkeypatch.setenv(engine_source.ARTIFACTS, str(fitted[0]))
    monkeypatch.setenv(engine_source.API_URL, "")
    monkeypatch.setenv(engine_source.RULES, str(rules))
    assert engine_source.load_engine(engine_source.configured_source()).model().rules
    monkeypatch.setenv(engine_source.RULES, "")
    assert not engine_source.load_engine(engine_source.configured_source()).model().rules
