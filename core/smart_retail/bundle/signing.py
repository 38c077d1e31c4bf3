"""Signatures of bundles: an HMAC-SHA256 over the manifest, with a key that only fitting and serving hosts have.

The key comes from the environment or from a file named there. The signature is a file next to the manifest. Digests
detect corruption; the signature authenticates the writer. The key is never written anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smart_retail.errors import SettingsError, SignatureError

SIGNATURE: Final = "manifest.hmac"
MAX_SIGNATURE_BYTES: Final = 256
KEY_VARIABLE: Final = "SMART_RETAIL_SIGNING_KEY"
KEY_FILE_VARIABLE: Final = "SMART_RETAIL_SIGNING_KEY_FILE"
MIN_KEY_BYTES: Final = 32
"""Bytes; a key of 32 random bytes is as strong as the digest."""

_LINE = re.compile(rb"hmac-sha256 ([0-9a-f]{64})\n?")


def signing_key(environ: Mapping[str, str] | None = None) -> bytes | None:
    """Return the configured key, or None.

    Raises
    ------
    SettingsError
        Both variables are set, the file cannot be read, or the key is too short.
    """
    environ = os.environ if environ is None else environ
    text, path = environ.get(KEY_VARIABLE, ""), environ.get(KEY_FILE_VARIABLE, "")
    if text and path:
        raise SettingsError(f"Both {KEY_VARIABLE} and {KEY_FILE_VARIABLE} are set.", "Keep one of them.")
    if not text and not path:
        return None
    try:
        key = Path(path).read_bytes().strip() if path else text.strip().encode()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The file that {KEY_FILE_VARIABLE} names cannot be read.", "Check its path and permissions."
        ) from error
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(
            f"The signing key has fewer than {MIN_KEY_BYTES} characters.", "Make one with: openssl rand -hex 32"
        )
    return key


def signature_line(key: bytes, manifest: bytes) -> bytes:
    """Return the content of the signature file."""
    return f"hmac-sha256 {hmac.new(key, manifest, hashlib.sha256).hexdigest()}\n".encode()


def check_signature(key: bytes, manifest: bytes, line: bytes | None, version: str) -> None:
    """Raise `SignatureError` unless the signature file is valid for the manifest.

    Parameters
    ----------
    key : bytes
    manifest : bytes
        Content of the manifest.
    line : bytes or None
        Content of the signature file, None if it is missing.
    version : str
        Version id for the message.

    Raises
    ------
    SignatureError
        The signature is missing, malformed or made with another key.
    """
    if line is None:
        raise SignatureError(
            f"Version {version} is not signed, but a signing key is configured.",
            f"Fit again with the signing key, or start without {KEY_VARIABLE}.",
        )
    found = _LINE.fullmatch(line)
    if found is None or not hmac.compare_digest(signature_line(key, manifest), b"hmac-sha256 " + found[1] + b"\n"):
        raise SignatureError(
            f"The signature of version {version} was not made with this installation's key.",
            "Check which host wrote it; `smart-retail rollback` returns to the previous version.",
        )
