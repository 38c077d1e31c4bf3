"""The documentation matches the code: every command and sample is valid, and every list is complete."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import shop

from smart_retail import errors, results
from smart_retail.settings import Settings
from smart_retail.utils.id_map import IdMap
from smart_retail_cli.main import INTERRUPTED, cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    """Page and text of every code block in one of the languages."""
    for name, page in PAGES.items():
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```", page, re.S | re.M):
            if language in languages:
                yield name, text


def calls() -> Iterator[str]:
    """Every call of the program in the pages and in the containers, as typed in a shell."""
    for _, text in blocks("sh", "ini"):
        for line in text.splitlines():
            if found := re.search(r"(?:^|[ /])smart-retail (?!\S*-serve)(.+)", line.partition(" #")[0]):
                yield re.split(r" (?:>>|\||&&) ", found[1])[0].strip()
    for _, text in blocks("sh"):
        yield from re.findall(r"^docker (?:run --rm smart-retail-serve|compose run --rm fit) (.+)$", text, re.M)
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^CMD (\[.+\])$", dockerfile, re.M):
        yield shlex.join(json.loads(line))
    for line in re.findall(r"^    command: \[(.+)\]$", (ROOT / "compose.yaml").read_text(encoding="utf-8"), re.M):
        yield " ".join(line.replace(",", "").split())


def test_reasons_are_given_for_operations_that_a_front_end_does_not_offer() -> None:
    pages = generator()
    assert [cell for cell in pages.REASONS if pages.offered(*cell)] == []
    assert all(any(pages.offered(name, where) for where in pages.FRONT_ENDS) for name in pages.OPERATIONS)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PAGES)
def test_generated_sections_are_up_to_date(name: str) -> None:
    pytest.importorskip("flask_openapi3")
    assert generator().renewed(PAGES[name]) == PAGES[name], "run: python docs/generate.py"


def test_every_generated_section_is_on_a_page() -> None:
    begun = [name for page in PAGES.values() for name in re.findall(r"<!-- begin (\w+) -->", page)]
    assert sorted(begun) == sorted(generator().SECTIONS)


@pytest.mark.parametrize("line", sorted(set(calls())))
def test_documented_commands_parse(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, choices, ranges and arguments, parsed by the real commands; nothing is run."""
    monkeypatch.chdir(tmp_path)
    words = [word.removeprefix("/exports/") for word in shlex.split(line)]
    for word in words:
        if re.fullmatch(r"\w[\w/]*(\.\w+)+", word):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
    command: click.Command = cli
    context = command.make_context("smart-retail", words)
    while isinstance(command, click.Group) and (words := [*context._protected_args, *context.args]):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = command.make_context(str(command.name), words, parent=context)
    assert not context.args
    assert command is not cli


def test_documented_commands_are_found() -> None:
    assert len(set(calls())) > 40


@pytest.mark.parametrize(("page", "text"), sorted(set(blocks("python"))))
def test_python_samples_use_existing_names(page: str, text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            names = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert [name for name in names if find_spec(f"{node.module}.{name}") is None] == [], page


def test_the_documented_settings_file_is_valid() -> None:
    (text,) = [text for name, text in blocks("toml") if name == "settings.md"]
    assert Settings.from_dict(tomllib.loads(text)).data.currency == "EUR"


def test_the_documented_rules_file_is_valid(tmp_path: Path) -> None:
    import numpy as np

    from smart_retail.recommenders.base import Catalogue
    from smart_retail.serving.rule_set import RuleTargets, load_rule_set

    (text,) = [text for name, text in blocks("toml") if name == "operations.md"]
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    ids = IdMap.of(["A", "TEC-AC-2", "TEC-PH-7"])
    catalogue = Catalogue(np.array([1, 1, 0], np.int32), np.full(3, -1, np.int32), np.array([2.0, 3.0, 4.0]))
    targets = RuleTargets(ids, ["Gift cards", "Paper"], ["Champions", "Loyal"], catalogue)
    rules = load_rule_set(tmp_path / "rules.toml", targets)
    assert rules.general.allowed is not None
    assert rules.general.allowed.tolist() == [True, False, False]
    assert rules.general.boosts == {1: 1.5}
    assert [section.label for section in rules.sections] == ["From 2026-12-01 to 2026-12-24, for Champions and Loyal"]
    assert rules.select((0,)).boosts == {1: 1.5, 2: 2.0}


def test_documented_responses_have_the_fields_of_the_results() -> None:
    shown = [json.loads(text) for name, text in blocks("json") if name == "api.md"]
    answer, receipt, problem = shown

    def names(cls: Any) -> set[str]:
        return set(cls.__struct_fields__)

    assert set(answer) == names(results.RecommendationList)
    assert set(answer["items"][0]) == names(results.Recommendation)
    assert set(answer["items"][0]["reasons"][0]) == names(results.Reason)
    problems = pytest.importorskip("smart_retail_flask.problems")
    assert set(problem) == set(problems.Problem.model_fields)
    assert set(receipt) == names(pytest.importorskip("smart_retail_flask.admin_routes").Receipt)


def test_the_documented_exit_codes_are_those_of_the_errors() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGES["operations.md"], re.M)}
    real = {c.exit_code for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.RetailError)}
    assert documented == real | {0, INTERRUPTED}


def test_the_layers_in_the_architecture_page_are_those_of_the_linter() -> None:
    (layers,) = [c["layers"] for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "layers"]
    section = PAGES["architecture.md"].partition("## Layers")[2].partition("\n## ")[0]
    rows = [
        re.findall(r"`(\w+)`", row)
        for row in re.findall(r"^\| (?!front ends|layer|---)[^|]+\| (.+?) \|$", section, re.M)
    ]
    linted = [re.findall(r"\w+", layer) for layer in layers]
    assert sorted(name for row in rows for name in row) == sorted(name for layer in linted for name in layer)
    order = {name: level for level, layer in enumerate(linted) for name in layer}
    levels = [order[name] for row in rows for name in row]
    assert levels == sorted(levels)


def test_the_navigation_has_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r": ([\w-]+\.md)$", text, re.M)) == sorted(PAGES)


def test_containers_run_with_minimal_rights() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for stage in re.split(r"^FROM ", dockerfile, flags=re.M):
        if " AS fit" in stage or " AS serve" in stage:
            assert "\nUSER shop\n" in stage
    assert "\nHEALTHCHECK " in dockerfile
    installs = re.findall(r"pip install (?!--no-index)(.*)", dockerfile)
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    services = re.findall(r"^  (\w+):\n    <<: \*closed$", compose, re.M)
    assert services == ["api", "streamlit", "fit"]
    assert "read_only: true" in compose
    assert "cap_drop: [ALL]" in compose
    assert set(re.findall(r'ports: \["([\d.]+):', compose)) == {"127.0.0.1"}


def test_containers_have_limits_secrets_as_files_and_an_internal_network() -> None:
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    for service in services.values():
        assert service["mem_limit"] == service["memswap_limit"]
        assert service["pids_limit"] <= 256
        assert service["read_only"] is True
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in service["secrets"]
        assert set(service["secrets"]) <= set(compose["secrets"])
    assert services["fit"]["network_mode"] == "none"
    assert compose["networks"]["backend"]["internal"] is True
    for name in ("api", "streamlit"):
        assert set(services[name]["networks"]) == {"backend", "frontend"}
    assert "signing_key" in services["api"]["secrets"]
    assert "signing_key" in services["fit"]["secrets"]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert all(Path(secret["file"]).parts[0] == "secrets" for secret in compose["secrets"].values())
    assert "/secrets/" in ignored


def test_the_site_builds_in_strict_mode_and_loads_no_external_resource(tmp_path: Path) -> None:
    pytest.importorskip("material")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?([^\s\">]+)", text)
        loaded += re.findall(
            r"<link\b(?=[^>]*rel=\"?(?:stylesheet|preconnect|icon|preload))[^>]*href=\"?([^\s\">]+)", text
        )
        assert [address for address in loaded if "//" in address] == [], page.name


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    """Every code cell in turn, on the tests' small shop."""
    pytest.importorskip("matplotlib").use("Agg")
    notebook = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == [], "clear the outputs before a commit"
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            names["orders"] = str(shop.write(tmp_path / "orders.csv"))
            names["artifacts"] = str(tmp_path / "artifacts")
    assert len(names["points"]) > 100
    assert set(names["side_by_side"].lists) == {"personalized", "rfm", "cf", "popular", "hybrid"}


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda page: page.name)
def test_rows_of_a_table_have_as_many_cells_as_its_header(page: Path) -> None:
    """Otherwise a table is shown as plain text, or cells are dropped."""
    rows: list[int] = []
    for line in [*re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))))
        else:
            assert len(set(rows)) <= 1, (line, rows)
            rows = []
