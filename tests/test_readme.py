"""The README lists every command and extra, and its examples are valid."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from smart_retail_cli.main import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def leaves(group: click.Group = cli, path: str = "") -> dict[str, click.Command]:
    """Return command line -> command for every command."""
    context, found = click.Context(group), {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            found |= leaves(command, words)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[words] = command
    return found


def shown() -> list[str]:
    """Return every call of the program in a code block."""
    blocks = re.findall(r"```(?:sh)?\n(.*?)```", README, re.S)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    return [line[line.index("smart-retail ") :].strip() for line in lines if "smart-retail " in line]


@pytest.mark.parametrize("words", leaves())
def test_the_table_lists_every_command(words: str) -> None:
    assert re.search(rf"^\| `smart-retail {words}[ `]", README, re.M)


def test_the_table_lists_only_existing_commands() -> None:
    named = re.findall(r"^\| `smart-retail ([a-z -]+?)(?: [A-Z-][^`]*)?`", README, re.M)
    assert set(named) == set(leaves())


@pytest.mark.parametrize("line", shown())
def test_the_options_of_every_example_exist(line: str) -> None:
    """Options are parsed by the real commands; nothing is run."""
    words = shlex.split(line.partition(">>")[0])[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        context = command.make_context("smart-retail", words, resilient_parsing=True)
        words = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    options = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= options


def test_every_extra_is_mentioned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in set(project["optional-dependencies"]) - {"dev", "docs", "all"}:
        assert f"`{extra}`" in README


def test_linked_files_exist() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "architecture.md"):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_exit_codes_match_the_errors() -> None:
    from smart_retail import errors

    documented = {
        int(code)
        for code in re.findall(r"(?:: |, |\s)(\d) (?:ok|bug|usage|data|fitting|artifacts|another|the)", README)
    }
    real = {c.exit_code for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.RetailError)}
    assert documented == real | {0}


def test_help_of_the_program_lists_every_command() -> None:
    text = CliRunner().invoke(cli, ["--help"]).stdout
    assert all(re.search(rf"^  {words.split()[0]} ", text, re.M) for words in leaves())
