"""Texts of the data cannot control the terminal, and are unchanged in files and pipes."""

from __future__ import annotations

import csv
import io
import json

import pytest

from smart_retail_cli.output import print_csv, print_json

HOSTILE = "Mug\x1b[2J\x9b31m\u202e\x07"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "expected"), [(io.StringIO, HOSTILE), (Terminal, "Mug\ufffd[2J\ufffd31m\ufffd\ufffd")]
)
def test_control_characters_of_csv_reach_files_but_no_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], expected: str
) -> None:
    out = stream()
    monkeypatch.setattr("sys.stdout", out)
    print_csv(("item_id", "item_name"), [(HOSTILE, HOSTILE)])
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [["item_id", "item_name"], [expected, expected]]


def test_control_characters_of_json_are_escaped_without_loss(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE, "accent": "é"})
    text = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "é" in text
    assert json.loads(text) == {"name": HOSTILE, "accent": "é"}
