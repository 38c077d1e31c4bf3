"""Interactive documentation: ``/openapi.json`` and Swagger UI at ``/docs``; ``/`` redirects there.

All scripts and styles are served from the `flask-openapi3-swagger` package; the content security policy of the page
blocks other origins.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, send_from_directory

from smart_retail.results import to_json
from smart_retail_flask import openapi
from smart_retail_flask.middleware import current_request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
_FILES = {
    "swagger-ui.css": "css/swagger-ui.css",
    "swagger-ui-bundle.js": "js/swagger-ui-bundle.js",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Smart Retail Engine API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """// Swagger UI does not display x-codeSamples: append them to each description.
fetch("openapi.json").then((response) => response.json()).then((spec) => {
  for (const path of Object.values(spec.paths)) {
    for (const operation of Object.values(path)) {
      const samples = (operation["x-codeSamples"] || []).map(
        (s) => "\\n\\n" + s.label + "\\n```" + s.lang.toLowerCase() + "\\n" + s.source + "\\n```"
      );
      operation.description = (operation.description || "") + samples.join("");
    }
  }
  SwaggerUIBundle({spec: spec, dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
});
"""


def blueprint(app: Any) -> Blueprint:
    """Return the documentation routes of `app`."""
    docs = Blueprint("docs", __name__)

    @cache
    def document() -> bytes:
        return to_json(openapi.openapi(app))

    @docs.get("/")
    def start_page() -> Response:
        return Response(status=302, headers={"Location": "docs"})

    @docs.get("/openapi.json")
    def openapi_json() -> Response:
        return Response(document(), mimetype="application/json")

    @docs.get("/docs")
    def page() -> Response:
        current_request().policy = _POLICY
        return Response(_PAGE, mimetype="text/html")

    @docs.get("/docs/start.js")
    def start_script() -> Response:
        return Response(_START, mimetype="text/javascript")

    @docs.get("/docs/<name>")
    def asset(name: str) -> Response:
        return send_from_directory(_swagger_folder(), _FILES.get(name, ""))

    return docs


@cache
def _swagger_folder() -> Path:
    package = find_spec("flask_openapi3_swagger")
    if package is None or not package.submodule_search_locations:
        return Path(__file__).parent / "absent"  # leads to 404; openapi.json does not need the package
    return Path(package.submodule_search_locations[0]) / "templates" / "swagger"
