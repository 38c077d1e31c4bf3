"""How the API guards its door. In: what the operator chose; out: one frozen value, checked."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from smart_retail.errors import SettingsError

ROLES = ("read", "admin")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_LINE = re.compile(rf"({'|'.join(ROLES)}):([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: never the key itself. Keys are 256 random bits, so a plain digest is safe."""

    role: str
    digest: str
    """SHA-256 of the key, hexadecimal."""

    def matches(self, key: str) -> bool:
        """Whether this is the key, compared in constant time."""
        return hmac.compare_digest(self.digest, _digest(key))


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Everything the API can be told beside its engine."""

    keys: tuple[ApiKey, ...] = ()
    """Without keys only this machine may ask."""
    hosts: tuple[str, ...] = ()
    """Host names the API answers to beside localhost; one that begins with a dot covers its subdomains."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may read the answers, such as ``https://shop.example``."""
    max_body: int = 1_000_000
    """Bytes."""
    rate: float = 0.0
    """Requests a second for one key or address, per worker; 0 sets no limit."""
    burst: int = 50
    """Requests that may come at once before the rate holds."""
    metrics: bool = False
    """Whether ``/metrics`` gives figures; whoever may read may read them."""

    def __post_init__(self) -> None:
        if self.max_body < 1 or self.rate < 0 or self.burst < 1:
            raise SettingsError("max_body, rate and burst of the API must be positive.", "A rate of 0 sets no limit.")
        if "*" in self.cors_origins or "*" in self.hosts:
            raise SettingsError("The API takes no * for hosts or origins.", "Name each one.")


def new_key(role: str = "read") -> tuple[str, str]:
    """A fresh key and the line for the key file, which holds its digest only."""
    if role not in ROLES:
        raise SettingsError(f"There is no role {role!r}.", f"Choose one of {', '.join(ROLES)}.")
    key = secrets.token_urlsafe(32)
    return key, f"{role}:{_digest(key)}"


def read_keys(path: str | os.PathLike[str]) -> tuple[ApiKey, ...]:
    """Keys from a file with one ``role:digest`` a line; blank lines and ``#`` comments are skipped.

    Raises
    ------
    SettingsError
        The file cannot be read, holds a line of another form, or no key at all.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The key file {path} cannot be read.", "Check the path and its rights.") from error
    keys = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if not found:
            raise SettingsError(
                f"Line {number} of the key file {path} is not a role and a digest.",
                "Write read:DIGEST or admin:DIGEST, as `smart-retail serve api --new-key` prints it.",
            )
        keys.append(ApiKey(*found.groups()))
    if not keys:
        raise SettingsError(f"The key file {path} holds no key.", "Add one with `smart-retail serve api --new-key`.")
    return tuple(keys)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
