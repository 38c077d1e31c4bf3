"""The key with which a client calls an API, from the environment or from a file named there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smart_retail.errors import SettingsError

KEY_VARIABLE: Final = "SMART_RETAIL_API_KEY"
KEY_FILE_VARIABLE: Final = "SMART_RETAIL_API_KEY_FILE"


def configured_api_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the configured key, or None.

    Raises
    ------
    SettingsError
        Both variables are set, or the file cannot be read or is empty.
    """
    environ = os.environ if environ is None else environ
    text, path = environ.get(KEY_VARIABLE, ""), environ.get(KEY_FILE_VARIABLE, "")
    if text and path:
        raise SettingsError(f"Both {KEY_VARIABLE} and {KEY_FILE_VARIABLE} are set.", "Keep one of them.")
    if not path:
        return text or None
    try:
        key = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The file that {KEY_FILE_VARIABLE} names cannot be read.", "Check its path and permissions."
        ) from error
    if not key:
        raise SettingsError(f"The file that {KEY_FILE_VARIABLE} names is empty.", "Write the key into it.")
    return key
