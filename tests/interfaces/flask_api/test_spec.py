"""The document tells the truth: about parameters, about answers, and without the network."""

from __future__ import annotations

import atexit
import json
import re
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import schemathesis
from fake_engine import CUSTOMER_IDS, ITEM_IDS, FakeEngine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from smart_retail.errors import UsageError
from smart_retail_flask import openapi, openapi_export
from smart_retail_flask.app import create_app
from smart_retail_flask.request_models import RecommendQuery
from smart_retail_flask.route_table import OPERATIONS
from smart_retail_flask.settings import ApiSettings


class Kept(FakeEngine):
    """Takes events and erasures, for it has a folder."""

    artifacts = Path(mkdtemp(prefix="smart-retail-spec-"))


atexit.register(shutil.rmtree, Kept.artifacts, ignore_errors=True)
APP = create_app(Kept(), ApiSettings(metrics=True))
DOCUMENT = openapi.openapi(APP)
RECOMMEND = DOCUMENT["paths"]["/v1/customers/{customer_id}/recommendations"]["get"]
schema = schemathesis.openapi.from_wsgi("/openapi.json", APP)


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_matches_its_schema_and_none_is_a_server_error(case: schemathesis.Case) -> None:
    answer = case.call()
    # Which categories there are is the shop's matter, a batch is bounded as a whole, a day may not be in the
    # calendar and a quantity be too small to count: no schema says so.
    beyond = answer.status_code == 400 and ("category" in answer.text or "one batch" in answer.text)
    beyond |= answer.status_code == 422 and ("timestamp" in answer.text or "quantity" in answer.text)
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if beyond else None)


def test_every_route_is_documented_and_every_document_entry_routed() -> None:
    documented = {(verb, path) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    routed = {
        (verb.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in APP.url_map.iter_rules()
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }
    docs = {("get", path) for path in ("/docs", "/docs/start.js", "/docs/{name}", "/openapi.json")}
    assert routed - docs == documented


def test_the_export_is_the_served_document(tmp_path: Path) -> None:
    openapi_export.export(tmp_path / "openapi.json")
    exported = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert exported == json.loads(APP.test_client().get("/openapi.json").data)
    assert exported["openapi"] == "3.1.0"


def test_the_document_holds_no_null_and_no_dangling_reference() -> None:
    text = json.dumps(DOCUMENT)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in DOCUMENT["components"]["schemas"]
    assert None not in DOCUMENT.values()
    assert all(isinstance(value, dict) for value in DOCUMENT["components"].values())


def test_every_operation_has_samples_in_three_languages_that_name_its_path() -> None:
    for path, verbs in DOCUMENT["paths"].items():
        for operation in verbs.values():
            assert [s["lang"] for s in operation["x-codeSamples"]] == ["Shell", "Python", "JavaScript"]
            assert all(path.partition("{")[0] in s["source"] for s in operation["x-codeSamples"])


def test_the_example_of_every_operation_is_answered() -> None:
    client = create_app(Generous(), ApiSettings(metrics=True)).test_client()
    for operation in OPERATIONS:
        path = operation.path or operation.rule
        answer = client.open(path, method=operation.method.upper(), json=operation.body)
        assert answer.status_code == 200, path


class Generous(Kept):
    """Takes the items of the examples for its own."""

    def similar_items(self, item_id: str, *args: Any, **options: Any) -> Any:
        return super().similar_items(ITEM_IDS[0], *args, **options)


def test_python_samples_compile() -> None:
    for operation in OPERATIONS:
        compile(openapi.code_samples(operation)[1]["source"], operation.rule, "exec")


def test_the_docs_page_loads_nothing_from_elsewhere() -> None:
    client = APP.test_client()
    page = client.get("/docs").text
    script = client.get("/docs/start.js").text
    assert "//" not in re.sub(r"//[^\n]*", "", script)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    assert all(client.get(f"/{link}", buffered=True).status_code == 200 for link in loaded if link != "data:,")


PARAMETERS = {p["name"]: p["schema"] for p in RECOMMEND["parameters"] if p["in"] == "query"}


def texts(described: dict[str, Any]) -> st.SearchStrategy[str]:
    """Values for one parameter, right ones, wrong ones and those at the edge."""
    odd = st.sampled_from(["", " ", "true", "1", "é", "0", "null", "a&b", "%"])
    if described["type"] == "integer":
        low, high = described["minimum"], described["maximum"]
        return st.one_of(st.integers(low - 2, high + 2).map(str), st.sampled_from([str(low), str(high)]), odd)
    if described["type"] == "boolean":
        return st.one_of(st.sampled_from(["true", "false", "True", "yes"]), odd)
    return st.one_of(st.sampled_from([*described.get("enum", ["Technology"]), "Hybrid"]), odd)


def fits(described: dict[str, Any], text: str) -> bool:
    """Whether the document allows the value."""
    if described["type"] == "integer":
        return bool(re.fullmatch(r"-?\d+", text)) and described["minimum"] <= int(text) <= described["maximum"]
    if described["type"] == "boolean":
        return text in ("true", "false")
    return text in described["enum"] if "enum" in described else True


@given(st.fixed_dictionaries({}, optional={name: texts(described) for name, described in PARAMETERS.items()}))
@settings(max_examples=300, deadline=None)
def test_the_parser_takes_what_the_document_allows_and_nothing_else(query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    allowed = all(fits(PARAMETERS[name], text) for name, text in query.items())
    try:
        read = RecommendQuery.read(urlencode(query).encode())
    except UsageError:
        assert not allowed
    else:
        assert allowed
        for name, described in PARAMETERS.items():
            if name not in query:
                assert getattr(read, name) == described["default"]


def test_the_bounds_in_the_document_are_those_of_the_protocol() -> None:
    assert (PARAMETERS["n"]["minimum"], PARAMETERS["n"]["maximum"]) == (1, 1000)
    assert PARAMETERS["offset"]["minimum"] == 0
    batch = DOCUMENT["components"]["schemas"]["BatchBody"]["properties"]
    assert batch["customer_ids"]["maxItems"] == 256


def test_answers_to_every_customer_match_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    root = {"components": DOCUMENT["components"]}
    lists = jsonschema.Draft202012Validator({"$ref": "#/components/schemas/RecommendationList", **root})
    profile = jsonschema.Draft202012Validator({"$ref": "#/components/schemas/CustomerProfile", **root})
    engine = FakeEngine()
    for customer in (*CUSTOMER_IDS, "nobody"):
        lists.validate(json.loads(json.dumps(engine.recommend(customer, "all").as_dict())))
        profile.validate(json.loads(json.dumps(engine.customer(customer).as_dict())))
