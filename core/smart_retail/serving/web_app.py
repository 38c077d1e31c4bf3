"""Options that the web apps share: their address, the host names they accept, and what visitors may do."""

from __future__ import annotations

from dataclasses import dataclass

from smart_retail.errors import UsageError

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine; always accepted."""
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # compared with, not listened on


@dataclass(frozen=True, slots=True)
class WebAppOptions:
    """Address and permissions of a web app.

    Raises
    ------
    UsageError
        The app listens on every address of the machine and no host name is given.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8501
    hosts: tuple[str, ...] = ()
    """Further host names that browsers may use, such as those of a reverse proxy."""
    allow_fit: bool = False
    """Whether visitors may fit and publish models."""
    allow_local_files: bool = False
    """Whether visitors may name files of the server's machine to fit from."""

    def __post_init__(self) -> None:
        if self.host in ANY_ADDRESS and not self.hosts:
            raise UsageError(
                f"With --host {self.host} the app must know the host names that browsers use for it.",
                "Add --allow-host NAME for each of them, such as --allow-host shop.example.com.",
            )

    @property
    def accepted_hosts(self) -> tuple[str, ...]:
        """Host names that requests may use; all others are rejected, which prevents DNS rebinding."""
        own = () if self.host in ANY_ADDRESS else (self.host,)
        return tuple(dict.fromkeys((*LOCAL_HOSTS, *own, *self.hosts)))
