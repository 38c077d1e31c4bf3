"""Jobs of the API: queue, progress, cancellation, results, lost and damaged jobs, uploads."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smart_retail.analysis.what_if import what_if
from smart_retail.analysis.what_if_engine import Scenario
from smart_retail.bundle.erasure import erase
from smart_retail.errors import CancelledError, JobStateError, UnknownJobError, UploadSizeError
from smart_retail.results import Job
from smart_retail.serving import jobs
from smart_retail.serving.engine import Engine
from smart_retail.serving.jobs import MAX_KEPT, MAX_QUEUED, JobRequest, JobStore
from smart_retail_flask import job_runner
from smart_retail_flask.app import create_app
from smart_retail_flask.job_routes import resume_jobs

WHAT_IF = {"task": "what-if", "options": {"sample": 20, "n": 3, "scenario": {"rules": {"max_per_category": 1}}}}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders whose runner was started; no process is started."""
    found: list[Path] = []
    monkeypatch.setattr(job_runner, "start_runner", found.append)
    return found


@pytest.fixture
def store(local_engine: Engine) -> JobStore:
    return JobStore(local_engine.artifacts)


@pytest.fixture
def client(local_engine: Engine, started: list[Path]) -> Any:
    return create_app(local_engine).test_client()


def post(client: Any, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/v1/jobs", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json
    return found


def test_a_job_waits_runs_and_gives_the_result_of_the_core(
    client: Any, store: JobStore, started: list[Path], local_engine: Engine
) -> None:
    job = post(client, WHAT_IF)
    assert (job["state"], job["done"], job["model_version"]) == ("queued", 0, local_engine.version)
    assert started == [store.artifacts]
    early = client.get(f"/v1/jobs/{job['id']}/result")
    assert (early.status_code, early.json["code"]) == (409, "job_state")
    job_runner.run_queue(store)
    ended = client.get(f"/v1/jobs/{job['id']}").json
    assert (ended["state"], ended["done"], ended["problem"]) == ("done", 1, None)
    expected = what_if(local_engine, Scenario({"max_per_category": 1}), n=3, sample=20)
    assert client.get(f"/v1/jobs/{job['id']}/result").json == expected.as_dict()
    assert client.get("/v1/jobs").json["jobs"] == [ended]
    assert client.delete(f"/v1/jobs/{job['id']}").json == ended
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 404


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_files_of_jobs_are_readable_by_this_account_only(client: Any, store: JobStore) -> None:
    post(client, WHAT_IF)
    job_runner.run_queue(store)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in store.folder.rglob("*.json")}
    assert {path.name for path in modes} == {"job.json", "task.json", "result.json"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"task": "magic"}, "There is no such task"),
        ({"task": "rollback"}, "There is no such task"),
        ({}, "task"),
        ({"task": "what-if", "options": {"n": 0}}, "options.n"),
        ({"task": "what-if", "options": {"colour": "red"}}, "unknown field 'colour'"),
        ({"task": "what-if", "options": {"scenario": 7}}, "options.scenario"),
        ({"task": "campaign"}, "settings"),
        ({"task": "fit", "options": {"sources": []}}, "options.sources"),
    ],
)
def test_a_bad_request_is_one_sentence_and_starts_nothing(
    client: Any, started: list[Path], body: dict[str, Any], text: str
) -> None:
    response = client.post("/v1/jobs", json=body)
    assert (response.status_code, response.json["code"]) == (400, "usage")
    assert text in response.json["detail"]
    assert started == []
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize("source", ["/etc/passwd", "../../current", "postgresql://host/shop", "0" * 32])
def test_a_job_reads_uploaded_files_only(client: Any, started: list[Path], source: str) -> None:
    response = client.post("/v1/jobs", json={"task": "fit", "options": {"sources": [source]}})
    assert (response.status_code, response.json["code"]) == (404, "unknown_job")
    assert source not in response.text
    assert started == []


def test_an_error_of_a_task_is_the_problem_of_the_job(client: Any, store: JobStore) -> None:
    job = post(client, {"task": "what-if", "options": {"scenario": {"weights": {"magic": 1.0}}}})
    job_runner.run_queue(store)
    ended = client.get(f"/v1/jobs/{job['id']}").json
    assert ended["state"] == "failed"
    assert ended["problem"]["code"] == "usage"
    assert "magic" in ended["problem"]["message"]
    assert client.get(f"/v1/jobs/{job['id']}/result").status_code == 409


def test_a_full_queue_refuses_further_jobs_until_one_is_cancelled(client: Any) -> None:
    ids = [post(client, WHAT_IF)["id"] for _ in range(MAX_QUEUED)]
    full = client.post("/v1/jobs", json=WHAT_IF)
    assert (full.status_code, full.json["code"]) == (429, "jobs_full")
    assert "8 jobs are waiting" in full.json["detail"]
    assert client.delete(f"/v1/jobs/{ids[0]}").json["state"] == "cancelled"
    post(client, WHAT_IF)


def test_jobs_run_in_the_order_of_their_requests(client: Any, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [post(client, WHAT_IF)["id"] for _ in range(3)]
    client.delete(f"/v1/jobs/{ids[1]}")
    ran: list[str] = []

    def run(store: JobStore, job: Job) -> None:
        ran.append(job.id)
        store.finish(job, b"{}")

    monkeypatch.setattr(job_runner, "run_job", run)
    job_runner.run_queue(store)
    assert ran == [ids[0], ids[2]]


def test_only_one_process_runs_jobs(client: Any, store: JobStore) -> None:
    job = post(client, WHAT_IF)
    with store.runner() as is_runner:
        assert is_runner
        job_runner.run_queue(store)
        assert store.get(job["id"]).state == "queued"
    job_runner.run_queue(store)
    assert store.get(job["id"]).state == "done"


class Waiting(Engine):
    """An engine whose tasks wait until they are cancelled."""

    entered = threading.Event()

    def run(self, task: Any, progress: Any = None) -> Any:
        progress.stage("Waiting", 0.25)
        self.entered.set()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            progress.check()
            time.sleep(0.01)
        raise AssertionError("it was not cancelled")


def test_a_running_job_shows_its_progress_and_is_cancelled(
    client: Any, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smart_retail.serving.engine.Engine", Waiting)
    Waiting.entered.clear()
    job = post(client, WHAT_IF)
    thread = threading.Thread(target=job_runner.run_queue, args=(store,))
    thread.start()
    assert Waiting.entered.wait(60)
    found = client.get(f"/v1/jobs/{job['id']}").json
    assert (found["state"], found["stage"], found["done"]) == ("running", "Waiting", 0.25)
    client.delete(f"/v1/jobs/{job['id']}")
    thread.join(60)
    ended = client.get(f"/v1/jobs/{job['id']}").json
    assert (ended["state"], ended["problem"]["code"]) == ("cancelled", "cancelled")


def test_a_job_of_a_dead_process_is_failed_and_the_next_one_runs(client: Any, store: JobStore) -> None:
    lost, waiting = (post(client, WHAT_IF)["id"] for _ in range(2))
    store.update(store.get(lost), state="running")  # without the lock of the runner
    found = client.get(f"/v1/jobs/{lost}").json
    assert (found["state"], found["problem"]["code"]) == ("failed", "job_lost")
    job_runner.run_queue(store)
    assert store.get(waiting).state == "done"


def test_waiting_jobs_are_resumed_and_old_ones_removed_at_the_start(
    client: Any, store: JobStore, started: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, waiting = (post(client, WHAT_IF)["id"] for _ in range(2))
    store.end(store.get(old), "done", None)
    past = time.time() - jobs.MAX_AGE_SECONDS - 10
    for path in (store.folder / old, store.folder / old / "job.json"):
        os.utime(path, (past, past))
    started.clear()
    resume_jobs(store)
    assert [job.id for job in store.read_all()] == [waiting]
    assert started == [store.artifacts]


def test_the_number_of_ended_jobs_is_bounded(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_KEPT", 3)
    for _ in range(5):
        store.end(store.create(JobRequest("what-if", {}, None), "v"), "done", None)
    store.remove_old()
    assert len(store.read_all()) == 3 < MAX_KEPT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": 7}', b"\xff", b"[" * 100_000])
def test_a_damaged_job_file_is_a_failed_job_that_can_be_removed(client: Any, store: JobStore, content: bytes) -> None:
    damaged, other = (post(client, WHAT_IF)["id"] for _ in range(2))
    (store.folder / damaged / "job.json").write_bytes(content)
    found = client.get(f"/v1/jobs/{damaged}").json
    assert (found["state"], found["problem"]["code"]) == ("failed", "job_lost")
    assert {job["id"] for job in client.get("/v1/jobs").json["jobs"]} == {damaged, other}
    assert client.delete(f"/v1/jobs/{damaged}").status_code == 200
    assert client.get(f"/v1/jobs/{damaged}").status_code == 404


def test_a_damaged_task_file_fails_the_job_without_its_content(client: Any, store: JobStore) -> None:
    job = post(client, WHAT_IF)
    (store.folder / job["id"] / "task.json").write_bytes(b'{"task": "c0001')
    job_runner.run_queue(store)
    found = store.get(job["id"])
    assert (found.state, found.problem and found.problem.code) == ("failed", "internal")
    assert "c0001" not in str(found)


def test_an_erasure_removes_jobs_and_uploads(client: Any, store: JobStore) -> None:
    post(client, {"task": "what-if", "options": {"customers": ["c0001"], "sample": 5}})
    upload(client, b"customer_id\nc0001\n")
    job_runner.run_queue(store)
    assert any(b"c0001" in path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    erase(store.artifacts, "c0001")
    assert [path for path in store.folder.rglob("*") if path.is_file() and b"c0001" in path.read_bytes()] == []
    assert store.read_all() == []


def test_a_job_whose_folder_was_removed_is_cancelled_and_writes_nothing(client: Any, store: JobStore) -> None:
    job = store.get(post(client, WHAT_IF)["id"])
    progress = job_runner.JobProgress(store, job)
    erase(store.artifacts, "unknown")
    time.sleep(job_runner.CHECK_SECONDS)
    with pytest.raises(CancelledError):
        progress.check()
    store.end(job, "failed", None)
    assert not (store.folder / job.id).exists()


def upload(client: Any, content: bytes, name: str = "orders.csv") -> str:
    half = len(content) // 2
    first = client.post("/v1/uploads", json={"name": name, "data": base64.b64encode(content[:half]).decode()}).json
    rest = {"upload": first["id"], "offset": half, "data": base64.b64encode(content[half:]).decode()}
    for _ in range(2):  # a part that is sent again counts once
        assert client.post("/v1/uploads", json=rest).json == {"id": first["id"], "size": len(content)}
    identity: str = first["id"]
    return identity


def test_a_campaign_takes_uploaded_contacts_and_removes_them(client: Any, store: JobStore) -> None:
    contacts = upload(client, b"customer_id,mail\nc0001,one@shop.example\n", "../../mail.csv")
    options = {"settings": {"n": 1, "holdout": 0.5}, "contacts": contacts}
    job = post(client, {"task": "campaign", "options": options})
    again = client.post("/v1/jobs", json={"task": "campaign", "options": options})
    assert (again.status_code, again.json["code"]) == (404, "unknown_job")  # the first job has the file
    job_runner.run_queue(store)
    found = client.get(f"/v1/jobs/{job['id']}/result").json
    assert {row["customer_id"]: row["mail"] for row in found["rows"] if "mail" in row} == {"c0001": "one@shop.example"}
    assert found["headings"]["mail"] == "mail"
    assert [path for path in store.folder.rglob("*") if path.name == "mail.csv"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"data": "not base64!"}, 400, "usage"),
        ({"data": "ÜB"}, 400, "usage"),
        ({"data": "AAAA", "offset": 9}, 400, "usage"),
        ({"data": "AAAA", "offset": -1}, 400, "usage"),
        ({"data": "AAAA", "upload": "f" * 32}, 404, "unknown_job"),
        ({"data": "AAAA", "upload": "../x"}, 404, "unknown_job"),
        ({"offset": 0}, 400, "usage"),
    ],
)
def test_a_bad_upload_is_one_sentence(client: Any, body: dict[str, Any], status: int, code: str) -> None:
    response = client.post("/v1/uploads", json=body)
    assert (response.status_code, response.json["code"]) == (status, code)


def test_uploads_are_limited(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_UPLOAD_BYTES", 10)
    part = store.add_part(None, "a.csv", 0, b"12345")
    with pytest.raises(UploadSizeError):
        store.add_part(part.id, "a.csv", 5, b"123456")
    assert store.add_part(part.id, "a.csv", 5, b"12345").size == 10


def test_ids_of_other_folders_are_unknown_jobs(client: Any, store: JobStore) -> None:
    store.folder.mkdir(exist_ok=True)
    for name in ("uploads", "..", ".runner", "0" * 31, "G" * 32):
        with pytest.raises(UnknownJobError):
            store.get(name)
        with pytest.raises((UnknownJobError, JobStateError)):
            store.read_result(name)


@pytest.mark.slow
def test_the_process_of_a_runner_runs_a_job(store: JobStore, local_engine: Engine) -> None:
    job = store.create(JobRequest("what-if", WHAT_IF["options"], None), local_engine.version)
    job_runner.start_runner(store.artifacts)
    wait_until(lambda: store.get(job.id).has_ended)
    assert store.get(job.id).state == "done"
    assert json.loads(store.read_result(job.id))["customers"] == 20


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def test_a_request_on_disk_is_read_back(store: JobStore) -> None:
    request = JobRequest("what-if", {"customers": ["A/B", "é"]}, "rules.toml")
    job = store.create(request, "v")
    assert msgspec.structs.asdict(store.read_request(job)) == msgspec.structs.asdict(request)
