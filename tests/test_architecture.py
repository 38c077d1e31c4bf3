"""Architecture rules that no linter checks: what is imported when, and what no module may contain."""

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
MODULES = [*CORE, *INTERFACES]
PACKAGES = sorted(p.parent.name for p in (ROOT / "interfaces").glob("*/smart_retail_*/__init__.py"))
HEAVY = (
    "tensorflow", "keras", "sklearn", "lightgbm", "numba", "pandas", "pyarrow", "polars", "joblib", "matplotlib",
    "seaborn", "prophet", "pyspark",
)  # fmt: skip
"""Libraries for training and drawing, which serving never imports."""

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


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def heavy_modules_after(code: str) -> set[str]:
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
        "import smart_retail.training.outputs.executor_lists",
        "import smart_retail_cli.main as m; [m.cli.get_command(None, c) for c in m.COMMANDS]",
    ],
    ids=["package", "engine", "training", "executors", "cli"],
)
def test_an_import_loads_no_library_for_training(code: str) -> None:
    assert heavy_modules_after(code) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_end_loads_no_library_for_training_and_no_other_front_end(package: str) -> None:
    others = [p for p in PACKAGES if p != package]
    code = f"import {package}, sys; assert not [m for m in {others!r} if m in sys.modules]"
    assert heavy_modules_after(code) == set()


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_no_module_executes_the_content_of_a_file(path: Path) -> None:
    tree = parse(path)
    unsafe = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml"}
    found = [f"imports {name}" for name in imports(tree) if name in unsafe]
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
            found.append(f"line {node.lineno}: {called} without allow_pickle=False")
    assert found == []


@pytest.mark.parametrize("path", INTERFACES, ids=where)
def test_a_front_end_imports_no_library_for_arithmetic(path: Path) -> None:
    package = path.relative_to(ROOT / "interfaces").parts[1]
    forbidden = set(ARITHMETIC) - set(FRAME_ADAPTERS.get(package, ()))
    assert forbidden.isdisjoint(imports(parse(path)))


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_every_module_has_a_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_every_module_is_part_of_a_package() -> None:
    found = [where(p) for p in MODULES if not (p.parent / "__init__.py").exists()]
    assert found == []


def test_the_core_does_not_import_its_own_public_names() -> None:
    """`from smart_retail import Engine` inside the core would be an import cycle through the package itself."""
    public = {"Engine", "RemoteEngine", "fit", "Settings"}
    found = [
        f"{where(path)}:{node.lineno}"
        for path in CORE
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module == "smart_retail" and public & {a.name for a in node.names}
    ]
    assert found == []


def tracked() -> list[Path]:
    """Files under version control, or all of the sources where there is no git."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    names = [n for n in run.stdout.split("\0") if n] if run.returncode == 0 else []
    return [ROOT / n for n in names if (ROOT / n).is_file()] or [p for p in ROOT.glob("*.*") if p.is_file()] + MODULES


def test_no_file_names_a_package_registry_or_a_local_path() -> None:
    here = re.escape(str(ROOT) + os.sep)
    local = re.compile(rf"https?://[^\s\"']*/(simple|packages)/|{here}|/home/[a-z]+/|/Users/[A-Za-z]+/")
    found = []
    for path in tracked():
        if path.suffix in {".png", ".svg", ".ico", ".gz", ".parquet", ".xlsx"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if local.search(line) and path != Path(__file__).resolve():
                found.append(f"{where(path)}:{number}")
    assert found == []


def test_constraints_are_exact_versions_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[^\s@/]+( ; .+)?", line)] == []


REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9._-]+)==(?P<version>[^\s;@/]+)(?: ; .+?)?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


@pytest.mark.parametrize(("image", "extras"), [("build", ()), ("serve", ("flask", "streamlit")), ("fit", ("train",))])
def test_packages_of_containers_have_hashes_and_the_pinned_versions(image: str, extras: tuple[str, ...]) -> None:
    text = (ROOT / "requirements" / f"{image}.txt").read_text(encoding="utf-8")
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.replace("\\\n", " ").splitlines()]
    found = [REQUIREMENT.fullmatch(line) for line in lines]
    assert [line for line, match in zip(lines, found, strict=True) if not match] == []
    pinned = {line.split(" ;")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    versions = {match["name"]: f"{match['name']}=={match['version']}" for match in found if match}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if image == "build":
        assert (ROOT / "requirements" / "build.in").read_text(encoding="utf-8").split() == project["build-system"][
            "requires"
        ]
        assert "hatchling" in versions
        return
    assert set(versions.values()) <= pinned
    optional = project["project"]["optional-dependencies"]
    requirements = [
        *project["project"]["dependencies"],
        *(name for extra in (*extras, "postgres") for name in optional[extra]),
    ]
    required = {re.match(r"[A-Za-z0-9._-]+", name)[0].lower() for name in requirements}  # type: ignore[index]
    assert required <= set(versions)


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [
        name for names in (project["dependencies"], *project["optional-dependencies"].values()) for name in names
    ]
    required = {re.match(r"[A-Za-z0-9._-]+", name)[0].lower() for name in requirements} - {project["name"]}  # type: ignore[index]
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert required - pinned == set()
