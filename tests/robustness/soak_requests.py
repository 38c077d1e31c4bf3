"""Generated valid and invalid requests to every route, checked against the OpenAPI document."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from smart_retail.bundle.reader import read_pointer
from smart_retail.protocol import RetailEngine
from smart_retail.results import FitReport
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail_flask.app import create_app
from smart_retail_flask.server import bundle_loader
from smart_retail_flask.settings import ApiSettings

EXAMPLES = max(10, round(300 * float(os.environ.get("SMART_RETAIL_SOAK", "1"))))
"""Requests for each route."""
STATUSES: Counter[int] = Counter()


class LateBundle:
    """An artifacts folder that is set after the application was created: the schema is needed at import."""

    root: Path | None = None

    def load(self) -> RetailEngine:
        # Until then there is no engine; the document does not depend on it.
        return bundle_loader(self.root)() if self.root else cast(RetailEngine, None)

    def active(self) -> object:
        return self.root and read_pointer(self.root)


BUNDLE = LateBundle()
HOLDER = ReloadingEngine(BUNDLE.load, BUNDLE.active)
schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app(HOLDER, ApiSettings(metrics=True)))


@pytest.fixture(scope="module", autouse=True)
def bundle(fitted: tuple[Path, FitReport], tmp_path_factory: pytest.TempPathFactory) -> None:
    BUNDLE.root = Path(shutil.copytree(fitted[0], tmp_path_factory.mktemp("requests") / "artifacts"))
    HOLDER.refresh()


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_response_matches_the_document_and_is_not_a_server_error(case: schemathesis.Case) -> None:
    response = case.call()
    STATUSES[response.status_code] += 1
    # Limits that a schema cannot express: existing categories, items of a batch, dates in the calendar.
    is_valid_error = response.status_code == 400 and (
        "category" in response.text or "one batch" in response.text.lower()
    )
    is_valid_error |= response.status_code == 422 and ("timestamp" in response.text or "quantity" in response.text)
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if is_valid_error else None)


def test_no_request_led_to_a_server_error(record_figure: Callable[[str], None]) -> None:
    assert max(STATUSES) < 500
    record_figure(f"{STATUSES.total():,} generated requests, by status: {dict(sorted(STATUSES.items()))}")
