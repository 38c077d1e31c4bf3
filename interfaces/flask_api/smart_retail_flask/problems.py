"""Every error as RFC 9457 problem+json. In: an exception; out: a response that tells what and what to do.

The stable `code` is the one of `smart_retail.errors`, or one of `CODES` for what only HTTP knows.
Answers of 500 and above never repeat a message that may name a file of the server.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from smart_retail.errors import ArtifactError, RetailError, UsageError
from smart_retail.results import to_json
from smart_retail_flask.middleware import visit

log = logging.getLogger("smart_retail_flask")

MIMETYPE = "application/problem+json"
CODES = {
    400: ("usage", "Compare the request with /docs."),
    401: ("unauthorized", "Send a valid key: Authorization: Bearer KEY."),
    403: ("forbidden", "Ask with a key whose role allows it."),
    404: ("not_found", "Compare the path with /docs; an empty id goes through a POST route."),
    405: ("method_not_allowed", "Use a method that the Allow header names."),
    409: ("locked", "Wait for the fit or rollback to end, then try again."),
    413: ("too_large", "Send a smaller body, or split the batch."),
    415: ("unsupported_media_type", "Send JSON with Content-Type: application/json."),
    422: ("data", "Compare the values with /docs."),
    429: ("rate_limited", "Wait for as many seconds as Retry-After says."),
    500: ("internal", "The log holds more under this request_id."),
    501: ("needs_local_engine", "Ask the API that serves the bundle."),
    503: ("unavailable", "Try again later."),
}
_TO_MEND = "Look at the disk; publish or roll back a bundle."
_TITLES = {status.value: status.phrase for status in HTTPStatus}


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    """Identifies the kind of problem: ``urn:problem-type:smart-retail:`` and the code."""
    title: str
    status: int
    detail: str
    """What happened, one sentence."""
    code: str
    """Stable and machine-readable."""
    hint: str
    """What to do about it."""
    request_id: str
    """As in the X-Request-Id header and the server's log."""


class RefusedError(Exception):
    """A request that is turned away before it reaches the engine."""

    def __init__(self, status: int, detail: str, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = headers or {}


def problem(status: int, code: str, detail: str, hint: str) -> Response:
    """The response for an error."""
    body = {
        "type": f"urn:problem-type:smart-retail:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        "request_id": visit().request_id,
    }
    return Response(to_json(body), status, mimetype=MIMETYPE)


def usage(error: ValidationError) -> UsageError:
    """What pydantic found, in one sentence that does not repeat the input."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return UsageError(f"{where}: {message}." if where else f"{message}.", "Compare the request with /docs.")


def register(app: Flask) -> None:
    """Let `app` answer every error as a problem."""
    app.register_error_handler(RetailError, _of_engine)
    app.register_error_handler(RefusedError, _of_refusal)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_bug)


def _of_engine(error: RetailError) -> Response:
    if isinstance(error, ArtifactError):
        log.error({"event": "error", "request_id": visit().request_id, "code": error.code})
        return problem(error.http_status, error.code, "The files of the model cannot be used.", _TO_MEND)
    return problem(error.http_status, error.code, error.message, error.hint)


def _of_refusal(error: RefusedError) -> Response:
    code, hint = CODES[error.status]
    response = problem(error.status, code, error.detail, error.hint or hint)
    response.headers.extend(error.headers)
    return response


def _of_http(error: HTTPException) -> Response:
    """What Flask and werkzeug raise themselves; their texts speak to browsers and are not passed on."""
    status = error.code or 500
    code, hint = CODES.get(status, (f"http_{status}", ""))
    response = problem(status, code, f"{_TITLES.get(status, 'Error')}.", hint)
    response.headers.extend((n, v) for n, v in error.get_headers() if n in ("Allow", "Retry-After"))
    return response


def _of_bug(error: Exception) -> Response:
    # The trace may hold ids and paths: it is for DEBUG only.
    facts = {"request_id": visit().request_id, "code": CODES[500][0], "kind": type(error).__name__}
    log.error({"event": "error", **facts})
    log.debug({"event": "trace", **facts}, exc_info=error)
    return problem(500, CODES[500][0], "The server failed on this request.", CODES[500][1])
