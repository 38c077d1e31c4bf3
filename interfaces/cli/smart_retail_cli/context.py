"""What holds for a whole call: the options that may stand before or after a command, and the engine they name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from smart_retail.protocol import RetailEngine
from smart_retail.serving import factory

ARTIFACTS = Path("artifacts")
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Read by the numeric libraries when they are first imported."""


def open_engine(session: Session) -> RetailEngine:
    """The engine behind `--api-url` where it is given, else that of the bundle."""
    return factory.open_engine(
        session.artifacts,
        session.api_url,
        os.environ.get("SMART_RETAIL_API_KEY"),
        session.rules,
        listing=session.listing,
    )


@dataclass(slots=True)
class Session:
    """The global options, and how an engine is opened (tests hand in their own)."""

    artifacts: Path = ARTIFACTS
    api_url: str | None = None
    threads: int = 0
    rules: Path | None = None
    listing: bool = False
    """Whether the engine is opened for customers' lists."""
    open: Callable[[Session], RetailEngine] = field(default=open_engine)

    def suggest(self, *commands: Sequence[str]) -> None:
        """Say on stderr what to run next, for the same bundle or API and safe to paste into a shell."""
        place = ["--artifacts", str(self.artifacts)] if self.artifacts != ARTIFACTS else []
        place = ["--api-url", self.api_url] if self.api_url else place
        told = [shlex.join(["smart-retail", *place, *command]) for command in commands]
        click.echo(f"Next: {'  or  '.join(told)}", err=True)

    def engine(self, *, listing: bool = False) -> RetailEngine:
        self.listing = listing
        return self.open(self)


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    session = context.ensure_object(Session)
    if value is None or context.resilient_parsing:
        return
    if option.name == "threads":
        os.environ.update(dict.fromkeys(POOLS, str(value)))
    setattr(session, str(option.name), value)


def global_options(*, hidden: bool) -> list[click.Option]:
    """The options that hold for every command; hidden in the help of a single one."""
    kept: dict[str, Any] = {"expose_value": False, "callback": _remember, "hidden": hidden}
    return [
        click.Option(
            ["--artifacts"],
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            envvar=None if hidden else "SMART_RETAIL_ARTIFACTS",
            help="Folder of fitted bundles (default: artifacts; environment: SMART_RETAIL_ARTIFACTS).",
            **kept,
        ),
        click.Option(
            ["--api-url"],
            metavar="URL",
            envvar=None if hidden else "SMART_RETAIL_API_URL",
            help="Ask a running API instead of a bundle (its key: SMART_RETAIL_API_KEY).",
            **kept,
        ),
        click.Option(
            ["--rules"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Business rules (default: rules.toml in the artifacts folder).",
            **kept,
        ),
        click.Option(["--threads"], type=click.IntRange(1, 1024), metavar="N", help="At most so many threads.", **kept),
    ]


def as_argument(identity: str) -> list[str]:
    """An id as words of a command: one with a dash in front would be taken for an option."""
    return ["--", identity] if identity.startswith("-") else [identity]


class Command(click.Command):
    """A command that takes the global options too, wherever they stand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options(hidden=True))


class Group(click.Group):
    """A command with commands of its own that takes the global options too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options(hidden=True))


pass_session = click.make_pass_decorator(Session, ensure=True)
