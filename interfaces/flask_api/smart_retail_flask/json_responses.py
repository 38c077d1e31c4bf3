"""Results as responses of JSON."""

from __future__ import annotations

from typing import Any

from flask import Response

from smart_retail.results import to_json


def answer(value: Any, status: int = 200) -> Response:
    """A JSON response of results, or of plain data that holds results."""
    return ready(to_json(value), status)


def ready(body: bytes, status: int = 200) -> Response:
    """A response of JSON that is written already."""
    return Response(body, status, mimetype="application/json")
