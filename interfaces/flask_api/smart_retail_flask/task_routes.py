"""Routes of tasks: analyses and changes of the engine's protocol that take seconds.

Views and request models are derived from the classes of `smart_retail.analysis.tasks`. All need a key of the role
admin: they list customers, use much computing time, or change what every client gets.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from flask import current_app
from pydantic import BeforeValidator, Field, create_model

from smart_retail.analysis.rules_check import RulesCheck
from smart_retail.analysis.tasks import Activation
from smart_retail.protocol import Task
from smart_retail.results import Result
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.request_models import Body, Boolean, Query, parse_integer
from smart_retail_flask.routes import engine


def task_view(task: type[Task[Any]]) -> Callable[..., Any]:
    """Return the view of a task, with its request model as an annotation, for `routes.bind`."""
    assert task.route is not None
    kind = "query" if task.route[0] == "get" else "body"

    def view(**arguments: Any) -> Any:
        options = arguments[kind].model_dump() if kind in arguments else {}
        return run_task(task(**options))

    view.__name__ = task.name.replace("-", "_")
    view.__doc__ = inspect.getdoc(task)
    view.__annotations__ = {"return": Any}
    if task.__struct_fields__:
        model = request_model(task, Query if kind == "query" else Body)
        view.__annotations__[kind] = model
        parameter = inspect.Parameter(kind, inspect.Parameter.KEYWORD_ONLY, annotation=model)
        view.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]  # read by flask-openapi3
    else:
        view.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    return view


def run_task(task: Task[Any]) -> Result:
    """Run a task in this process; a version that it activated is served at once."""
    found: Result = engine().run(task)
    if isinstance(found, Activation):
        holder: ReloadingEngine = current_app.extensions[ReloadingEngine.__name__]
        holder.refresh()
    # Clients need not know the folder of the rules file.
    return msgspec.structs.replace(found, file=Path(found.file).name) if isinstance(found, RulesCheck) else found


def request_model(task: type[Task[Any]], base: type[Query | Body]) -> type[Query | Body]:
    """Return the request model of a task: the same fields, defaults, ranges and descriptions."""
    hints = get_type_hints(task, include_extras=True)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(task):
        default = ... if field.required else field.default
        fields[field.name] = (_field_type(hints[field.name], base), default)
    suffix = "Query" if base is Query else "Body"
    return create_model(f"{task.__name__.removesuffix('Task')}{suffix}", __base__=base, **fields)


def _field_type(hint: Any, base: type[Query | Body]) -> Any:
    """Return the type of a field for pydantic, with the limits and the description of the task."""
    plain, metas = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    limits: dict[str, Any] = {}
    for meta in metas:
        limits |= {
            name: v for name in ("ge", "le", "max_length", "description") if (v := getattr(meta, name)) is not None
        }
    if get_origin(plain) is not None:  # the limits of an optional text are inside
        parts = [part for part in get_args(plain) if get_origin(part) is Annotated]
        for meta in (m for part in parts for m in get_args(part)[1:]):
            limits = {name: v for name in ("ge", "le", "max_length") if (v := getattr(meta, name)) is not None} | limits
    if plain is bool:
        return Annotated[Boolean, Field(**limits)]
    if plain is int and base is Query:
        return Annotated[int, Field(**limits), BeforeValidator(parse_integer)]
    return Annotated[_without_metas(plain), Field(**limits)]


def _without_metas(hint: Any) -> Any:
    """Return a type without the metadata of msgspec inside it."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[0]
    if get_origin(hint) is None:
        return hint
    parts = [_without_metas(part) for part in get_args(hint)]
    union: Any = parts[0]
    for part in parts[1:]:
        union = union | part
    return union


EXAMPLES: Mapping[str, tuple[str, dict[str, Any] | None]] = {
    "forecast": ("?days=14", None),
    "migration": ("?from_date=2024-10-01", None),
    "rules-check": ("", {"content": 'ban = ["OFF-PA-10001970"]\n'}),
    "rules-save": ("", {"content": "max_per_category = 3\n"}),
    "rules-restore": ("", {"state": "20260131T081500.000000Z"}),
    "rollback": ("", {"version": None}),
}
"""Task -> query and body of the example in the documentation."""
