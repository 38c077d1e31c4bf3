"""`create_app`: assembles routes, access checks, cache and middleware into one Flask application."""

from __future__ import annotations

import inspect

from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI

from smart_retail.protocol import RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.version import __version__
from smart_retail_flask import openapi, problems, routes, swagger_ui
from smart_retail_flask.auth import RequestGuard
from smart_retail_flask.fast_path import FastPathMiddleware
from smart_retail_flask.middleware import ResponseMiddleware
from smart_retail_flask.prometheus import RequestCounters
from smart_retail_flask.raw_path import IdConverter, RawPathMiddleware
from smart_retail_flask.response_cache import ResponseCache
from smart_retail_flask.route_table import OPERATIONS, Operation
from smart_retail_flask.settings import ApiSettings

_DESCRIPTION = """Customer segments and product recommendations of one shop.

Ids are text and are returned unchanged. Lists are ranked, best first; compare scores only within one list. Reasons
state what was counted, not why it is so. Errors are RFC 9457 problem+json with a stable `code`."""


def create_app(
    engine: RetailEngine | ReloadingEngine,
    settings: ApiSettings | None = None,
    counters: RequestCounters | None = None,
    cache: ResponseCache | None = None,
) -> OpenAPI:
    """Create the API for an engine, or for a `ReloadingEngine` that replaces it while the API runs.

    Parameters
    ----------
    engine : RetailEngine or ReloadingEngine
        Computes the responses.
    settings : ApiSettings, optional
        Keys, hosts, origins, limits. By default only this machine is accepted, without a key.
    counters : RequestCounters, optional
        Metrics shared with other workers; by default, if `settings.metrics` is on, those of this process.
    cache : ResponseCache, optional
        Cache of encoded responses; a new one by default.

    Returns
    -------
    OpenAPI
        A Flask application, for any WSGI server.
    """
    settings = settings or ApiSettings()
    cache = cache or ResponseCache()
    holder = engine if isinstance(engine, ReloadingEngine) else ReloadingEngine.fixed(engine)
    app = OpenAPI(
        __name__,
        info=Info(title="Smart Retail Engine", version=__version__, description=_DESCRIPTION),
        security_schemes={"key": {"type": "http", "scheme": "bearer"}},
        validation_error_status=400,
        validation_error_model=problems.Problem,
        doc_ui=False,
        static_folder=None,
    )
    app.extensions[ReloadingEngine.__name__] = holder
    if settings.metrics:
        app.extensions[RequestCounters.__name__] = counters = counters or new_counters()
    else:
        counters = None
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1  # one byte more, to detect a truncated body
    app.url_map.merge_slashes = False  # an empty id must not match another route
    app.url_map.converters["id"] = IdConverter
    reads = {o.rule: routes.cached_view(o.view, cache) for o in OPERATIONS if o.cacheable}
    for operation in OPERATIONS:
        _add_route(app, operation, reads.get(operation.rule) if operation.cacheable else None)
    app.register_blueprint(swagger_ui.blueprint(app))
    problems.register_error_handlers(app)
    admin = frozenset(operation.name for operation in OPERATIONS if operation.role == "admin")
    guard = RequestGuard(settings, holder, admin)
    app.before_request(guard.before_request)
    fast_path = FastPathMiddleware(app, guard, reads.items())
    app.wsgi_app = ResponseMiddleware(RawPathMiddleware(fast_path), settings, counters)  # type: ignore[method-assign]
    return app


def new_counters() -> RequestCounters:
    """Return counters at zero for all routes; processes that are forked later share them."""
    return RequestCounters((operation.method.upper(), operation.rule) for operation in OPERATIONS)


def _add_route(app: OpenAPI, operation: Operation, read: routes.ReadView | None) -> None:
    summary, _, description = (inspect.getdoc(operation.view) or "").partition("\n")
    register = getattr(app, operation.method)(
        operation.rule,
        tags=[Tag(name=operation.tag)],
        summary=summary,
        description=description.strip() or summary,
        operation_id=operation.name,
        responses=openapi.responses(operation),
        security=[{"key": []}, {}],
        openapi_extensions={"x-codeSamples": openapi.code_samples(operation)},
    )
    bound = routes.bind(operation.view, read)
    register(bound)
    # flask-openapi3 has registered and documented the route; its wrapper would only forward the call.
    app.view_functions[operation.name] = bound
