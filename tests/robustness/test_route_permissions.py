"""Each route accepts exactly the keys that the documentation states."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask_openapi3")
pytest.importorskip("prometheus_client")

from smart_retail.results import FitReport
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask import job_runner
from smart_retail_flask.app import create_app
from smart_retail_flask.route_table import EXAMPLE_JOB, OPERATIONS
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key
from tests.any_item_engine import AnyItemEngine
from tests.fitted_shop import MakeEngine, reloading_engine
from tests.served_api import prepare_examples, write_example_job

from .route_permissions import PermissionCase, documented_statuses, permission_cases, registered_routes


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[str, str]]:
    return {role: new_key(role) for role in ("read", "admin")}


@pytest.fixture(scope="module")
def client(
    keys: dict[str, tuple[str, str]], fitted: tuple[Path, FitReport], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    artifacts = Path(shutil.copytree(fitted[0], tmp_path_factory.mktemp("permissions") / "artifacts"))
    prepare_examples(artifacts)
    engine = reloading_engine(AnyItemEngine, artifacts)
    accepted = tuple(ApiKey(*line.split(":")) for _, line in keys.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_runner, "start_runner", lambda folder: None)
        yield create_app(engine, ApiSettings(keys=accepted, metrics=True)).test_client()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Prophet
@pytest.mark.parametrize("case", list(permission_cases()), ids=str)
def test_status_for_each_key_is_the_documented_one(
    client: Any, keys: dict[str, tuple[str, str]], case: PermissionCase
) -> None:
    secrets = {role: key for role, (key, _) in keys.items()} | {"invalid": new_key()[0]}
    headers = {"Authorization": f"Bearer {secrets[case.key]}"} if case.key in secrets else {}
    if EXAMPLE_JOB in case.path:
        write_example_job(client.application.extensions[ReloadingEngine.__name__].get().artifacts)
    response = client.open(case.path, method=case.method, json=case.body, headers=headers, buffered=True)
    assert response.status_code == case.status, response.text
    if case.status == 401:
        assert response.json["code"] == "unauthorized"
        assert "X-Model-Version" not in response.headers
    elif case.status == 403:
        assert response.json["code"] == "forbidden"


def test_documentation_lists_every_route(client: Any) -> None:
    assets = {"GET /docs/start.js", "GET /docs/{name}"}
    assert set(documented_statuses()) == registered_routes(client.application) - assets


def test_only_routes_without_shop_data_are_public() -> None:
    public = {route for route, statuses in documented_statuses().items() if statuses[0] != "401"}
    assert public == {"GET /", "GET /livez", "GET /readyz", "GET /openapi.json", "GET /docs"}


def test_every_route_that_changes_data_or_lists_customers_needs_the_role_admin() -> None:
    reads = {"recommend_batch", "recommend_basket", "customers_batch", "similar_by_body", "customer_values"}
    reads |= {"substitutes_by_body", "item_by_body"}
    customer_lists = {"audience", "audience_by_body", "list_customers"}
    customer_lists |= {o.name for o in OPERATIONS if o.tag in ("Analyses and changes", "Jobs")}
    for operation in OPERATIONS:
        changes_data = operation.method != "get" and operation.name not in reads
        assert (operation.role == "admin") == (changes_data or operation.name in customer_lists), operation.name


def test_without_keys_other_machines_get_public_routes_only(make_engine: MakeEngine) -> None:
    client = create_app(make_engine(AnyItemEngine), ApiSettings(metrics=True)).test_client()
    for case in permission_cases():
        if case.key == "none":
            remote = {"REMOTE_ADDR": "192.0.2.1"}
            response = client.open(
                case.path, method=case.method, json=case.body, environ_overrides=remote, buffered=True
            )
            assert response.status_code == (case.status if case.status in (200, 302) else 403), str(case)
