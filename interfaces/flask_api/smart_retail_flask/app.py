"""`create_app`: the one place where the parts of the API are put together."""

from __future__ import annotations

import inspect

from flask_openapi3 import Info, OpenAPI, Tag

from smart_retail.protocol import RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.version import __version__
from smart_retail_flask import openapi, problems, routes, swagger_ui
from smart_retail_flask.auth import Guard
from smart_retail_flask.fast_path import Shortcut
from smart_retail_flask.middleware import Envelope
from smart_retail_flask.prometheus import Counters
from smart_retail_flask.raw_path import IdConverter, RawPath
from smart_retail_flask.response_cache import Remembered
from smart_retail_flask.route_table import OPERATIONS, Operation
from smart_retail_flask.settings import ApiSettings

_ABOUT = """Customer segments and product recommendations of one shop.

Ids are text and come out as they went in. Lists are ranked, best first; scores compare within one list
only. Reasons tell associations, never causes. Errors are RFC 9457 problem+json with a stable `code`."""


def create_app(
    engine: RetailEngine | ReloadingEngine, settings: ApiSettings | None = None, counters: Counters | None = None
) -> OpenAPI:
    """The API over an engine, or over a holder that exchanges it while the API runs.

    Parameters
    ----------
    engine : RetailEngine or EngineHolder
        What answers.
    settings : ApiSettings, optional
        Keys, hosts, origins, limits. By default only this machine may ask, without a key.

    counters : Counters, optional
        Where to count where `settings.metrics` is on; by default this process counts by itself.

    Returns
    -------
    OpenAPI
        A Flask application; any WSGI server can run it.
    """
    settings = settings or ApiSettings()
    holder = engine if isinstance(engine, ReloadingEngine) else ReloadingEngine.fixed(engine)
    app = OpenAPI(
        __name__,
        info=Info(title="Smart Retail Engine", version=__version__, description=_ABOUT),
        security_schemes={"key": {"type": "http", "scheme": "bearer"}},
        validation_error_status=400,
        validation_error_model=problems.Problem,
        doc_ui=False,
        static_folder=None,
    )
    app.extensions[ReloadingEngine.__name__] = holder
    if settings.metrics:
        app.extensions[Counters.__name__] = counters = counters or new_counters()
    else:
        counters = None
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1  # one more, to tell a full body from a cut one
    app.url_map.merge_slashes = False  # an empty id is no other id
    app.url_map.converters["id"] = IdConverter
    remembered = Remembered()
    reads = {o.rule: routes.reader(o.view, remembered) for o in OPERATIONS if o.remembered}
    for operation in OPERATIONS:
        _add(app, operation, reads.get(operation.rule) if operation.remembered else None)
    app.register_blueprint(swagger_ui.blueprint(app))
    problems.register(app)
    admin = frozenset(operation.name for operation in OPERATIONS if operation.role == "admin")
    guard = Guard(settings, holder, admin)
    app.before_request(guard.enter)
    shortcut = Shortcut(app, guard, reads.items())
    app.wsgi_app = Envelope(RawPath(shortcut), settings, counters)  # type: ignore[method-assign]
    return app


def new_counters() -> Counters:
    """Counters of every route, at zero; processes forked afterwards count together."""
    return Counters((operation.method.upper(), operation.rule) for operation in OPERATIONS)


def _add(app: OpenAPI, operation: Operation, read: routes.Read | None) -> None:
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
    # flask-openapi3 has documented and routed it; its own wrapper would only pass the call on.
    app.view_functions[operation.name] = bound
