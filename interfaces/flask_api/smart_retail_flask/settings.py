"""Options of the API and of its server: validated, immutable values that the CLI builds from its arguments."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from smart_retail.errors import SettingsError, UsageError

ROLES = ("read", "admin")
MAX_PROCESSES = 64
"""Most workers, and most threads in each worker."""
_KEY_LINE = re.compile(rf"({'|'.join(ROLES)}):([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Role and digest of a key; the key itself is not stored. Keys are 256 random bits, so a plain digest is safe."""

    role: str
    digest: str
    """SHA-256 of the key, hexadecimal."""

    def matches(self, key: str) -> bool:
        """Return whether `key` has this digest, compared in constant time."""
        return hmac.compare_digest(self.digest, _digest(key))


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Access rules and limits of the API.

    Raises
    ------
    SettingsError
        A limit is not positive, or `hosts` or `cors_origins` contains ``*``.
    """

    keys: tuple[ApiKey, ...] = ()
    """Accepted keys. Without keys, only clients on this machine are accepted."""
    hosts: tuple[str, ...] = ()
    """Accepted host names in addition to localhost; a name that starts with a dot includes its subdomains."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose web pages may read responses, such as ``https://shop.example``."""
    max_body: int = 1_000_000
    """Maximum size of a request body, bytes."""
    rate: float = 0.0
    """Requests per second for each key or address in each worker; 0 means no limit."""
    burst: int = 50
    """Requests that a client may send at once before `rate` applies."""
    metrics: bool = False
    """Whether ``/metrics`` is available, to clients that may read."""

    def __post_init__(self) -> None:
        if self.max_body < 1 or self.rate < 0 or self.burst < 1:
            raise SettingsError(
                "max_body and burst of the API must be at least 1, and rate at least 0.", "A rate of 0 sets no limit."
            )
        if "*" in self.cors_origins or "*" in self.hosts:
            raise SettingsError("'*' is not a valid host or origin.", "List each host and origin by name.")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Address, processes and API settings of one server.

    Raises
    ------
    UsageError
        The port or the number of workers or threads is out of range, or the address can be reached by other
        machines although there are no keys.
    """

    host: str = "127.0.0.1"
    """Address to listen on. Without keys it must be a loopback address."""
    port: int = 8000
    """TCP port, 1 to 65535."""
    workers: int = 2
    """Processes, 1 to 64; always one on Windows."""
    threads: int = 4
    """Threads in each worker, 1 to 64."""
    rules: str | os.PathLike[str] | None = None
    """Business rules file; by default ``rules.toml`` in the artifacts folder."""
    request_timeout: float = 10.0
    """Seconds in which a whole request must arrive; slower clients get 408."""
    log_level: str = "warning"
    """``info``, ``warning`` or ``error``; ``info`` logs each request as one JSON object without ids."""
    api: ApiSettings = field(default_factory=ApiSettings)

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise UsageError(f"Port {self.port} is out of range (1-65535).", "Choose another port with --port.")
        for name, count in (("workers", self.workers), ("threads", self.threads)):
            if not 1 <= count <= MAX_PROCESSES:
                raise UsageError(
                    f"The number of {name} is out of range: {count} (1-{MAX_PROCESSES}).",
                    "Two workers per core are enough.",
                )
        if not self.api.keys and not _is_loopback(self.host):
            raise UsageError(
                f"Without keys the API listens only on a loopback address, not on {self.host}.",
                "Create a key with --new-key and start the API with --keys FILE.",
            )

    @property
    def url_host(self) -> str:
        """The host as it is written in a URL: IPv6 addresses in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


def new_key(role: str = "read") -> tuple[str, str]:
    """Generate a key; return it and its line for the key file, which contains only the digest."""
    if role not in ROLES:
        raise SettingsError(f"{role!r} is not a valid role.", f"Choose one of {', '.join(ROLES)}.")
    key = secrets.token_urlsafe(32)
    return key, f"{role}:{_digest(key)}"


def read_keys(path: str | os.PathLike[str]) -> tuple[ApiKey, ...]:
    """Read keys from a file with one ``role:digest`` per line; blank lines and ``#`` comments are skipped.

    Raises
    ------
    SettingsError
        The file cannot be read, contains an invalid line, or contains no key.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The key file {path} cannot be read.", "Check the path and its permissions.") from error
    keys = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _KEY_LINE.fullmatch(line.strip())
        if not match:
            raise SettingsError(
                f"Line {number} of the key file {path} is not a valid role and digest.",
                "Write read:DIGEST or admin:DIGEST, as `smart-retail serve api --new-key` prints it.",
            )
        keys.append(ApiKey(*match.groups()))
    if not keys:
        raise SettingsError(
            f"The key file {path} contains no key.", "Add one with `smart-retail serve api --new-key read`."
        )
    return tuple(keys)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
