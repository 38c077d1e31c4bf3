"""One front end with only its own extra: it can be imported, and a missing extra is named in the error.

Run by the tox environments `only-*` in an environment that holds one extra; SMART_RETAIL_ONLY names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ONLY = os.environ["SMART_RETAIL_ONLY"].removeprefix("only-")
STARTS = {
    "cli": "smart_retail_cli.main",
    "flask": "smart_retail_flask.app",
    "streamlit": "smart_retail_streamlit.server",
    "gradio": "smart_retail_gradio.app",
    "tkinter": "smart_retail_tkinter.app",
}
FOREIGN = {
    "cli": ("flask", "streamlit", "gradio", "sv_ttk", "tensorflow", "sklearn", "matplotlib"),
    "flask": ("streamlit", "gradio", "sv_ttk", "tensorflow", "sklearn", "matplotlib"),
    "streamlit": ("gradio", "sv_ttk", "flask_openapi3", "tensorflow", "sklearn", "matplotlib"),
    "gradio": ("streamlit", "sv_ttk", "flask_openapi3", "tensorflow", "sklearn", "matplotlib"),
    "tkinter": ("streamlit", "gradio", "flask_openapi3", "tensorflow", "sklearn", "matplotlib"),
}


def program(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smart_retail_cli", *words],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("module", FOREIGN[ONLY])
def test_other_extras_are_not_installed(module: str) -> None:
    assert importlib.util.find_spec(module) is None


def test_the_front_end_imports() -> None:
    if ONLY == "tkinter":
        pytest.importorskip("tkinter", reason="this Python was built without Tk")
    assert importlib.import_module(STARTS[ONLY])


def test_the_command_line_helps(tmp_path: Path) -> None:
    run = program("--help", folder=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "recommend" in run.stdout


def test_fit_without_its_extra_names_it(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer_id,order_id,item_id,timestamp,quantity,amount\na,1,x,2024-01-01,1,2\n"
    )
    run = program("fit", "orders.csv", folder=tmp_path)
    assert run.returncode == 2
    assert "smart-retail-engine[train]" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("serve", "api"), "flask"),
        (("serve", "streamlit"), "streamlit"),
        (("serve", "gradio"), "gradio"),
        (("desktop",), "tkinter"),
    ],
)
def test_a_front_end_without_its_extra_names_it(words: tuple[str, ...], extra: str, tmp_path: Path) -> None:
    if extra == ONLY:
        pytest.skip("this extra is installed")
    run = program(*words, folder=tmp_path)
    assert run.returncode == 2
    assert f"smart-retail-engine[{extra}]" in run.stderr
    assert "Traceback" not in run.stderr


def test_recommend_without_a_bundle_suggests_fit(tmp_path: Path) -> None:
    run = program("recommend", "unknown-id", folder=tmp_path)
    assert run.returncode == 5
    assert "smart-retail fit" in run.stderr
