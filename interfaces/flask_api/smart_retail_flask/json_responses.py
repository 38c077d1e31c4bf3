"""Flask responses with JSON bodies."""

from __future__ import annotations

from typing import Any

from flask import Response

from smart_retail.results import to_json


def json_response(value: Any, status: int = 200) -> Response:
    """Return a response with `value`, a result or plain data that contains results, as JSON."""
    return encoded_response(to_json(value), status)


def encoded_response(body: bytes, status: int = 200) -> Response:
    """Return a response with a body that is JSON already."""
    return Response(body, status, mimetype="application/json")
