"""Commands for the fitted versions in the artifacts folder: versions, inspect, verify, rollback."""

from __future__ import annotations

from typing import Any

import click

from smart_retail.bundle import versions as artifacts
from smart_retail.errors import DamagedBundleError
from smart_retail.presentation import formatting
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_json, print_note, print_result

SIGNATURE_TEXTS = {
    "valid": "signed with the configured key",
    "unchecked": "signed, but not checked: SMART_RETAIL_SIGNING_KEY is not set",
    "none": "not signed",
}
COLUMNS = ("version", "fitted_at", "active", "previous", "size", "last_order", "customers", "hit_rate", "signature")
version_option = click.option("--version", "version", metavar="ID", help="Version id (default: the active version).")


@click.command(short_help="List the fitted versions.", cls=Command, epilog="Example: smart-retail versions")
@format_option
@pass_cli_context
def versions(context: CliContext, form: str) -> None:
    """List the fitted versions, newest first."""
    from smart_retail.analysis.tasks import VersionsTask

    task = VersionsTask()
    listed = context.engine().run(task) if context.api_url else task.read_folder(context.artifacts)
    found = [version.as_dict() for version in listed.versions]
    rows = found if form == "csv" else [row | {"size": formatting.format_bytes(row["size"])} for row in found]
    print_result(form, Table(COLUMNS, rows), lambda: found)
    if not found:
        context.suggest(["demo"], ["fit", "ORDERS"])


@click.command(
    short_help="Print the manifest of a version.", cls=Command, epilog="Example: smart-retail inspect | head -40"
)
@version_option
@pass_cli_context
def inspect(context: CliContext, version: str | None) -> None:
    """Print the manifest and signature status of a version as JSON."""
    manifest: dict[str, Any] = artifacts.inspect(context.artifacts, version)
    print_json(manifest)


@click.command(
    short_help="Check the files of a version.",
    cls=Command,
    epilog="Example: smart-retail verify && systemctl reload shop",
)
@version_option
@pass_cli_context
def verify(context: CliContext, version: str | None) -> None:
    """Compare every file of a version with its recorded digest, and check the signature if a signing key is set.

    The exit code is 5 if a file or the signature is wrong.
    """
    problems = artifacts.verify(context.artifacts, version)
    if problems:
        for problem in problems[1:]:
            print_note(problem)
        raise DamagedBundleError(
            problems[0], "Activate the previous version with `smart-retail rollback`, or fit again."
        )
    manifest = artifacts.inspect(context.artifacts, version)
    count = formatting.pluralize(len(manifest["files"]), "file")
    click.echo(f"{manifest['version']}: {count}, all unchanged; {SIGNATURE_TEXTS[manifest['signature']]}.")


@click.command(short_help="Activate an earlier version.", cls=Command, epilog="Example: smart-retail rollback")
@click.argument("version", required=False)
@pass_cli_context
def rollback(context: CliContext, version: str | None) -> None:
    """Activate the version that was active before, or the given VERSION.

    A further rollback goes back one more version. Name a version to return to a newer one.
    """
    from smart_retail.analysis.tasks import RollbackTask

    task = RollbackTask(version)
    found = context.engine().run(task) if context.api_url else task.change_folder(context.artifacts)
    click.echo(f"Active version: {found.version}")
    checks = [] if context.api_url else [["verify"]]
    context.suggest(*checks, *([["rollback", found.undone]] if found.undone else [["versions"]]))
