"""Global options, which may precede or follow a command, and the engine that they select."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from smart_retail.bundle.local_copy import open_folder
from smart_retail.client.api_key import configured_api_key
from smart_retail.errors import StoreError, UsageError
from smart_retail.protocol import RetailEngine
from smart_retail.serving import factory
from smart_retail.utils.artifacts_location import check_url, is_url, resolve_folder

DEFAULT_ARTIFACTS = Path("artifacts")
ARTIFACTS_VARIABLE = "SMART_RETAIL_ARTIFACTS"
API_URL_VARIABLE = "SMART_RETAIL_API_URL"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Environment variables that the numeric libraries read when they are first imported."""


def open_engine(context: CliContext) -> RetailEngine:
    """Return the engine behind `--api-url` if given, otherwise the engine of the published bundle."""
    return factory.open_engine(
        context.artifacts,
        context.api_url,
        configured_api_key(),
        context.rules,
        prefetch_lists=context.for_lists,
    )


@dataclass(slots=True)
class CliContext:
    """Values of the global options, and the function that opens an engine (replaced in tests)."""

    location: Path | str = DEFAULT_ARTIFACTS
    """Folder of the artifacts, or URL of a remote store."""
    api_url: str | None = None
    threads: int = 0
    rules: Path | None = None
    for_lists: bool = False
    """Whether the engine is opened to compute customers' lists, so that their files can be read ahead."""
    open: Callable[[CliContext], RetailEngine] = field(default=open_engine)
    _compared: bool = False
    """Whether the local copy of a remote store was compared with the store."""

    @property
    def artifacts(self) -> Path:
        """Folder of the artifacts; of a remote store the local copy, compared with the store once per command."""
        if not isinstance(self.location, str) or self._compared:
            return self.artifacts_folder
        folder = open_folder(self.location, _report_stale)
        self._compared = True
        return folder

    @property
    def artifacts_folder(self) -> Path:
        """Folder of the artifacts without a request to a remote store, for commands that publish to it."""
        return resolve_folder(self.location)

    def suggest(self, *commands: Sequence[str]) -> None:
        """Print the next commands to run to stderr, for the same bundle or API, quoted for a shell."""
        lines = [shlex.join(["smart-retail", *self._source_options(), *command]) for command in commands]
        click.echo(f"Next: {'  or  '.join(lines)}", err=True)

    def engine(self, *, for_lists: bool = False) -> RetailEngine:
        """Open the engine that the options select."""
        self.for_lists = for_lists
        return self.open(self)

    def _source_options(self) -> list[str]:
        """Return the options that select the same source again; none where the environment or the default does."""
        if self.api_url:
            return [] if os.environ.get(API_URL_VARIABLE) == self.api_url else ["--api-url", self.api_url]
        default = os.environ.get(ARTIFACTS_VARIABLE) or DEFAULT_ARTIFACTS
        return [] if str(default) == str(self.location) else ["--artifacts", str(self.location)]


def _report_stale(error: StoreError) -> None:
    click.echo(f"{error.message} The last copy on this machine is used.", err=True)


class ArtifactsType(click.Path):
    """A folder, or the URL of a remote store."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_url(value):
            try:
                return check_url(value)
            except UsageError as error:
                self.fail(f"{error.message} {error.hint}", param, ctx)
        return super().convert(value, param, ctx)


def _store_option(click_context: click.Context, option: click.Parameter, value: Any) -> None:
    context = click_context.ensure_object(CliContext)
    if value is None or click_context.resilient_parsing:
        return
    if option.name == "threads":
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(value)))
    setattr(context, str(option.name), value)


def global_options(*, hidden: bool) -> list[click.Option]:
    """Return the options that every command takes; hidden in the help of a single command."""
    common: dict[str, Any] = {"expose_value": False, "callback": _store_option, "hidden": hidden}
    return [
        click.Option(
            ["--artifacts", "location"],
            type=ArtifactsType(file_okay=False, path_type=Path),
            metavar="DIR|URL",
            envvar=None if hidden else ARTIFACTS_VARIABLE,
            help="Folder of the fitted versions, or a store such as s3://bucket/shop (default: artifacts; environment: "
            "SMART_RETAIL_ARTIFACTS).",
            **common,
        ),
        click.Option(
            ["--api-url"],
            metavar="URL",
            envvar=None if hidden else API_URL_VARIABLE,
            help="Use a running API instead of a local bundle (environment: SMART_RETAIL_API_URL; its key: "
            "SMART_RETAIL_API_KEY or SMART_RETAIL_API_KEY_FILE).",
            **common,
        ),
        click.Option(
            ["--rules"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="File of business rules (default: rules.toml in the artifacts folder).",
            **common,
        ),
        click.Option(
            ["--threads"],
            type=click.IntRange(1, 1024),
            metavar="N",
            help="Maximum number of threads (default: all processors).",
            **common,
        ),
    ]


def as_argument(identity: str) -> list[str]:
    """Return an id as command-line words; `--` precedes an id that starts with a dash."""
    return ["--", identity] if identity.startswith("-") else [identity]


class Command(click.Command):
    """A command that also accepts the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options(hidden=True))


class Group(click.Group):
    """A command with subcommands that also accepts the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options(hidden=True))


pass_cli_context = click.make_pass_decorator(CliContext, ensure=True)
