"""The command `doctor`: what this installation can do and what stands in the way."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from smart_retail.bundle import versions
from smart_retail.errors import ArtifactError, MissingBundleError, RetailError
from smart_retail.events import SqliteEventStore, open_events
from smart_retail_cli import extras
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import Table, format_option, show
from smart_retail_cli.version_commands import SIGNED

ENOUGH_DISK = 1_000_000_000
"""Bytes; a bundle of a million lines takes a tenth of it while it is written."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `state` is ok, absent (an extra nobody needs to have) or problem."""

    what: str
    state: str
    detail: str


@click.command(short_help="Check this installation and its bundle.", cls=Command, epilog="Example: smart-retail doctor")
@format_option
@pass_session
def doctor(session: Session, form: str) -> None:
    """Check Python, the extras, the artifacts folder, its bundle and events; exit 5 where something is wrong."""
    found = list(findings(session))
    rows = [asdict(finding) for finding in found]
    show(form, Table(("what", "state", "detail"), rows), lambda: rows)
    wrong = [finding for finding in found if finding.state == "problem"]
    if wrong:
        raise ArtifactError(f"{wrong[0].what}: {wrong[0].detail}", "Mend it, then run doctor again.")


def findings(session: Session) -> Iterator[Finding]:
    """Everything worth looking at, in the order in which it matters."""
    yield Finding("python", "ok", sys.version.split()[0])
    yield Finding("threads", "ok", f"{session.threads or os.cpu_count()} of {os.cpu_count()}")
    for extra in extras.EXTRAS:
        absent = extras.missing(extra)
        yield Finding(f"extra {extra}", "absent" if absent else "ok", extras.install(extra) if absent else "installed")
    yield from folder(session.artifacts)
    yield bundle(session.artifacts)
    yield events(session.artifacts)


def folder(root: Path) -> Iterator[Finding]:
    """The artifacts folder, or the nearest one above it where it is still to be made."""
    there = next(place for place in (root.absolute(), *root.absolute().parents) if place.exists())
    writable = os.access(there, os.R_OK | os.W_OK)
    yield Finding(
        "artifacts folder",
        "ok" if writable else "problem",
        "readable and writable" if writable else f"{root} cannot be written",
    )
    free = shutil.disk_usage(there).free
    yield Finding("disk", "ok" if free > ENOUGH_DISK else "problem", f"{free / 1e9:,.1f} GB free")


def bundle(root: Path) -> Finding:
    """The active version, every file checked."""
    try:
        problems = versions.verify(root)
        facts = versions.inspect(root)
    except MissingBundleError:
        return Finding("bundle", "absent", "none yet: smart-retail demo, or smart-retail fit ORDERS")
    except RetailError as error:
        return Finding("bundle", "problem", error.message)
    if problems:
        return Finding("bundle", "problem", problems[0])
    return Finding("bundle", "ok", f"{facts['version']}, every file as published; {SIGNED[facts['signature']]}")


def events(root: Path) -> Finding:
    """Where purchases since the last fit are kept, and whether that can be reached."""
    try:
        log = open_events(root)
        log.last()
    except RetailError as error:
        return Finding("events", "problem", error.message)
    return Finding("events", "ok", "beside the bundle" if isinstance(log, SqliteEventStore) else "in a database")
