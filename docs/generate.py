"""The parts of these pages that the code itself knows: tables of headers, settings, routes, errors.

In: the code. Out: the text between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` of each page.
``python docs/generate.py`` writes the pages anew; a test fails where a page is behind the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_type_hints

from smart_retail import errors, settings
from smart_retail.bundle import layout
from smart_retail.data import columns
from smart_retail.data.ingestion import row_validation
from smart_retail.data.parsing import presets
from smart_retail.data.parsing.presets import normalize_header
from smart_retail.segmentation import rfm
from smart_retail.segmentation.segments import SEGMENTS
from smart_retail.serving import rule_set

DOCS: Final = Path(__file__).parent
_SECTION = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.S)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def text_below(module: ModuleType, name: str) -> str:
    """The text that stands below a constant."""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            assert isinstance(after, ast.Expr)
            assert isinstance(after.value, ast.Constant)
            return inspect.cleandoc(str(after.value.value))
    raise LookupError(name)


def headers() -> str:
    """Canonical column -> every header by which it is known, the most specific first."""
    rows = []
    for column in columns.CANONICAL:
        known = [*presets.ALIASES[column], *(h for p in presets.PRESETS for h in p.columns.get(column, ()))]
        distinct: dict[str, str] = {}
        for header in known:
            distinct.setdefault(normalize_header(header), header.replace("_", " ").lower())
        rows.append((f"`{column}`", "yes" if column in columns.REQUIRED else "", ", ".join(distinct.values())))
    return table(("column", "needed", "headers"), rows)


def catalogue_headers() -> str:
    """Column of a catalogue -> every header by which it is known, the most specific first."""
    rows = []
    for column in columns.CATALOGUE:
        distinct = dict.fromkeys([column.replace("_", " "), *presets.CATALOGUE_ALIASES[column]])
        rows.append((f"`{column}`", "yes" if column == columns.ITEM_ID else "", ", ".join(distinct)))
    return table(("column", "needed", "headers"), rows)


def exports() -> str:
    """Known exports: by which headers they are recognised and what is taken for granted of their rows."""
    rows = []
    for preset in presets.PRESETS:
        required = ", ".join(f"`{preset.columns[name][0]}`" for name in preset.required)
        rows.append((preset.name, required, " ".join(preset.notes)))
    return table(("export", "recognised by", "what is done"), rows)


def reasons() -> str:
    """Why a row is set aside."""
    found = re.findall(r"^(\S.*?) {2,}(.+)$", text_below(row_validation, "REASONS"), re.M)
    assert tuple(reason for reason, _ in found) == row_validation.REASONS[1:]
    return table(("reason", "the row"), ((f"`{reason}`", meaning) for reason, meaning in found))


def all_settings() -> str:
    """Every setting with its default, its allowed values, its environment variable and its description."""
    parts = []
    for setting in settings.describe_settings():
        section, _, key = setting.name.rpartition(".")
        environment = f"`SMART_RETAIL_{section.upper()}__{key.upper()}`" if section else f"option `--{key}`"
        default = f"`{json.dumps(setting.default)}`"
        parts.append((f"`{setting.name}`", default, setting.expected, environment, setting.description))
    return table(("setting", "default", "allowed", "environment", "description"), parts)


def all_errors() -> str:
    """Every error of the engine: its stable code, the exit code and the HTTP status."""

    def below(cls: type[errors.RetailError]) -> Iterator[type[errors.RetailError]]:
        for child in cls.__subclasses__():
            yield child
            yield from below(child)

    found = sorted(below(errors.RetailError), key=lambda cls: (cls.exit_code, cls.code))
    rows = [
        (f"`{cls.code}`", str(cls.exit_code), str(cls.http_status), (inspect.getdoc(cls) or "").partition("\n\n")[0])
        for cls in found
        if cls.__module__ == errors.__name__
    ]
    return table(("code", "exit code", "HTTP status", "when"), rows)


def rules_file() -> str:
    """The example of a rules file."""
    _, _, block = (rule_set.__doc__ or "").partition(".. code-block:: toml\n")
    return f"```toml\n{textwrap.dedent(block).strip()}\n```\n"


def segment_grid() -> str:
    """The usual segment of each cell of recency and frequency."""
    rows = [(f"**R {r}**", *rfm.SEGMENT_TABLE[r - 1]) for r in range(5, 0, -1)]
    return table(("", *(f"F {f}" for f in range(1, 6))), rows)


def segments() -> str:
    """What each segment means and what to do."""
    return table(("segment", "meaning", "what to do"), ((name, *texts) for name, texts in SEGMENTS.items()))


def routes() -> str:
    """Every route of the API."""
    found = ((f"`{verb.upper()} {path}`", operation["summary"]) for path, verb, operation in operations())
    return table(("route", "returns"), found)


def route_permissions() -> str:
    """Return the status of each route for each kind of key, as a table."""
    from smart_retail_flask.auth import PUBLIC_PATHS
    from smart_retail_flask.route_table import OPERATIONS

    rows = []
    for operation in OPERATIONS:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.rule)
        rows.append(
            (
                f"`{operation.method.upper()} {path}`",
                *_statuses(operation.rule.startswith(PUBLIC_PATHS), operation.role),
            )
        )
    rows += [(f"`GET {path}`", *_statuses(True, "read")) for path in ("/openapi.json", "/docs")]
    rows.append(("`GET /` (redirects to `/docs`)", "302", "302", "302", "302"))
    return table(("route", "no key", "invalid key", "key of the role read", "key of the role admin"), rows)


def _statuses(is_open: bool, role: str) -> tuple[str, str, str, str]:
    if is_open:
        return "200", "200", "200", "200"
    return "401", "401", "403" if role == "admin" else "200", "200"


def samples() -> str:
    """Return the description and example calls of each route, from the OpenAPI document."""
    parts = []
    for path, verb, operation in operations():
        about = operation["description"] if operation["description"] != operation["summary"] else ""
        parts.append(f"### {operation['summary']}\n\n`{verb.upper()} {path}`\n")
        parts.append(" ".join(about.split()) + "\n" if about else "")
        query_parameters = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
        if query_parameters:
            parts.append(table(("parameter", "default", "meaning"), map(_parameter, query_parameters)))
        parts += code(operation)
    return "\n".join(part for part in parts if part)


def code(operation: dict[str, Any]) -> list[str]:
    """The example calls of one route."""
    languages = {"Shell": "sh", "Python": "python", "JavaScript": "javascript"}
    return [f"```{languages[s['lang']]}\n{s['source']}\n```\n" for s in operation["x-codeSamples"]]


def call(path: str) -> str:
    """The example calls of the route with this path."""
    return "\n".join(text for there, _, operation in operations() if there == path for text in code(operation))


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str]:
    default = parameter["schema"].get("default")
    shown = "" if default is None or default == [] else f"`{json.dumps(default)}`"
    return f"`{parameter['name']}`", shown, parameter.get("description", "")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, verb and operation of the OpenAPI document, in its order."""
    from smart_retail_flask.openapi_export import openapi

    for path, verbs in openapi()["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


FRONT_ENDS: Final = {
    "Command line": "cli",
    "API": "flask_api",
    "Streamlit": "streamlit_app",
    "Gradio": "gradio_app",
    "Desktop tool": "tkinter_app",
}
"""Front end -> its folder."""
OPERATIONS: Final = {
    "recommendations for a customer": ("recommend", "query_customers"),
    "recommendations for a basket": ("recommend_for_basket", "query_basket"),
    "related products": ("similar_items", "query_similar"),
    "product bundles": ("bundles",),
    "substitutes of a product": ("substitutes",),
    "audience of a product": ("audience",),
    "popular products": ("popular", "query_popular"),
    "search of customers": ("search_customers",),
    "search of products": ("search_items",),
    "table of customers": ("customers",),
    "profile of a customer": ("customer",),
    "value of a customer": ("customer_value",),
    "value of the shop, expected revenue": ("value_summary", "expected_revenue"),
    "cohorts": ("cohorts",),
    "replenishment calendar": ("replenishment",),
    "RFM segments": ("segments",),
    "customer clusters": ("clusters",),
    "sales of a period": ("sales",),
    "model information": ("model",),
    "file of recommendations for many customers": ("write_recommendations", "query_customers"),
    "file of the value of all customers": ("write_values", "customer_values"),
    "fit": ("fit", "start_fit", "FitTask"),
    "check of an import": ("inspect_source", "inspect_columns", "InspectedSource", "dry_run"),
    "versions and rollback": ("versions", "rollback", "RollbackTask"),
    "erasure of a customer": ("erase",),
    "items added or changed between fits": ("add_items", "put_items"),
    "recording of events": ("record", "open_events"),
    "campaign": ("build_campaign", "campaign_rows", "write_campaign", "CampaignTask"),
    "uplift of a campaign": ("estimate_uplift", "UpliftTask"),
    "segment migration": ("compute_migration", "segment_migration", "migration_between_dates", "MigrationTask"),
    "sales forecast": ("forecast", "forecast_shop", "ForecastTask"),
    "HTML report": ("write_report", "report_html", "ReportTask"),
    "what-if": ("what_if", "WhatIfTask"),
    "business rules: check, save, restore": ("check_rules", "save_rules", "SaveRulesTask"),
}
"""Operation -> functions of the core that do it."""


_ITEMS: Final = "sent by shop software; people give a catalogue file to a fit"
_POPULAR: Final = "shown as the method Popular, and for an unknown customer"
_IMPORT: Final = "done on the machine that has the files; a fit over the API reports how it read them"
_ERASURE: Final = "for the operator of the engine, on the command line or over the API"
_EVENTS: Final = "sent by shop software, not typed by people"
_CAMPAIGN: Final = "a campaign has it, for the customers that are chosen"
REASONS: Final = {
    ("popular products", "Gradio"): _POPULAR,
    ("popular products", "Desktop tool"): _POPULAR,
    ("items added or changed between fits", "Streamlit"): _ITEMS,
    ("items added or changed between fits", "Desktop tool"): _ITEMS,
    ("check of an import", "API"): _IMPORT,
    ("erasure of a customer", "Streamlit"): _ERASURE,
    ("recording of events", "Streamlit"): _EVENTS,
    ("recording of events", "Desktop tool"): _EVENTS,
    ("file of recommendations for many customers", "Streamlit"): _CAMPAIGN,
    ("file of the value of all customers", "Streamlit"): _CAMPAIGN,
}
"""Operation and front end -> why it is not offered there."""
DEFAULT_REASONS: Final = {
    "Gradio": "Gradio is for trying lists; files, analyses and changes are left to the other front ends"
}
"""Front end -> why it does not offer the operations without a reason of their own."""


@cache
def called_names(folder: Path) -> set[str]:
    """The names of all functions that the modules of a folder call or import from the core."""
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("smart_retail."):
                found |= {alias.name for alias in node.names}
    return found


def offered(operation: str, front_end: str) -> bool:
    """Whether the code of a front end calls a function of the operation, or the API offers its task."""
    names = called_names(DOCS.parent / "interfaces" / FRONT_ENDS[front_end])
    return bool(set(OPERATIONS[operation]) & (names | task_classes() if front_end == "API" else names))


def task_classes() -> set[str]:
    """The names of the classes of all tasks of the API."""
    from smart_retail_flask.job_tasks import LONG_TASKS, SHORT_TASKS
    from smart_retail_flask.route_table import TASKS

    return {name for _, name in LONG_TASKS.values()} | {task.__name__ for task in (*SHORT_TASKS.values(), *TASKS)}


def job_options() -> str:
    """The options of each task that can run as a job."""
    import msgspec

    from smart_retail.analysis.campaign import CampaignSettings
    from smart_retail.analysis.what_if_engine import Scenario
    from smart_retail_flask.job_tasks import JOB_TASKS, find_task
    from smart_retail_flask.openapi import field_docs

    rows = []
    for name in JOB_TASKS:
        task = find_task(name)
        hints = get_type_hints(task)
        components = msgspec.json.schema_components([task])[1]
        described = components[task.__name__]["properties"]
        for field in msgspec.structs.fields(task):
            about = described[field.name].get("description", "")
            if field.name in task.file_fields:
                several = described[field.name].get("type") == "array"
                about += " A list of ids of uploads." if several else " The id of an upload."
            rows.append((f"`{name}`", f"`{field.name}`", "yes" if field.required else "", about))
            for inner in (CampaignSettings, Scenario):
                if hints[field.name] is inner:
                    docs = field_docs(inner)
                    rows += [(f"`{name}`", f"`{field.name}.{part}`", "", docs.get(part, "")) for part in docs]
        if not task.__struct_fields__:
            rows.append((f"`{name}`", "none", "", ""))
    return table(("task", "option", "needed", "meaning"), rows)


def front_ends() -> str:
    """Which operation each front end offers."""
    rows = [(name, *("yes" if offered(name, front_end) else "-" for front_end in FRONT_ENDS)) for name in OPERATIONS]
    return table(("operation", *FRONT_ENDS), rows)


def missing_operations() -> str:
    """Why a front end does not offer an operation."""
    found: dict[tuple[str, str], list[str]] = {}
    for front_end in FRONT_ENDS:
        for operation in OPERATIONS:
            if not offered(operation, front_end):
                reason = REASONS.get((operation, front_end), DEFAULT_REASONS.get(front_end, "not offered yet"))
                found.setdefault((front_end, reason), []).append(operation)
    rows = ((front_end, ", ".join(operations), reason) for (front_end, reason), operations in found.items())
    return table(("front end", "does not offer", "reason"), rows)


def bundle_arrays() -> str:
    """A table of the arrays and JSON files of a bundle."""
    rows = ((f"`{name}`", *rest) for name, *rest in layout.documentation_rows())
    return table(("Name below `tables/`", "Type", "Shape", "Customers", "Content"), rows)


SECTIONS: Final[dict[str, Callable[[], str]]] = {
    "headers": headers,
    "catalogue_headers": catalogue_headers,
    "exports": exports,
    "reasons": reasons,
    "settings": all_settings,
    "errors": all_errors,
    "rules": rules_file,
    "segment_grid": segment_grid,
    "segments": segments,
    "routes": routes,
    "route_permissions": route_permissions,
    "job_options": job_options,
    "bundle_arrays": bundle_arrays,
    "samples": samples,
    "first_call": partial(call, "/v1/customers/{customer_id}/recommendations"),
    "front_ends": front_ends,
    "missing_operations": missing_operations,
    "events_call": partial(call, "/v1/events"),
    "basket_call": partial(call, "/v1/basket/recommendations"),
}


def renewed(page: str) -> str:
    """A page with its generated sections as the code has them now."""
    return _SECTION.sub(lambda m: f"{m[1]}\n{SECTIONS[m[2]]()}\n{m[3]}", page)


def main() -> None:
    """Write every page anew."""
    for path in sorted(DOCS.glob("*.md")):
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
