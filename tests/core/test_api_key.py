"""The key of a client comes from the environment or from a file, which containers mount as a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_retail.client.api_key import KEY_FILE_VARIABLE, KEY_VARIABLE, configured_api_key
from smart_retail.errors import SettingsError


def test_key_is_read_from_the_environment_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "api.key"
    path.write_text("secret\n")
    assert configured_api_key({KEY_VARIABLE: "secret"}) == "secret"
    assert configured_api_key({KEY_FILE_VARIABLE: str(path)}) == "secret"
    assert configured_api_key({KEY_VARIABLE: ""}) is None
    assert configured_api_key({}) is None


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_unusable_file_is_an_error_that_does_not_repeat_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "api.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=KEY_FILE_VARIABLE) as error:
        configured_api_key({KEY_FILE_VARIABLE: str(path)})
    assert str(path) not in error.value.message


def test_both_variables_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Both"):
        configured_api_key({KEY_VARIABLE: "a", KEY_FILE_VARIABLE: str(tmp_path / "b")})
