"""Access checks: keys, hosts, origins, addresses, rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smart_retail.errors import SettingsError, UsageError
from smart_retail.serving.engine import Engine
from smart_retail_flask.app import create_app
from smart_retail_flask.auth import TokenBuckets
from smart_retail_flask.settings import ApiSettings, ServerOptions, new_key, read_keys

PATH = "/v1/popular"


@pytest.fixture
def client_of(engine: Engine) -> Callable[..., Any]:
    """``client_of(rate=1.0)``: a client of an API with these settings."""
    return lambda **options: create_app(engine, ApiSettings(**options)).test_client()


@pytest.fixture
def with_keys(client_of: Callable[..., Any], tmp_path: Path) -> tuple[Any, str]:
    """Client of an API with a read and an admin key, and the read key."""
    key, line = new_key()
    file = tmp_path / "keys"
    file.write_text(f"# readers\n\n{line}\n{new_key('admin')[1]}\n")
    return client_of(keys=read_keys(file)), key


def test_valid_key_is_required(with_keys: tuple[Any, str]) -> None:
    client, key = with_keys
    assert client.get(PATH, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    for header in ("", "Bearer ", f"Bearer {key}x", f"Basic {key}", key, "Bearer é"):
        response = client.get(PATH, headers={"Authorization": header} if header else {})
        assert (response.status_code, response.json["code"]) == (401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert client.get(PATH).status_code == 401


def test_path_that_resembles_a_public_one_needs_a_key(with_keys: tuple[Any, str]) -> None:
    client, _ = with_keys
    for path in ("/v1/model", "/v1/customers/..%2Flivez", "/v1/customers/%2Fdocs", "/%2e%2e/v1/model"):
        assert client.get(path).status_code == 401
    for path in ("/livez", "/readyz", "/openapi.json", "/docs", "/docs/swagger-ui.css"):
        assert client.get(path, buffered=True).status_code == 200


def test_key_file_line_does_not_contain_the_key(tmp_path: Path) -> None:
    key, line = new_key("admin")
    assert key not in line
    assert line.startswith("admin:")


@pytest.mark.parametrize("text", ["", "reader:" + "a" * 64, "read:" + "a" * 63, "a key in clear"])
def test_invalid_key_file_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsError) as error:
        read_keys(tmp_path / "keys")
    assert "clear" not in error.value.message


def test_without_keys_only_this_machine_is_accepted(client_of: Callable[..., Any]) -> None:
    client = client_of()
    for address, status in (("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("10.0.0.7", 403), ("::2", 403)):
        assert client.get(PATH, environ_overrides={"REMOTE_ADDR": address}).status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "shop.example"])
def test_without_keys_only_loopback_can_be_bound(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Without keys"):
        ServerOptions(host=host)
    (tmp_path / "keys").write_text(new_key()[1])
    assert ServerOptions(host=host, api=ApiSettings(keys=read_keys(tmp_path / "keys"))).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_can_be_bound_without_keys(host: str) -> None:
    assert ServerOptions(host=host).host == host


@pytest.mark.parametrize("port", [0, -1, 65536, 99999])
def test_port_out_of_range_is_rejected(port: int) -> None:
    with pytest.raises(UsageError, match=rf"^Port {port} is out of range \(1-65535\)\.$"):
        ServerOptions(port=port)


@pytest.mark.parametrize("name", ["workers", "threads"])
@pytest.mark.parametrize("count", [0, 65])
def test_number_of_workers_and_threads_is_bounded(name: str, count: int) -> None:
    with pytest.raises(UsageError, match=f"number of {name} is out of range: {count}"):
        ServerOptions(**{name: count})  # type: ignore[arg-type]


def test_ipv6_address_is_in_brackets_in_a_url() -> None:
    assert (ServerOptions(host="::1").url_host, ServerOptions().url_host) == ("[::1]", "127.0.0.1")


def test_only_configured_hosts_are_accepted(client_of: Callable[..., Any]) -> None:
    client = client_of(hosts=("api.shop.example", ".inner.example"))
    for host, status in (
        ("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("API.shop.example:80", 200),
        ("a.inner.example", 200), ("evil.example", 400), ("inner.example.evil", 400), ("", 400),
    ):  # fmt: skip
        assert client.get(PATH, headers={"Host": host}).status_code == status, host


@pytest.mark.parametrize(
    "host",
    [
        "localhost:evil", "localhost:80:80", "localhost:", "localhost@evil", "evil@localhost", "localhost/",
        "localhost ", "[::1]evil", "[::1", "localhost,evil.example", "localhost:999999", "LOCALHOST\n",
    ],
)  # fmt: skip
def test_malformed_host_is_rejected(host: str, client_of: Callable[..., Any]) -> None:
    assert client_of().get(PATH, environ_overrides={"HTTP_HOST": host}).status_code == 400


def test_only_configured_origins_may_read(client_of: Callable[..., Any]) -> None:
    shop, evil = "https://shop.example", "https://evil.example"
    client = client_of(cors_origins=(shop,))
    assert client.get(PATH, headers={"Origin": shop}).headers["Access-Control-Allow-Origin"] == shop
    assert "Access-Control-Allow-Origin" not in client.get(PATH, headers={"Origin": evil}).headers
    assert "Access-Control-Allow-Origin" not in client_of().get(PATH, headers={"Origin": shop}).headers
    preflight = {"Access-Control-Request-Method": "POST"}
    response = client.options("/v1/basket/recommendations", headers={"Origin": shop, **preflight})
    assert response.status_code == 204
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Origin" not in client.options(PATH, headers={"Origin": evil, **preflight}).headers


def test_star_is_not_a_valid_host_or_origin() -> None:
    for name in ("hosts", "cors_origins"):
        with pytest.raises(SettingsError):
            ApiSettings(**{name: ("*",)})


def test_every_response_has_security_headers(client_of: Callable[..., Any]) -> None:
    client = client_of()
    for path in (PATH, "/nowhere", "/docs", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Request-Id"]


def test_valid_request_id_of_the_client_is_used(client_of: Callable[..., Any]) -> None:
    client = client_of()
    assert client.get(PATH, headers={"X-Request-Id": "shop-1.2_3"}).headers["X-Request-Id"] == "shop-1.2_3"
    for bad in ("a b", "x" * 65, "<script>", '"'):
        assert client.get(PATH, headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad


def test_rate_limit_returns_429_with_retry_after(client_of: Callable[..., Any]) -> None:
    client = client_of(rate=0.5, burst=3)
    responses = [client.get(PATH) for _ in range(5)]
    assert [a.status_code for a in responses] == [200, 200, 200, 429, 429]
    assert responses[3].json["code"] == "rate_limited"
    assert 1 <= int(responses[3].headers["Retry-After"]) <= 3
    other = client.get(PATH, environ_overrides={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200


def test_health_checks_have_no_rate_limit(client_of: Callable[..., Any]) -> None:
    client = client_of(rate=0.001, burst=2)
    assert [client.get("/openapi.json").status_code for _ in range(3)] == [200, 200, 429]
    assert {client.get(path).status_code for path in ("/livez", "/readyz") for _ in range(5)} == {200}


def test_token_bucket_is_refilled_at_the_rate() -> None:
    now = [100.0]
    buckets = TokenBuckets(rate=2.0, burst=3, clock=lambda: now[0])
    assert [buckets.acquire("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert [buckets.acquire("a") for _ in range(2)] == [0, 0.5]
    now[0] += 1000
    assert [buckets.acquire("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.acquire("b") == 0


@pytest.mark.parametrize("settings", [ApiSettings(), ApiSettings(metrics=True)])
def test_start_page_redirects_browsers_to_the_documentation(settings: ApiSettings, engine: Engine) -> None:
    response = create_app(engine, settings).test_client().get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "docs")


def test_chunked_body_is_bounded(server: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(15):
            yield b" " * 100_000

    response = httpx.post(
        f"{server}/v1/customers:batch", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413
