"""Analyses and changes: the same over the API as in process, short ones in one request and long ones as jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fitted_shop import MakeEngine, RemoteLikeEngine
from tests.served_api import add_version, run_jobs_in_threads, served_api

from smart_retail.analysis.campaign import CampaignSettings
from smart_retail.analysis.long_tasks import CampaignTask, FitTask, UpliftTask, WhatIfTask
from smart_retail.analysis.tasks import (
    TASKS,
    CheckRulesTask,
    CurrentRulesTask,
    ForecastTask,
    MigrationTask,
    RestoreRulesTask,
    RollbackTask,
    RulesHistoryTask,
    SaveRulesTask,
    SourceWeightsTask,
    VersionsTask,
)
from smart_retail.analysis.what_if_engine import Scenario
from smart_retail.client.remote_engine import RemoteEngine
from smart_retail.errors import (
    CancelledError,
    ColumnError,
    RemoteError,
    RetailError,
    SettingsError,
    UnknownVersionError,
    UsageError,
)
from smart_retail.progress import Silent
from smart_retail.protocol import Task
from smart_retail.reporting.report_task import ReportTask
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine
from smart_retail.serving.jobs import JobStore
from smart_retail.utils.spreadsheet import write_table
from smart_retail_flask import job_tasks
from smart_retail_flask.app import create_app
from smart_retail_flask.settings import ApiKey, ApiSettings, new_key
from smart_retail_flask.task_routes import request_model

RULES = '# our rules\nban = ["007", "no such item"]\n'


@pytest.fixture
def artifacts(fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run_jobs_in_threads(monkeypatch)
    return Path(shutil.copytree(fitted[0], tmp_path / "artifacts"))


@pytest.fixture
def remote(artifacts: Path) -> Iterator[RemoteEngine]:
    with served_api(artifacts) as url, RemoteEngine(url) as engine:
        yield engine


@pytest.fixture
def local(artifacts: Path) -> Engine:
    return Engine.load(artifacts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        MigrationTask("2024-10-01"),
        MigrationTask("2024-10-01", "2024-12-01"),
        CheckRulesTask(RULES),
        CurrentRulesTask(),
        RulesHistoryTask(),
        SourceWeightsTask(),
        SourceWeightsTask(False),
        VersionsTask(),
        WhatIfTask(Scenario({"ban": ["007"]}), n=3, sample=30, customers=("A/B",)),
        CampaignTask(CampaignSettings(n=2, segments=("Champions",), holdout=0.5)),
        CampaignTask(CampaignSettings(n=1, return_below=0.5, name="é")),
    ],
    ids=lambda task: task.name,
)
def test_a_task_gives_the_same_result_over_the_api(remote: RemoteEngine, local: Engine, task: Task[Any]) -> None:
    assert remote.run(task) == local.run(task)
    assert JobStore(local.artifacts).read_all() == [], "the client removes its jobs"


@pytest.mark.filterwarnings("ignore")  # of Prophet
@pytest.mark.slow
def test_a_forecast_is_the_same_in_process_by_its_route_and_as_a_job(
    remote: RemoteEngine, local: Engine, artifacts: Path
) -> None:
    pytest.importorskip("prophet")
    found = local.run(ForecastTask(7))
    assert remote.run(ForecastTask(7)) == found
    response = create_app(local).test_client().get("/v1/forecast?days=7")
    assert ForecastTask.result.from_dict(response.json) == found


@pytest.mark.slow
def test_the_report_is_made_by_a_job(remote: RemoteEngine, local: Engine) -> None:
    page = remote.run(ReportTask()).html
    assert local.version in page
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")


def test_rules_are_checked_saved_listed_and_restored_over_the_api(remote: RemoteEngine, artifacts: Path) -> None:
    checked = remote.run(CheckRulesTask(RULES, "new.toml"))
    assert (checked.file, checked.unknown_ids) == ("new.toml", ("no such item",))
    assert not (artifacts / "rules.toml").exists()
    saved = remote.run(SaveRulesTask(RULES))
    assert saved.file == "rules.toml", "without the folder of the server"
    assert (artifacts / "rules.toml").read_text(encoding="utf-8") == RULES
    assert "007" not in {item.item_id for item in remote.popular(1000).items}
    remote.run(SaveRulesTask("max_per_category = 3\n"))
    assert remote.run(CurrentRulesTask()).rules == {"max_per_category": 3}
    states = remote.run(RulesHistoryTask()).states
    assert [state.rules for state in states] == [("max_per_category",), ("ban",)]
    remote.run(RestoreRulesTask(states[1].name))
    assert (artifacts / "rules.toml").read_text(encoding="utf-8") == RULES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (CheckRulesTask(), UsageError),
        (SaveRulesTask("ban = ["), SettingsError),
        (SaveRulesTask('magic = "x"'), SettingsError),
        (RestoreRulesTask("20200101T000000.000000Z"), UsageError),
        (RollbackTask("20200101T000000Z-00000000"), UnknownVersionError),
        (RollbackTask(), UnknownVersionError),
        (MigrationTask(), UsageError),
        (MigrationTask("2031-01-01"), UsageError),
        (MigrationTask("", "2024-10-01"), UsageError),
        (MigrationTask(before="20200101T000000Z-00000000"), UsageError),
        (ForecastTask(planned=0.2), UsageError),
        (WhatIfTask(method="all"), UsageError),
        (CampaignTask(CampaignSettings(segments=("VIP",))), UsageError),
    ],
)
def test_a_bad_task_has_the_same_error_over_the_api(
    remote: RemoteEngine, local: Engine, task: Task[Any], kind: type[RetailError]
) -> None:
    with pytest.raises(kind) as here:
        local.run(task)
    with pytest.raises(kind) as there:
        remote.run(task)
    assert str(there.value) == str(here.value)
    assert str(local.artifacts) not in f"{there.value} {there.value.hint}"


def test_any_version_is_activated_over_the_api_and_what_was_undone_stays_undone(
    remote: RemoteEngine, artifacts: Path
) -> None:
    first = remote.version
    second, third = add_version(artifacts, 2), add_version(artifacts, 3)
    listed = remote.run(VersionsTask()).versions
    assert [v.version for v in listed] == [third, second, first]
    assert all(v.customers > 100 and v.size > 0 and v.last_order for v in listed)
    assert remote.run(RollbackTask(first)).undone == third
    assert remote.version == first, "served at once"
    with pytest.raises(UnknownVersionError, match="no previous version"):
        remote.run(RollbackTask())
    assert remote.run(RollbackTask(third)).version == third
    assert remote.run(RollbackTask()).version == first
    remote.run(RollbackTask(second))
    assert remote.version == second


def test_a_comparison_of_versions_is_a_job(remote: RemoteEngine, artifacts: Path) -> None:
    first = remote.version
    second = add_version(artifacts, 2)
    found = remote.run(MigrationTask())
    assert (found.before, found.after) == (first, second)
    assert all(move.before == move.after for move in found.moves)


def test_files_are_uploaded_for_a_job(remote: RemoteEngine, local: Engine, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("customer_id,mail\nc0001,one@shop.example\n", encoding="utf-8")
    task = CampaignTask(CampaignSettings(n=1, holdout=0.5), str(contacts))
    campaign = remote.run(task)
    assert campaign == local.run(task)
    write_table(tmp_path / "campaign.csv", campaign.rows, campaign.headings, campaign.metadata)
    plain = [row for row in campaign.rows if row["customer_id"].isalnum()]
    amounts = {"treated": 20, "holdout": 10}
    lines = [f"{row['customer_id']},x,2025-03-05,1,{amounts[row['group']]},{n}" for n, row in enumerate(plain)]
    orders = tmp_path / "orders.csv"
    orders.write_text("\n".join(["customer_id,item_id,timestamp,quantity,amount,order_id", *lines]), encoding="utf-8")
    uplift = UpliftTask(str(tmp_path / "campaign.csv"), (str(orders),), "2025-02-01")
    assert remote.run(uplift) == uplift.measure(Silent())
    with pytest.raises(UsageError, match=r"gone\.csv cannot be read"):
        remote.run(CampaignTask(CampaignSettings(), str(tmp_path / "gone.csv")))
    contacts.write_text("name\nx\n", encoding="utf-8")
    with pytest.raises(ColumnError, match="customer_id"):
        remote.run(task)


@pytest.mark.slow
def test_a_fit_from_uploaded_files_is_published_and_served(remote: RemoteEngine, local: Engine, tmp_path: Path) -> None:
    from tests import shop
    from tests.fitted_shop import SETTINGS

    orders = shop.write(tmp_path / "orders.csv")
    report = remote.run(FitTask((str(orders),), settings=SETTINGS.as_dict(), force=True))
    assert report.published
    assert Engine.load(local.artifacts).version == report.version
    assert report.cleaning.customers == local.model().cleaning.customers


def test_leaving_early_cancels_the_job(remote: RemoteEngine, local: Engine) -> None:
    class Impatient(Silent):
        def check(self) -> None:
            raise CancelledError("Cancelled.", "")

    with pytest.raises(CancelledError):
        remote.run(WhatIfTask(sample=2000), Impatient())
    assert all(job.has_ended or job.state == "running" for job in JobStore(local.artifacts).read_all())


def test_a_key_of_the_role_read_can_run_no_task(local: Engine) -> None:
    read, line = new_key("read")
    client = create_app(local, ApiSettings(keys=(ApiKey(*line.split(":")),))).test_client()
    for task in TASKS:
        assert task.route is not None
        verb, path = task.route
        response = client.open(path, method=verb.upper(), headers={"Authorization": f"Bearer {read}"})
        assert (response.status_code, response.json["code"]) == (403, "forbidden"), path


def test_without_a_local_bundle_there_are_no_jobs(make_engine: MakeEngine) -> None:
    client = create_app(make_engine(RemoteLikeEngine)).test_client()
    response = client.post("/v1/jobs", json={"task": "what-if"})
    assert (response.status_code, response.json["code"]) == (501, "needs_local_engine")


def test_every_task_is_offered_by_the_api() -> None:
    long = {job_tasks.find_task(name) for name in job_tasks.LONG_TASKS}
    defined = {cls for cls in subclasses(Task) if cls.__module__.startswith("smart_retail.")}
    assert defined == {*TASKS, *long}
    for cls in defined:
        assert job_tasks.LONG_TASKS.get(cls.name, (cls.__module__, cls.__name__)) == (cls.__module__, cls.__name__)
        assert (cls.route is None) == (cls in long)


def test_request_models_have_the_fields_of_their_tasks() -> None:
    from smart_retail_flask.request_models import Body, Query

    for task in TASKS:
        model = request_model(task, Query if task.route and task.route[0] == "get" else Body)
        assert list(model.model_fields) == list(task.__struct_fields__)
        assert all(field.description for field in model.model_fields.values()), task


def subclasses(cls: type) -> set[type]:
    return {child for direct in cls.__subclasses__() for child in (direct, *subclasses(direct))}


def test_a_connection_that_the_server_closed_does_not_fail_a_change(remote: RemoteEngine, artifacts: Path) -> None:
    add_version(artifacts, 2)
    remote.categories()
    for connection in remote._connection._client._transport._pool.connections:  # type: ignore[attr-defined]
        connection._connection._network_stream.close()
    assert remote.run(RollbackTask()).version != "", "the change was sent once, over a new connection"


def test_an_api_that_is_gone_is_one_sentence() -> None:
    with RemoteEngine("http://127.0.0.1:9") as engine, pytest.raises(RemoteError, match="cannot be reached"):
        engine.run(VersionsTask())
