"""Requests that the API's own document allows, and some that it does not, to every route over a fitted version."""

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
"""For each route."""
STATUSES: Counter[int] = Counter()


HOLDER = ReloadingEngine.fixed(cast(RetailEngine, None))  # the document is the same whatever engine answers
schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app(HOLDER, ApiSettings(metrics=True)))


@pytest.fixture(scope="module", autouse=True)
def served(fitted: tuple[Path, FitReport], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = Path(shutil.copytree(fitted[0], tmp_path_factory.mktemp("requests") / "artifacts"))
    HOLDER._load, HOLDER._active = bundle_loader(root), lambda: read_pointer(root)
    HOLDER.refresh()


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_a_server_error_and_each_fits_the_document(case: schemathesis.Case) -> None:
    answer = case.call()
    STATUSES[answer.status_code] += 1
    # Which categories there are, how large a batch is as a whole and which days there are, no schema says.
    beyond = answer.status_code == 400 and ("category" in answer.text or "one batch" in answer.text)
    beyond |= answer.status_code == 422 and ("timestamp" in answer.text or "quantity" in answer.text)
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if beyond else None)


def test_what_the_requests_came_to(tell: Callable[[str], None]) -> None:
    assert max(STATUSES) < 500
    tell(f"{STATUSES.total():,} generated requests, by status: {dict(sorted(STATUSES.items()))}")
