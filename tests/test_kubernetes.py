"""The Kubernetes example: its objects are valid, restricted, and start commands that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from smart_retail_cli.context import CliContext
from smart_retail_cli.main import cli
from tests.s3_server import require_packages

FOLDER = Path(__file__).parents[1] / "examples" / "kubernetes"
OBJECTS = [found for path in sorted(FOLDER.glob("*.yaml")) for found in yaml.safe_load_all(path.read_text("utf-8"))]
NAMES = [f"{found['kind']}-{found['metadata']['name']}" for found in OBJECTS]


def find(kind: str, name: str) -> Any:
    return next(o for o in OBJECTS if o["kind"] == kind and o["metadata"]["name"] == name)


def pod_specs() -> list[Any]:
    api = find("Deployment", "smart-retail-api")["spec"]["template"]["spec"]
    return [api, find("CronJob", "smart-retail-fit")["spec"]["jobTemplate"]["spec"]["template"]["spec"]]


@pytest.mark.parametrize("found", OBJECTS, ids=NAMES)
def test_every_object_is_valid(found: dict[str, Any]) -> None:
    require_packages()
    import kubernetes_validate

    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("spec", pod_specs(), ids=("api", "fit"))
def test_pods_run_without_root_and_with_limits(spec: Any) -> None:
    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]
    (container,) = spec["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
    cache = next(e["value"] for e in container["env"] if e["name"] == "SMART_RETAIL_CACHE")
    volume = next(m["name"] for m in container["volumeMounts"] if m["mountPath"] == cache)
    assert "emptyDir" in next(v for v in spec["volumes"] if v["name"] == volume)


@pytest.mark.parametrize("spec", pod_specs(), ids=("api", "fit"))
def test_secrets_are_only_referenced(spec: Any) -> None:
    assert not [o for o in OBJECTS if o["kind"] == "Secret"]
    for container in spec["containers"]:
        assert container["envFrom"][0]["secretRef"]["name"].startswith("smart-retail-store-")
        assert not [e for e in container["env"] if "value" in e and ("KEY_ID" in e["name"] or "EVENTS" in e["name"])]


@pytest.mark.parametrize("spec", pod_specs(), ids=("api", "fit"))
def test_the_commands_exist(spec: Any) -> None:
    words = spec["containers"][0]["args"]
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None
        command, words = found, words[1:]
    command.make_context(command.name, list(words), obj=CliContext())


def test_probes_ask_the_health_routes_with_an_allowed_host() -> None:
    (container,) = pod_specs()[0]["containers"]
    hosts = {word.partition("=")[2] for word in container["args"] if word.startswith("--allow-host")}
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        request = container[probe]["httpGet"]
        assert request["path"] == path
        assert {header["value"] for header in request["httpHeaders"]} == hosts
