"""The OpenAPI document matches the routes, their parameters and their responses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests import shop
from tests.any_item_engine import AnyItemEngine
from tests.fitted_shop import reloading_engine
from tests.served_api import prepare_examples, write_example_job

from smart_retail.errors import UsageError
from smart_retail.protocol import RetailEngine
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.factory import watch_engine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask import job_runner, openapi, openapi_export
from smart_retail_flask.app import create_app
from smart_retail_flask.request_models import RecommendQuery
from smart_retail_flask.route_table import EXAMPLE_JOB, OPERATIONS
from smart_retail_flask.settings import ApiSettings

# Routes and document do not depend on the engine, and tests are generated from the document before anything is fitted.
ROUTES = create_app(ReloadingEngine.fixed(cast(RetailEngine, None)), ApiSettings(metrics=True))
DOCUMENT = openapi.openapi(ROUTES)
RECOMMEND = DOCUMENT["paths"]["/v1/customers/{customer_id}/recommendations"]["get"]
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def artifacts(fitted: tuple[Path, FitReport], tmp_path: Path) -> Path:
    """A copy of the bundle, to which requests may write events and erasures."""
    folder = Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))
    prepare_examples(folder)
    return folder


@pytest.fixture(autouse=True)
def no_jobs_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "start_runner", lambda folder: None)


@pytest.fixture
def app(artifacts: Path) -> Any:
    return create_app(watch_engine(artifacts), ApiSettings(metrics=True))


@pytest.mark.filterwarnings("ignore")  # of Prophet
@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_response_matches_its_schema_and_is_not_a_server_error(app: Any, case: schemathesis.Case) -> None:
    response = case.call(app=app)
    # Limits that a schema cannot express: existing categories, segments, clusters and countries, items of a batch, days
    # of the history or after it, dates in the calendar, quantities that round to 0 and the order of two limits.
    limits = ("category", "one batch", "no sales", "valid date", "period begins")
    limits += ("there is no segment", "there is no cluster", "there is no country", "a list cannot be made")
    limits += ("toml", "rule", "no saved", "no version", "active already", "is not before", "no purchase", "holidays")
    limits += ("there is no scenario", "the lowest price")
    limits += ("earlier", "discount", "no such task", "options are not valid", "base64", "part of the file")
    limits += ("not a range", "wrong order")
    is_valid_error = response.status_code == 429
    is_valid_error |= response.status_code == 400 and any(limit in response.text.lower() for limit in limits)
    is_valid_error |= response.status_code == 422 and any(
        limit in response.text for limit in ("timestamp", "quantity", "valid date")
    )
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if is_valid_error else None)


def test_document_and_routes_agree() -> None:
    documented = {(verb, path) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    routed = {
        (verb.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in ROUTES.url_map.iter_rules()
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }
    docs = {("get", path) for path in ("/", "/docs", "/docs/start.js", "/docs/{name}", "/openapi.json")}
    assert routed - docs == documented


def test_exported_document_is_the_served_one(app: Any, tmp_path: Path) -> None:
    openapi_export.export(tmp_path / "openapi.json")
    exported = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert exported == json.loads(app.test_client().get("/openapi.json").data)
    assert exported["openapi"] == "3.1.0"


def test_document_has_no_null_and_no_dangling_reference() -> None:
    text = json.dumps(DOCUMENT)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in DOCUMENT["components"]["schemas"]
    assert None not in DOCUMENT.values()
    assert all(isinstance(value, dict) for value in DOCUMENT["components"].values())


def test_every_operation_has_samples_in_three_languages_with_its_path() -> None:
    for path, verbs in DOCUMENT["paths"].items():
        for operation in verbs.values():
            assert [s["lang"] for s in operation["x-codeSamples"]] == ["Shell", "Python", "JavaScript"]
            assert all(path.partition("{")[0] in s["source"] for s in operation["x-codeSamples"])


@pytest.mark.filterwarnings("ignore")  # of Prophet
def test_example_of_every_operation_succeeds(artifacts: Path) -> None:
    client = create_app(reloading_engine(AnyItemEngine, artifacts), ApiSettings(metrics=True)).test_client()
    for operation in OPERATIONS:
        path = operation.path or operation.rule
        if EXAMPLE_JOB in path:
            write_example_job(artifacts)
        response = client.open(path, method=operation.method.upper(), json=operation.body)
        assert response.status_code == 200, path


def test_python_samples_compile() -> None:
    for operation in OPERATIONS:
        compile(openapi.code_samples(operation)[1]["source"], operation.rule, "exec")


def test_documentation_page_loads_only_from_its_own_server(app: Any) -> None:
    client = app.test_client()
    page = client.get("/docs").text
    script = client.get("/docs/start.js").text
    assert "//" not in re.sub(r"//[^\n]*", "", script)
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    assert all(client.get(f"/{link}", buffered=True).status_code == 200 for link in links if link != "data:,")


def described_values(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the values of a parameter; null, which a query cannot contain, is left out."""
    options = [option for option in schema.get("anyOf", [schema]) if option["type"] != "null"]
    return {"default": None, **schema, **options[0]}


PARAMETERS = {p["name"]: described_values(p["schema"]) for p in RECOMMEND["parameters"] if p["in"] == "query"}


def parameter_values(described: dict[str, Any]) -> st.SearchStrategy[str]:
    """Values for one parameter: valid, invalid and boundary values."""
    odd = st.sampled_from(["", " ", "true", "1", "é", "0", "null", "a&b", "%"])
    if described.get("format") == "date":
        return st.one_of(st.dates().map(str), odd)
    if described["type"] == "integer":
        low, high = described["minimum"], described["maximum"]
        return st.one_of(st.integers(low - 2, high + 2).map(str), st.sampled_from([str(low), str(high)]), odd)
    if described["type"] == "number":
        return st.one_of(
            st.floats(-0.5, 1.5).map(lambda value: f"{value:.3f}"), st.just("1e-05"), st.sampled_from(["0", "1"]), odd
        )
    if described["type"] == "boolean":
        return st.one_of(st.sampled_from(["true", "false", "True", "yes"]), odd)
    return st.one_of(st.sampled_from([*described.get("enum", ["Kitchen"]), "Hybrid"]), odd)


def is_documented(described: dict[str, Any], text: str) -> bool:
    """Return whether the document allows the value."""
    if described.get("format") == "date":
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))
    if described["type"] == "integer":
        return bool(re.fullmatch(r"-?\d+", text)) and described["minimum"] <= int(text) <= described["maximum"]
    if described["type"] == "number":
        number = re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text)
        return bool(number) and described["minimum"] <= float(text) <= described["maximum"]
    if described["type"] == "boolean":
        return text in ("true", "false")
    return text in described["enum"] if "enum" in described else True


@given(
    st.fixed_dictionaries({}, optional={name: parameter_values(described) for name, described in PARAMETERS.items()})
)
@settings(max_examples=300, deadline=None)
def test_parser_accepts_exactly_the_documented_values(query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    allowed = all(is_documented(PARAMETERS[name], text) for name, text in query.items())
    try:
        parsed = RecommendQuery.parse(urlencode(query).encode())
    except UsageError:
        assert not allowed
    else:
        assert allowed
        for name, described in PARAMETERS.items():
            if name not in query:
                assert getattr(parsed, name) == described["default"]


def test_documented_bounds_are_those_of_the_protocol() -> None:
    assert (PARAMETERS["n"]["minimum"], PARAMETERS["n"]["maximum"]) == (1, 1000)
    assert PARAMETERS["offset"]["minimum"] == 0
    batch = DOCUMENT["components"]["schemas"]["BatchBody"]["properties"]
    assert batch["customer_ids"]["maxItems"] == 256


def test_every_request_field_is_described_and_every_number_has_a_range() -> None:
    operations = [operation for verbs in DOCUMENT["paths"].values() for operation in verbs.values()]
    fields = {p["name"]: p for operation in operations for p in operation.get("parameters", ())}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith("Body"):
            fields |= {f"{name}.{field}": {"schema": facts, **facts} for field, facts in schema["properties"].items()}
    assert len(fields) > 30
    for name, field in fields.items():
        assert field.get("description"), name
        if field["schema"].get("type") in ("integer", "number"):
            assert {"minimum", "maximum"} <= set(field["schema"]), name


@pytest.mark.slow
def test_results_for_every_customer_match_the_schema(engine: Engine) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    root = {"components": DOCUMENT["components"]}
    lists = jsonschema.Draft202012Validator({"$ref": "#/components/schemas/RecommendationList", **root})
    profile = jsonschema.Draft202012Validator({"$ref": "#/components/schemas/CustomerProfile", **root})
    for customer in (*shop.customers(), "unknown"):
        lists.validate(json.loads(json.dumps(engine.recommend(customer, "all").as_dict())))
        profile.validate(json.loads(json.dumps(engine.customer(customer).as_dict())))
