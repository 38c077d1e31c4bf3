"""Error responses as RFC 9457 problem+json.

The stable `code` is that of the exception in `smart_retail.errors`, or one of `CODES` for errors of HTTP itself.
Responses of 500 and above never contain a message that may name a file of the server.
"""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from flask import Flask, Response
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from smart_retail.errors import ArtifactError, RetailError, UsageError
from smart_retail.results import to_json
from smart_retail_flask.middleware import DEFAULT_CONTENT_POLICY, SECURITY_HEADERS, current_request

log = logging.getLogger("smart_retail_flask")

MIMETYPE = "application/problem+json"
CODES = {
    400: ("usage", "Check the request against /docs."),
    401: ("unauthorized", "Send a valid key: Authorization: Bearer KEY."),
    403: ("forbidden", "Use a key whose role allows this request."),
    404: ("not_found", "Check the path against /docs; for an empty id use the POST route."),
    405: ("method_not_allowed", "Use a method from the Allow header."),
    408: ("request_timeout", "Send the complete request without pauses."),
    409: ("locked", "Wait until the running fit or rollback ends, then retry."),
    413: ("too_large", "Send a smaller body, or split the batch."),
    414: ("uri_too_long", "Shorten the URL, or use the POST route."),
    415: ("unsupported_media_type", "Send JSON with Content-Type: application/json."),
    422: ("data", "Check the values against /docs."),
    429: ("rate_limited", "Wait for the number of seconds in Retry-After."),
    431: ("headers_too_large", "Send fewer or shorter headers."),
    500: ("internal", "See the server log under this request_id."),
    501: ("needs_local_engine", "Send the request to the API that serves the bundle."),
    503: ("unavailable", "Retry later."),
}
"""Status -> code and default hint."""
_ARTIFACT_HINT = "Check the disk of the server; publish a new bundle or roll back."
_TITLES = {status.value: status.phrase for status in HTTPStatus}


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    """Kind of problem: ``urn:problem-type:smart-retail:`` followed by the code."""
    title: str
    """Standard phrase of the HTTP status."""
    status: int
    """HTTP status, 400 to 599."""
    detail: str
    """What happened, one sentence."""
    code: str
    """Stable, machine-readable error code."""
    hint: str
    """What to do about it."""
    request_id: str
    """Same as in the X-Request-Id header and the server log."""


class RejectedRequestError(Exception):
    """A request that is rejected before it reaches the engine.

    Parameters
    ----------
    status : int
        HTTP status, a key of `CODES`.
    detail : str
        What is wrong, one sentence.
    hint : str
        What to do about it; by default that of `CODES`.
    headers : dict of str, optional
        Additional response headers.
    """

    def __init__(self, status: int, detail: str, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = headers or {}


def problem_response(status: int, code: str, detail: str, hint: str) -> Response:
    """Return the problem+json response of an error.

    Parameters
    ----------
    status : int
        HTTP status.
    code, detail, hint : str
        Fields of `Problem`.

    Returns
    -------
    Response
    """
    body = _problem_json(status, code, detail, hint, current_request().request_id)
    return Response(body, status, mimetype=MIMETYPE)


def raw_problem(status: int, detail: str) -> bytes:
    """Return a complete HTTP response for an error before or outside the application; it closes the connection."""
    code, hint = CODES[status]
    request_id = secrets.token_hex(8)
    body = _problem_json(status, code, detail, hint, request_id)
    headers = [
        ("Content-Type", MIMETYPE),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *SECURITY_HEADERS,
        ("Content-Security-Policy", DEFAULT_CONTENT_POLICY),
        ("X-Request-Id", request_id),
    ]
    lines = [f"HTTP/1.1 {status} {_TITLES[status]}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _problem_json(status: int, code: str, detail: str, hint: str, request_id: str) -> bytes:
    return to_json(
        {
            "type": f"urn:problem-type:smart-retail:{code}",
            "title": _TITLES.get(status, "Error"),
            "status": status,
            "detail": detail,
            "code": code,
            "hint": hint,
            "request_id": request_id,
        }
    )


def validation_error(error: ValidationError) -> UsageError:
    """Describe the first validation error in one sentence that does not repeat values of the request."""
    first = error.errors(include_url=False, include_input=False)[0]
    *parents, name = first["loc"] or ("",)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown field '{printable_name(str(name))}'"
    else:
        parents.append(name)
    location = ".".join(map(str, parents))
    sentence = f"{location}: {message}." if location else f"{message[:1].upper()}{message[1:]}."
    return UsageError(sentence, "Check the request against /docs.")


def printable_name(name: str) -> str:
    """Return a name from a request for a message: at most 40 characters, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in name[:40]) + ("..." if len(name) > 40 else "")


def register_error_handlers(app: Flask) -> None:
    """Turn every error of `app` into a problem response."""
    app.register_error_handler(RetailError, _engine_problem)
    app.register_error_handler(RejectedRequestError, _rejection_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _internal_problem)


def _engine_problem(error: RetailError) -> Response:
    if isinstance(error, ArtifactError) and error.http_status >= 500:
        log.error({"event": "error", "request_id": current_request().request_id, "code": error.code})
        return problem_response(error.http_status, error.code, "The model files cannot be used.", _ARTIFACT_HINT)
    return problem_response(error.http_status, error.code, error.message, error.hint)


def _rejection_problem(error: RejectedRequestError) -> Response:
    code, hint = CODES[error.status]
    response = problem_response(error.status, code, error.detail, error.hint or hint)
    response.headers.extend(error.headers)
    return response


def _http_problem(error: HTTPException) -> Response:
    """Errors raised by Flask and werkzeug; their HTML descriptions are replaced."""
    status = error.code or 500
    code, hint = CODES.get(status, (f"http_{status}", ""))
    response = problem_response(status, code, f"{_TITLES.get(status, 'Error')}.", hint)
    response.headers.extend((n, v) for n, v in error.get_headers() if n in ("Allow", "Retry-After"))
    return response


def _internal_problem(error: Exception) -> Response:
    # The traceback may contain ids and paths: it is logged at DEBUG only.
    fields = {"request_id": current_request().request_id, "code": CODES[500][0], "kind": type(error).__name__}
    log.error({"event": "error", **fields})
    log.debug({"event": "trace", **fields}, exc_info=error)
    return problem_response(500, CODES[500][0], "The server failed to process this request.", CODES[500][1])
