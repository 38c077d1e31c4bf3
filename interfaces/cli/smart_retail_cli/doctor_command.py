"""The command `doctor`: check the installation, the bundle, the rules file, the event store and the added items."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from smart_retail.bundle import versions
from smart_retail.bundle.local_copy import refresh
from smart_retail.errors import ArtifactError, MissingBundleError, RetailError
from smart_retail.events import EmptyEventStore, SqliteEventStore, open_events
from smart_retail.events.item_changes import ItemChanges
from smart_retail.presentation import formatting
from smart_retail.serving.business_rules import read_rules, rules_path
from smart_retail.serving.engine import Engine
from smart_retail.utils.artifacts_location import store_url
from smart_retail_cli import extras
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_result
from smart_retail_cli.version_commands import SIGNATURE_TEXTS

MIN_FREE_DISK_BYTES = 1_000_000_000
"""Free bytes required; writing the bundle of a million order lines takes a tenth of them."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check; `state` is ``ok``, ``absent`` (optional and not there) or ``problem``."""

    check: str
    state: str
    detail: str


@click.command(short_help="Check this installation and its bundle.", cls=Command, epilog="Example: smart-retail doctor")
@format_option
@pass_cli_context
def doctor(context: CliContext, form: str) -> None:
    """Check Python, the extras, the artifacts folder, the bundle, the business rules, events and added items.

    The exit code is 5 if there is a problem.
    """
    checks = list(run_checks(context))
    rows = [asdict(check) for check in checks]
    print_result(form, Table(("check", "state", "detail"), rows), lambda: rows)
    problems = [check for check in checks if check.state == "problem"]
    if problems:
        raise ArtifactError(f"{problems[0].check}: {problems[0].detail}", "Fix the problem, then run doctor again.")


def run_checks(context: CliContext) -> Iterator[Check]:
    """Yield the results of all checks, basic ones first."""
    yield Check("python", "ok", sys.version.split()[0])
    yield Check("threads", "ok", f"{context.threads or os.cpu_count()} of {os.cpu_count()}")
    for extra in extras.EXTRAS:
        absent = extras.missing_modules(extra)
        yield Check(
            f"extra {extra}", "absent" if absent else "ok", extras.install_command(extra) if absent else "installed"
        )
    folder = context.artifacts_folder
    if store_url(folder) is not None:
        yield check_store(folder)
    yield from check_folder(folder)
    yield check_bundle(folder)
    yield check_rules(folder, context.rules)
    yield check_events(folder)
    yield check_items(folder)


def check_store(folder: Path) -> Check:
    """Check that the remote store can be reached, and copy what is published there."""
    try:
        refresh(folder)
    except RetailError as error:
        return Check("store", "problem", f"{error.message} {error.hint}")
    return Check("store", "ok", f"{store_url(folder)} can be read")


def check_folder(root: Path) -> Iterator[Check]:
    """Check the artifacts folder, or its nearest existing parent."""
    existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    writable = os.access(existing, os.R_OK | os.W_OK)
    yield Check(
        "artifacts folder",
        "ok" if writable else "problem",
        "readable and writable" if writable else f"{root} is not writable",
    )
    free = shutil.disk_usage(existing).free
    yield Check("disk", "ok" if free > MIN_FREE_DISK_BYTES else "problem", f"{formatting.format_bytes(free)} free")


def check_bundle(root: Path) -> Check:
    """Check every file of the active version."""
    try:
        problems = versions.verify(root)
        manifest = versions.inspect(root)
    except MissingBundleError:
        return Check("bundle", "absent", "none yet; create one with: smart-retail demo, or smart-retail fit ORDERS")
    except RetailError as error:
        return Check("bundle", "problem", error.message)
    if problems:
        return Check("bundle", "problem", problems[0])
    return Check(
        "bundle", "ok", f"{manifest['version']}, all files unchanged; {SIGNATURE_TEXTS[manifest['signature']]}"
    )


def check_rules(root: Path, path: Path | None) -> Check:
    """Check that the file of business rules is valid for the active version."""
    file = rules_path(root, path)
    if file is None:
        return Check("business rules", "absent", "no rules.toml in the artifacts folder; optional")
    try:
        read_rules(file)
        Engine.load(root, rules=file)
    except ArtifactError:
        return Check("business rules", "ok", f"{file} can be read; not checked against a version")
    except RetailError as error:
        return Check("business rules", "problem", f"{error.message} {error.hint}".strip())
    return Check("business rules", "ok", f"{file} is valid")


def check_items(root: Path) -> Check:
    """Check that the file of the items added since the last fit can be read."""
    try:
        changed = ItemChanges(root).read()
    except RetailError as error:
        return Check("added items", "problem", f"{error.message} {error.hint}")
    return Check(
        "added items", "ok" if changed else "absent", f"{formatting.pluralize(len(changed), 'item')} added or changed"
    )


def check_events(root: Path) -> Check:
    """Check that the store of purchases since the last fit can be reached."""
    try:
        store = open_events(root)
        store.last_sequence()
    except RetailError as error:
        return Check("events", "problem", error.message)
    if isinstance(store, EmptyEventStore):
        return Check("events", "absent", "artifacts in a store need SMART_RETAIL_EVENTS_URL for them; optional")
    return Check("events", "ok", "in the artifacts folder" if isinstance(store, SqliteEventStore) else "in a database")
