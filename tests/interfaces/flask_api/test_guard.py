"""Who is let in: keys, hosts, origins, addresses, rates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

from smart_retail.errors import SettingsError, UsageError
from smart_retail_flask.app import create_app
from smart_retail_flask.server import check_address
from smart_retail_flask.settings import ApiSettings, new_key, read_keys

PATH = "/v1/popular"


def client_of(**options: Any) -> Any:
    return create_app(FakeEngine(), ApiSettings(**options)).test_client()


def with_keys(tmp_path: Path) -> tuple[Any, str]:
    key, line = new_key()
    file = tmp_path / "keys"
    file.write_text(f"# readers\n\n{line}\n{new_key('admin')[1]}\n")
    return client_of(keys=read_keys(file)), key


def test_a_key_opens_and_its_absence_or_another_does_not(tmp_path: Path) -> None:
    client, key = with_keys(tmp_path)
    assert client.get(PATH, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    for header in ("", "Bearer ", f"Bearer {key}x", f"Basic {key}", key, "Bearer é"):
        answer = client.get(PATH, headers={"Authorization": header} if header else {})
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get(PATH).status_code == 401


def test_a_path_that_looks_open_asks_for_a_key_where_data_lies(tmp_path: Path) -> None:
    client, _ = with_keys(tmp_path)
    for path in ("/v1/model", "/v1/customers/..%2Flivez", "/v1/customers/%2Fdocs", "/%2e%2e/v1/model"):
        assert client.get(path).status_code == 401
    for path in ("/livez", "/readyz", "/openapi.json", "/docs", "/docs/swagger-ui.css"):
        assert client.get(path, buffered=True).status_code == 200


def test_the_key_itself_is_kept_nowhere(tmp_path: Path) -> None:
    key, line = new_key("admin")
    assert key not in line
    assert line.startswith("admin:")


@pytest.mark.parametrize("text", ["", "reader:" + "a" * 64, "read:" + "a" * 63, "a key in clear"])
def test_a_key_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsError) as error:
        read_keys(tmp_path / "keys")
    assert "clear" not in error.value.message


def test_without_keys_only_this_machine_is_let_in() -> None:
    client = client_of()
    for address, status in (("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("10.0.0.7", 403), ("::2", 403)):
        assert client.get(PATH, environ_overrides={"REMOTE_ADDR": address}).status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "shop.example"])
def test_without_keys_no_other_address_is_bound(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Without keys"):
        check_address(host, 8000, ApiSettings())
    (tmp_path / "keys").write_text(new_key()[1])
    check_address(host, 8000, ApiSettings(keys=read_keys(tmp_path / "keys")))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_bound_without_keys(host: str) -> None:
    check_address(host, 8000, ApiSettings())


def test_only_named_hosts_are_answered() -> None:
    client = client_of(hosts=("api.shop.example", ".inner.example"))
    for host, status in (
        ("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("API.shop.example:80", 200),
        ("a.inner.example", 200), ("evil.example", 400), ("inner.example.evil", 400), ("", 400),
    ):  # fmt: skip
        assert client.get(PATH, headers={"Host": host}).status_code == status, host


def test_only_named_origins_may_read() -> None:
    shop, evil = "https://shop.example", "https://evil.example"
    client = client_of(cors_origins=(shop,))
    assert client.get(PATH, headers={"Origin": shop}).headers["Access-Control-Allow-Origin"] == shop
    assert "Access-Control-Allow-Origin" not in client.get(PATH, headers={"Origin": evil}).headers
    assert "Access-Control-Allow-Origin" not in client_of().get(PATH, headers={"Origin": shop}).headers
    asked = {"Access-Control-Request-Method": "POST"}
    leave = client.options("/v1/basket/recommendations", headers={"Origin": shop, **asked})
    assert leave.status_code == 204
    assert "POST" in leave.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Origin" not in client.options(PATH, headers={"Origin": evil, **asked}).headers


def test_no_star_is_taken() -> None:
    for name in ("hosts", "cors_origins"):
        with pytest.raises(SettingsError):
            ApiSettings(**{name: ("*",)})


def test_every_answer_carries_the_safe_headers() -> None:
    client = client_of()
    for path in (PATH, "/nowhere", "/docs", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Request-Id"]


def test_a_request_id_is_kept_if_it_is_one() -> None:
    client = client_of()
    assert client.get(PATH, headers={"X-Request-Id": "shop-1.2_3"}).headers["X-Request-Id"] == "shop-1.2_3"
    for bad in ("a b", "x" * 65, "<script>", '"'):
        assert client.get(PATH, headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    client = client_of(rate=0.5, burst=3)
    answers = [client.get(PATH) for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert answers[3].json["code"] == "rate_limited"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 3
    other = client.get(PATH, environ_overrides={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200


def test_a_body_of_unknown_length_is_bounded_too(server: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(15):
            yield b" " * 100_000

    answer = httpx.post(f"{server}/v1/customers:batch", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
