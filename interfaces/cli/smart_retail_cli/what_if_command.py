"""The command `what-if`: lists before and after a change, without a fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smart_retail.errors import UsageError
from smart_retail.protocol import DEFAULT_METHOD, METHODS
from smart_retail_cli import progress
from smart_retail_cli.context import CliContext, Command, pass_cli_context
from smart_retail_cli.output import Table, format_option, print_note, print_result
from smart_retail_cli.parameters import DATE
from smart_retail_cli.recommend_commands import n_option

if TYPE_CHECKING:
    from smart_retail.analysis.what_if import WhatIfResult

COLUMNS = ("figure", "before", "after")


@click.command(
    "what-if",
    short_help="Compare lists before and after a change.",
    cls=Command,
    epilog="Example: smart-retail what-if --with-rules new_rules.toml --sample 500",
)
@click.option(
    "--with-rules",
    "tried",  # not `rules`, which is the global option
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Try the business rules of this file in place of those in force.",
)
@click.option(
    "--weight", "weights", multiple=True, metavar="SOURCE=W", help="Try another weight of a source; repeatable."
)
@click.option("--as-of", type=DATE, metavar="DATE", help="Try another analysis date.")
@click.option("--returns-policy", type=click.Choice(["net", "keep"]), help="Try another returns policy.")
@click.option(
    "-m", "--method", type=click.Choice(METHODS), default=DEFAULT_METHOD, show_default=True, help="Method of the lists."
)
@n_option
@click.option(
    "--sample", type=click.IntRange(1, 5000), default=300, show_default=True, help="Number of customers to compare."
)
@format_option
@pass_cli_context
def what_if(
    context: CliContext,
    tried: Path | None,
    weights: tuple[str, ...],
    as_of: str | None,
    returns_policy: str | None,
    method: str,
    n: int,
    sample: int,
    form: str,
) -> None:
    """Compare the lists of a sample of customers before and after a change. Nothing is saved or published."""
    from smart_retail.analysis.long_tasks import WhatIfTask
    from smart_retail.analysis.what_if import compare_figures, describe_what_if
    from smart_retail.analysis.what_if_engine import Scenario
    from smart_retail.serving.business_rules import read_rules

    if not (tried or weights or as_of or returns_policy):
        raise UsageError("There is nothing to try.", "Add --with-rules, --weight, --as-of or --returns-policy.")
    content = None if tried is None else read_rules(tried)
    scenario = Scenario(content, dict(map(_parse_weight, weights)), as_of or "", returns_policy or "")
    engine = context.engine()
    with progress.show_progress() as listener:
        found = engine.run(WhatIfTask(scenario, method, n, sample=sample), listener)
    currency = engine.model().currency
    rows = [dict(zip(COLUMNS, figures, strict=True)) for figures in compare_figures(found, currency)]
    print_result(form, Table(COLUMNS, rows if form == "table" else _rows(found)), found.as_dict)
    print_note(f"{describe_what_if(found)}.")
    for note in found.notes:
        print_note(note)


def _parse_weight(text: str) -> tuple[str, float]:
    """Return source and weight of ``SOURCE=W``."""
    source, _, number = text.partition("=")
    try:
        return source.strip(), float(number)
    except ValueError:
        raise UsageError(f"{text!r} is not a source and a weight.", "Write it such as --weight popular=2.") from None


def _rows(found: WhatIfResult) -> list[dict[str, Any]]:
    """Return one row per figure of the lists, with the shares of discounts and categories."""
    before, after = found.before.as_dict(), found.after.as_dict()
    rows = [{"figure": name, "before": before[name], "after": after[name]} for name in before]
    parts = [("discount", found.discounts), ("category", found.categories)]
    return rows + [
        {"figure": f"{kind} {part.name}", "before": part.before, "after": part.after}
        for kind, shares in parts
        for part in shares
    ]
