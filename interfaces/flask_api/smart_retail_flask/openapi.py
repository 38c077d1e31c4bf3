"""OpenAPI 3.1 document, built from the route table and the result classes.

Response schemas come from the classes in `smart_retail.results`, descriptions included, so that each field is described
once for Python and HTTP.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from smart_retail import results
from smart_retail_flask.problems import CODES, MIMETYPE, Problem
from smart_retail_flask.request_models import Body
from smart_retail_flask.route_table import OPERATIONS, Operation

BASE_URL = "http://127.0.0.1:8000"
_REF = "#/components/schemas/{name}"
_ALWAYS = (400, 401, 403, 429, 500, 503)
_WITH_BODY = (408, 413, 415)
_WITH_LONG_URL = (414,)


def openapi(app: Any) -> dict[str, Any]:
    """Return the document of an application, with the schemas of all results."""
    document: dict[str, Any] = json.loads(json.dumps(app.api_doc))
    schemas = document["components"]["schemas"]
    schemas.update(result_schemas())
    schemas.update(_body_schemas(schemas))
    schemas["Problem"] = _described_schema(Problem, Problem.model_json_schema())
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _body_schemas(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of request bodies with all keywords, of which flask-openapi3 leaves out some."""
    bodies = {body.__name__: body for body in _subclasses(Body) if body.__name__ in schemas}
    return {
        name: schemas[name]
        | {"properties": body.model_json_schema(ref_template=_REF.format(name="{model}"))["properties"]}
        for name, body in bodies.items()
    }


def result_schemas() -> dict[str, Any]:
    """Return the schema of every result class that a response may contain, by name."""
    classes = {operation.result.__name__: operation.result for operation in OPERATIONS if operation.result}
    schemas = msgspec.json.schema_components(classes.values(), ref_template=_REF)[1]
    known = {cls.__name__: cls for cls in _subclasses(results.Result)} | classes
    return {name: _described_schema(known[name], schema) for name, schema in schemas.items()}


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    """Yield all classes derived from a class."""
    children: list[type[Any]] = cls.__subclasses__()
    for child in children:
        yield child
        yield from _subclasses(child)


def _described_schema(cls: type, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with the descriptions of its class; all fields are required."""
    for name, text in field_docs(cls).items():
        schema["properties"][name]["description"] = text
    for field in schema["properties"].values():
        field.pop("title", None)
        field.pop("default", None)
    if doc := cls.__doc__:
        schema["description"] = inspect.cleandoc(doc).replace("\n", " ")
    else:
        schema.pop("description", None)
    return schema | {"required": list(schema["properties"])}


def field_docs(cls: type) -> dict[str, str]:
    """Return the docstring below each field that has one."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    docs: dict[str, str] = {}
    last_field = ""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last_field = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last_field:
            docs[last_field] = inspect.cleandoc(str(node.value.value)).replace("\n", " ")
            last_field = ""
    return docs


def responses(operation: Operation) -> dict[int, Any]:
    """Return the OpenAPI response objects of an operation, by status."""
    if operation.result is None:
        schema: dict[str, Any] = {"type": "string"}
    else:
        schema = {"$ref": _REF.format(name=operation.result.__name__)}
    if operation.field:
        array = {"type": "array", "items": schema}
        schema = {"type": "object", "properties": {operation.field: array}, "required": [operation.field]}
    headers = {
        "X-Model-Version": _header("Version of the model behind the response."),
        "X-Request-Id": _header("Identifies this request in the server log."),
    }
    documented: dict[int, Any] = {
        200: {"description": "OK", "headers": headers, "content": {operation.mimetype: {"schema": schema}}}
    }
    problem = {MIMETYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    extra = _WITH_BODY if operation.body is not None else (_WITH_LONG_URL if operation.path else ())
    for status in sorted((*_ALWAYS, *operation.errors, *extra)):
        documented[status] = {"description": f"Problem, such as `{CODES[status][0]}`.", "content": problem}
    return documented


def code_samples(operation: Operation) -> list[dict[str, str]]:
    """Return the example request in curl, Python and JavaScript."""
    url = BASE_URL + (operation.path or operation.rule)
    if operation.method == "delete":
        curl, python = f'curl -X DELETE "{url}"', f'httpx.delete("{url}")'
        javascript = f'fetch("{url}", {{method: "DELETE"}})'
    elif operation.body is None:
        curl, python, javascript = f'curl "{url}"', f'httpx.get("{url}")', f'fetch("{url}")'
    else:
        body = json.dumps(operation.body)
        method = operation.method.upper()
        verb = "" if method == "POST" else f"-X {method} "
        curl = f"curl {verb}\"{url}\" -H 'Content-Type: application/json' -d '{body}'"
        python = f'httpx.{operation.method}("{url}", json={body})'
        javascript = (
            f'fetch("{url}", {{\n  method: "{method}",\n  headers: {{"Content-Type": "application/json"}},\n'
            f"  body: JSON.stringify({body}),\n}})"
        )
    variable = operation.field or "result"
    return [
        {"lang": "Shell", "label": "curl", "source": curl},
        {"lang": "Python", "label": "Python", "source": f"import httpx\n\nresponse = {python}\nprint(response.json())"},
        {
            "lang": "JavaScript",
            "label": "JavaScript",
            "source": f"const response = await {javascript};\nconst {variable} = await response.json();",
        },
    ]


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}
