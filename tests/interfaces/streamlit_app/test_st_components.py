"""Components below the pages: treemap, downloads, uploads, background jobs, engine source, server options."""

from __future__ import annotations

import csv
import io
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fitted_shop import MakeEngine

from smart_retail.errors import CancelledError, DataError, LockError, MissingBundleError
from smart_retail.presentation.html import name_cell
from smart_retail.progress import Progress
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.web_app import WebAppOptions
from smart_retail_streamlit import chart_panel, engine_source, server
from smart_retail_streamlit.background_job import Job, JobSlot
from smart_retail_streamlit.html_parts import escape_markdown
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
def test_escaped_names_contain_no_markup(name: str) -> None:
    assert "<script" not in name_cell(name, "id")
    assert not any(sign in escape_markdown(name).replace(f"\\{sign}", "") for sign in "*_`[]$:<>#|")


def test_a_download_is_safe_for_spreadsheets() -> None:
    rows = [{"id": "00012", "name": "=1+1", "n": -3}, {"id": "-dash", "name": 'a,"b"\nc', "n": 2.5}]
    read = list(csv.DictReader(io.StringIO(chart_panel.csv_text(rows), newline="")))
    assert [r["id"] for r in read] == ["00012", "'-dash"]
    assert [r["name"] for r in read] == ["'=1+1", 'a,"b"\nc']
    assert [r["n"] for r in read] == ["-3", "2.5"]


@dataclass
class Upload:
    """An uploaded file of Streamlit."""

    file_id: str
    name: str
    data: bytes

    def __post_init__(self) -> None:
        self.stream = io.BytesIO(self.data)

    def seek(self, offset: int, /) -> int:
        return self.stream.seek(offset)

    def read(self, size: int, /) -> bytes:
        return self.stream.read(size)


def test_files_of_removed_uploads_are_deleted() -> None:
    store = UploadStore()
    one, two = Upload("1", "orders.csv", b"a,b\n1,2\n"), Upload("2", "../../etc/passwd", b"x")
    first, second = store.store([one, two])
    assert first.read_bytes() == one.data
    assert second.name == "passwd"
    assert second.parent.parent == first.parent.parent
    assert store.store([two]) == [second]
    assert not first.exists()
    store.close()
    assert not second.exists()
    assert not second.parent.parent.exists()


def test_upload_names_cannot_leave_the_folder() -> None:
    store = UploadStore()
    names = ("..\\..\\x.csv", "/etc/shadow", "..", ".", "", "a\0b.csv", "x" * 400 + ".csv", "con\nfig")
    files = store.store([Upload(str(i), name, b"") for i, name in enumerate(names)])
    home = files[0].parent.parent
    assert all(file.resolve().is_relative_to(home.resolve()) and file.is_file() for file in files)
    store.close()


def test_a_detached_folder_is_removed_by_the_job(tmp_path: Path, engine: Engine) -> None:
    store = UploadStore()
    (file,) = store.store([Upload("1", "orders.csv", b"x")])
    folder = store.detach_folder()
    store.close()
    assert file.exists()
    job = Job(lambda progress: _report(engine), folder, "orders.csv")
    job.wait(10)
    assert not file.exists()


def _report(engine: Engine) -> FitReport:
    return FitReport("v1", True, engine.model().cleaning, (), (), {}, {"segments": 1.0}, ())


def test_progress_of_a_job_never_decreases(engine: Engine) -> None:
    seen: list[float] = []

    def work(progress: Progress) -> FitReport:
        for name, done in (("reading", 0.0), ("segments", 0.25), ("clusters", 0.2)):
            progress.stage(name, done)
            seen.append(job.done)
        progress.update(2.0)
        progress.message("a choice")
        return _report(engine)

    ready = threading.Event()
    job = Job(lambda progress: (ready.wait(5), work(progress))[1], None, "x")
    ready.set()
    job.wait(10)
    assert job.stages == ["reading", "segments", "clusters"]
    assert seen == [0.0, 0.25, 0.25]
    assert job.done == 1.0
    assert job.messages == ["a choice"]
    assert job.report == _report(engine)
    assert job.error is None


def test_a_cancelled_job_stops_at_its_next_check() -> None:
    started, cancelled = threading.Event(), threading.Event()

    def work(progress: Progress) -> FitReport:
        started.set()
        cancelled.wait(10)
        progress.check()
        raise AssertionError("not cancelled")

    job = Job(work, None, "x")
    started.wait(10)
    job.cancel()
    assert job.cancelling
    cancelled.set()
    job.wait(10)
    assert isinstance(job.error, CancelledError)
    assert job.report is None


def test_the_time_left_follows_from_the_progress(engine: Engine) -> None:
    hold = threading.Event()

    def work(progress: Progress) -> FitReport:
        hold.wait(10)
        return _report(engine)

    now = [100.0]
    job = Job(work, None, "x", clock=lambda: now[0])
    assert job.seconds_left() is None
    job.update(0.5)
    now[0] += 30
    assert job.seconds_left() == pytest.approx(30)
    hold.set()
    job.wait(10)


def test_only_one_job_runs_at_a_time(engine: Engine) -> None:
    slot, hold = JobSlot(), threading.Event()

    def work(progress: Progress) -> FitReport:
        hold.wait(10)
        return _report(engine)

    job = slot.start(work, None, "x")
    with pytest.raises(LockError):
        slot.start(work, None, "y")
    slot.clear()
    assert slot.job is job
    hold.set()
    job.wait(10)
    slot.clear()
    assert slot.job is None


def test_a_failed_job_keeps_its_error() -> None:
    def work(progress: Progress) -> FitReport:
        raise DataError("No row can be used.", "Look at the examples.")

    job = Job(work, None, "x")
    job.wait(10)
    assert isinstance(job.error, DataError)


def test_every_server_option_exists_and_no_statistics_are_sent() -> None:
    from streamlit import config

    options = server.streamlit_options(WebAppOptions(port=8711, hosts=("shop.example.com",)))
    known = config.get_config_options(force_reparse=False)
    assert not [name for name in options if name not in known]
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["server.address"] == "127.0.0.1"
    assert options["server.allowedHosts"] == ["localhost", "127.0.0.1", "::1", "shop.example.com"]


def test_a_new_bundle_gets_a_new_engine(monkeypatch: pytest.MonkeyPatch, make_engine: MakeEngine) -> None:
    made: list[Any] = []
    version = ["one"]
    monkeypatch.setattr(engine_source, "published_version", lambda source: version[0])
    monkeypatch.setattr(
        engine_source, "load_engine", lambda source: made.append(source) or make_engine(version=f"v{len(made)}")
    )
    engine_source.clear_engines()
    assert engine_source.engine().version == "v1"
    assert engine_source.engine().version == "v1"
    version[0] = "two"
    assert engine_source.engine().version == "v2"
    assert len(made) == 2
    engine_source.clear_engines()


def test_an_empty_folder_is_a_missing_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine_source.ARTIFACTS, str(tmp_path))
    monkeypatch.setenv(engine_source.API_URL, "")
    with pytest.raises(MissingBundleError):
        engine_source.engine()


def test_the_report_can_draw_every_chart_of_the_pages(engine: Engine) -> None:
    pytest.importorskip("matplotlib", reason="the extra report is not installed")
    from smart_retail.reporting import chart_style, model_charts

    model = engine.model()
    views = Path(chart_panel.__file__).parent / "views"
    named = {
        name for path in views.glob("*.py") for name in re.findall(r'report_chart=\("(\w+)"', path.read_text("utf-8"))
    }
    arguments_by_name: dict[str, tuple[Any, ...]] = {
        "weekly_sales": (model,),
        "segments": (engine.segments(),),
        "data_quality": (model.cleaning,),
        "scorecard": (model, "any"),
        "rfm_grid": (engine.rfm_grid(),),
        "cluster_scatter": (engine.cluster_points(), engine.clusters()),
        "cluster_profiles": (engine.clusters(),),
        "cluster_choice": (model,),
    }
    assert named == {*arguments_by_name, "training_loss"}
    for name, arguments in arguments_by_name.items():
        assert chart_style.to_svg(getattr(model_charts, name)(*arguments), name).startswith("<svg")


def test_business_rules_of_the_server_apply_to_the_pages(
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


def test_no_module_of_the_app_hides_one_of_the_standard_library() -> None:
    """Streamlit puts the folder of the app first on the module path."""
    folder = Path(server.__file__).parent
    names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not names & sys.stdlib_module_names
