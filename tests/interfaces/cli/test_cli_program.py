"""The program as a whole: exit codes, global options, help, clean output, fast start, front ends, doctor."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from smart_retail import errors
from smart_retail.serving.web_app import WebAppOptions
from smart_retail_cli import extras, main
from smart_retail_cli.context import CliContext
from smart_retail_cli.main import cli
from smart_retail_cli.output import replace_control_characters


def leaves(group: click.Group = cli, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Return every command with the words that call it."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += leaves(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found.append(((*path, name), command))
    return found


@pytest.mark.parametrize(("words", "command"), leaves(), ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_the_help_of_every_command_has_an_example(words: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0
    assert f"Example: smart-retail {' '.join(words)}" in result.stdout
    assert command.help


class Failing:
    """An engine whose every attribute raises an error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("u", "h"), 2),
        (errors.SettingsError("s", "h"), 2),
        (errors.DataError("d", "h"), 3),
        (errors.FitError("f", "h"), 4),
        (errors.ArtifactError("a", "h"), 5),
        (errors.LockError("l", "h"), 6),
        (errors.QualityGateError("q", "h"), 7),
        (ZeroDivisionError("secret detail"), 1),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, BaseException) else str(v),
)
def test_every_error_has_its_exit_code_and_no_traceback(run: Any, error: BaseException, code: int) -> None:
    result = run("segments", context=CliContext(open=lambda _: Failing(error)))  # type: ignore[arg-type]
    assert result.exit_code == code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) <= 2
    if isinstance(error, errors.RetailError):
        assert result.stderr == f"Error: {error.message}\n{error.hint}\n"


@pytest.mark.slow
def test_the_program_prints_no_warnings_of_libraries_at_exit(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("customer_id,timestamp,item_id,quantity,amount\nc1,never,a,1,2.5\n")
    call = [sys.executable, "-m", "smart_retail_cli", "--artifacts", str(tmp_path / "artifacts"), "fit", str(orders)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3
    *_, error, hint = done.stderr.splitlines()
    assert error.startswith("Error: No row of orders.csv"), done.stderr
    assert hint.startswith("Check which columns"), done.stderr


def test_ctrl_c_stops_without_an_error_message(run: Any) -> None:
    result = run("segments", context=CliContext(open=lambda _: Failing(KeyboardInterrupt())))  # type: ignore[arg-type, return-value]
    assert result.exit_code == 130
    assert result.stderr.strip() == "Stopped."


def test_a_bug_asks_for_a_report_and_debug_mode_shows_the_traceback(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = CliContext(open=lambda _: Failing(ZeroDivisionError("by zero")))  # type: ignore[arg-type, return-value]
    assert "report" in run("segments", context=broken).stderr
    monkeypatch.setenv("SMART_RETAIL_DEBUG", "1")
    assert isinstance(run("segments", context=broken).exception, ZeroDivisionError)


@pytest.mark.parametrize("words", [("--artifacts", "shop", "segments"), ("segments", "--artifacts", "shop")])
def test_artifacts_may_precede_or_follow_the_command(run: Any, engine: Any, words: Any) -> None:
    context = CliContext(open=lambda _: engine)
    assert run(*words, context=context).exit_code == 0
    assert context.artifacts == Path("shop")


def test_the_environment_sets_the_artifacts_folder(run: Any, engine: Any) -> None:
    context = CliContext(open=lambda _: engine)
    run("segments", context=context, env={"SMART_RETAIL_ARTIFACTS": "elsewhere"})
    assert context.artifacts == Path("elsewhere")
    run("segments", "--artifacts", "here", context=context, env={"SMART_RETAIL_ARTIFACTS": "elsewhere"})
    assert context.artifacts == Path("here")


def test_the_address_of_an_api_reaches_the_engine(run: Any, engine: Any) -> None:
    context = CliContext(open=lambda _: engine)
    run("recommend", "c0001", "--api-url", "http://127.0.0.1:9", context=context)
    assert context.api_url == "http://127.0.0.1:9"


def test_a_folder_without_a_bundle_suggests_fit(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--artifacts", str(tmp_path), "recommend", "c0001"])
    assert result.exit_code == 5
    assert "smart-retail fit" in result.stderr
    assert CliRunner().invoke(cli, ["--artifacts", str(tmp_path), "verify"]).exit_code == 5


def test_an_unknown_command_is_a_usage_error(run: Any) -> None:
    assert run("recomend", "c0001").exit_code == 2


def test_doctor_reports_a_missing_bundle_without_failing(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--artifacts", str(tmp_path), "--format", "csv"])
    assert result.exit_code == 0
    assert "bundle,absent" in result.stdout


def test_doctor_fails_if_the_event_store_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_RETAIL_EVENTS_URL", "mysql://shop:secret@db.example/shop")
    result = CliRunner().invoke(cli, ["doctor", "--artifacts", str(tmp_path)])
    assert result.exit_code == 5
    assert "PostgreSQL" in result.output
    assert "secret" not in result.output


def test_doctor_fails_if_the_bundle_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "current").write_text("nonsense")
    result = CliRunner().invoke(cli, ["doctor", "--artifacts", str(tmp_path)])
    assert result.exit_code == 5


@pytest.mark.parametrize(
    ("text", "shown"), [("plain é", "plain é"), ("\x1b[31mred", "\ufffd[31mred"), ("a\nb\rc", "a\ufffdb\ufffdc")]
)
def test_control_characters_are_replaced(text: str, shown: str) -> None:
    assert replace_control_characters(text) == shown


def test_every_listed_command_exists() -> None:
    for name in main.COMMANDS:
        assert cli.get_command(click.Context(cli), name) is not None


COLD = """
import sys
import tomllib
from smart_retail_cli.main import cli
try:
    cli.main(["recommend", "x", "--format", "json"])
except SystemExit:
    pass
print(*[m for m in ("rich.table", "duckdb", "narwhals", "pandas", "smart_retail.training.fit") if m in sys.modules])
"""


def test_json_output_imports_neither_rich_tables_nor_training(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLD], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == ""


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    shell = f"{sys.executable} -m smart_retail_cli --help | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("serve", "api"), "flask"),
        (("serve", "streamlit"), "streamlit"),
        (("serve", "gradio"), "gradio"),
        (("desktop",), "tkinter"),
    ],
)
def test_a_missing_front_end_names_its_extra(
    run: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], extra: str
) -> None:
    monkeypatch.setitem(extras.EXTRAS, extra, ("a_module_that_is_not_there",))
    result = run(*words)
    assert result.exit_code == 2
    assert f'pip install "smart-retail-engine[{extra}]"' in result.stderr


def test_doctor_checks_every_extra_of_the_distribution() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert set(extras.EXTRAS) == set(tomllib.loads(text)["project"]["optional-dependencies"]) - {"dev", "docs", "all"}


@pytest.mark.parametrize(
    ("words", "module", "expected"),
    [
        (("serve", "streamlit", "--port", "1"), "smart_retail_streamlit.server", WebAppOptions(port=1)),
        (
            ("serve", "streamlit", "--port", "1", "--allow-fit", "--allow-local-files", "--allow-host", "a.example"),
            "smart_retail_streamlit.server",
            WebAppOptions(port=1, hosts=("a.example",), allow_fit=True, allow_local_files=True),
        ),
        (("serve", "gradio", "--host", "::1"), "smart_retail_gradio.server", WebAppOptions("::1", 7860)),
    ],
)
def test_a_web_app_is_started_with_the_options(
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    module: str,
    expected: WebAppOptions,
) -> None:
    started: list[WebAppOptions] = []
    engine: dict[str, object] = {}
    rules = tmp_path / "rules.toml"
    rules.touch()

    def serve(options: WebAppOptions, **values: object) -> None:
        started.append(options)
        engine.update(values)

    monkeypatch.setattr(importlib.import_module(module), "serve", serve)
    result = run("--rules", str(rules), *words, "--api-url", "http://x")
    assert result.exit_code == 0, result.stderr
    assert started == [expected]
    assert engine == {"artifacts": "artifacts", "api_url": "http://x", "api_key": None, "rules": str(rules)}
    assert f":{expected.port}" in result.stderr


@pytest.mark.parametrize("app", ["streamlit", "gradio"])
def test_a_web_app_on_every_address_needs_the_host_names(run: Any, app: str) -> None:
    result = run("serve", app, "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "must know the host names that browsers use" in result.stderr
    assert "--allow-host" in result.stderr


def test_the_desktop_tool_is_started_with_the_options(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options: dict[str, object] = {}
    rules = tmp_path / "rules.toml"
    rules.touch()
    launch = importlib.import_module("smart_retail_tkinter.launch")
    monkeypatch.setattr(launch, "run", lambda **values: options.update(values))
    monkeypatch.setenv("SMART_RETAIL_API_KEY", "secret")
    assert run("desktop", "--artifacts", "shop", "--rules", str(rules)).exit_code == 0
    assert options == {"artifacts": "shop", "api_url": None, "api_key": "secret", "rules": str(rules)}


@pytest.mark.parametrize("customer", ["a b", 'q"uote', "-dash", "?q=1&n=2"])
def test_suggested_commands_are_quoted_for_the_shell(run: Any, customer: str) -> None:
    result = run("--artifacts", "my shop", "recommend", "--", customer)
    commands = result.stderr.splitlines()[-1].removeprefix("Next: ").split("  or  ")
    for command in commands:
        words = shlex.split(command)
        assert words[:3] == ["smart-retail", "--artifacts", "my shop"]
        again = run(*words[1:])
        assert again.exit_code == 0
        assert customer in again.stdout


@pytest.mark.parametrize(("folder", "repeated"), [("shop", False), ("other", True)])
def test_suggestions_omit_the_folder_that_the_environment_sets(run: Any, folder: str, repeated: bool) -> None:
    result = run("--artifacts", folder, "recommend", "c0001", env={"SMART_RETAIL_ARTIFACTS": "shop"})
    assert ("--artifacts" in result.stderr.splitlines()[-1]) is repeated


def test_doctor_fails_if_the_rules_file_is_broken(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("ban = [", encoding="utf-8")
    result = CliRunner().invoke(cli, ["doctor", "--artifacts", str(tmp_path)])
    assert result.exit_code == 5
    assert "business rules" in result.stderr
    rules.write_text('ban = ["P-1"]', encoding="utf-8")
    assert CliRunner().invoke(cli, ["doctor", "--artifacts", str(tmp_path)]).exit_code == 0


def test_a_full_disk_is_not_reported_as_a_bug(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    Path("orders.csv").write_text("Customer,Date,Item,Amount\na,2024-05-01,x,1\n", encoding="utf-8")
    result = run("fit", "orders.csv", "--dry-run")
    assert (result.exit_code, "disk is full" in result.stderr, "bug" in result.stderr) == (5, True, False)
    assert "TMPDIR" in result.stderr
