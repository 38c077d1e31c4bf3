"""The rules of the house that no linter knows: what may be imported when, and what no module may hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "core").rglob("*.py"))
INTERFACES = sorted((ROOT / "interfaces").rglob("*.py"))
OURS = [*CORE, *INTERFACES]
PACKAGES = sorted(p.parent.name for p in (ROOT / "interfaces").glob("*/smart_retail_*/__init__.py"))
MODULE_LINES = 300
LONGER = {"core/smart_retail/results.py": 400}
"""A flat table of the results: longer, and still read at one go."""

HEAVY = (
    "tensorflow", "keras", "sklearn", "lightgbm", "numba", "pandas", "pyarrow", "polars", "joblib", "matplotlib",
    "seaborn", "prophet", "pyspark",
)  # fmt: skip
"""What fitting and drawing may import and serving never does."""

ARITHMETIC = ("numpy", "pandas", "scipy", "polars", "narwhals", "duckdb", "sklearn")
FRAME_ADAPTERS = {
    "smart_retail_streamlit": ("pandas",),
    "smart_retail_gradio": ("pandas",),
}
"""Front ends whose widgets take a data frame may build one."""


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything imported, at module level or inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def loaded_after(code: str) -> set[str]:
    """Names of the heavy modules in a fresh process that ran `code`."""
    script = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import smart_retail; smart_retail.Engine, smart_retail.fit, smart_retail.Settings",
        "import smart_retail.serving.engine, smart_retail.serving.batch_export, smart_retail.bundle.versions",
        "import smart_retail.training.fit",
        "import smart_retail_cli.main as m; [m.cli.get_command(None, c) for c in m.COMMANDS]",
    ],
    ids=["package", "engine", "training", "cli"],
)
def test_importing_loads_nothing_that_only_fitting_needs(code: str) -> None:
    assert loaded_after(code) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_end_loads_nothing_heavy_and_no_other_front_end(package: str) -> None:
    others = [p for p in PACKAGES if p != package]
    code = f"import {package}, sys; assert not [m for m in {others!r} if m in sys.modules]"
    assert loaded_after(code) == set()


@pytest.mark.parametrize("path", OURS, ids=where)
def test_nothing_that_a_file_holds_is_ever_run(path: Path) -> None:
    tree = parsed(path)
    runs_code = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml"}
    found = [f"imports {name}" for name in imports(tree) if name in runs_code]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in {"eval", "exec", "os.system", "os.popen", "builtins.eval", "builtins.exec"}:
            found.append(f"line {node.lineno}: {called}")
        if called in {"joblib.load", "torch.load", "keras.models.load_model", "load_model", "pd.read_pickle"}:
            found.append(f"line {node.lineno}: {called}")
        for keyword in node.keywords:
            true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            if keyword.arg in {"allow_pickle", "shell"} and true:
                found.append(f"line {node.lineno}: {keyword.arg}=True")
        if called in {"np.load", "numpy.load"} and "allow_pickle" not in {k.arg for k in node.keywords}:
            found.append(f"line {node.lineno}: {called} does not say allow_pickle=False")
    assert found == []


@pytest.mark.parametrize("path", INTERFACES, ids=where)
def test_a_front_end_does_no_arithmetic(path: Path) -> None:
    package = path.relative_to(ROOT / "interfaces").parts[1]
    forbidden = set(ARITHMETIC) - set(FRAME_ADAPTERS.get(package, ()))
    assert forbidden.isdisjoint(imports(parsed(path)))


@pytest.mark.parametrize("path", OURS, ids=where)
def test_a_module_fits_in_a_head(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGER.get(where(path), MODULE_LINES), f"{lines} lines"


@pytest.mark.parametrize("path", OURS, ids=where)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_no_loose_module_lies_beside_a_package() -> None:
    loose = [where(p) for p in OURS if not (p.parent / "__init__.py").exists()]
    assert loose == []


def test_the_core_never_imports_its_own_front_door() -> None:
    """`from smart_retail import Engine` inside the core would be a circle through the package itself."""
    public = {"Engine", "RemoteEngine", "fit", "Settings"}
    found = [
        f"{where(path)}:{node.lineno}"
        for path in CORE
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == "smart_retail" and public & {a.name for a in node.names}
    ]
    assert found == []


def tracked() -> list[Path]:
    """Files under version control, or all of the sources where there is no git."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    names = [n for n in run.stdout.split("\0") if n] if run.returncode == 0 else []
    return [ROOT / n for n in names if (ROOT / n).is_file()] or [p for p in ROOT.glob("*.*") if p.is_file()] + OURS


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    here = re.escape(str(ROOT) + os.sep)
    places = re.compile(rf"https?://[^\s\"']*/(simple|packages)/|{here}|/home/[a-z]+/|/Users/[A-Za-z]+/")
    found = []
    for path in tracked():
        if path.suffix in {".png", ".svg", ".ico", ".gz", ".parquet", ".xlsx"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if places.search(line) and path != Path(__file__).resolve():
                found.append(f"{where(path)}:{number}")
    assert found == []


def test_constraints_are_exact_versions_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[^\s@/]+( ; .+)?", line)] == []


def test_everything_the_project_asks_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [name for names in (project["dependencies"], *project["optional-dependencies"].values()) for name in names]
    asked = {re.match(r"[A-Za-z0-9._-]+", name)[0].lower() for name in wanted} - {project["name"]}  # type: ignore[index]
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert asked - pinned == set()
