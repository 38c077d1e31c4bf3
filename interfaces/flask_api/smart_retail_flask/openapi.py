"""The OpenAPI 3.1 document. In: the table of operations and the result classes; out: the document.

Schemas of answers come from the classes of `smart_retail.results`, descriptions included, so that a
field is described once for Python and for HTTP.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from typing import Any

import msgspec

from smart_retail import results
from smart_retail_flask.problems import CODES, MIMETYPE, Problem
from smart_retail_flask.route_table import OPERATIONS, Operation

BASE_URL = "http://127.0.0.1:8000"
_REF = "#/components/schemas/{name}"
_ALWAYS = (400, 401, 403, 429, 500, 503)
_WITH_BODY = (413, 415)


def openapi(app: Any) -> dict[str, Any]:
    """The document of an application, with the schemas of all results."""
    document: dict[str, Any] = json.loads(json.dumps(app.api_doc))
    schemas = document["components"]["schemas"]
    schemas.update(result_schemas())
    schemas["Problem"] = _told(Problem, Problem.model_json_schema())
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def result_schemas() -> dict[str, Any]:
    """Schema by name of every result class that an answer may hold."""
    asked = {operation.result.__name__: operation.result for operation in OPERATIONS if operation.result}
    found = msgspec.json.schema_components(asked.values(), ref_template=_REF)[1]
    return {name: _told(asked.get(name) or getattr(results, name), schema) for name, schema in found.items()}


def _told(cls: type, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what its class says, every field always there."""
    for name, text in _field_docs(cls).items():
        schema["properties"][name]["description"] = text
    for field in schema["properties"].values():
        field.pop("title", None)
        field.pop("default", None)
    if doc := cls.__doc__:
        schema["description"] = inspect.cleandoc(doc).replace("\n", " ")
    else:
        schema.pop("description", None)
    return schema | {"required": list(schema["properties"])}


def _field_docs(cls: type) -> dict[str, str]:
    """Field -> the text that stands under it in the class; fields in one row share the last one's."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    waiting: list[str] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            waiting.append(node.target.id)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and waiting:
            found[waiting[-1]] = inspect.cleandoc(str(node.value.value)).replace("\n", " ")
            waiting.clear()
    return found


def responses(operation: Operation) -> dict[int, Any]:
    """What an operation may answer, by status, in OpenAPI's own form."""
    if operation.result is None:
        schema: dict[str, Any] = {"type": "string"}
    else:
        schema = {"$ref": _REF.format(name=operation.result.__name__)}
    if operation.field:
        array = {"type": "array", "items": schema}
        schema = {"type": "object", "properties": {operation.field: array}, "required": [operation.field]}
    headers = {
        "X-Model-Version": _header("Version of the model that answered."),
        "X-Request-Id": _header("Names this request in the server's log."),
    }
    found: dict[int, Any] = {
        200: {"description": "OK", "headers": headers, "content": {operation.mimetype: {"schema": schema}}}
    }
    if operation.method != "post" and operation.path:
        found[414] = {"description": "The address is longer than 8,190 characters; the server itself answers."}
    refused = {MIMETYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    for status in sorted((*_ALWAYS, *operation.errors, *(_WITH_BODY if operation.method == "post" else ()))):
        found[status] = {"description": f"Problem, such as `{CODES[status][0]}`.", "content": refused}
    return found


def code_samples(operation: Operation) -> list[dict[str, str]]:
    """The example call for the shell, Python and JavaScript."""
    url = BASE_URL + (operation.path or operation.rule)
    if operation.method == "delete":
        curl, python = f'curl -X DELETE "{url}"', f'httpx.delete("{url}")'
        javascript = f'fetch("{url}", {{method: "DELETE"}})'
    elif operation.body is None:
        curl, python, javascript = f'curl "{url}"', f'httpx.get("{url}")', f'fetch("{url}")'
    else:
        body = json.dumps(operation.body)
        curl = f"curl \"{url}\" -H 'Content-Type: application/json' -d '{body}'"
        python = f'httpx.post("{url}", json={body})'
        javascript = (
            f'fetch("{url}", {{\n  method: "POST",\n  headers: {{"Content-Type": "application/json"}},\n'
            f"  body: JSON.stringify({body}),\n}})"
        )
    show = operation.field or "result"
    return [
        {"lang": "Shell", "label": "curl", "source": curl},
        {"lang": "Python", "label": "Python", "source": f"import httpx\n\nanswer = {python}\nprint(answer.json())"},
        {
            "lang": "JavaScript",
            "label": "JavaScript",
            "source": f"const answer = await {javascript};\nconst {show} = await answer.json();",
        },
    ]


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}
