"""Requests to every route with keys, ids and paths in every part, and a search for them in all lines of the server."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from smart_retail_flask.route_table import OPERATIONS
from smart_retail_flask.settings import new_key

from .server import ENVIRONMENT, START_TIMEOUT_SECONDS

SECRET_PATH = "/srv/secret/orders.csv"
SECRET_ID = "customer-4711-secret"
ROUTES = frozenset(operation.rule for operation in OPERATIONS)
REQUEST_ID = re.compile("[0-9a-f]{16}|shop-1")


@dataclass
class LogFindings:
    """What the lines of a server contain."""

    requests: int = 0
    lines: int = 0
    leaks: list[str] = field(default_factory=list)
    """Lines with a key, an id or a path, or of a traceback."""


def fuzz_api(artifacts: Path, folder: Path, customers: Sequence[str], rounds: int) -> LogFindings:
    """Fuzz every route of the API, HTTP itself included, at the log level info."""
    keys = {role: new_key(role) for role in ("read", "admin")}
    (folder / "keys.txt").write_text("\n".join(line for _, line in keys.values()), encoding="utf-8")
    options = ("api", "--keys", str(folder / "keys.txt"), "--log-level", "info", "--workers", "2", "--metrics")
    secrets = [key for key, _ in keys.values()]
    with _logged_server(artifacts, folder / "api.log", *options, ready="/livez") as url:
        requests = _send_to_api(url, secrets, customers, random.Random(0), rounds)
    return _findings(folder / "api.log", requests, [*secrets, *customers, str(artifacts)])


def fuzz_gradio(artifacts: Path, folder: Path, customers: Sequence[str], rounds: int) -> LogFindings:
    """Fuzz every function of the Gradio app."""
    with _logged_server(artifacts, folder / "gradio.log", "gradio", ready="/config") as url:
        requests = _send_to_gradio(url, customers, random.Random(0), rounds)
    return _findings(folder / "gradio.log", requests, [*customers, str(artifacts)])


@contextmanager
def _logged_server(artifacts: Path, log: Path, *options: str, ready: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "smart_retail_cli", "--artifacts", str(artifacts), "serve", *options]
    with log.open("wb") as lines:
        process = subprocess.Popen([*command, "--port", port], env=ENVIRONMENT, stdout=lines, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(url + ready, process)
            yield url
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)


def _send_to_api(url: str, keys: Sequence[str], customers: Sequence[str], rng: random.Random, rounds: int) -> int:
    sent = 0
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        for _ in range(rounds):
            for operation in OPERATIONS:
                if operation.role == "admin" and operation.method == "delete":
                    identity = SECRET_ID  # erase no customer of the shop
                else:
                    identity = rng.choice((SECRET_ID, SECRET_PATH, *customers))
                path = (operation.path or operation.rule).partition("?")[0]
                for name in ("customer_id", "item_id"):
                    path = path.replace(f"<id:{name}>", quote(identity, safe=""))
                headers = rng.choice(_headers(keys, identity))
                body = rng.choice((operation.body, {"customer_ids": [identity]}, {identity: 1}, [identity]))
                query = rng.choice(({}, {"n": identity}, {identity: "1"}, {"q": identity, "category": SECRET_PATH}))
                with suppress(httpx.HTTPError):
                    is_erasure = "erase" in path
                    client.request(
                        operation.method, path, params=query, headers=headers,
                        json=None if operation.body is None or is_erasure else body,
                    )  # fmt: skip
                sent += 1
    for _ in range(rounds):
        for request in _malformed_requests(keys[0]):
            _send_raw(url, request)
            sent += 1
    return sent


def _headers(keys: Sequence[str], identity: str) -> list[dict[str, str]]:
    text = quote(identity)
    return [
        *({"Authorization": f"Bearer {key}"} for key in keys),
        {"Authorization": f"Basic {keys[0]}"},
        {"Authorization": f"Bearer {keys[0]}", "SCRIPT_NAME": SECRET_PATH, "X-Request-Id": "shop-1"},
        {"Authorization": f"Bearer {keys[0]}", "X-Forwarded-For": text, "Cookie": keys[1], "User-Agent": keys[1]},
        {"Authorization": f"Bearer {keys[0]}", "Host": f"{text}.example", "Referer": f"http://x/{text}"},
        {"Authorization": f"Bearer {keys[0]}", "Content-Type": text, "Expect": text},
    ]


def _malformed_requests(key: str) -> list[bytes]:
    secret = key.encode()
    chunked = b"POST /v1/customers:batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked += b"Authorization: Bearer " + secret + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    host = b" HTTP/1.1\r\nHost: localhost\r\n"
    return [
        b"GET /" + secret + host + b"Authorization Bearer " + secret + b"\r\n\r\n",
        b"GET /" + secret + host + secret + b" : x\r\n\r\n",
        b"GET /" + secret + b" " + secret + host + b"\r\n",
        secret + b" / HTTP/1.1\r\n\r\n",
        b"GET / " + secret + b"\r\n\r\n",
        b"GET / HTTP/9." + secret + b"\r\n\r\n",
        b"GET /" + secret + host + b"A: " + secret * 300 + b"\r\n\r\n",
        b"GET /" + secret + host + b"Content-Length: " + secret + b"\r\n\r\n",
        b"GET /" + secret + host + b"Transfer-Encoding: " + secret + b"\r\n\r\n",
        b"GET http://" + secret + b":x/" + secret + host + b"\r\n",
        chunked + secret + b"\r\n",
        chunked + b"1;" + secret + b" x\r\n{\r\n0\r\n\r\n",
        chunked + b"1\r\n{\r\n0\r\n" + secret + b" x: y\r\n\r\n",
        b"\x16\x03\x01" + secret,
        b"GET /\xff" + secret + host + b"\r\n",
    ]


def _send_raw(url: str, request: bytes) -> None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def _send_to_gradio(url: str, customers: Sequence[str], rng: random.Random, rounds: int) -> int:
    sent = 0
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        functions = client.get("/config").json()["dependencies"]
        for _ in range(rounds):
            for function in functions:
                identity = rng.choice((SECRET_ID, SECRET_PATH, *customers))
                n_inputs = len(function["inputs"])
                for data in ([], [identity], [[identity]] * n_inputs, [identity] * n_inputs, {identity: 1}):
                    body = {"data": data, "fn_index": function["id"], "session_hash": identity}
                    for path in ("queue/join", "run/predict", f"run/{function['api_name'] or 'x'}", "component_server"):
                        with suppress(httpx.HTTPError):
                            client.post(f"/gradio_api/{path}", json=body)
                        sent += 1
                with suppress(httpx.HTTPError):
                    client.post("/gradio_api/queue/join", content=b"{" + identity.encode())
                    client.get(f"/gradio_api/file={SECRET_PATH}")
                    client.get(f"/{quote(identity)}")
                sent += 3
    return sent


def _findings(log: Path, requests: int, secrets: Sequence[str]) -> LogFindings:
    """Search the lines for secrets; ids of fewer than five characters also occur in times and numbers."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    searched = [s for s in (*secrets, SECRET_ID, SECRET_PATH, *map(quote, secrets)) if len(s) >= 5]
    traces = ("Traceback (most recent", '  File "', os.sep + "site-packages" + os.sep)
    leaks = [line for line in lines if any(text in _variable_part(line) for text in (*searched, *traces))]
    return LogFindings(requests, len(lines), leaks)


def _variable_part(line: str) -> str:
    """Return a line without its time, the patterns of routes and request ids of the server, which may contain an id."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict):
        return line
    if fields.get("route") in ROUTES:
        del fields["route"]
    if REQUEST_ID.fullmatch(str(fields.get("request_id"))):
        del fields["request_id"]
    return json.dumps({name: value for name, value in fields.items() if name != "time"})
