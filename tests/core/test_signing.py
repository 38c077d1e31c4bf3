"""With a signing key, only versions signed with it are accepted, not complete versions from another writer."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from smart_retail.bundle import reader, versions
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.reader import MANIFEST, Bundle, read_pointer
from smart_retail.bundle.signing import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    MIN_KEY_BYTES,
    SIGNATURE,
    signature_line,
    signing_key,
)
from smart_retail.bundle.writer import BundleWriter
from smart_retail.errors import ArtifactError, DamagedBundleError, SettingsError, SignatureError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.results import FitReport
from smart_retail.serving.engine import Engine

SECRET = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
CUSTOMER = "c0100"


def publish(root: Path, numbers: int = 3) -> str:
    writer = BundleWriter(root)
    writer.array("recommender/numbers", np.arange(numbers, dtype=np.int32))
    return writer.publish({"last_day": 1})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one signed version; the key is set."""
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    publish(tmp_path / "artifacts")
    return tmp_path / "artifacts"


def folder_of(root: Path) -> Path:
    return root / "versions" / read_pointer(root)[0]


def resealed(root: Path, numbers: int = 9) -> None:
    """Change a table of the active version and update every digest, as an attacker with write access could."""
    folder = folder_of(root)
    path = folder / "tables" / "recommender" / "numbers.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.arange(numbers, dtype=np.int32), version=(1, 0), allow_pickle=False)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    content = path.read_bytes()
    manifest["files"]["tables/recommender/numbers.npy"] = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    blob = json.dumps(manifest).encode()
    (folder / MANIFEST).write_bytes(blob)
    (root / "current").write_text(f"{folder.name} {hashlib.sha256(blob).hexdigest()}\n")


def test_a_signed_version_is_accepted(root: Path) -> None:
    assert Bundle.open(root).signature == "valid"
    assert versions.verify(root) == []
    assert versions.inspect(root)["signature"] == "valid"
    assert [v.signature for v in versions.versions(root)] == ["valid"]


def test_without_a_key_a_signature_is_reported_and_not_checked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    assert Bundle.open(root).signature == "unchecked"
    second = publish(root, 4)
    assert Bundle.open(root).signature == "none"
    assert {v.version == second: v.signature for v in versions.versions(root)} == {True: "none", False: "unchecked"}


def test_a_version_with_updated_digests_and_no_signature_is_rejected(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resealed(root)
    with pytest.raises(SignatureError, match="not made with") as error:
        Bundle.open(root)
    assert "rollback" in error.value.hint
    assert [v.signature for v in versions.versions(root)] == ["wrong"]
    monkeypatch.delenv(KEY_VARIABLE)
    assert Bundle.open(root).array("recommender/numbers").tolist() == list(range(9))  # digests alone do not detect it


def test_a_missing_signature_or_one_of_another_key_or_version_is_rejected(root: Path) -> None:
    folder = folder_of(root)
    of_first = (folder / SIGNATURE).read_bytes()
    publish(root, 4)
    folder = folder_of(root)
    own, blob = (folder / SIGNATURE).read_bytes(), (folder / MANIFEST).read_bytes()
    for line in (
        of_first,
        signature_line(OTHER.encode(), blob),
        b"",
        own[:-2],
        own.replace(b"sha256", b"sha512"),
        own * 2,
    ):
        (folder / SIGNATURE).write_bytes(line)
        with pytest.raises(SignatureError):
            Bundle.open(root)
    (folder / SIGNATURE).unlink()
    with pytest.raises(SignatureError, match="is not signed"):
        Bundle.open(root)
    (folder / SIGNATURE).write_bytes(own)
    Bundle.open(root)


def test_a_signature_with_one_changed_bit_is_rejected(root: Path) -> None:
    path = folder_of(root) / SIGNATURE
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with pytest.raises(ArtifactError):
                Bundle.open(root)


def test_a_signature_that_is_a_link_or_too_long_is_rejected(root: Path, tmp_path: Path) -> None:
    path = folder_of(root) / SIGNATURE
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedBundleError, match="link"):
        Bundle.open(root)
    path.unlink()
    path.write_bytes(b"hmac-sha256 " + b"a" * 1000)
    with pytest.raises(DamagedBundleError, match="larger"):
        Bundle.open(root)


def test_rollback_to_an_unsigned_version_is_rejected(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    publish(root, 4)
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    third = publish(root, 5)
    with pytest.raises(SignatureError):
        versions.rollback(root)
    assert Bundle.open(root).version == third


def test_the_key_is_in_no_file(root: Path) -> None:
    for path in root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_the_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    assert signing_key({}) is None
    assert signing_key({KEY_VARIABLE: SECRET}) == signing_key({KEY_FILE_VARIABLE: str(file)}) == SECRET.encode()
    for wrong in (
        {KEY_VARIABLE: SECRET, KEY_FILE_VARIABLE: str(file)},
        {KEY_VARIABLE: "short"},
        {KEY_VARIABLE: "x" * (MIN_KEY_BYTES - 1)},
        {KEY_FILE_VARIABLE: str(tmp_path / "absent")},
        {KEY_FILE_VARIABLE: str(tmp_path)},
    ):
        with pytest.raises(SettingsError) as error:
            signing_key(wrong)
        assert error.value.hint
        assert SECRET not in error.value.message


@pytest.fixture
def shop(fitted: tuple[Path, FitReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small shop, its version signed; the key is set."""
    own = Path(shutil.copytree(fitted[0], tmp_path / "own"))
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    path = folder_of(own)
    (path / SIGNATURE).write_bytes(signature_line(SECRET.encode(), (path / MANIFEST).read_bytes()))
    return own


def test_an_erasure_signs_the_versions_that_it_writes(shop: Path) -> None:
    before = Bundle.open(shop).version
    assert erase(shop, CUSTOMER)["purchase_rows"] > 0
    after = Bundle.open(shop)
    assert (after.version == before, after.signature) == (False, "valid")


def test_an_erasure_without_the_key_changes_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteEventStore(shop).add([Event("e1", CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])
    before = Bundle.open(shop).version
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(SettingsError, match="signed") as error:
        erase(shop, CUSTOMER)
    assert KEY_VARIABLE in error.value.hint
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    assert Bundle.open(shop).version == before
    assert (SqliteEventStore(shop).last_sequence(), SqliteEventStore(shop).count_erased()) == (1, 0)


def test_the_api_rejects_an_unsigned_version_and_continues(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flask_openapi3")
    from smart_retail.serving.hot_reload import ReloadingEngine
    from smart_retail_flask.app import create_app
    from smart_retail_flask.server import bundle_loader

    holder = ReloadingEngine(bundle_loader(shop), lambda: read_pointer(shop))
    client, before = create_app(holder).test_client(), Engine.load(shop).version
    monkeypatch.delenv(KEY_VARIABLE)
    (folder_of(shop) / SIGNATURE).rename(shop / "kept")
    erase(shop, CUSTOMER)  # writes another version, unsigned
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    holder.refresh()
    response = client.get("/readyz")
    assert response.json == {
        "status": "ready",
        "model_version": before,
        "refused": "bundle_signature",
        "rules_error": None,
        "store_error": None,
    }
    assert client.get(f"/v1/customers/{CUSTOMER}").json["known"]


def test_the_cli_shows_the_signature_status(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from smart_retail_cli.main import cli

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, [*words, "--artifacts", str(root)])
        return done.exit_code, done.output

    assert call("verify")[0] == 0
    assert "signed with the configured key" in call("verify")[1]
    assert json.loads(call("inspect")[1])["signature"] == "valid"
    assert json.loads(call("versions", "--format", "json")[1])[0]["signature"] == "valid"
    monkeypatch.setenv(KEY_VARIABLE, OTHER)
    code, output = call("verify")
    assert (code, "not made with this installation's key" in output) == (5, True)
    monkeypatch.delenv(KEY_VARIABLE)
    assert "not checked" in call("verify")[1]


def change_in_place(root: Path) -> None:
    """Overwrite the last number of the table without replacing the file."""
    with (folder_of(root) / "tables" / "recommender" / "numbers.npy").open("rb+") as file:
        file.seek(-4, 2)
        file.write(np.int32(99).tobytes())


@pytest.mark.parametrize("verify_first", [False, True])
def test_a_table_changed_after_its_check_has_no_effect(root: Path, verify_first: bool) -> None:
    bundle = Bundle.open(root)
    if verify_first:
        assert bundle.verify() == []
    numbers = bundle.array("recommender/numbers")
    change_in_place(root)
    assert numbers.tolist() == [0, 1, 2]
    assert not numbers.flags.writeable
    with pytest.raises(DamagedBundleError):
        Bundle.open(root).array("recommender/numbers")


def test_no_change_between_check_and_use_has_an_effect(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest_then_change(content: bytes) -> str:
        found = digest(content)
        change_in_place(root)
        return found

    bundle = Bundle.open(root)
    digest = reader._digest
    monkeypatch.setattr(reader, "_digest", digest_then_change)
    assert bundle.array("recommender/numbers").tolist() == [0, 1, 2]
