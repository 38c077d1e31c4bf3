"""Commands that look after the bundles of the artifacts folder: versions, inspect, verify, rollback."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from smart_retail.bundle import versions as artifacts
from smart_retail.errors import DamagedBundleError
from smart_retail.presentation import formatting
from smart_retail_cli.context import Command, Session, pass_session
from smart_retail_cli.output import Table, format_option, json_out, note, show

SIGNED = {
    "valid": "signed with the key of this place",
    "unchecked": "signed, and not checked without SMART_RETAIL_SIGNING_KEY",
    "none": "not signed",
}
version_option = click.option("--version", "version", metavar="ID", help="Another version than the active one.")


@click.command(short_help="List the fitted versions.", cls=Command, epilog="Example: smart-retail versions")
@format_option
@pass_session
def versions(session: Session, form: str) -> None:
    """List the fitted versions, newest first."""
    found = [dataclasses.asdict(v) for v in artifacts.versions(session.artifacts)]
    show(form, Table(("version", "fitted_at", "active", "previous", "size", "signature"), found), lambda: found)
    if not found:
        session.suggest(["demo"], ["fit", "ORDERS"])


@click.command(
    short_help="Print the manifest of a version.", cls=Command, epilog="Example: smart-retail inspect | head -40"
)
@version_option
@pass_session
def inspect(session: Session, version: str | None) -> None:
    """Print the manifest of a version as JSON, and what its signature is worth, without loading anything else."""
    manifest: dict[str, Any] = artifacts.inspect(session.artifacts, version)
    json_out(manifest)


@click.command(
    short_help="Check every file against its digest.",
    cls=Command,
    epilog="Example: smart-retail verify && systemctl reload shop",
)
@version_option
@pass_session
def verify(session: Session, version: str | None) -> None:
    """Check every file of a version against its digest, and its signature where a signing key is set; exit 5 where one
    is wrong."""
    problems = artifacts.verify(session.artifacts, version)
    if problems:
        for problem in problems[1:]:
            note(problem)
        raise DamagedBundleError(problems[0], "Go back with: smart-retail rollback, or fit again.")
    facts = artifacts.inspect(session.artifacts, version)
    count = formatting.count(len(facts["files"]), "file")
    click.echo(f"{facts['version']}: {count}, all as published; {SIGNED[facts['signature']]}.")


@click.command(short_help="Go back to the previous version.", cls=Command, epilog="Example: smart-retail rollback")
@pass_session
def rollback(session: Session) -> None:
    """Make the previous version the active one again."""
    click.echo(f"Active now: {artifacts.rollback(session.artifacts)}")
    session.suggest(["verify"])
