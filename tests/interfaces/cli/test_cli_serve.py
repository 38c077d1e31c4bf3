"""The commands `serve`, `desktop` and `openapi export`: ports and output files."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import UsageError
from smart_retail_cli.serve_commands import check_port


@pytest.fixture
def used_port() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(("command", "module"), [("api", "flask"), ("streamlit", "streamlit"), ("gradio", "gradio")])
def test_a_port_in_use_is_a_usage_error(run: Any, used_port: int, command: str, module: str) -> None:
    pytest.importorskip(module)
    result = run("serve", command, "--port", used_port)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"Error: Port {used_port} is already in use.",
        "Stop the other program, or choose another --port.",
    ]


def test_a_free_port_is_accepted_and_stays_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_of_another_machine_is_a_usage_error(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_port(host, 8000)
    assert host in caught.value.message


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("openapi", "export", "-o", "nowhere/openapi.json"), "does not exist"),
        (("report", "-o", "nowhere/report.html"), "does not exist"),
        (("report", "-o", "report.pdf"), ".html"),
    ],
)
def test_an_invalid_output_file_is_a_usage_error(run: Any, tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert list(tmp_path.iterdir()) == []
